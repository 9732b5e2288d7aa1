"""The page of the logs and of what is counted about them."""

import asyncio
from collections.abc import Awaitable, Iterable, Mapping
from typing import Any, TypeVar

from fastapi import APIRouter, Request, Response

from opsbuddy_core import timestamps
from opsbuddy_core.errors import UpstreamError
from opsbuddy_ui_service.clients.gateway import HttpGateway, RefusedError
from opsbuddy_ui_service.handlers.html import html
from opsbuddy_ui_service.handlers.panels import Trouble, attempt
from opsbuddy_ui_service.handlers.relay import credentials
from opsbuddy_ui_service.live.monitor import Monitor
from opsbuddy_ui_service.rendering.pages import Rendering
from opsbuddy_ui_service.searches import logs as logs_search
from opsbuddy_ui_service.searches.logs import BUCKETS, NEIGHBOURS, PAGE, Search
from opsbuddy_ui_service.searches.time_range import QUICK
from opsbuddy_ui_service.views import log_statistics as logs_statistics
from opsbuddy_ui_service.views import logs as logs_view
from opsbuddy_ui_service.views.log_statistics import Day, Figures
from opsbuddy_ui_service.views.logs import Facets, Histogram, Lines
from opsbuddy_ui_service.views.state import View

T = TypeVar("T")
SERVICE = "analytics-service"
LINES_FIRST = 0.25  # seconds that the lines wait for what is counted about them
SMALLER = (PAGE, 20, 5)  # lines of a page: fewer where they are so long that they are too much together
SKIPPED = 1000  # lines of a gap that are loaded at once
MOST_NAMES = 500


def router(monitor: Monitor, rendering: Rendering, gateway: HttpGateway) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(include_in_schema=False)
    around: dict[str, Any] = {"trouble": lambda shown: isinstance(shown, Trouble), "levels": logs_search.LEVELS}

    def look(request: Request) -> "Look":
        return Look(gateway, request)

    def panel(request: Request, template: str, **shown: Any) -> Response:
        return html(request, rendering.fragment(template, view=monitor.view(), **around, **shown))

    @routes.get("/analytics")
    async def read_analytics(request: Request) -> Response:
        shown = await look(request).page()
        view = monitor.view()
        names = services(view, shown["day_stats"], shown["search"].service)
        instead = request.query_params.get("instead") == "metrics"
        shown |= {"services": names, "quick": QUICK, "origin": str(request.base_url).rstrip("/"), "instead": instead}
        return html(request, rendering.page(request, "analytics", view, **around, **shown))

    @routes.get("/panels/analytics/lines")
    async def read_lines(request: Request) -> Response:
        asked = look(request)
        search, lines = await asked.lines()
        template = "_log_list.html" if isinstance(lines, Lines) else "_log_lines_missing.html"
        return panel(request, template, search=search, lines=lines, origin=str(request.base_url).rstrip("/"))

    @routes.get("/panels/analytics/counts")
    async def read_counts(request: Request) -> Response:
        asked = look(request)
        return panel(request, "_log_counts.html", search=asked.search, counts=await asked.counts())

    @routes.get("/panels/analytics/facets")
    async def read_facets(request: Request) -> Response:
        asked = look(request)
        return panel(request, "_log_facets.html", search=asked.search, facets=await asked.facets(), late=True)

    @routes.get("/panels/analytics/day")
    async def read_day(request: Request) -> Response:
        asked = look(request)
        return panel(request, "_log_day.html", day=asked.day(await asked.stats()))

    @routes.get("/panels/analytics/figures")
    async def read_figures(request: Request) -> Response:
        asked = look(request)
        stats, metrics = await asyncio.gather(asked.stats(), asked.metrics())
        return panel(request, "_log_figures.html", figures=asked.figures(stats, metrics))

    @routes.get("/panels/analytics/rows")
    async def read_rows(request: Request) -> Response:
        """Lines between two moments, both included, oldest first: what a tail has skipped."""
        asked = look(request)
        lines = await asked.between()
        answer = panel(
            request, "_log_rows.html", lines=[logs_view.line(each, asked.search.text) for each in lines["logs"]]
        )
        answer.headers["x-more"] = "yes" if lines["next_cursor"] else "no"
        return answer

    return routes


def services(view: View, stats: Mapping[str, Any] | Trouble, chosen: str) -> list[str]:
    """Return the names that can be chosen: those that logged lately, those of the platform, and the one that is."""
    logged: Iterable[str] = () if isinstance(stats, Trouble) else stats["by_service"]
    names = sorted({*logged, *(row.name for row in view.rows)})[:MOST_NAMES]
    return names if not chosen or chosen in names else [chosen, *names]


