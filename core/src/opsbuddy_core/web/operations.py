"""What operators and probes ask of every deployable: health, readiness, status, metrics."""

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from opsbuddy_core.errors import UnavailableError
from opsbuddy_core.health import Health, HealthReport


async def prometheus() -> Response:
    """Return all metrics of this process in Prometheus' text format. On the event loop, because collectors read live state that changes there."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


def router(health: Health, status: Callable[[], Awaitable[dict[str, Any]]] | None, metrics_at: str | None) -> APIRouter:
    """Return the routes; they are documented under the tag `operations`."""
    routes = APIRouter(tags=["operations"])

    @routes.get("/health", summary="Whether the service can do its work")
    async def read_health(response: Response) -> HealthReport:
        report = await health.report()
        if report.status != "healthy":
            response.status_code = 503
        return report

    @routes.get("/health/live", summary="Whether the process runs")
    async def read_live() -> dict[str, str]:
        return {"status": "alive"}

    @routes.get("/health/ready", summary="Whether requests should come")
    async def read_ready() -> dict[str, str]:
        if reason := await health.not_ready():
            raise UnavailableError(f"Not ready: {reason}.", retry_after=1)
        return {"status": "ready"}

    @routes.get("/status", summary="The state in detail")
    async def read_status() -> dict[str, Any]:
        return {
            "service": health.info().model_dump(),
            "draining": health.draining,
            "checks": await health.results(),
            **(await status() if status else {}),
        }

    if metrics_at:
        routes.add_api_route(
            metrics_at, prometheus, methods=["GET"], summary="Metrics for Prometheus", response_class=Response
        )
    return routes
