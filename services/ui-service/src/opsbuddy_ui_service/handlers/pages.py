"""The pages, and the stream that keeps an open one up to date."""

from collections.abc import AsyncIterator

import orjson
from fastapi import APIRouter, Request, Response
from starlette.responses import StreamingResponse

from opsbuddy_core.errors import FieldError, InvalidRequestError, UnavailableError
from opsbuddy_core.health import Health
from opsbuddy_ui_service.handlers.html import html
from opsbuddy_ui_service.monitor import Monitor
from opsbuddy_ui_service.rendering import PAGES, Rendering

LOOK_UP = 1.0  # seconds after which a waiting stream notices that the process is being shut down


class Streams:
    """The streams that are open: as many as `limit`, none once the process is being shut down."""

    def __init__(self, monitor: Monitor, health: Health, rendering: Rendering, limit: int) -> None:
        self._monitor, self._health, self._rendering, self._limit = monitor, health, rendering, limit
        self._open = 0

    def admit(self) -> None:
        if self._health.draining or self._open >= self._limit:
            raise UnavailableError(f"{self._open} pages are kept up to date already; try again.", retry_after=5)

    async def events(self, page: str) -> AsyncIterator[bytes]:
        """Yield an event for each question to the gateway; its `html` is null when nothing else is to be shown than before."""
        number, shown = 0, ""
        self._open += 1
        try:
            yield b"retry: 1000\n\n"
            while not self._health.draining:
                news = await self._monitor.news(number, LOOK_UP)
                if news is None:
                    continue
                number, state = news.number, self._rendering.state(page, news)
                data = {"at": news.view.at, "tone": news.view.tone, "html": state if state != shown else None}
                shown = state
                yield b"event: state\nid: %d\ndata: %b\n\n" % (number, orjson.dumps(data))
        finally:
            self._open -= 1


def router(monitor: Monitor, rendering: Rendering, streams: Streams) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/")
    async def read_home(request: Request) -> Response:
        return html(request, rendering.page("home", monitor.view()))

    @routes.get("/system")
    async def read_system(request: Request) -> Response:
        return html(request, rendering.page("system", monitor.view()))

    @routes.get("/favicon.ico")
    async def read_favicon() -> Response:
        return Response(status_code=307, headers={"location": rendering.favicon(monitor.view())})

    @routes.get("/events")
    async def read_events(page: str = "home") -> StreamingResponse:
        if page not in PAGES:
            names = ", ".join(sorted(PAGES))
            raise InvalidRequestError(
                f"There is no such page; there are {names}.", errors=[FieldError("page", f"expected one of {names}")]
            )
        streams.admit()
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        return StreamingResponse(streams.events(page), media_type="text/event-stream", headers=headers)

    return routes
