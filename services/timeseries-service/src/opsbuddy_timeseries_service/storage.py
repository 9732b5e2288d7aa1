"""What the service asks of a store of points."""

from collections.abc import Sequence
from typing import Protocol

from opsbuddy_timeseries_service.models.answers import SeriesInfo
from opsbuddy_timeseries_service.models.filters import TagFilter
from opsbuddy_timeseries_service.models.points import Point, PointError
from opsbuddy_timeseries_service.models.query import Buckets, Column, Entry, Line, Selection


class PointStore(Protocol):
    """Keeps points; numbers may be NaN, infinite or STALE, and no aggregate takes those in. Every failure is an OpsBuddyError."""

    kind: str

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def probe(self) -> None:
        """Raise when the store does not work."""

    async def write(self, points: list[Point]) -> list[PointError]:
        """Return once the points are on disk; what is wrong with those that were not taken, by their position in the list."""

    async def raw(self, selection: Selection, limit: int) -> list[Line]:
        """Return the points, series by series. Of `limit` or more at least those up to the time of the one that is `limit`th in time."""

    async def buckets(self, selection: Selection, how: Buckets) -> list[Line]:
        """Return a value for each bucket that has points, `how.limit` at most; rate is asked for as increase.

        Raises InvalidRequestError for an aggregate that the field's type does not have.
        """

    async def measurements(self) -> list[str]: ...

    async def series(self, measurement: str | None, limit: int) -> list[SeriesInfo]: ...

    async def columns(self) -> list[Column]:
        """Return the numeric fields of all measurements."""

    async def entries(
        self, columns: Sequence[Column], filters: Sequence[TagFilter], start: int, end: int, limit: int
    ) -> list[Entry]:
        """Return at most `limit` series of these columns that have points in the range."""
