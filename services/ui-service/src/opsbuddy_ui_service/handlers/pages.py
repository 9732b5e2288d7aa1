"""The pages that show the state of the platform alone, and the stream that keeps every open page up to date."""

import math
import re

from fastapi import APIRouter, Request, Response
from starlette.responses import StreamingResponse

from opsbuddy_core.errors import FieldError, InvalidRequestError
from opsbuddy_ui_service.access.signed_in import session_of
from opsbuddy_ui_service.clients.gateway import HttpGateway
from opsbuddy_ui_service.handlers.html import html
from opsbuddy_ui_service.handlers.relay import credentials
from opsbuddy_ui_service.handlers.streams import Streams
from opsbuddy_ui_service.live.monitor import Monitor
from opsbuddy_ui_service.live.tail import Tail
from opsbuddy_ui_service.rendering.pages import Rendering
from opsbuddy_ui_service.rendering.rail import PAGES
from opsbuddy_ui_service.searches import logs as logs_search

PLACE = re.compile(r"[!-~]{1,64}")


def router(monitor: Monitor, rendering: Rendering, streams: Streams, gateway: HttpGateway) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/")
    async def read_home(request: Request) -> Response:
        return html(request, rendering.page(request, "home", monitor.view()))

    @routes.get("/favicon.ico")
    async def read_favicon() -> Response:
        return Response(status_code=307, headers={"location": rendering.favicon(monitor.view())})

    @routes.get("/events")
    async def read_events(request: Request, page: str = "home", tail: str = "", after: str = "") -> StreamingResponse:
        if page not in PAGES:
            names = ", ".join(sorted(PAGES))
            raise InvalidRequestError(
                f"There is no such page; there are {names}.", errors=[FieldError("page", f"expected one of {names}")]
            )
        streams.admit()
        wanted = {name: text for name in logs_search.FILTERS if (text := request.query_params.get(name, ""))}
        logs = Tail(gateway, wanted, credentials(request), _place(request, after)) if tail else None
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        session = session_of(request)
        events = streams.events(page, logs, wanted.get("text", ""), session.until if session else math.inf)
        return StreamingResponse(events, media_type="text/event-stream", headers=headers)

    return routes


def _place(request: Request, after: str) -> str:
    """Return where a reader was: the browser says it when a connection broke, the page when it opens another one."""
    place = request.headers.get("last-event-id") or after
    return place if not place or PLACE.fullmatch(place) else "unreadable"
