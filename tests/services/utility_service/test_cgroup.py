"""Limits as both versions of the interface write them."""

from pathlib import Path

import pytest

from opsbuddy_utility_service.models.system import ContainerCpu, ContainerMemory, ContainerPids
from opsbuddy_utility_service.system.cgroup import ControlGroup

MIB = 1024 * 1024
NONE_V1 = "9223372036854771712"


def tree(root: Path, membership: str, files: dict[str, str]) -> ControlGroup:
    for name, content in files.items():
        path = root / "cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content + "\n")
    (root / "self").write_text(membership)
    return ControlGroup(root / "cgroup", root / "self")


def unified(root: Path, files: dict[str, str], membership: str = "0::/\n") -> ControlGroup:
    return tree(root, membership, {"cgroup.controllers": "cpu memory pids"} | files)


V2 = {
    "memory.max": str(256 * MIB),
    "memory.current": str(240 * MIB),
    "memory.stat": f"anon {30 * MIB}\nfile {200 * MIB}\nshmem {5 * MIB}",
    "cpu.max": "50000 100000",
    "cpu.stat": "usage_usec 2500000\nthrottled_usec 500000",
    "pids.max": "100",
    "pids.current": "7",
}
V1 = {
    "memory/memory.limit_in_bytes": str(256 * MIB),
    "memory/memory.usage_in_bytes": str(240 * MIB),
    "memory/memory.stat": f"cache 0\ntotal_cache {200 * MIB}\ntotal_shmem {5 * MIB}",
    "cpu/cpu.cfs_quota_us": "50000",
    "cpu/cpu.cfs_period_us": "100000",
    "cpu/cpu.stat": "nr_throttled 3\nthrottled_time 500000000",
    "cpuacct/cpuacct.usage": "2500000000",
    "pids/pids.max": "100",
    "pids/pids.current": "7",
}
V1_MEMBERSHIP = "5:memory:/\n4:cpu,cpuacct:/\n3:pids:/\n1:name=systemd:/x\n"
LIMITED = (
    ContainerMemory(limit=256 * MIB, used=45 * MIB, cache=195 * MIB, percent=17.6),
    ContainerCpu(limit=0.5, used_seconds=2.5, throttled_seconds=0.5),
    ContainerPids(limit=100, used=7),
)


def test_limits_of_version_2_are_read_and_cache_is_not_use(tmp_path: Path) -> None:
    group = unified(tmp_path, V2)
    assert (group.version, (group.memory(), group.cpu(), group.pids())) == (2, LIMITED)


def test_limits_of_version_1_read_the_same(tmp_path: Path) -> None:
    group = tree(tmp_path, V1_MEMBERSHIP, V1)
    assert (group.version, (group.memory(), group.cpu(), group.pids())) == (1, LIMITED)


@pytest.mark.parametrize(
    ("membership", "files"),
    [
        ("0::/\n", {"cgroup.controllers": ""} | V2 | {"memory.max": "max", "cpu.max": "max 100000", "pids.max": "max"}),
        (
            V1_MEMBERSHIP,
            V1 | {"memory/memory.limit_in_bytes": NONE_V1, "cpu/cpu.cfs_quota_us": "-1", "pids/pids.max": "max"},
        ),
    ],
)
def test_no_limit_is_null(tmp_path: Path, membership: str, files: dict[str, str]) -> None:
    group = tree(tmp_path, membership, files)
    memory = group.memory()
    assert (memory.limit, memory.percent, group.cpu().limit, group.pids().limit) == (None, None, None, None)
    assert memory.used == 45 * MIB


def test_a_limit_of_a_group_above_holds_when_it_is_lower(tmp_path: Path) -> None:
    pod = {f"kubepods/pod1/{name}": content for name, content in V2.items()}
    own = {f"kubepods/pod1/c1/{name}": content for name, content in V2.items()}
    own |= {"kubepods/pod1/c1/memory.max": "max", "kubepods/pod1/c1/cpu.max": "200000 100000"}
    group = unified(tmp_path, pod | own, "0::/kubepods/pod1/c1\n")
    assert (group.memory().limit, group.cpu().limit) == (256 * MIB, 0.5)


def test_a_membership_of_the_host_s_tree_means_the_container_s_own_root(tmp_path: Path) -> None:
    for number, path in enumerate(("/kubepods.slice/pod1", "/../../pod1")):
        group = unified(tmp_path / str(number), V2, f"0::{path}\n")
        assert group.memory().limit == 256 * MIB


def test_without_control_groups_there_is_no_version_and_no_figure(tmp_path: Path) -> None:
    group = tree(tmp_path, "", {})
    assert group.version is None
    for read in (group.memory, group.cpu, group.pids):
        with pytest.raises(FileNotFoundError):
            read()
