"""Series out of the tables."""

import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import groupby
from operator import itemgetter

import orjson

from opsbuddy_timeseries_service.embedded.aggregates import FUNCTIONS, INCREASE, NUMBERS, PARTS, ROLLED
from opsbuddy_timeseries_service.embedded.schema import value
from opsbuddy_timeseries_service.models.answers import SeriesInfo
from opsbuddy_timeseries_service.models.filters import TagFilter, accept
from opsbuddy_timeseries_service.models.query import Buckets, Column, Entry, Line, Selection, needs_numbers
from opsbuddy_timeseries_service.models.values import Value

OF_TEXT = frozenset({"count", "first", "last"})
SERIES = (
    "SELECT measurement, tags, (SELECT json_group_array(field) FROM columns WHERE columns.measurement = series.measurement "
    "AND EXISTS (SELECT 1 FROM points WHERE series = series.id AND column = columns.id)) "
    "FROM series WHERE ? IS NULL OR measurement = ? ORDER BY measurement, tags LIMIT ?"
)
ENTRIES = (
    "SELECT tags FROM series JOIN columns USING (measurement) WHERE measurement = ? AND field = ? AND kind = 'number' "
    "AND EXISTS (SELECT 1 FROM points WHERE series = series.id AND column = columns.id AND time >= ? AND time < ?)"
)
RAW = (
    "FROM points WHERE series IN (SELECT value FROM json_each(:series)) AND column = :column "
    "AND time >= :start AND time < :end"
)
Pairs = list[tuple[int, Value]]
Arguments = dict[str, str | int]


def raw(connection: sqlite3.Connection, selection: Selection, limit: int) -> list[Line]:
    """Return the points, series by series; when there are `limit` or more, those up to the time of the one that is `limit`th in time."""
    lines = _points(connection, selection, limit)
    if sum(len(line.points) for line in lines) < limit:
        return lines
    identities = [each for _, group in _groups(connection, selection) for each in group]
    arguments = _range(connection, selection) | {"series": orjson.dumps(identities).decode(), "before": limit - 1}
    last: int = connection.execute(f"SELECT time {RAW} ORDER BY time LIMIT 1 OFFSET :before", arguments).fetchone()[0]
    return _points(connection, replace(selection, end=last + 1), limit + len(identities))


def _points(connection: sqlite3.Connection, selection: Selection, limit: int) -> list[Line]:
    """Return the first `limit` points, series by series."""
    left = limit
    statement = f"SELECT time, value {RAW} ORDER BY time, series LIMIT :limit"

    def read(arguments: Arguments) -> Pairs:
        nonlocal left
        rows = connection.execute(statement, arguments | {"limit": left})
        points = [(time, value(stored)) for time, stored in rows]
        left -= len(points)
        return points

    return _each(connection, selection, read)


def buckets(connection: sqlite3.Connection, selection: Selection, how: Buckets) -> list[Line]:
    """Return the first `how.limit` buckets that have points. Raises InvalidRequestError for an aggregate that the field's type does not have."""
    _check_kind(connection, selection, how.aggregate)
    left = how.limit
    statement = _statement(connection, selection, how)

    def read(arguments: Arguments) -> Pairs:
        nonlocal left
        bounds: Arguments = {"every": how.every, "since": how.since, "limit": left}
        rows: Iterable[tuple[int, Value]] = connection.execute(statement, arguments | bounds)
        points = _percentiles(rows, how.fraction) if how.aggregate == "percentile" else [row[:2] for row in rows]
        left -= len(points)
        return points[: left + len(points)] if left < 0 else points

    return _each(connection, selection, read)


def series(connection: sqlite3.Connection, measurement: str | None, limit: int) -> list[SeriesInfo]:
    """Return the first `limit` series in order."""
    rows = connection.execute(SERIES, (measurement, measurement, limit))
    return [
        SeriesInfo(measurement=row[0], tags=orjson.loads(row[1]), fields=sorted(orjson.loads(row[2]))) for row in rows
    ]


def columns(connection: sqlite3.Connection) -> list[Column]:
    """Return the numeric fields of all measurements."""
    statement = "SELECT measurement, field FROM columns WHERE kind = 'number' ORDER BY measurement, field"
    return [Column(*row) for row in connection.execute(statement)]


