"""The tables of the file, and how a value lies in one of their cells."""

import math

from opsbuddy_timeseries_service.models.values import STALE, Value

POINTS = """
CREATE TABLE series (id INTEGER PRIMARY KEY, measurement TEXT NOT NULL, tags TEXT NOT NULL, UNIQUE (measurement, tags));
CREATE TABLE columns (id INTEGER PRIMARY KEY, measurement TEXT NOT NULL, field TEXT NOT NULL, kind TEXT NOT NULL, UNIQUE (measurement, field));
CREATE TABLE points (series INTEGER, column INTEGER, time INTEGER, value NOT NULL, PRIMARY KEY (series, column, time)) WITHOUT ROWID;
CREATE TABLE state (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID
"""
ROLLUPS = """
CREATE TABLE rollups (
  series INTEGER, column INTEGER, time INTEGER, ends INTEGER NOT NULL, number INTEGER NOT NULL, total REAL NOT NULL, low REAL NOT NULL,
  high REAL NOT NULL, first REAL NOT NULL, last REAL NOT NULL, increase REAL NOT NULL, PRIMARY KEY (series, column, time)
) WITHOUT ROWID
"""
MIGRATIONS = (POINTS, ROLLUPS)
Cell = float | str | bytes
ODD: dict[bytes, float] = {b"nan": math.nan, b"+inf": math.inf, b"-inf": -math.inf, b"stale": STALE}


def cell(value: Value) -> Cell:
    """Return what is stored: numbers that are not finite are words in a blob, so that no aggregate takes them in."""
    if isinstance(value, str) or math.isfinite(value):
        return value
    if value is STALE:
        return b"stale"
    if math.isnan(value):
        return b"nan"
    return b"+inf" if value > 0 else b"-inf"


def value(stored: Cell) -> Value:
    """Return the value of a cell."""
    return ODD[stored] if isinstance(stored, bytes) else stored
