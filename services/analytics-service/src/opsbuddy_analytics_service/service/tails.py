"""The live tail: every log once, in the order of arrival, from where a reader was before.

One task reads what has arrived, once for all readers, into a ring. Each reader has a place in the order and takes from the ring what fits its
filter; a reader that is too slow, or comes back too late, is told how many it missed and goes on with what is there. Nothing queues up for anybody.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass

from opsbuddy_analytics_service.models import LogFilter, StoredLog
from opsbuddy_analytics_service.service.metrics import GAPS
from opsbuddy_analytics_service.storage.stores import Journal, Numbered
from opsbuddy_core.errors import OpsBuddyError, UnavailableError

RING = 5000
READ = 1000
REPLAY = 10_000  # logs that arrived since, over which a reader that comes back is brought
TICK = 0.05
RETRY = 1.0
LOOK = 0.5


@dataclass(frozen=True, slots=True)
class Event:
    """What a reader gets: a log, or a gap with how many logs arrived in it (None: unknown), or neither as a sign of life. `id` leads back to here."""

    id: str
    log: StoredLog | None = None
    gap: bool = False
    missed: int | None = None


class Tails:
    """All live tails of this process; they end soon after `ending` says so, because a server waits for its answers before it stops."""

    def __init__(
        self, journal: Journal, most: int, ping: float = 15.0, ending: Callable[[], bool] = lambda: False
    ) -> None:
        self._journal, self._most, self._ping, self._ending = journal, most, ping, ending
        self._ring: deque[Numbered] = deque(maxlen=RING)
        self._last = 0  # the number of the last log that was read
        self._arrived, self._read = asyncio.Event(), asyncio.Condition()
        self.readers = 0
        self._end_now = False

    @property
    def _ended(self) -> bool:
        return self._end_now or self._ending()

    def poke(self) -> None:
        """Say that something has arrived."""
        self._arrived.set()

    async def run(self) -> None:
        """Read what arrives while anybody is there, until cancelled."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            if self.readers:
                try:
                    await self._catch_up()
                except OpsBuddyError:
                    self._arrived.set()
                    await asyncio.sleep(RETRY)
            await asyncio.sleep(TICK)

    async def end(self) -> None:
        """Let all readers finish."""
        self._end_now = True
        async with self._read:
            self._read.notify_all()

    async def follow(self, wanted: LogFilter, last_id: str | None) -> AsyncGenerator[Event]:
        """Yield what fits from now on, or from after `last_id`. Raises UnavailableError when too many follow already."""
        if self._ended:
            raise UnavailableError("The service is about to stop.", retry_after=1)
        if self.readers >= self._most:
            raise UnavailableError(f"{self._most} live tails are open already.", retry_after=10)
        self.readers += 1
        try:
            begun, oldest, given = await self._journal.span()
            if self.readers == 1:
                self._ring.clear()
                self._last = given
            place, gap = _entry(last_id, begun, oldest, given)
            yield Event(_id(begun, place), gap=gap is not None, missed=gap or None)
            while place < self._last and not self._ended and (batch := await self._journal.since(place, READ)):
                for number, log in batch:
                    place = number
                    if fits(log, wanted):
                        yield Event(_id(begun, place), log)
            async for event in self._live(wanted, begun, place):
                yield event
        finally:
            self.readers -= 1

    async def _live(self, wanted: LogFilter, begun: int, place: int) -> AsyncGenerator[Event]:
        while not self._ended:
            batch = [each for each in self._ring if each.number > place]
            if batch and batch[0].number > place + 1 and self._ring[0].number == batch[0].number:
                missed = batch[0].number - place - 1
                place = batch[0].number - 1
                GAPS.inc()
                yield Event(_id(begun, place), gap=True, missed=missed)
            for number, log in batch:
                place = number
                if fits(log, wanted):
                    yield Event(_id(begun, number), log)
            if place >= self._last and not await self._news(place):
                yield Event(_id(begun, place))

    async def _news(self, place: int) -> bool:
        silent = 0.0
        while silent < self._ping:
            turn = min(LOOK, self._ping)
            try:
                async with asyncio.timeout(turn), self._read:
                    await self._read.wait_for(lambda: self._last > place or self._ended)
            except TimeoutError:
                silent += turn
                if self._ended:
                    return True
            else:
                return True
        return False

    async def _catch_up(self) -> None:
        while batch := await self._journal.since(self._last, READ):
            self._ring.extend(batch)
            self._last = batch[-1].number
            async with self._read:
                self._read.notify_all()
            await asyncio.sleep(0)  # readers take a turn


def fits(log: StoredLog, wanted: LogFilter) -> bool:
    """Return whether a filter lets a log through, as the stores understand it."""
    for name in ("service", "level", "logger", "operation", "request_id", "trace_id"):
        value = getattr(wanted, name)
        if value is not None and getattr(log, name) != value:
            return False
    return wanted.text is None or _lower(wanted.text) in _lower(log.message)


UPPER_TO_LOWER = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}


def _lower(text: str) -> str:
    return text.translate(UPPER_TO_LOWER)


def _id(begun: int, number: int) -> str:
    return f"{begun:x}-{number}"


def _entry(last_id: str | None, begun: int, oldest: int, given: int) -> tuple[int, int | None]:
    """Return where a reader begins, and how many it has missed: 0 when nobody can tell, None when none."""
    if not last_id:
        return given, None
    journal, _, text = last_id.partition("-")
    if journal != f"{begun:x}" or not (text.isascii() and text.isdigit()) or len(text) > 18 or int(text) > given:  # noqa: PLR2004 - fits 64 bits
        return given, 0
    place, first = int(text), max(oldest - 1, given - REPLAY)
    return (place, None) if place >= first else (first, first - place)
