"""Points into the tables, in one transaction."""

import sqlite3
from dataclasses import dataclass, field

import orjson

from opsbuddy_timeseries_service.embedded.schema import Cell, cell
from opsbuddy_timeseries_service.models.points import Point, PointError, conflict
from opsbuddy_timeseries_service.models.values import Value


@dataclass(slots=True)
class Known:
    """Identities that this transaction has looked up."""

    connection: sqlite3.Connection
    series: dict[tuple[str, bytes], int] = field(default_factory=dict)
    columns: dict[tuple[str, str], tuple[int, str]] = field(default_factory=dict)

    def series_of(self, point: Point) -> int:
        """Return the identity of the point's series, made where it is new."""
        key = (point.measurement, orjson.dumps(point.tags, option=orjson.OPT_SORT_KEYS))
        if key not in self.series:
            row = (key[0], key[1].decode())
            self.connection.execute("INSERT INTO series (measurement, tags) VALUES (?, ?) ON CONFLICT DO NOTHING", row)
            found = self.connection.execute("SELECT id FROM series WHERE measurement = ? AND tags = ?", row)
            self.series[key] = found.fetchone()[0]
        return self.series[key]

    def column(self, measurement: str, name: str, value: Value) -> tuple[int, str]:
        """Return identity and kind of a field; the first value of a field decides its kind."""
        key = (measurement, name)
        if key not in self.columns:
            self.connection.execute(
                "INSERT INTO columns (measurement, field, kind) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                (*key, kind(value)),
            )
            found = self.connection.execute("SELECT id, kind FROM columns WHERE measurement = ? AND field = ?", key)
            self.columns[key] = found.fetchone()
        return self.columns[key]


def write(connection: sqlite3.Connection, points: list[tuple[int, Point]]) -> list[PointError]:
    """Store the points that fit; say of the others, by their positions, which field does not."""
    errors: list[PointError] = []
    rows: list[tuple[int, int, int, Cell]] = []
    known = Known(connection)
    for index, point in points:
        columns = {name: known.column(point.measurement, name, value) for name, value in point.fields.items()}
        wrong = [name for name, value in point.fields.items() if columns[name][1] != kind(value)]
        if wrong:
            errors += [
                PointError(f"fields.{name}", conflict(columns[name][1]), "type_conflict", index) for name in wrong
            ]
            continue
        series = known.series_of(point)
        rows += [(series, columns[name][0], point.timestamp, cell(value)) for name, value in point.fields.items()]
    connection.executemany("INSERT OR REPLACE INTO points VALUES (?, ?, ?, ?)", rows)
    return errors


def kind(value: Value) -> str:
    """Return what a field with this value is."""
    return "text" if isinstance(value, str) else "number"
