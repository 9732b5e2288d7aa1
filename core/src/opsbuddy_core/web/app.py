"""Makes the web application of a deployable: what all of them have, around the routes of its own."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib.metadata import version
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from fastapi.telemetry import TelemetryConfig
from starlette.types import Scope

from opsbuddy_core import logs, trace, tracing
from opsbuddy_core.health import Health
from opsbuddy_core.settings import Settings
from opsbuddy_core.shipping import LogShipper
from opsbuddy_core.web import docs, operations, problems
from opsbuddy_core.web.context import BodyLimit, RequestContext
from opsbuddy_core.web.heads import HeadAsGet

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]
UNTRACED = (
    "/health",
    "/health/live",
    "/health/ready",
    "/metrics",
    "/status",
    "/openapi.json",
)  # what is asked all the time, for nobody
Status = Callable[[], Awaitable[dict[str, Any]]]
PROBLEM: dict[int | str, dict[str, Any]] = {
    "default": {
        "description": "What went wrong, as a problem document (RFC 9457)",
        "content": {problems.MEDIA_TYPE: {}},
    }
}


def create_app(
    settings: Settings,
    health: Health,
    routers: Sequence[APIRouter],
    *,
    lifespan: Lifespan | None = None,
    status: Status | None = None,
    metrics_at: str | None = "/metrics",
) -> FastAPI:
    """Return the application.

    `status` adds to `GET /status`; `metrics_at` None leaves `/metrics` to a router of the service. Logging is configured when the
    application starts, so that a test that never starts it keeps its own.
    """
    spans = tracing.of_process(settings.service_name)

    @asynccontextmanager
    async def around(app: FastAPI) -> AsyncGenerator[None]:
        async with _shipping(settings), _tracing(), lifespan(app) if lifespan else _nothing():
            yield

    app = FastAPI(
        title=settings.title,
        version=version(health.distribution),
        lifespan=around,
        docs_url=None,  # the framework's page loads its script from a CDN
        redoc_url=None,
        redirect_slashes=False,  # the address would be the one that the service sees, which no client behind the gateway can reach
        responses=PROBLEM,
        telemetry=_telemetry(spans),
    )
    app.state.health = health
    problems.install(app)
    for router in (operations.router(health, status, metrics_at), docs.router(), *routers):
        _add(app, router)
    app.add_middleware(HeadAsGet)
    app.add_middleware(BodyLimit, limit=settings.max_body_bytes, idle_seconds=settings.body_idle_seconds)
    app.add_middleware(RequestContext, continued=tracing.continued if spans else trace.continued)
    return app


def _add(app: FastAPI, router: APIRouter) -> None:
    """Put the routes of `router` into the application as they are.

    Including it would build each of them a second time, with the first request, which then takes as long as all the start before it.
    """
    for route in router.routes:
        if isinstance(route, APIRoute):
            route.responses = PROBLEM | route.responses
    app.router.routes.extend(router.routes)


def _telemetry(spans: tracing.Tracing | None) -> TelemetryConfig:
    """Return what the framework is to trace: each request as one span, and only where traces are sent."""
    made: TelemetryConfig = {"metrics": False, "logs": False, "operation_spans": False, "auto_configure": False}
    if spans is None:
        return made | {"tracing": False}
    return made | {"tracer_provider": spans.provider, "exclude": _is_untraced}


def _is_untraced(scope: Scope) -> bool:
    return scope["path"] in UNTRACED


@asynccontextmanager
async def _tracing() -> AsyncIterator[None]:
    try:
        yield
    finally:
        await tracing.end()


@asynccontextmanager
async def _shipping(settings: Settings) -> AsyncIterator[None]:
    shipper = LogShipper(settings.analytics_url) if settings.analytics_url else None
    logs.configure(settings.service_name, settings.effective_log_level, shipper)
    if shipper is None:
        yield
        return
    await shipper.start()
    try:
        yield
    finally:
        await shipper.stop()


@asynccontextmanager
async def _nothing() -> AsyncIterator[None]:
    yield
