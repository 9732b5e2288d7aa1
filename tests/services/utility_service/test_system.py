import asyncio
import threading
from pathlib import Path

import psutil
import pytest

from opsbuddy_utility_service.system import host
from opsbuddy_utility_service.system.cgroup import ControlGroup
from opsbuddy_utility_service.system.reading import SystemReader, parts, read
from tests.services.utility_service.conftest import Service


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


async def test_many_who_ask_at_once_cause_one_reading_off_the_loop_every_two_seconds() -> None:
    now, threads = 0.0, []
    readers = dict(parts(ControlGroup())) | {"host.cpu": lambda: threads.append(threading.get_ident())}
    reader = SystemReader(readers, lambda: now)
    first = await asyncio.gather(*(reader.info() for _ in range(50)))
    assert len(threads) == 1
    assert threads[0] != threading.get_ident()
    assert all(info is first[0] for info in first)
    now = 1.9
    assert await reader.info() is first[0]
    now = 2.0
    assert await reader.info() is not first[0]
    assert len(threads) == 2
