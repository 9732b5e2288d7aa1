"""The live tail of the logs, as one part of the stream of a page: each log once, over broken connections too; never more waiting than fits.

The analytics service gives each place in the tail an id. Whoever reads (this process, and behind it a browser) goes on after the last id that it had.
What comes faster than a page takes it is dropped here, oldest first, and shown as a gap.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlencode

import orjson

from opsbuddy_core.errors import OpsBuddyError, UpstreamError
from opsbuddy_core.logs import get_logger
from opsbuddy_ui_service.clients.gateway import HttpGateway

log = get_logger("tail")
HELD, HELD_BYTES = 5000, 8 * 1024 * 1024
BATCH = 200
PACE = 0.1  # seconds between two batches
PATIENCE = 2.0  # without a connection for so long, the page says so; a cut that mends itself is nobody's business
RETRY = 0.5
MOST_EVENT = 2 * 1024 * 1024
REFUSED = (400, 401, 403, 404, 413, 422)


@dataclass(frozen=True, slots=True)
class Batch:
    """What is to be shown next. `id` leads back to right after it; `missed` logs are not there before `records`, None: nobody knows how many."""

    id: str
    records: tuple[dict[str, Any], ...] = ()
    gap: bool = False
    missed: int | None = None


@dataclass(frozen=True, slots=True)
class Condition:
    """Whether the tail runs. `fresh`: it began just now, not after an id; `words` say why it does not run, `ended` that it will not be tried again."""

    state: Literal["open", "lost", "ended"]
    fresh: bool = False
    words: str = ""


@dataclass(slots=True)
class Held:
    """What waits for a page: the newest logs, at most `HELD` and `HELD_BYTES`."""

    batches: deque[Batch | Condition] = field(default_factory=deque)
    logs: deque[tuple[str, str]] = field(default_factory=deque)
    size: int = 0
    missed: int = 0
    unknown: bool = False
    last: str = ""
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, place: str, log: str) -> None:
        """Keep a log, as JSON."""
        self.logs.append((place, log))
        self.size += len(log)
        while len(self.logs) > HELD or (self.size > HELD_BYTES and len(self.logs) > 1):
            self.size -= len(self.logs.popleft()[1])
            self.missed += 1
        self.arrived.set()

    def skip(self, place: str, missed: int | None) -> None:
        """Note a gap that the service tells of: what waits goes with it, so that one gap stays one."""
        self.missed += len(self.logs) + (missed or 0)
        self.unknown = self.unknown or missed is None
        self.logs.clear()
        self.size = 0
        self.last = place
        self.arrived.set()

    def move(self, place: str) -> None:
        """Note that nothing for this page arrived up to here: who comes back later need not look through it again."""
        if not self.logs and not self.batches and place != self.last:
            self.last = place
            self.batches.append(Batch(place))
            self.arrived.set()

    def say(self, condition: Condition) -> None:
        self.batches.append(condition)
        self.arrived.set()

    def take(self) -> Batch | Condition | None:
        """Return what is next, None when nothing waits."""
        if self.batches:
            return self.batches.popleft()
        if self.missed or self.unknown:
            missed, self.missed = None if self.unknown else self.missed, 0
            self.unknown = False
            return Batch(self.last, gap=True, missed=missed)
        if self.logs:
            taken = [self.logs.popleft() for _ in range(min(BATCH, len(self.logs)))]
            self.last, self.size = taken[-1][0], self.size - sum(len(text) for _, text in taken)
            return Batch(self.last, tuple(orjson.loads(text) for _, text in taken))
        self.arrived.clear()
        return None


class Tail:
    """One page's tail. `wanted` are the filters, `after` the id of the last log that the page has."""

    def __init__(self, gateway: HttpGateway, wanted: Mapping[str, str], headers: Mapping[str, str], after: str) -> None:
        self._gateway, self._headers = gateway, headers
        self._path = f"/api/analytics/logs/tail?{urlencode(wanted)}"
        self._place, self._held = after, Held(last=after)

    async def batches(self) -> AsyncGenerator[Batch | Condition]:
        """Yield what arrives, in batches of a bounded size and pace, until closed."""
        async with self._reading():
            while True:
                if (next_ := self._held.take()) is None:
                    await self._held.arrived.wait()
                    continue
                yield next_
                if isinstance(next_, Batch):
                    await asyncio.sleep(PACE)

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self._read(), name="tail")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _read(self) -> None:
        clock, lost_since, said = asyncio.get_running_loop().time, None, ""
        while True:
            try:
                async for fresh in self._connection():
                    if said != "open":
                        said = "open"
                        self._held.say(Condition("open", fresh=fresh))
                    lost_since = None
                words = "The tail ended; it is opened again."
            except _RefusedTailError as error:
                self._held.say(Condition("ended", words=error.detail))
                return
            except OpsBuddyError as error:
                words = error.detail
            except Exception:  # whatever it is, the reader is told that lines may be missing, and it tries again
                log.exception("The tail could not be read", operation="tail")
                words = "The tail could not be read; the log of this service says why."
            lost_since = clock() if lost_since is None else lost_since
            if said != "lost" and clock() - lost_since >= PATIENCE:
                said = "lost"
                self._held.say(Condition("lost", words=words))
            await asyncio.sleep(RETRY)

    async def _connection(self) -> AsyncIterator[bool]:
        """Read one connection to its end; yield with each event, True with the first one of a tail that begins now."""
        headers = {**self._headers, "accept": "text/event-stream", "accept-encoding": "identity"}
        if self._place:
            headers["last-event-id"] = self._place
        async with self._gateway.request("GET", self._path, headers=headers, data=None) as answer:
            if answer.status != 200:  # noqa: PLR2004
                raise await _refusal(answer.status, await answer.content.read(64 * 1024))
            fresh = not self._place
            async for event in _events(answer.content.iter_any()):
                self._take(event)
                yield fresh
                fresh = False

    def _take(self, event: Mapping[str, str]) -> None:
        place, kind = event.get("id", ""), event.get("event", "")
        if kind == "log":
            self._held.add(place, event["data"])
        elif kind == "gap":
            self._held.skip(place, orjson.loads(event["data"])["missed"])
        elif place:
            self._held.move(place)
        if place:
            self._place = place


class _RefusedTailError(OpsBuddyError):
    """The analytics service will not give this tail, whenever it is asked."""


async def _refusal(status: int, raw: bytes) -> OpsBuddyError:
    try:
        detail = str(orjson.loads(raw)["detail"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        detail = f"The analytics service answered {status}."
    if status == 401:  # noqa: PLR2004
        detail = "The gateway shows log lines to those who say who they are: sign in."
    return _RefusedTailError(detail) if status in REFUSED else UpstreamError(detail)


async def _events(pieces: AsyncIterator[bytes]) -> AsyncIterator[dict[str, str]]:
    """Yield server-sent events as their fields. Comments and `retry` are left out."""
    waiting = b""
    async for piece in pieces:
        *whole, waiting = (waiting + piece).split(b"\n\n")
        if len(waiting) > MOST_EVENT:
            raise UpstreamError(f"An event of the tail has more than {MOST_EVENT} bytes.")
        for block in whole:
            event = dict(line.split(": ", 1) for line in block.decode().split("\n") if ": " in line and line[0] != ":")
            if event:
                yield event
