"""Where logs and numbers about them are read."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from opsbuddy_analytics_service.models import (
    ContextQuery,
    FacetQuery,
    Facets,
    Histogram,
    HistogramQuery,
    LogContext,
    LogPage,
    LogQuery,
    Metrics,
    ReasonRow,
    Stats,
)
from opsbuddy_analytics_service.models.reasons import REASONS
from opsbuddy_analytics_service.service.analytics import Analytics
from opsbuddy_analytics_service.service.numbers import Numbers
from opsbuddy_core.web import operations
from opsbuddy_core.web.accept import preferred
from opsbuddy_core.web.parameters import KNOWN_PARAMETERS

JSON = "application/json"
PROMETHEUS = ("text/plain", "application/openmetrics-text")


def router(service: Analytics, numbers: Numbers) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(dependencies=KNOWN_PARAMETERS)

    @routes.post("/logs/query", summary="Find logs", tags=["query"], response_model_exclude_unset=True)
    async def query(query: LogQuery) -> LogPage:
        """Newest first unless told otherwise. `next_cursor` leads to the next page and skips nothing, however many logs share an instant."""
        return await service.query(query)

    @routes.post("/logs/context", summary="The lines before and after a log", tags=["query"])
    async def context(query: ContextQuery) -> LogContext:
        """Of the same service, oldest first. For more of them ask again for the first or the last one."""
        return await service.context(query)

    @routes.post("/logs/histogram", summary="Count logs by time and level", tags=["query"])
    async def histogram(query: HistogramQuery) -> Histogram:
        return await numbers.histogram(query)

    @routes.post("/logs/facets", summary="The most frequent values of fields", tags=["query"])
    async def facets(query: FacetQuery) -> Facets:
        return await service.facets(query)

    @routes.get("/errors", summary="Why logs are refused, by code", tags=["ingestion"])
    async def read_errors() -> list[ReasonRow]:
        return [ReasonRow(**asdict(each)) for each in REASONS]

    @routes.get("/stats", summary="The last 24 hours", tags=["query"])
    async def read_stats() -> Stats:
        return await numbers.stats()

    @routes.get(
        "/metrics", summary="Logs by service; for Prometheus by Accept", tags=["operations"], response_model=Metrics
    )
    async def read_metrics(
        request: Request, minutes: Annotated[int, Query(ge=1, le=1440, description="How far to look back")] = 60
    ) -> Metrics | Response:
        """JSON. With `Accept: text/plain` (or OpenMetrics) the metrics of this process in Prometheus' format instead."""
        if preferred(request.headers.get("accept", ""), JSON, *PROMETHEUS) != JSON:
            return await operations.prometheus()
        return await numbers.metrics(minutes)

    return routes
