"""Points in a SQLite file."""

import sqlite3
from collections import defaultdict
from collections.abc import Callable

import orjson

from opsbuddy_core import timestamps
from opsbuddy_core.errors import FieldError, InvalidRequestError
from opsbuddy_core.sqlite import SqliteStore
from opsbuddy_timeseries_service.models import Aggregate, Line, Point, PointError, Selection, SeriesInfo

SCHEMA = """
CREATE TABLE series (id INTEGER PRIMARY KEY, measurement TEXT NOT NULL, tags TEXT NOT NULL, UNIQUE (measurement, tags));
CREATE TABLE columns (id INTEGER PRIMARY KEY, measurement TEXT NOT NULL, field TEXT NOT NULL, kind TEXT NOT NULL, UNIQUE (measurement, field));
CREATE TABLE points (series INTEGER, column INTEGER, time INTEGER, value NOT NULL, PRIMARY KEY (series, column, time)) WITHOUT ROWID;
CREATE TABLE state (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID
"""
MIGRATIONS = (SCHEMA,)
DAY = 86_400 * timestamps.SECOND
FUNCTIONS: dict[Aggregate, str] = {
    "mean": "avg(value)",
    "min": "min(value)",
    "max": "max(value)",
    "sum": "sum(value)",
    "count": "count(*)",
    "last": "value, max(time)",  # SQLite takes the bare column from the row of the maximum
}
PAIRS = "SELECT series.id, columns.id FROM series JOIN columns USING (measurement)"
OLD = "DELETE FROM points WHERE series = ? AND column = ? AND time < ?"
EMPTY = "DELETE FROM series WHERE NOT EXISTS (SELECT 1 FROM points WHERE points.series = series.id)"
OF_TEXT = frozenset({"count", "last"})


class SqlitePoints:
    """A point store in `store`, for points that are no older than `days`."""

    kind = "embedded"

    def __init__(self, store: SqliteStore, days: float) -> None:
        self._store, self._days = store, days

    async def start(self) -> None:
        await self._store.start()

    async def stop(self) -> None:
        await self._store.stop()

    async def probe(self) -> None:
        await self._store.write(
            lambda connection: connection.execute(
                "INSERT OR REPLACE INTO state VALUES ('probed', ?)", (timestamps.now(),)
            )
        )

    async def write(self, points: list[Point]) -> list[PointError]:
        oldest = self._oldest()
        reason = f"is older than the {self._days:g} days that are kept here"
        errors = [
            PointError("timestamp", reason, "too_old", index)
            for index, point in enumerate(points)
            if point.timestamp < oldest
        ]
        young = [(index, point) for index, point in enumerate(points) if point.timestamp >= oldest]
        return errors + await self._store.write(lambda connection: _write(connection, young), 200 * len(points))

    async def raw(self, selection: Selection, limit: int) -> list[Line]:
        return await self._store.read(lambda connection: _raw(connection, selection, limit))

    async def buckets(self, selection: Selection, aggregate: Aggregate, every: int) -> list[Line]:
        return await self._store.read(lambda connection: _buckets(connection, selection, aggregate, every))

    async def prune(self) -> None:
        """Remove points that are too old, and series that have none left: one series at a time, so that nobody waits long."""
        for identity, column in await self._store.read(lambda connection: connection.execute(PAIRS).fetchall()):
            pair = (identity, column, self._oldest())
            await self._store.write(lambda connection, pair=pair: connection.execute(OLD, pair))  # type: ignore[misc]
        await self._store.write(lambda connection: connection.execute(EMPTY))

    async def measurements(self) -> list[str]:
        statement = "SELECT DISTINCT measurement FROM series ORDER BY measurement"
        return await self._store.read(lambda connection: [row[0] for row in connection.execute(statement)])

    def _oldest(self) -> int:
        return timestamps.now() - int(self._days * DAY)

    async def series(self, measurement: str | None, limit: int) -> list[SeriesInfo]:
        return await self._store.read(lambda connection: _series(connection, measurement, limit))


def _write(connection: sqlite3.Connection, points: list[tuple[int, Point]]) -> list[PointError]:
    errors: list[PointError] = []
    series: dict[tuple[str, str], int] = {}
    columns: dict[tuple[str, str], tuple[int, str]] = {}
    rows: list[tuple[int, int, int, float | str]] = []
    for index, point in points:
        known = {
            field: _column(connection, columns, point.measurement, field, value)
            for field, value in point.fields.items()
        }
        wrong = [field for field, value in point.fields.items() if known[field][1] != _kind(value)]
        if wrong:
            errors.extend(
                PointError(f"fields.{field}", _conflict(known[field][1]), "type_conflict", index) for field in wrong
            )
            continue
        key = (point.measurement, orjson.dumps(point.tags, option=orjson.OPT_SORT_KEYS).decode())
        if key not in series:
            series[key] = _identity(connection, "series", "tags", key)
        rows.extend((series[key], known[field][0], point.timestamp, value) for field, value in point.fields.items())
    connection.executemany("INSERT OR REPLACE INTO points VALUES (?, ?, ?, ?)", rows)
    return errors


