"""The page of the time series: a metric over a range, as a chart, in figures, and as the query that asks for it."""

import asyncio
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response

from opsbuddy_core import timestamps
from opsbuddy_ui_service.clients.gateway import HttpGateway, RefusedError
from opsbuddy_ui_service.handlers.first_metric import MOST_SERIES, SERVICE, FirstMetric
from opsbuddy_ui_service.handlers.html import html
from opsbuddy_ui_service.handlers.panels import Trouble, attempt
from opsbuddy_ui_service.handlers.relay import credentials
from opsbuddy_ui_service.live.monitor import Monitor
from opsbuddy_ui_service.rendering.pages import Rendering
from opsbuddy_ui_service.searches import series as series_search
from opsbuddy_ui_service.searches.series import Search
from opsbuddy_ui_service.searches.time_range import QUICK
from opsbuddy_ui_service.views import series as series_view
from opsbuddy_ui_service.views.series import Metric, Metrics, Shown


def router(monitor: Monitor, rendering: Rendering, gateway: HttpGateway) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(include_in_schema=False)
    look = Look(gateway)

    @routes.get("/timeseries")
    async def read_page(request: Request) -> Response:
        """The page; of a service that is named instead of a metric, the way to what says most about it."""
        if address := await look.of_service(request):
            return Response(
                status_code=HTTPStatus.SEE_OTHER, headers={"location": address, "cache-control": "no-store"}
            )
        view = monitor.view()
        shown = await look.page(request)
        return html(request, rendering.page(request, "timeseries", view, choices=series_search, quick=QUICK, **shown))

    @routes.get("/panels/timeseries")
    async def read_panel(request: Request) -> Response:
        search = _search(request)
        search, found = await look.shown(search, request)
        return html(request, rendering.fragment("_series.html", view=monitor.view(), **_parts(search, found)))

    @routes.get("/panels/timeseries/metrics")
    async def read_metrics(request: Request) -> Response:
        search = _search(request)
        found = await look.metrics(request)
        shown = _picked(found, request)
        return html(request, rendering.fragment("_series_metrics.html", view=monitor.view(), search=search, **shown))

    return routes


class Look:
    """Asks the timeseries service for what the page shows."""

    def __init__(self, gateway: HttpGateway) -> None:
        self._gateway = gateway

    async def page(self, request: Request) -> dict[str, Any]:
        """Return what can be picked, and what the picked metric did; before one is picked, one that says much."""
        typed = _search(request)
        if typed.metric or typed.wrong:
            (search, found), metrics = await asyncio.gather(self.shown(typed, request), self.metrics(request))
        else:
            metrics = await self.metrics(request)
            search, found = await self.shown(await self._first(typed, metrics, request), request)
        metric = metrics.find(search.metric) if isinstance(metrics, Metrics) else None
        if search.metric and not metric and "metric" not in search.wrong:
            metric = await self._metric(search, request)
        asked = bool(search.metric) and not search.wrong
        return {
            **_parts(search, found),
            **_picked(metrics, request),
            "metric": metric,
            "typed": typed,
            "tags": sorted({*search.by, *(metric.tags if metric else ())})[: series_search.MOST],
            "query": series_view.query(search) if asked else "",
            "curl": series_view.curl(search, _origin(request)) if asked else "",
        }

    async def of_service(self, request: Request) -> str | None:
        """Return the address of what says most about the service that a request names; None where it names none, or nobody knows."""
        asked, service = _search(request), request.query_params.get("service", "")[: series_search.LONGEST]
        if asked.metric or asked.wrong or not service:
            return None
        first = FirstMetric(self._gateway, request, _now())
        address = await first.of_service(asked, service, request.query_params.get("about", ""))
        return None if isinstance(address, Trouble) else address

    async def _first(self, typed: Search, metrics: Metrics | Trouble, request: Request) -> Search:
        if isinstance(metrics, Trouble):
            return typed
        return await FirstMetric(self._gateway, request, _now()).of_all(typed, metrics.found) or typed

    async def shown(self, search: Search, request: Request) -> tuple[Search, Shown | Trouble | None]:
        """Return the search, with what the service finds wrong in it, and what it finds; nothing for one that cannot be asked."""
        if search.wrong or not search.metric:
            return search, None
        answer = await attempt(SERVICE, self._asked(search, request))
        if isinstance(answer, Mapping):
            return search.refused(answer), None
        return search, answer

    async def metrics(self, request: Request) -> Metrics | Trouble:
        async def ask() -> Metrics:
            listing, names = await asyncio.gather(
                self._get(f"series?limit={MOST_SERIES}", request), self._get("measurements", request)
            )
            return series_view.metrics(listing, names["measurements"])

        return await attempt(SERVICE, ask())

    async def _asked(self, search: Search, request: Request) -> Shown | Mapping[str, str]:
        try:
            headers, path = credentials(request), "/api/timeseries/query"
            answer = await self._gateway.fetch("POST", path, headers=headers, body=search.question())
        except RefusedError as error:
            if error.answered >= HTTPStatus.INTERNAL_SERVER_ERROR or not error.errors:
                raise
            return {each.field.removeprefix("body."): each.reason for each in error.errors}
        return series_view.shown(answer, search)

    async def _metric(self, search: Search, request: Request) -> Metric | None:
        """Return a metric that is beyond those that were looked at."""
        asked = urlencode({"measurement": search.measurement, "limit": MOST_SERIES})
        answer = await attempt(SERVICE, self._get(f"series?{asked}", request))
        return None if isinstance(answer, Trouble) else series_view.metrics(answer, ()).find(search.metric)

    async def _get(self, path: str, request: Request) -> Any:
        return await self._gateway.fetch("GET", f"/api/timeseries/{path}", headers=credentials(request))


def _search(request: Request) -> Search:
    return series_search.read(request.query_params.multi_items(), _now())


def _now() -> int:
    """Return the end of this second: what was written in it is before."""
    return -(-timestamps.now() // timestamps.SECOND) * timestamps.SECOND


def _parts(search: Search, found: Shown | Trouble | None) -> dict[str, Any]:
    trouble = found if isinstance(found, Trouble) else None
    return {"search": search, "found": None if trouble else found, "trouble": trouble}


def _picked(metrics: Metrics | Trouble, request: Request) -> dict[str, Any]:
    return {
        "metrics": metrics if isinstance(metrics, Metrics) else None,
        "metrics_trouble": metrics if isinstance(metrics, Trouble) else None,
        "command": series_view.first_point(_origin(request)),
    }


def _origin(request: Request) -> str:
    return str(request.base_url).rstrip("/")