def entries(
    connection: sqlite3.Connection,
    wanted: Sequence[Column],
    filters: Sequence[TagFilter],
    start: int,
    end: int,
    limit: int,
) -> list[Entry]:
    """Return the first `limit` series of the columns that have points in the range."""
    found: list[Entry] = []
    for column in wanted:
        for (text,) in connection.execute(ENTRIES, (column.measurement, column.field, start, end)):
            tags: dict[str, str] = orjson.loads(text)
            if accept(filters, tags):
                found.append(Entry(column, tags))
            if len(found) == limit:
                return found
    return found


def _statement(connection: sqlite3.Connection, selection: Selection, how: Buckets) -> str:
    since = how.since if how.aggregate == "increase" else selection.start
    rolled = since < _rolled_until(connection)
    if how.aggregate == "percentile":
        return f"SELECT time / :every * :every AS bucket, value FROM points WHERE {NUMBERS} ORDER BY bucket, value"  # noqa: S608 - fixed parts, bound values
    if how.aggregate == "increase":
        return INCREASE[rolled]
    source = f"{PARTS} UNION ALL {ROLLED}" if rolled else PARTS
    return f"SELECT begins / :every * :every AS bucket, {FUNCTIONS[how.aggregate]} FROM ({source}) GROUP BY bucket ORDER BY bucket LIMIT :limit"  # noqa: S608 - likewise


def _rolled_until(connection: sqlite3.Connection) -> int:
    row = connection.execute("SELECT value FROM state WHERE name = 'rolled'").fetchone()
    return row[0] if row else 0


def _percentiles(rows: Iterable[tuple[int, Value]], fraction: float) -> Pairs:
    return [
        (bucket, _percentile([row[1] for row in group], fraction)) for bucket, group in groupby(rows, itemgetter(0))
    ]


def _percentile(ordered: list[Value], fraction: float) -> float:
    place = fraction * (len(ordered) - 1)
    below = int(place)
    low, high = float(ordered[below]), float(ordered[min(below + 1, len(ordered) - 1)])
    return low if low == high else low + (high - low) * (place - below)


def _check_kind(connection: sqlite3.Connection, selection: Selection, aggregate: str) -> None:
    kind = connection.execute(
        "SELECT kind FROM columns WHERE measurement = ? AND field = ?", (selection.measurement, selection.field)
    ).fetchone()
    if kind == ("text",) and aggregate not in OF_TEXT:
        raise needs_numbers(aggregate)


def _each(connection: sqlite3.Connection, selection: Selection, read: Callable[[Arguments], Pairs]) -> list[Line]:
    """Read every group; those without a point in the range are left out."""
    range_ = _range(connection, selection)
    lines = []
    for tags, identities in _groups(connection, selection):
        points = read(range_ | {"series": orjson.dumps(identities).decode()})
        if points:
            lines.append(Line(tags, points))
    return lines


def _range(connection: sqlite3.Connection, selection: Selection) -> Arguments:
    """Return which column is meant, and from when to when; a column that is not there is -1, which none is."""
    column = connection.execute(
        "SELECT id FROM columns WHERE measurement = ? AND field = ?", (selection.measurement, selection.field)
    ).fetchone()
    return {"column": column[0] if column else -1, "start": selection.start, "end": selection.end}


def _groups(connection: sqlite3.Connection, selection: Selection) -> list[tuple[dict[str, str], list[int]]]:
    """Return the series of the selection, put together as it says, in the order of their tags."""
    groups: defaultdict[bytes, list[int]] = defaultdict(list)
    statement = "SELECT id, tags FROM series WHERE measurement = ?"
    for identity, text in connection.execute(statement, (selection.measurement,)):
        tags: dict[str, str] = orjson.loads(text)
        if not accept(selection.filters, tags):
            continue
        shown = tags if selection.group_by is None else {key: tags[key] for key in selection.group_by if key in tags}
        groups[orjson.dumps(shown, option=orjson.OPT_SORT_KEYS)].append(identity)
    pairs = ((orjson.loads(key), identities) for key, identities in groups.items())
    return sorted(pairs, key=lambda group: sorted(group[0].items()))
