"""Asks every endpoint of every service for its health, all the time: what `/status` and the UI's bars tell."""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any

from opsbuddy_core.logs import get_logger
from opsbuddy_gateway.service.endpoints import Endpoint
from opsbuddy_gateway.service.services import Condition, Service, Services
from opsbuddy_gateway.service.window import History
from opsbuddy_gateway.storage.probe import Probe

log = get_logger("checks")
AT_ONCE = 16


class Checks:
    """Rounds of health checks; at most 16 questions at a time, each with a limit of its own."""

    def __init__(
        self, services: Services, probe: Probe, extra: Mapping[str, str], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._services, self._probe = services, probe
        self._extra = {name: (url, Condition(History(clock))) for name, url in extra.items()}
        self._places = asyncio.Semaphore(AT_ONCE)

    async def run(self, every_seconds: float) -> None:
        while True:
            begun = time.monotonic()
            await self.round()
            await asyncio.sleep(max(0.1, every_seconds - (time.monotonic() - begun)))

    async def round(self) -> None:
        """Ask everybody once."""
        await asyncio.gather(
            *(self._service(service) for service in list(self._services)),
            *(self._other(name, url, condition) for name, (url, condition) in self._extra.items()),
        )

    async def now(self, name: str) -> dict[str, Any] | None:
        """Ask one service at once; return it as `/status` shows it, None when there is none of this name."""
        if found := [service for service in self._services if service.name == name]:
            await asyncio.gather(*map(self._service, found))
            return found[0].as_dict()
        if name in self._extra:
            await self._other(name, *self._extra[name])
        return next((other for other in self.others() if other["name"] == name), None)

    async def _service(self, service: Service) -> None:
        endpoints = service.endpoints.all
        if not endpoints:
            self._tell(service.name, service.condition, "no process of it is ready", 0)
            return
        results = await asyncio.gather(*(self._endpoint(endpoint) for endpoint in endpoints))
        working = [seconds for wrong, seconds in results if wrong is None]
        first_wrong = next((wrong for wrong, _ in results if wrong), None)
        if working and service.condition.state == "unhealthy":
            service.breaker.hasten()
        self._tell(service.name, service.condition, None if working else first_wrong, max(working, default=0))

    async def _endpoint(self, endpoint: Endpoint) -> tuple[str | None, float]:
        wrong, seconds = await self._ask(f"http://{endpoint.address}/health")
        endpoint.healthy = wrong is None
        return wrong, seconds

    async def _other(self, name: str, url: str, condition: Condition) -> None:
        self._tell(name, condition, *await self._ask(url))

    async def _ask(self, url: str) -> tuple[str | None, float]:
        async with self._places:
            begun = time.perf_counter()
            wrong = await self._probe.ask(url)
            return wrong, time.perf_counter() - begun

    @staticmethod
    def _tell(name: str, condition: Condition, wrong: str | None, seconds: float) -> None:
        if condition.found(wrong, seconds):
            write = log.warning if wrong else log.info
            write("Service changed state", operation="check", target=name, state=condition.state, reason=wrong)

    def others(self) -> list[dict[str, Any]]:
        """Return the services that are checked but not routed, as `/status` shows them."""
        return [
            {
                "name": name,
                "prefix": None,
                **condition.as_dict(),
                "endpoints": [{"address": _authority(url), "state": condition.state}],
                "breaker": None,
                "requests": None,
                "error_rate": None,
                "p95_ms": None,
            }
            for name, (url, condition) in self._extra.items()
        ]


def _authority(url: str) -> str:
    return url.split("//", 1)[1].split("/", 1)[0]
