"""Makes the web application of a deployable: what all of them have, around the routes of its own."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib.metadata import version
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from starlette.routing import Route, WebSocketRoute

from opsbuddy_core import logs
from opsbuddy_core.health import Health
from opsbuddy_core.settings import Settings
from opsbuddy_core.shipping import LogShipper
from opsbuddy_core.web import docs, operations, problems
from opsbuddy_core.web.context import BodyLimit, RequestContext

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]
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

    @asynccontextmanager
    async def around(app: FastAPI) -> AsyncGenerator[None]:
        async with _shipping(settings), lifespan(app) if lifespan else _nothing():
            yield

    app = FastAPI(
        title=settings.title,
        version=version(health.distribution),
        lifespan=around,
        docs_url=None,  # the framework's page loads its script from a CDN
        redoc_url=None,
        redirect_slashes=False,  # the address would be the one that the service sees, which no client behind the gateway can reach
        responses=PROBLEM,
    )
    app.state.health = health
    problems.install(app)
    for router in (operations.router(health, status, metrics_at), docs.router(), *routers):
        _add(app, router)
    app.add_middleware(BodyLimit, limit=settings.max_body_bytes, idle_seconds=settings.body_idle_seconds)
    app.add_middleware(RequestContext)
    return app


def _add(app: FastAPI, router: APIRouter) -> None:
    """Put the routes of `router` into the application as they are.

    Including it would build each of them a second time, with the first request, which then takes as long as all the start before it.
    """
    if not all(isinstance(route, Route | WebSocketRoute) for route in router.routes):  # it includes others itself
        app.include_router(router)
        return
    for route in router.routes:
        if isinstance(route, APIRoute):
            route.responses = PROBLEM | route.responses
    app.router.routes.extend(router.routes)


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
