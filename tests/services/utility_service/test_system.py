import asyncio
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest

from opsbuddy_utility_service.system import host
from opsbuddy_utility_service.system.cgroup import ControlGroup
from opsbuddy_utility_service.system.reading import SystemReader, parts, read
from tests.services.utility_service.conftest import Service
from tests.support.wait import eventually


async def test_system_info_tells_of_host_container_and_process(service: Service) -> None:
    info = (await service.http.get("/system/info")).json()
    assert info["host"]["memory"]["total"] == psutil.virtual_memory().total
    assert info["host"]["cpu"]["count"] == psutil.cpu_count()
    assert any(disk["mountpoint"] == "/" for disk in info["host"]["disks"]) or info["host"]["disks"] == []
    assert info["service"]["pid"] == psutil.Process().pid
    assert info["service"]["memory"] > 0
    sizes = [process["memory"] for process in info["host"]["processes"]]
    assert sizes == sorted(sizes, reverse=True)
    assert 1 <= len(sizes) <= 10
    limit = (info["container"]["memory"] or {}).get("limit")
    assert limit is None or limit <= psutil.virtual_memory().total


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (FileNotFoundError("/proc/secret"), "the kernel does not show it here"),
        (PermissionError("/proc/secret"), "this service may not read it"),
        (ValueError("invalid literal: 'max'"), "it could not be read"),
    ],
)
@pytest.mark.parametrize("part", list(parts(ControlGroup())))
def test_one_part_that_fails_is_null_and_named_and_fails_no_other(part: str, error: Exception, reason: str) -> None:
    def fail() -> None:
        raise error

    readers = dict.fromkeys(parts(ControlGroup()), lambda: None) | {part: fail}
    info = read(readers)
    assert [(entry.part, entry.reason) for entry in info.unavailable] == [(part, reason)]


def test_control_groups_that_cannot_be_read_leave_their_figures_null_with_a_reason(tmp_path: Path) -> None:
    info = read(parts(ControlGroup(tmp_path / "none", tmp_path / "self")))
    assert (info.container.memory, info.container.cpu, info.container.pids) == (None, None, None)
    named = {entry.part for entry in info.unavailable}
    assert {"container.memory", "container.cpu", "container.pids"} <= named
    assert info.host.memory is not None


def test_a_process_that_ends_during_the_listing_is_left_out() -> None:
    class Ended(psutil.Process):
        def name(self) -> str:
            raise psutil.NoSuchProcess(self.pid)

    own = psutil.Process()
    assert [process.pid for process in host.read_processes([Ended(own.pid), own])] == [own.pid]


class Times(NamedTuple):
    """Seconds that the processors spent; a guest's are the user's, too."""

    user: float
    idle: float
    iowait: float
    guest: float


def test_the_load_is_that_since_the_reading_before_in_whichever_thread_that_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks = iter(
        [
            Times(0, 0, 0, 0),
            Times(0, 0, 0, 0),
            Times(5, 4, 1, 5),
            Times(6, 6, 2, 6),
            Times(90, 7, 3, 0),
            Times(94, 12, 4, 0),
        ]
    )
    monkeypatch.setattr(psutil, "cpu_times", lambda: next(looks))
    monkeypatch.setattr(host, "MOMENT_SECONDS", 0)
    processors = host.Processors()
    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(1) as other:
        assert one.submit(processors.read).result().percent == 50.0
        assert other.submit(processors.read).result().percent == 25.0
        monkeypatch.setattr(host, "LONGEST_SECONDS", -1)  # nobody asked for long: what was before counts no more
        assert one.submit(processors.read).result().percent == 40.0


@dataclass
class Reading:
    """A reader of the processors' load that counts, waits until it is let go, and remembers its threads."""

    threads: list[int] = field(default_factory=list)
    free: threading.Event = field(default_factory=threading.Event)

    def __call__(self) -> None:
        self.threads.append(threading.get_ident())
        assert self.free.wait(5)


async def test_many_who_ask_at_once_cause_one_reading_off_the_loop_and_wait_only_for_the_first() -> None:
    now, cpu = 0.0, Reading()
    reader = SystemReader(dict(parts(ControlGroup())) | {"host.cpu": cpu}, lambda: now)
    asked = [asyncio.create_task(reader.info()) for _ in range(50)]
    await asyncio.sleep(0)
    cpu.free.set()
    first, *others = await asyncio.gather(*asked)
    assert len(cpu.threads) == 1
    assert cpu.threads[0] != threading.get_ident()
    assert all(info is first for info in others)
    now = 0.9
    assert await reader.info() is first
    assert len(cpu.threads) == 1
    cpu.free.clear()
    now = 1.5  # nobody waits while new figures are read
    assert await reader.info() is first
    assert await reader.info() is first
    cpu.free.set()

    async def renewed() -> bool:
        return await reader.info() is not first

    await eventually(renewed, what="the figures that were read meanwhile")
    assert len(cpu.threads) == 2
    now = 100.0  # nobody asked for long: what is there is too old to be shown
    last = await reader.info()
    assert len(cpu.threads) == 3
    assert json.loads(last)["measured_at"] > json.loads(first)["measured_at"]


def test_a_file_system_that_is_mounted_in_many_places_is_told_once_by_its_shortest(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    places = [str(tmp_path / "mounted" / "again"), str(tmp_path)]
    Path(places[0]).mkdir(parents=True)
    (part,) = [psutil.disk_partitions()[0]] if psutil.disk_partitions() else psutil.disk_partitions(all=True)[:1]
    monkeypatch.setattr(psutil, "disk_partitions", lambda: [part._replace(mountpoint=place) for place in places])
    assert [disk.mountpoint for disk in host.read_disks()] == [str(tmp_path)]
