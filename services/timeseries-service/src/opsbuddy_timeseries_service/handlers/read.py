"""Where series are read."""

from typing import Annotated

from fastapi import APIRouter, Query

from opsbuddy_core.web.parameters import KNOWN_PARAMETERS
from opsbuddy_timeseries_service.models.answers import MeasurementList, SeriesAnswer, SeriesList
from opsbuddy_timeseries_service.models.query import SeriesQuery
from opsbuddy_timeseries_service.service.series import SeriesReading


def router(service: SeriesReading) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["query"], dependencies=KNOWN_PARAMETERS)

    @routes.post("/query", summary="A field over a range of time, raw or in buckets")
    async def query(query: SeriesQuery) -> SeriesAnswer:
        """Buckets start at whole multiples of `every` since 1970 UTC; none starts after now.

        Series without a point in the range are left out; with fill previous those that have one in the look-back are there.
        """
        return await service.query(query)

    @routes.get("/measurements", summary="Names of all measurements")
    async def list_measurements() -> MeasurementList:
        return await service.measurements()

    @routes.get("/series", summary="The series of a measurement, or of all")
    async def list_series(
        measurement: Annotated[str | None, Query(max_length=256)] = None,
        limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
    ) -> SeriesList:
        return await service.series(measurement, limit)

    return routes
