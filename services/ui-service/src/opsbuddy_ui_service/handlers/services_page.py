"""The page of the services: each OpsBuddyService of the namespace beside what the gateway sees of it, and why one is not ready."""

from typing import Any

from fastapi import APIRouter, Request, Response

from opsbuddy_ui_service.clients.cluster import Cluster
from opsbuddy_ui_service.handlers.html import html
from opsbuddy_ui_service.handlers.panels import Trouble, attempt
from opsbuddy_ui_service.live.monitor import Monitor
from opsbuddy_ui_service.rendering.pages import Rendering
from opsbuddy_ui_service.views import services as services_view


def router(monitor: Monitor, rendering: Rendering, cluster: Cluster | None) -> APIRouter:
    """Return the routes. Without a cluster the page shows what the gateway sees."""
    routes = APIRouter(include_in_schema=False)

    async def look(request: Request) -> dict[str, Any]:
        opened = frozenset(request.query_params.getlist("service"))
        found = await attempt("API server", cluster.resources()) if cluster else None
        shown = {"view": monitor.view(), "opened": opened, "entries": None, "listing": None, "trouble": None}
        if isinstance(found, Trouble):
            return shown | {"trouble": found}
        if found:
            return shown | {"entries": services_view.entries(monitor.view(), found.found), "listing": found}
        return shown

    @routes.get("/services")
    async def read_services(request: Request) -> Response:
        return html(request, rendering.page(request, "services", **await look(request)))

    @routes.get("/panels/services")
    async def read_panel(request: Request) -> Response:
        return html(request, rendering.fragment("_services.html", **await look(request)))

    return routes
