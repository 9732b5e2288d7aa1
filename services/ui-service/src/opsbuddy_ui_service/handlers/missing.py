"""Where there is no page: a page that says so for people, a problem document for programs."""

from http import HTTPStatus

from fastapi import FastAPI, Request, Response

from opsbuddy_core.web import problems
from opsbuddy_ui_service.handlers.html import html
from opsbuddy_ui_service.live.monitor import Monitor
from opsbuddy_ui_service.rendering.pages import Rendering
from opsbuddy_ui_service.rendering.rail import RAIL

NO_PAGE = ("/api/", "/panels/", "/assets/")
ADDRESSES = frozenset(entry.address for entry in RAIL)
LONGEST = 200  # characters of an address that are shown


def install(app: FastAPI, monitor: Monitor, rendering: Rendering) -> None:
    """Have an address of which there is no route answered so; what a route itself does not find is not asked here."""

    async def missing(request: Request, error: Exception) -> Response:
        path = request.url.path
        reads = "text/html" in request.headers.get("accept", "") and request.method in ("GET", "HEAD")
        if not reads or path.startswith(NO_PAGE):
            return await problems.of_framework(request, error)
        if (page := path.rstrip("/")) in ADDRESSES:
            query = f"?{request.url.query}" if request.url.query else ""
            return Response(status_code=HTTPStatus.TEMPORARY_REDIRECT, headers={"location": page + query})
        text = rendering.page(request, "missing", monitor.view(), sought=path[:LONGEST])
        return html(request, text, HTTPStatus.NOT_FOUND)

    app.add_exception_handler(HTTPStatus.NOT_FOUND, missing)
