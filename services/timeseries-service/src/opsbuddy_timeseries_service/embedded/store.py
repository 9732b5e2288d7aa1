"""Points in a SQLite file."""

from collections.abc import Sequence
from functools import partial

from opsbuddy_core import timestamps
from opsbuddy_core.sqlite import SqliteStore
from opsbuddy_timeseries_service.embedded import reading, rollups, writing
from opsbuddy_timeseries_service.models.answers import SeriesInfo
from opsbuddy_timeseries_service.models.filters import TagFilter
from opsbuddy_timeseries_service.models.points import Point, PointError
from opsbuddy_timeseries_service.models.query import Buckets, Column, Entry, Line, Selection

DAY = 86_400 * timestamps.SECOND
POINT_WEIGHT = 200  # bytes that a point waiting to be written takes, roughly


class SqlitePoints:
    """A point store in `store`: points no older than `days`, roll-ups no older than `rollup_days`, and at most `most_bytes` of both."""

    kind = "embedded"

    def __init__(self, store: SqliteStore, days: float, rollup_days: float = 0, most_bytes: int = 0) -> None:
        self._store, self._days, self._rollup_days, self._most_bytes = store, days, rollup_days, most_bytes
        self._cutoff = 0

    async def start(self) -> None:
        await self._store.start()
        self._cutoff = await self._store.read(rollups.cutoff)

    async def stop(self) -> None:
        await self._store.stop()

    async def probe(self) -> None:
        await self._store.write(
            lambda connection: connection.execute(
                "INSERT OR REPLACE INTO state VALUES ('probed', ?)", (timestamps.now(),)
            )
        )

    async def write(self, points: list[Point]) -> list[PointError]:
        oldest = max(self._oldest(), self._cutoff)
        reason = f"is older than the {self._days:g} days that are kept here"
        if oldest == self._cutoff:
            reason = f"is older than what is kept here, which begins at {timestamps.render(oldest)}"
        errors = [
            PointError("timestamp", reason, "too_old", index)
            for index, point in enumerate(points)
            if point.timestamp < oldest
        ]
        young = [(index, point) for index, point in enumerate(points) if point.timestamp >= oldest]
        weight = POINT_WEIGHT * len(points)
        return errors + await self._store.write(lambda connection: writing.write(connection, young), weight)

    async def raw(self, selection: Selection, limit: int) -> list[Line]:
        return await self._store.read(lambda connection: reading.raw(connection, selection, limit))

    async def buckets(self, selection: Selection, how: Buckets) -> list[Line]:
        return await self._store.read(lambda connection: reading.buckets(connection, selection, how))

    async def measurements(self) -> list[str]:
        statement = "SELECT DISTINCT measurement FROM series ORDER BY measurement"
        return await self._store.read(lambda connection: [row[0] for row in connection.execute(statement)])

    async def series(self, measurement: str | None, limit: int) -> list[SeriesInfo]:
        return await self._store.read(lambda connection: reading.series(connection, measurement, limit))

    async def columns(self) -> list[Column]:
        return await self._store.read(reading.columns)

    async def entries(
        self, columns: Sequence[Column], filters: Sequence[TagFilter], start: int, end: int, limit: int
    ) -> list[Entry]:
        return await self._store.read(
            lambda connection: reading.entries(connection, columns, filters, start, end, limit)
        )

    async def prune(self) -> None:
        """Roll up and remove what is too old, then what is too much: one series at a time, so that nobody waits long."""
        await self._roll(self._oldest())
        await self._drop(timestamps.now() - int(self._rollup_days * DAY))
        while self._most_bytes and await self._store.read(rollups.used_bytes) > self._most_bytes:
            times = [await self._store.read(partial(rollups.oldest, pair=pair)) for pair in await self._pairs()]
            first = min((time for time in times if time is not None), default=None)
            now = timestamps.now()
            if first is None or first >= now // rollups.HOUR * rollups.HOUR:
                return  # the hour that runs stays, however large
            await self._roll(min(now, first + (now - first) // 10 + rollups.HOUR))

    async def _roll(self, until: int) -> None:
        until = until // rollups.HOUR * rollups.HOUR
        await self._store.write(lambda connection: rollups.set_cutoff(connection, until))
        self._cutoff = max(self._cutoff, until)  # from here on nothing older comes in
        for series, column in await self._pairs():
            await self._store.write(partial(rollups.roll, series=series, column=column, until=until))

    async def _drop(self, before: int) -> None:
        await self._store.write(lambda connection: rollups.drop(connection, before))

    async def _pairs(self) -> list[tuple[int, int]]:
        return await self._store.read(rollups.pairs)

    def _oldest(self) -> int:
        return timestamps.now() - int(self._days * DAY)
