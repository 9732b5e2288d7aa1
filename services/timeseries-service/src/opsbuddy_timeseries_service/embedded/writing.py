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

    def takes(self, measurement: str, name: str, value: Value) -> bool:
        """Return whether a field is of the value's kind, or of none yet."""
        return self._column(measurement, name) is None or self.columns[measurement, name][1] == kind(value)

    def column(self, measurement: str, name: str, value: Value) -> int:
        """Return the identity of a field; the first value that is stored decides its kind."""
        column = self._column(measurement, name)
        if column is None:
            row = (measurement, name, kind(value))
            made = self.connection.execute("INSERT INTO columns (measurement, field, kind) VALUES (?, ?, ?)", row)
            column = self.columns[measurement, name] = (made.lastrowid or 0, row[2])
        return column[0]

    def _column(self, measurement: str, name: str) -> tuple[int, str] | None:
        key = (measurement, name)
        if key not in self.columns:
            found = self.connection.execute("SELECT id, kind FROM columns WHERE measurement = ? AND field = ?", key)
            if (row := found.fetchone()) is None:
                return None
            self.columns[key] = row
        return self.columns[key]


def write(connection: sqlite3.Connection, points: list[tuple[int, Point]]) -> list[PointError]:
    """Store the points that fit; say of the others, by their positions, which field does not."""
    errors: list[PointError] = []
    rows: list[tuple[int, int, int, Cell]] = []
    known = Known(connection)
    for index, point in points:
        wrong = [name for name, value in point.fields.items() if not known.takes(point.measurement, name, value)]
        if wrong:
            errors += [
                PointError(
                    f"fields.{name}", conflict(known.columns[point.measurement, name][1]), "type_conflict", index
                )
                for name in wrong
            ]
            continue
        series = known.series_of(point)
        rows += [
            (series, known.column(point.measurement, name, value), point.timestamp, cell(value))
            for name, value in point.fields.items()
        ]
    connection.executemany("INSERT OR REPLACE INTO points VALUES (?, ?, ?, ?)", rows)
    return errors


def kind(value: Value) -> str:
    """Return what a field with this value is."""
    return "text" if isinstance(value, str) else "number"
