"""The page of the services: how the gateway reaches each, and why it does not reach one."""

from fastapi import APIRouter, Request, Response

from opsbuddy_ui_service.handlers.html import html
from opsbuddy_ui_service.monitor import Monitor
from opsbuddy_ui_service.rendering import Rendering


def router(monitor: Monitor, rendering: Rendering) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/services")
    async def read_services(request: Request) -> Response:
        return html(request, rendering.page("services", monitor.view()))

    return routes
