"""What becomes of points that are too old, or too many: an hour of a series is rolled up into one row, and its points go, in one transaction."""

import sqlite3

from opsbuddy_core import timestamps
from opsbuddy_timeseries_service.embedded.aggregates import GROWTH

HOUR = 3600 * timestamps.SECOND
PAIRS = "SELECT series.id, columns.id FROM series JOIN columns USING (measurement)"
_ROLL = f"""
INSERT INTO rollups
SELECT :series, :column, hour, max(time), count(*), sum(value), min(value), max(value),
  max(CASE WHEN place = 1 THEN value END), max(CASE WHEN place = number THEN value END), sum({GROWTH})
FROM (
  SELECT time, value, hour, lag(value) OVER (ORDER BY time) AS before,
    row_number() OVER (PARTITION BY hour ORDER BY time) AS place, count(*) OVER (PARTITION BY hour) AS number
  FROM (
    SELECT time, value, time / {HOUR} * {HOUR} AS hour FROM points
    WHERE series = :series AND column = :column AND time < :cutoff AND typeof(value) = 'real'
    UNION ALL
    SELECT * FROM (
      SELECT ends, last, -1 FROM rollups WHERE series = :series AND column = :column AND time < :cutoff ORDER BY time DESC LIMIT 1
    )
  )
) WHERE hour >= 0 GROUP BY hour
"""  # noqa: S608 - fixed parts, bound values
_OLD = "DELETE FROM points WHERE series = :series AND column = :column AND time < :cutoff"
_EMPTY = (
    "DELETE FROM series WHERE NOT EXISTS (SELECT 1 FROM points WHERE points.series = series.id) "
    "AND NOT EXISTS (SELECT 1 FROM rollups WHERE rollups.series = series.id)"
)


def cutoff(connection: sqlite3.Connection) -> int:
    """Return the time before which points are rolled up."""
    row = connection.execute("SELECT value FROM state WHERE name = 'rolled'").fetchone()
    return row[0] if row else 0


def set_cutoff(connection: sqlite3.Connection, time: int) -> None:
    """Let the time before which points are rolled up be `time`, a whole hour; it never goes back."""
    if time > cutoff(connection):
        connection.execute("INSERT OR REPLACE INTO state VALUES ('rolled', ?)", (time,))


def pairs(connection: sqlite3.Connection) -> list[tuple[int, int]]:
    """Return series and column of everything there may be points of."""
    return connection.execute(PAIRS).fetchall()


def roll(connection: sqlite3.Connection, series: int, column: int, until: int) -> None:
    """Roll up the points of one pair before `until`, a whole hour. Texts and numbers that are not finite have no roll-up."""
    arguments = {"series": series, "column": column, "cutoff": until}
    connection.execute(_ROLL, arguments)
    connection.execute(_OLD, arguments)


def drop(connection: sqlite3.Connection, before: int) -> None:
    """Remove roll-ups before a time, and series of which nothing is left."""
    connection.execute("DELETE FROM rollups WHERE time < ?", (before,))
    connection.execute(_EMPTY)


def used_bytes(connection: sqlite3.Connection) -> int:
    """Return what is in use of the file."""
    pages, free, size = (
        connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * size)


def oldest(connection: sqlite3.Connection, pair: tuple[int, int]) -> int | None:
    """Return the time of the oldest point of a pair."""
    found = connection.execute("SELECT min(time) FROM points WHERE series = ? AND column = ?", pair).fetchone()
    return found[0] if found else None
