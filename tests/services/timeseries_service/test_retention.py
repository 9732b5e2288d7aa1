import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from opsbuddy_core.sqlite import SqliteStore
from opsbuddy_timeseries_service.embedded.schema import MIGRATIONS
from opsbuddy_timeseries_service.embedded.store import SqlitePoints
from opsbuddy_timeseries_service.models.points import Point
from opsbuddy_timeseries_service.models.query import Aggregate, Buckets, Selection
from tests.services.timeseries_service.conftest import point

SECOND = 10**9
HOUR = 3600 * SECOND
NOW = time.time_ns()
T = NOW // HOUR * HOUR - 52 * HOUR  # all of it hours ago, whatever time it is
EVERYTHING = Selection("m", "v", (), T, NOW + 1)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(tmp_path / "points.sqlite3", MIGRATIONS)
    yield store
    await store.stop()


async def fill(points: SqlitePoints) -> None:
    """A counter of 48 hours that began anew after a day, every ten minutes."""
    values = [float(number % 144) for number in range(6 * 48)]
    written = [Point.model_validate(point(v, timestamp=(T + n * 600 * SECOND) // 10**6)) for n, v in enumerate(values)]
    assert await points.write(written) == []


async def days(points: SqlitePoints, aggregate: Aggregate) -> list[object]:
    how = Buckets(aggregate, 24 * HOUR, 1000, since=T)
    return [value for line in await points.buckets(EVERYTHING, how) for _, value in line.points]


@pytest.mark.parametrize("aggregate", ["mean", "min", "max", "sum", "count", "first", "last", "increase"])
async def test_what_is_rolled_up_is_answered_as_its_points_were(store: SqliteStore, aggregate: Aggregate) -> None:
    points = SqlitePoints(store, days=3, rollup_days=10)
    await points.start()
    await fill(points)
    before = await days(points, aggregate)
    for kept in (1.4, 0.7):
        await SqlitePoints(store, days=kept, rollup_days=10).prune()
        left = await points.raw(EVERYTHING, 10_000)
        assert 0 < len(left[0].points) < 6 * 48
        assert await days(points, aggregate) == pytest.approx(before)


async def test_roll_ups_go_later_than_points_and_their_series_with_them(store: SqliteStore) -> None:
    points = SqlitePoints(store, days=3, rollup_days=10)
    await points.start()
    await fill(points)
    await SqlitePoints(store, days=0.01, rollup_days=10).prune()
    assert [each.measurement for each in await points.series(None, 10)] == ["m"]
    await SqlitePoints(store, days=0.01, rollup_days=0.01).prune()
    assert await points.series(None, 10) == []


async def test_the_oldest_points_go_when_there_are_too_many(store: SqliteStore) -> None:
    points = SqlitePoints(store, days=3, rollup_days=10, most_bytes=1)
    await points.start()
    await fill(points)
    await points.prune()
    left = await points.raw(EVERYTHING, 10_000)
    assert all(at >= NOW // HOUR * HOUR for line in left for at, _ in line.points)
    refused = await points.write([Point.model_validate(point(1, timestamp=T // 10**6))])
    assert [(each.field, each.code) for each in refused] == [("timestamp", "too_old")]


async def test_the_border_stays_over_a_restart(store: SqliteStore) -> None:
    points = SqlitePoints(store, days=3, rollup_days=10)
    await points.start()
    await SqlitePoints(store, days=0.5, rollup_days=10).prune()
    await points.stop()
    await points.start()
    old = Point.model_validate(point(1, timestamp=T // 10**6))
    assert [each.code for each in await points.write([old])] == ["too_old"]