def _kind(value: float | str) -> str:
    return "text" if isinstance(value, str) else "number"


def _conflict(kind: str) -> str:
    return f"has the wrong type: this field of the measurement is a {kind} already"


def _column(
    connection: sqlite3.Connection,
    known: dict[tuple[str, str], tuple[int, str]],
    measurement: str,
    field: str,
    value: float | str,
) -> tuple[int, str]:
    key = (measurement, field)
    if key not in known:
        connection.execute(
            "INSERT INTO columns (measurement, field, kind) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            (*key, _kind(value)),
        )
        known[key] = connection.execute(
            "SELECT id, kind FROM columns WHERE measurement = ? AND field = ?", key
        ).fetchone()
    return known[key]


def _identity(connection: sqlite3.Connection, table: str, column: str, key: tuple[str, str]) -> int:
    connection.execute(f"INSERT INTO {table} (measurement, {column}) VALUES (?, ?) ON CONFLICT DO NOTHING", key)  # noqa: S608 - fixed names
    found: int = connection.execute(f"SELECT id FROM {table} WHERE measurement = ? AND {column} = ?", key).fetchone()[0]  # noqa: S608 - likewise
    return found


def _groups(connection: sqlite3.Connection, selection: Selection) -> list[tuple[dict[str, str], list[int]]]:
    """Return the series of the selection, put together as it says, in the order of their tags."""
    groups: defaultdict[bytes, list[int]] = defaultdict(list)
    for identity, text in connection.execute(
        "SELECT id, tags FROM series WHERE measurement = ?", (selection.measurement,)
    ):
        tags: dict[str, str] = orjson.loads(text)
        if any(tags.get(key) != value for key, value in selection.tags.items()):
            continue
        shown = tags if selection.group_by is None else {key: tags[key] for key in selection.group_by if key in tags}
        groups[orjson.dumps(shown, option=orjson.OPT_SORT_KEYS)].append(identity)
    return sorted(
        ((orjson.loads(key), identities) for key, identities in groups.items()),
        key=lambda group: sorted(group[0].items()),
    )


def _each(
    connection: sqlite3.Connection,
    selection: Selection,
    read: Callable[[str, tuple[str, int, int, int]], list[tuple[int, float | str]]],
) -> list[Line]:
    """Read every group by `read(condition, arguments)`; groups without a point in the range are left out."""
    column = connection.execute(
        "SELECT id FROM columns WHERE measurement = ? AND field = ?", (selection.measurement, selection.field)
    ).fetchone()
    if column is None:
        return []
    condition = "series IN (SELECT value FROM json_each(?)) AND column = ? AND time >= ? AND time < ?"
    lines = []
    for tags, identities in _groups(connection, selection):
        points = read(condition, (orjson.dumps(identities).decode(), column[0], selection.start, selection.end))
        if points:
            lines.append(Line(tags, points))
    return lines


def _raw(connection: sqlite3.Connection, selection: Selection, limit: int) -> list[Line]:
    left = limit

    def read(condition: str, arguments: tuple[str, int, int, int]) -> list[tuple[int, float | str]]:
        nonlocal left
        points = connection.execute(
            f"SELECT time, value FROM points WHERE {condition} ORDER BY time, series LIMIT ?",  # noqa: S608 - fixed names, bound values
            (*arguments, left),
        ).fetchall()
        left -= len(points)
        return points

    return _each(connection, selection, read)


def _buckets(connection: sqlite3.Connection, selection: Selection, aggregate: Aggregate, every: int) -> list[Line]:
    kind = connection.execute(
        "SELECT kind FROM columns WHERE measurement = ? AND field = ?", (selection.measurement, selection.field)
    ).fetchone()
    if kind == ("text",) and aggregate not in OF_TEXT:
        reason = f"{aggregate} needs numbers, and this field is text; count and last work"
        raise InvalidRequestError(
            f"The aggregate cannot be used: {reason}.", errors=[FieldError("aggregate", reason, "type_conflict")]
        )

    def read(condition: str, arguments: tuple[str, int, int, int]) -> list[tuple[int, float | str]]:
        statement = f"SELECT time / ? * ? AS bucket, {FUNCTIONS[aggregate]} FROM points WHERE {condition} GROUP BY bucket ORDER BY bucket"  # noqa: S608 - fixed names, bound values
        return [(row[0], row[1]) for row in connection.execute(statement, (every, every, *arguments))]

    return _each(connection, selection, read)


def _series(connection: sqlite3.Connection, measurement: str | None, limit: int) -> list[SeriesInfo]:
    statement = (
        "SELECT measurement, tags, (SELECT json_group_array(field) FROM columns WHERE columns.measurement = series.measurement "
        "AND EXISTS (SELECT 1 FROM points WHERE series = series.id AND column = columns.id)) "
        "FROM series WHERE ? IS NULL OR measurement = ? ORDER BY measurement, tags LIMIT ?"
    )
    rows = connection.execute(statement, (measurement, measurement, limit))
    return [
        SeriesInfo(measurement=row[0], tags=orjson.loads(row[1]), fields=sorted(orjson.loads(row[2]))) for row in rows
    ]
