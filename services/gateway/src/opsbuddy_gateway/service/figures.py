"""The gateway's own figures as series: what each service was asked, all the time, so that a moment of last night can be looked at."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from opsbuddy_core.logs import get_logger
from opsbuddy_gateway.service.services import Service
from opsbuddy_gateway.storage.series import NotKeptError, Point, SeriesStore

KEPT = 120  # rounds for as long as the store is away; then the oldest go
GATEWAY = "gateway"
Ended = Mapping[tuple[str, str, str, str], list[int]]
log = get_logger("figures")


def points(at: datetime, origin: str, services: Iterable[Service], ended: Ended) -> list[Point]:
    """Return `http` of each service and of the gateway, which is all requests together, those without a service too.

    `requests` and `errors` (answers from 500) are counters since the gateway's start; `p95_ms` of the last five minutes is there where
    something was asked. `origin` tells the gateway's processes apart. `ended`: requests by route, service, kind of status and reason.
    """
    counts: dict[str, tuple[int, int]] = {}
    for (_, name, kind, _), (number,) in ended.items():
        requests, errors = counts.get(name, (0, 0))
        counts[name] = requests + number, errors + (number if kind == "5xx" else 0)
    whole = tuple(map(sum, zip((0, 0), *counts.values(), strict=True)))
    p95 = {service.name: service.window.figures()["p95_ms"] for service in services}
    rows = [(GATEWAY, whole, None), *((name, counts.get(name, (0, 0)), p95[name]) for name in sorted(p95))]
    return [_point(at, {"service": name, "gateway": origin}, count, slow) for name, count, slow in rows]


def _point(at: datetime, tags: dict[str, str], count: tuple[int, ...], p95: float | None) -> Point:
    fields: dict[str, Any] = dict(zip(("requests", "errors"), count, strict=True))
    if p95 is not None:
        fields["p95_ms"] = p95
    return {"measurement": "http", "tags": tags, "fields": fields, "timestamp": at.isoformat()}


class Figures:
    """Rounds of points on their way to a store; what it does not take now is sent with the next round."""

    def __init__(
        self, taken: Callable[[datetime], list[Point]], store: SeriesStore, clock: Callable[[], float] = time.time
    ) -> None:
        """`taken` returns the points of a moment."""
        self._taken, self._store, self._clock = taken, store, clock
        self._waiting: deque[list[Point]] = deque(maxlen=KEPT)
        self._failing = False

    async def run(self, every: float) -> None:
        """Take figures for ever, at times that all gateways share: with 60 s at each full minute."""
        while True:
            await asyncio.sleep(every - self._clock() % every)
            await self.round(every)

    async def round(self, every: float) -> None:
        """Take the figures of now, to the nearest `every` seconds, and send all that wait, the oldest first."""
        at = round(self._clock() / every) * every
        self._waiting.append(self._taken(datetime.fromtimestamp(at, UTC)))
        try:
            while self._waiting:
                await self._store.write(self._waiting[0])
                self._waiting.popleft()
        except NotKeptError as error:
            if not self._failing:
                log.warning("Figures cannot be stored; they wait", operation="figures", reason=str(error))
            self._failing = True
            return
        if self._failing:
            log.info("Figures are stored again", operation="figures")
        self._failing = False
