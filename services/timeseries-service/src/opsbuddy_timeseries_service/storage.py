"""What the service asks of a store of points."""

from typing import Protocol

from opsbuddy_timeseries_service.models import Aggregate, Line, Point, PointError, Selection, SeriesInfo


class PointStore(Protocol):
    """Keeps points. Every failure is an OpsBuddyError."""

    kind: str

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def probe(self) -> None:
        """Raise when the store does not work."""

    async def write(self, points: list[Point]) -> list[PointError]:
        """Return once the points are on disk; what is wrong with those that were not taken, by their position in the list."""

    async def raw(self, selection: Selection, limit: int) -> list[Line]:
        """Return the first `limit` points, series by series."""

    async def buckets(self, selection: Selection, aggregate: Aggregate, every: int) -> list[Line]:
        """Return a value for each bucket that has points. Raises InvalidRequestError for an aggregate that the field's type does not have."""

    async def measurements(self) -> list[str]: ...

    async def series(self, measurement: str | None, limit: int) -> list[SeriesInfo]: ...
