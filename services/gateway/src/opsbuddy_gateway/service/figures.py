"""The gateway's own figures as series: what each service was asked, all the time, so that a moment of last night can be looked at."""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime

from opsbuddy_core.recurring import Recurring
from opsbuddy_gateway.service.services import Service
from opsbuddy_gateway.storage.series import Point, SeriesStore

KEPT = 120  # rounds for as long as the store is away; then the oldest go
GATEWAY = "gateway"
Ended = Mapping[tuple[str, str, str, str], list[int]]


def points(at: datetime, origin: str, services: Iterable[Service], ended: Ended) -> list[Point]:
    """Return `http` of each service and of the gateway, which is all requests together, those without a service too.

    `requests` and `errors` (answers from 500) are counters since the gateway's start; `p95_ms` of the last five minutes is there where
    something was asked. `origin` tells the gateway's processes apart. `ended`: requests by route, service, kind of status and reason.
    """
    requests, errors = Counter[str](), Counter[str]()
    for (_, service, kind, _), (number,) in ended.items():
        for counted in (service, GATEWAY):
            requests[counted] += number
            errors[counted] += number if kind == "5xx" else 0
    slowest = {service.name: service.window.figures()["p95_ms"] for service in services}
    return [
        {
            "measurement": "http",
            "tags": {"service": name, "gateway": origin},
            "fields": {"requests": requests[name], "errors": errors[name]}
            | ({"p95_ms": p95} if p95 is not None else {}),
            "timestamp": at.isoformat(),
        }
        for name, p95 in [(GATEWAY, None), *sorted(slowest.items())]
    ]


class Figures:
    """Rounds of points on their way to a store, every so many seconds; what it does not take now is sent with the next round."""

    def __init__(
        self,
        taken: Callable[[datetime], list[Point]],
        store: SeriesStore,
        every: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`taken` returns the points of a moment."""
        self._taken, self._store, self._every, self._clock = taken, store, every, clock
        self._waiting: deque[list[Point]] = deque(maxlen=KEPT)
        self._sending = Recurring("figures", every)

    async def run(self) -> None:
        """Take figures for ever, at times that all gateways share: with 60 s at each full minute."""
        while True:
            await asyncio.sleep(self._every - self._clock() % self._every)
            await self.round()

    async def round(self) -> None:
        """Take the figures of now, to the nearest full `every`, and send all that wait."""
        at = round(self._clock() / self._every) * self._every
        self._waiting.append(self._taken(datetime.fromtimestamp(at, UTC)))
        await self._sending.once(self._send)

    async def _send(self) -> None:
        """Send what waits, the oldest first."""
        while self._waiting:
            await self._store.write(self._waiting[0])
            self._waiting.popleft()
