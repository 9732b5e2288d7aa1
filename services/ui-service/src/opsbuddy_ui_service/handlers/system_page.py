"""The system page: every service in detail, the routes that the gateway serves, and what this tab asked."""

from typing import Any

from fastapi import APIRouter, Request, Response

from opsbuddy_ui_service.clients.gateway import HttpGateway
from opsbuddy_ui_service.handlers.html import html
from opsbuddy_ui_service.handlers.panels import Trouble, attempt
from opsbuddy_ui_service.live.monitor import Monitor
from opsbuddy_ui_service.rendering.pages import Rendering
from opsbuddy_ui_service.views import system as system_view


def router(monitor: Monitor, rendering: Rendering, gateway: HttpGateway) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(include_in_schema=False)

    async def table() -> dict[str, Any]:
        answer = await attempt("gateway", gateway.fetch("GET", "/status/routes", headers={}))
        if isinstance(answer, Trouble):
            return {"table": None, "table_trouble": answer}
        return {"table": system_view.table(answer), "table_trouble": None}

    @routes.get("/system")
    async def read_system(request: Request) -> Response:
        return html(request, rendering.page(request, "system", monitor.view(), **await table()))

    @routes.get("/panels/system/routes")
    async def read_routes(request: Request) -> Response:
        return html(request, rendering.fragment("_system_routes.html", view=monitor.view(), **await table()))

    return routes