class Look:
    """Asks the analytics service for what one page or panel shows."""

    def __init__(self, gateway: HttpGateway, request: Request) -> None:
        self._gateway, self._headers = gateway, credentials(request)
        self.search = logs_search.read(request.query_params, timestamps.now())

    async def page(self) -> dict[str, Any]:
        """Return everything. The lines come first: what is counted about them follows by itself when it takes longer."""
        stats, metrics = asyncio.create_task(self.stats()), asyncio.create_task(self.metrics())
        counting = [asyncio.create_task(self.counts()), asyncio.create_task(self.facets())]
        search, lines = await self.lines()
        of_day, of_services = await stats, await metrics
        await asyncio.wait(counting, timeout=LINES_FIRST)
        counts, facets = [_result(task) for task in counting]
        return {
            "search": search,
            "lines": lines,
            "counts": counts,
            "facets": facets,
            "late": False,
            "day_stats": of_day,
            "day": self.day(of_day),
            "figures": self.figures(of_day, of_services),
        }

    async def lines(self) -> tuple[Search, Lines | Trouble]:
        """Return the search, with what the service finds wrong in it, and its lines."""
        search = self.search
        if search.wrong:
            return search, Trouble(SERVICE, "")
        try:
            found = await attempt(SERVICE, self._around() if search.around else self._listed())
        except _WrongSearchError as error:
            return search.refused(error.reasons), Trouble(SERVICE, "")
        return search, found

    async def _listed(self) -> Lines:
        for limit in SMALLER:
            try:
                more = {"limit": limit, "cursor": self.search.cursor or None}
                return logs_view.lines(await self._post("query", self.search.question(**more)), self.search)
            except UpstreamError:
                if limit == SMALLER[-1]:
                    raise
        raise AssertionError

    async def _around(self) -> Lines:
        asked = {"service": self.search.service, "timestamp": self.search.around, "event_id": self.search.event}
        return logs_view.neighbours(
            await self._post("context", asked | {"before": NEIGHBOURS, "after": NEIGHBOURS}), self.search
        )

    async def between(self) -> Mapping[str, Any]:
        end = timestamps.render(self.search.last + 1)
        found: Mapping[str, Any] = await self._post("query", self.search.question(end=end, order="asc", limit=SKIPPED))
        return found

    async def counts(self) -> Histogram | Trouble:
        async def ask() -> Histogram:
            return logs_view.histogram(await self._post("histogram", self.search.question(buckets=BUCKETS)))

        return await self._unless_wrong(ask())

    async def facets(self) -> Facets | Trouble:
        async def ask() -> Facets:
            return logs_view.facets(await self._post("facets", self.search.question(limit=6)), self.search)

        return await self._unless_wrong(ask())

    async def stats(self) -> Mapping[str, Any] | Trouble:
        return await attempt(SERVICE, self._get("/api/analytics/stats"))

    async def metrics(self) -> Mapping[str, Any] | Trouble:
        return await attempt(SERVICE, self._get("/api/analytics/metrics?minutes=60"))

    def day(self, stats: Mapping[str, Any] | Trouble) -> Day | Trouble:
        return stats if isinstance(stats, Trouble) else logs_statistics.day(stats)

    def figures(self, stats: Mapping[str, Any] | Trouble, metrics: Mapping[str, Any] | Trouble) -> Figures | Trouble:
        if isinstance(metrics, Trouble):
            return metrics
        return stats if isinstance(stats, Trouble) else logs_statistics.figures(metrics, stats)

    async def _unless_wrong(self, asked: Awaitable[T]) -> T | Trouble:
        try:
            return await attempt(SERVICE, asked)
        except _WrongSearchError as error:
            return Trouble(SERVICE, error.words)

    async def _get(self, path: str) -> Any:
        return await self._gateway.fetch("GET", path, headers=self._headers)

    async def _post(self, what: str, question: Mapping[str, Any]) -> Any:
        body = {name: value for name, value in question.items() if value is not None}
        try:
            return await self._gateway.fetch("POST", f"/api/analytics/logs/{what}", headers=self._headers, body=body)
        except RefusedError as error:
            if error.answered < 500 and error.errors:  # noqa: PLR2004
                raise _WrongSearchError(error) from error
            raise


class _WrongSearchError(Exception):
    """The service finds a field of the search wrong."""

    def __init__(self, error: RefusedError) -> None:
        super().__init__(error.detail)
        self.words = error.detail
        named = {"timestamp": "around", "event_id": "event"}
        self.reasons = {named.get(each.field, each.field): each.reason for each in error.errors}


def _result(task: asyncio.Task[T]) -> T | None:
    if task.done():
        return task.result()
    task.cancel()
    return None
