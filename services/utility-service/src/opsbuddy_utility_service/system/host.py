"""Figures of the host, by psutil."""

import math
import os
import platform
import socket
import time
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import psutil

from opsbuddy_utility_service.models.system import Cpu, Disk, Memory, Network, Platform, Process

SHOWN_PROCESSES = 10
LONGEST_SECONDS, MOMENT_SECONDS = 10.0, 0.1  # a mean of an hour would hide what is going on


def read_platform() -> Platform:
    """Return the machine and what runs on it."""
    return Platform(
        hostname=socket.gethostname(),
        system=platform.system(),
        release=platform.release(),
        machine=platform.machine(),
        python=platform.python_version(),
        booted_at=datetime.fromtimestamp(psutil.boot_time(), UTC),
    )


class Processors:
    """The load since the reading before, in whichever thread that was: psutil itself remembers one for each thread."""

    def __init__(self) -> None:
        self._before, self._read_at = psutil.cpu_times(), -math.inf

    def read(self) -> Cpu:
        """Return the load of the processors, of a moment where nobody asked for long."""
        if time.monotonic() - self._read_at > LONGEST_SECONDS:
            self._before = psutil.cpu_times()
            time.sleep(MOMENT_SECONDS)
        now = psutil.cpu_times()
        percent = _busy(self._before, now)
        self._before, self._read_at = now, time.monotonic()
        return Cpu(count=psutil.cpu_count(), percent=percent, load_average=psutil.getloadavg())


def _busy(before: Any, now: Any) -> float:
    spent = {name: getattr(now, name) - getattr(before, name) for name in now._fields}
    total = sum(time for name, time in spent.items() if not name.startswith("guest"))  # in user and nice already
    idle = spent["idle"] + spent.get("iowait", 0.0)
    return round(min(100.0, max(0.0, 100 * (1 - idle / total))), 1) if total > 0 else 0.0


def read_memory() -> Memory:
    """Return the use of memory."""
    memory, swap = psutil.virtual_memory(), psutil.swap_memory()
    return Memory(
        total=memory.total,
        available=memory.available,
        used=memory.used,
        percent=memory.percent,
        swap_total=swap.total,
        swap_used=swap.used,
    )


def read_disks() -> list[Disk]:
    """Return the mounted file systems that can be read, each once: in a container files and folders of the same one are mounted in many places."""
    disks: list[Disk] = []
    seen: set[int] = set()
    for part in sorted(psutil.disk_partitions(), key=lambda part: len(part.mountpoint)):
        with suppress(OSError):  # one that cannot be read, or that went away meanwhile, does not hide the others
            number = os.stat(part.mountpoint).st_dev  # noqa: PTH116 - as psutil has it
            if number in seen:
                continue
            use = psutil.disk_usage(part.mountpoint)
            seen.add(number)
            disks.append(
                Disk(
                    mountpoint=part.mountpoint,
                    device=part.device,
                    fstype=part.fstype,
                    total=use.total,
                    used=use.used,
                    free=use.free,
                    percent=use.percent,
                )
            )
    return disks


def read_network() -> Network:
    """Return the traffic of all interfaces."""
    traffic = psutil.net_io_counters()
    return Network(
        bytes_sent=traffic.bytes_sent,
        bytes_received=traffic.bytes_recv,
        errors=traffic.errin + traffic.errout,
        dropped=traffic.dropin + traffic.dropout,
    )


def read_service() -> Process:
    """Return this service's own process."""
    return _read_process(psutil.Process())


def read_processes(running: Iterable[psutil.Process] | None = None) -> list[Process]:
    """Return the largest of the running processes."""
    found = []
    for process in psutil.process_iter() if running is None else running:
        with suppress(psutil.Error, OSError):  # it ended meanwhile, or is not ours to see
            found.append(_read_process(process))
    return sorted(found, key=lambda process: process.memory, reverse=True)[:SHOWN_PROCESSES]


def _read_process(process: psutil.Process) -> Process:
    with process.oneshot():
        times = process.cpu_times()
        return Process(
            pid=process.pid,
            name=process.name(),
            memory=process.memory_info().rss,
            cpu_seconds=times.user + times.system,
            threads=process.num_threads(),
        )
