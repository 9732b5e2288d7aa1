"""Finds the metric that one sees who has not chosen one: asks the timeseries service which of those that fit has points."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from fastapi import Request

from opsbuddy_ui_service.clients.gateway import HttpGateway
from opsbuddy_ui_service.handlers.panels import Trouble, attempt
from opsbuddy_ui_service.handlers.relay import credentials
from opsbuddy_ui_service.searches import logs as logs_search
from opsbuddy_ui_service.searches import series as series_search
from opsbuddy_ui_service.searches.series import Search
from opsbuddy_ui_service.views import first_metric
from opsbuddy_ui_service.views.series import Metric

SERVICE = "timeseries-service"
INSTEAD = "instead=metrics"  # of the address of the logs: the page says why one came there
MOST_SERIES = 5000  # that are looked at for what can be picked
LONGER = ("-24h", "-7d")  # where nobody named a range, and the usual one has no point


class FirstMetric:
    """Asks on behalf of who sent a request, at `now` in nanoseconds."""

    def __init__(self, gateway: HttpGateway, request: Request, now: int) -> None:
        self._gateway, self._headers, self._now = gateway, credentials(request), now

    async def of_service(self, asked: Search, service: str, about: str) -> str | Trouble:
        """Return the address of what was measured of a service at that time; where nothing was, of what it logged then, counted."""
        path = f"/api/timeseries/series?limit={MOST_SERIES}"
        listing = await attempt(SERVICE, self._gateway.fetch("GET", path, headers=self._headers))
        if isinstance(listing, Trouble):
            return listing
        searches = first_metric.of_service(listing["series"], asked, service, first_metric.about(about))
        found = await self._first(searches)
        if isinstance(found, Search):
            return found.address()
        lines = logs_search.Search(service=service, start=asked.start, end=asked.end).address()
        return found or f"{lines}&{INSTEAD}#logs"

    async def of_all(self, asked: Search, metrics: Sequence[Metric]) -> Search | None:
        """Return what one sees first of everything that is stored."""
        ranges = [asked] if asked.start or asked.end else [asked, *map(self._since, LONGER)]
        found = await self._first([each for range_ in ranges for each in first_metric.of_all(metrics, range_)])
        return found if isinstance(found, Search) else None

    def _since(self, start: str) -> Search:
        return series_search.read([("start", start)], self._now)

    async def _first(self, searches: Sequence[Search]) -> Search | Trouble | None:
        """Return the first that has points, as it is drawn."""
        for search in searches:
            answer = await attempt(SERVICE, self._newest(search))
            if isinstance(answer, Trouble):
                return answer
            if first_metric.has_points(answer):
                return first_metric.drawn(search, answer)
        return None

    async def _newest(self, search: Search) -> Mapping[str, Any]:
        """Ask for the newest value of each bucket, of each series."""
        question = replace(search, function="last", by=()).question()
        answer: Mapping[str, Any] = await self._gateway.fetch(
            "POST", "/api/timeseries/query", headers=self._headers, body=question
        )
        return answer
