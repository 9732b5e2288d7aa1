"""All parts of the system's figures. A part that cannot be read is null and named; it never fails the others."""

import asyncio
import math
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from opsbuddy_core.logs import get_logger
from opsbuddy_utility_service.models.system import Container, Host, SystemInfo, Unavailable
from opsbuddy_utility_service.system import host
from opsbuddy_utility_service.system.cgroup import ControlGroup

FRESH_SECONDS, KEPT_SECONDS = 1.0, 2.0
Parts = Mapping[str, Callable[[], Any]]
log = get_logger("system")


def parts(group: ControlGroup) -> dict[str, Callable[[], Any]]:
    """Return what reads each part of SystemInfo."""
    return {
        "host.platform": host.read_platform,
        "host.cpu": host.Processors().read,
        "host.memory": host.read_memory,
        "host.disks": host.read_disks,
        "host.network": host.read_network,
        "host.processes": host.read_processes,
        "container.cgroup_version": lambda: group.version,
        "container.memory": group.memory,
        "container.cpu": group.cpu,
        "container.pids": group.pids,
        "service": host.read_service,
    }


def read(readers: Parts) -> SystemInfo:
    """Read everything now; takes some milliseconds of file access."""
    found: dict[str, Any] = {}
    unavailable = []
    for part, reader in readers.items():
        try:
            found[part] = reader()
        except Exception as error:  # noqa: BLE001 - whatever the kernel or psutil does, the rest is shown
            found[part] = None
            unavailable.append(Unavailable(part=part, reason=_reason(error)))
    return SystemInfo(
        measured_at=datetime.now(UTC),
        host=Host.model_validate(_below(found, "host.")),
        container=Container.model_validate(_below(found, "container.")),
        service=found["service"],
        unavailable=unavailable,
    )


class SystemReader:
    """Reads in a thread, at most once a second, however many ask. Who asks in the second after that gets the last figures at once, while new ones are read."""

    def __init__(self, readers: Parts, clock: Callable[[], float] = time.monotonic) -> None:
        self._readers, self._clock = readers, clock
        self._last: tuple[float, bytes] | None = None
        self._reading: asyncio.Task[None] | None = None

    async def info(self) -> bytes:
        """Return SystemInfo as JSON; it is made once for all who ask."""
        age = self._age()
        if age >= FRESH_SECONDS and (self._reading is None or self._reading.done()):
            self._reading = asyncio.create_task(self._read())
        if self._last is None or age >= KEPT_SECONDS:
            assert self._reading is not None  # noqa: S101 - begun above
            await asyncio.shield(self._reading)
        assert self._last is not None  # noqa: S101 - read
        return self._last[1]

    def _age(self) -> float:
        return math.inf if self._last is None else self._clock() - self._last[0]

    async def _read(self) -> None:
        begun = self._clock()
        self._last = (begun, await asyncio.to_thread(lambda: read(self._readers).model_dump_json().encode()))


def _below(found: dict[str, Any], prefix: str) -> dict[str, Any]:
    return {part.removeprefix(prefix): value for part, value in found.items() if part.startswith(prefix)}


def _reason(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "the kernel does not show it here"
    if isinstance(error, PermissionError):
        return "this service may not read it"
    log.warning("A part of the system's figures could not be read", operation="system", error=type(error).__name__)
    return "it could not be read"
