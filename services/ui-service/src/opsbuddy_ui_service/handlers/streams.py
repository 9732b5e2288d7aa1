"""The stream that keeps an open page up to date: the state of the platform for every page, and what a page wants besides."""

import asyncio
import math
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

import orjson

from opsbuddy_core.errors import UnavailableError
from opsbuddy_core.health import Health
from opsbuddy_core.logs import get_logger
from opsbuddy_ui_service.live.monitor import Monitor
from opsbuddy_ui_service.live.tail import Batch, Condition, Tail
from opsbuddy_ui_service.rendering.pages import Rendering
from opsbuddy_ui_service.views import logs as logs_view

log = get_logger("streams")
LOOK_UP = 1.0  # seconds after which a waiting stream notices that the process is being shut down


class Streams:
    """The streams that are open: as many as `limit`, none once the process is being shut down."""

    def __init__(self, monitor: Monitor, health: Health, rendering: Rendering, limit: int) -> None:
        self._monitor, self._health, self._rendering, self._limit = monitor, health, rendering, limit
        self._open = 0

    def admit(self) -> None:
        if self._health.draining or self._open >= self._limit:
            raise UnavailableError(f"{self._open} pages are kept up to date already; try again.", retry_after=5)

    async def events(
        self, page: str, tail: Tail | None = None, text: str = "", until: float = math.inf
    ) -> AsyncGenerator[bytes]:
        """Yield the events of a page; `text` is what its tail searches for. Ids are those of the tail, so that it goes on where it was.

        It ends with the session in whose name it is read: `until`, in seconds since 1970.
        """
        self._open += 1
        try:
            yield b"retry: 1000\n\n"
            sources = [self._states(page, until)] + ([self._logs(tail, text)] if tail else [])
            async with aclosing(_merged(sources)) as frames:
                async for frame in frames:
                    yield frame
        finally:
            self._open -= 1

    async def _states(self, page: str, until: float) -> AsyncIterator[bytes]:
        """Yield an event for each question to the gateway; its `html` is null when nothing else is to be shown than before."""
        number, shown = 0, ""
        while not self._health.draining and time.time() < until:
            news = await self._monitor.news(number, LOOK_UP)
            if news is None:
                continue
            number, state = news.number, self._rendering.state(page, news)
            data = {"at": news.view.at, "tone": news.view.tone, "html": state if state != shown else None}
            shown = state
            yield b"event: state\ndata: %b\n\n" % orjson.dumps(data)

    async def _logs(self, tail: Tail, text: str) -> AsyncIterator[bytes]:
        """Yield `lines` with rows as HTML, `gap` with how many are missing, and `tail` with whether it runs."""
        async for each in tail.batches():
            match each:
                case Condition():
                    data = {"state": each.state, "fresh": each.fresh, "words": each.words}
                    yield b"event: tail\ndata: %b\n\n" % orjson.dumps(data)
                case Batch(gap=True):
                    yield b"event: gap\nid: %b\ndata: %b\n\n" % (
                        each.id.encode(),
                        orjson.dumps({"missed": each.missed}),
                    )
                case Batch():
                    lines = [logs_view.line(record, text) for record in each.records]
                    html = self._rendering.fragment("_log_rows.html", lines=lines)
                    yield b"event: lines\nid: %b\ndata: %b\n\n" % (each.id.encode(), orjson.dumps({"html": html}))


async def _merged(sources: list[AsyncIterator[bytes]]) -> AsyncGenerator[bytes]:
    """Yield what several sources yield, until the first one ends. Each waits until what it gave is taken."""
    taken = asyncio.Queue[bytes | None](maxsize=1)

    async def pump(source: AsyncIterator[bytes]) -> None:
        try:
            async for frame in source:
                await taken.put(frame)
        except Exception:  # whatever it is, the page asks anew, and no place is held for ever
            log.exception("A stream ended early", operation="events")
        await taken.put(None)

    tasks = [asyncio.create_task(pump(source)) for source in sources]
    try:
        while (frame := await taken.get()) is not None:
            yield frame
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
