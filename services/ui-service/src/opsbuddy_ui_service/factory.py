"""Wires the service together."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from opsbuddy_core import tracing
from opsbuddy_core.health import Health
from opsbuddy_core.web.app import create_app
from opsbuddy_ui_service.access.admission import Admission
from opsbuddy_ui_service.access.attempts import Attempts
from opsbuddy_ui_service.access.entrance import Entrance
from opsbuddy_ui_service.access.gate import Gate
from opsbuddy_ui_service.access.security import OwnPagesOnly, SecurityHeaders
from opsbuddy_ui_service.access.session import Sessions
from opsbuddy_ui_service.access.signed_in import SignedIn
from opsbuddy_ui_service.clients.cluster import cluster_of
from opsbuddy_ui_service.clients.gateway import HttpGateway
from opsbuddy_ui_service.handlers import (
    analytics_page,
    api,
    files_page,
    login,
    missing,
    pages,
    services,
    services_page,
    system_page,
    timeseries_page,
    utility_page,
)
from opsbuddy_ui_service.handlers import assets as asset_routes
from opsbuddy_ui_service.handlers.streams import Streams
from opsbuddy_ui_service.live.monitor import Monitor
from opsbuddy_ui_service.rendering.assets import Assets
from opsbuddy_ui_service.rendering.pages import Rendering
from opsbuddy_ui_service.settings import UiSettings
from opsbuddy_ui_service.views.platform import Surroundings


def build(settings: UiSettings) -> tuple[FastAPI, Health]:
    """Return the application and its health. It is healthy without the gateway: it has to say so, then more than ever."""
    health = Health(settings.title, "opsbuddy-ui-service")
    around = Surroundings(
        settings.expected_services,
        settings.stale_after,
        settings.pod_namespace,
        sign_in_first=settings.sign_in_first,
    )
    gateway = HttpGateway(settings, tracing.of_process(settings.service_name))
    cluster = cluster_of(settings)
    monitor = Monitor(gateway, around, settings.refresh_seconds, cluster=cluster)
    files = Assets()
    rendering = Rendering(settings, files)
    sessions = Sessions(settings.sessions, settings.session_hours * 3600)
    entrance = Entrance(gateway, settings.gateway_timeout)
    admission = Admission(monitor, sessions, entrance, Attempts())
    streams = Streams(monitor, health, rendering, settings.max_streams)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        async with gateway.connected(), monitor.running():
            yield

    routers = [
        pages.router(monitor, rendering, streams, gateway),
        files_page.router(monitor, rendering, gateway),
        system_page.router(monitor, rendering, gateway),
        utility_page.router(monitor, rendering, gateway),
        analytics_page.router(monitor, rendering, gateway),
        timeseries_page.router(monitor, rendering, gateway),
        services_page.router(monitor, rendering, cluster),
        login.router(monitor, rendering, admission, sessions.lifetime),
        asset_routes.router(files),
        services.router(monitor, gateway, health),
        *api.routers(gateway),
    ]
    app = create_app(settings, health, routers, lifespan=lifespan)
    missing.install(app, monitor, rendering)
    app.add_middleware(Gate, monitor=monitor, entrance=entrance)
    app.add_middleware(SignedIn, sessions=sessions)
    app.add_middleware(OwnPagesOnly)
    app.add_middleware(SecurityHeaders)
    return app, health
