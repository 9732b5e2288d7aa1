"""Whether a process can do its work, tried for real and within a time limit."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Literal

from pydantic import BaseModel

from opsbuddy_core.logs import get_logger

LIMIT = 2.0
State = Literal["healthy", "unhealthy", "none"]
log = get_logger("health")


class ServiceInfo(BaseModel):
    """Who answers; uptime in seconds."""

    name: str
    version: str
    uptime: float


class HealthReport(BaseModel):
    """The answer of `GET /health`."""

    status: Literal["healthy", "unhealthy"]
    service: ServiceInfo
    database: State
    timestamp: str


@dataclass(frozen=True, slots=True)
class Check:
    """Something that the service needs. `probe` raises when it does not work. `ready`: without it the pod takes no requests."""

    name: str
    probe: Callable[[], Awaitable[None]]
    ready: bool = True


@dataclass(slots=True)
class Health:
    """The state of one process: its checks, whether it is being shut down, since when it runs."""

    title: str
    distribution: str
    checks: tuple[Check, ...] = ()
    draining: bool = False
    started: float = field(default_factory=time.monotonic)
    _failing: set[str] = field(default_factory=set)

    def info(self) -> ServiceInfo:
        return ServiceInfo(
            name=self.title, version=version(self.distribution), uptime=round(time.monotonic() - self.started, 3)
        )

    async def results(self) -> dict[str, str]:
        """Try every check; name to `healthy`, or to what is wrong."""
        return dict(zip([c.name for c in self.checks], await asyncio.gather(*map(self._try, self.checks)), strict=True))

    async def report(self) -> HealthReport:
        results = await self.results()
        database: State = "none"
        if "database" in results:
            database = "healthy" if results["database"] == "healthy" else "unhealthy"
        return HealthReport(
            status="healthy" if all(result == "healthy" for result in results.values()) else "unhealthy",
            service=self.info(),
            database=database,
            timestamp=datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        )

    async def not_ready(self) -> str | None:
        """Return why no requests should come, or None."""
        if self.draining:
            return "shutting down"
        for check in self.checks:
            if check.ready and (result := await self._try(check)) != "healthy":
                return f"{check.name}: {result}"
        return None

    async def _try(self, check: Check) -> str:
        try:
            async with asyncio.timeout(LIMIT):
                await check.probe()
        except TimeoutError:
            result = f"no answer within {LIMIT:g} s"
        except Exception as error:  # noqa: BLE001 - whatever a driver raises means: not healthy
            result = f"failed ({type(error).__name__})"
        else:
            result = "healthy"
        self._tell(check.name, result)
        return result

    def _tell(self, name: str, result: str) -> None:
        """Log when a check begins to fail and when it passes again: probes ask all the time."""
        if result == "healthy":
            if name in self._failing:
                self._failing.discard(name)
                log.info("A health check passes again", operation="health", check=name)
        elif name not in self._failing:
            self._failing.add(name)
            log.warning("A health check failed", operation="health", check=name, result=result)
