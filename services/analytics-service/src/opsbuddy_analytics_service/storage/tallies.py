"""Counts logs in the journal's tables: from the roll-ups made at ingest where they can tell, else by reading."""

import sqlite3
from collections.abc import Sequence
from typing import Any

from opsbuddy_analytics_service.models import Selection
from opsbuddy_analytics_service.storage.lookup import state
from opsbuddy_analytics_service.storage.searching import candidates, condition
from opsbuddy_analytics_service.storage.stores import Counts, Tally
from opsbuddy_core import timestamps

MINUTE = 60 * timestamps.SECOND


def counts(connection: sqlite3.Connection, start: int, end: int, width: int) -> Counts:
    """Return (bucket, service, level, logs) of the minutes from `start` before `end`, in buckets of `width` minutes."""
    first, last = start // MINUTE, end // MINUTE
    statement = (
        "SELECT (minute - ?) / ? AS bucket, service, level, sum(logs) FROM counts WHERE minute >= ? AND minute < ?"
        " GROUP BY bucket, service, level"
    )
    return connection.execute(statement, (first, width, first, last)).fetchall()


def histogram(connection: sqlite3.Connection, selection: Selection, width: int) -> Tally:
    """Return (start of the bucket // width, level, logs)."""
    where, arguments = _counted(connection, selection)
    statement = f"SELECT logs.time / ?, logs.level, count(*) FROM logs WHERE {where} GROUP BY 1, 2"  # noqa: S608 - fixed names, bound values
    return connection.execute(statement, (width, *arguments)).fetchall()


def facets(connection: sqlite3.Connection, selection: Selection, fields: Sequence[str], limit: int) -> Tally:
    """Return (field, value, logs) of the most frequent values of each field."""
    where, arguments = _counted(connection, selection)
    found: Tally = []
    for field in fields:
        statement = (
            f"SELECT ?, logs.{field}, count(*) FROM logs WHERE {where} AND logs.{field} IS NOT NULL"  # noqa: S608 - likewise
            " GROUP BY 2 ORDER BY 3 DESC, 2 LIMIT ?"
        )
        found += connection.execute(statement, (field, *arguments, limit)).fetchall()
    return found


def _counted(connection: sqlite3.Connection, selection: Selection) -> tuple[str, list[Any]]:
    """Return the condition of a selection for counting: no order has to be kept, so an index may give its candidates at once.

    Below the horizon the archive counts what it has; here is what it has not.
    """
    where, arguments = condition(selection)
    if (index := candidates(connection, selection)) is not None:
        name, words = index
        where = (
            f"(logs.time IN (SELECT rowid FROM {name} WHERE {name} MATCH ? AND rowid >= ? AND rowid < ?)"  # noqa: S608 - likewise
            f" OR logs.number > ?) AND {where}"
        )
        arguments = [words, selection.start, selection.end, state(connection, "indexed"), *arguments]
    if border := state(connection, "horizon"):
        where = f"({where}) AND (logs.time >= ? OR logs.number > ? OR logs.time IN (SELECT time FROM dead))"  # noqa: S608 - likewise
        arguments += [border, state(connection, "forwarded")]
    return where, arguments
