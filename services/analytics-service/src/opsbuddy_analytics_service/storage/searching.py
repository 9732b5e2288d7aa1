"""Finds a page of logs in the journal's tables: which way is quick depends on what is asked.

A text or an id goes through its index, which knows candidates; what has arrived since the index was brought up to date is read as it is.
A candidate counts only when the log itself holds what is asked for, so all ways find the same.
"""

import sqlite3
from dataclasses import replace
from typing import Any

from opsbuddy_analytics_service.models import LEVELS, Selection, StoredLog
from opsbuddy_analytics_service.storage.lookup import NAMES, horizon, mark, state
from opsbuddy_analytics_service.storage.stores import Slice

TRIGRAM = 3
MOST_TRIGRAMS = 4  # of a text: the rarest leave few candidates, and the others cost time
SAMPLE = 200
FEW = 20_000  # logs that are read faster than looked up
MOST_SERVICES = 64
OUT_OF_ORDER = 3  # times as long as in the order of the table takes reading a log by its number
COLUMNS = ", ".join(f"logs.{name}" for name in NAMES.split(", "))


def page(connection: sqlite3.Connection, selection: Selection, limit: int) -> Slice:
    """Return the first `limit` logs of a selection."""
    index = candidates(connection, selection)
    if index is None or (selection.service is not None and not _more_than(connection, selection, FEW)):
        logs = _read(connection, selection, limit)
    else:
        logs = _look_up(connection, selection, limit, *index)
    return Slice(logs, horizon(connection))


def candidates(connection: sqlite3.Connection, selection: Selection) -> tuple[str, str] | None:
    """Return the index that knows a selection's candidates, and what to ask it; None when none does."""
    for name in ("trace_id", "request_id"):
        if (value := getattr(selection, name)) is not None:
            return "ids", f'"{mark(name, value)}"'
    text = selection.text
    if text is None or len(text) < TRIGRAM:
        return None
    return "words", " AND ".join('"' + each.replace('"', '""') + '"' for each in _rarest(connection, text))


def _rarest(connection: sqlite3.Connection, text: str) -> list[str]:
    """Return the trigrams of a text that are rarest in the logs that came last."""
    rows = connection.execute("SELECT lower(message) FROM logs ORDER BY number DESC LIMIT ?", (SAMPLE,)).fetchall()
    found = dict.fromkeys(text[i : i + TRIGRAM] for i in range(len(text) - TRIGRAM + 1))
    seen = {each: sum(each.lower() in message for (message,) in rows) for each in found}
    return sorted(found, key=lambda each: seen[each])[:MOST_TRIGRAMS]


def condition(selection: Selection) -> tuple[str, list[Any]]:
    """Return what holds for each log of a selection, with its bound values."""
    conditions = ["logs.time >= ?", "logs.time < ?"]
    arguments: list[Any] = [selection.start, selection.end]
    for column in ("service", "level", "logger", "operation", "request_id", "trace_id", "event_id"):
        if (value := getattr(selection, column)) is not None:
            conditions.append(f"logs.{column} = ?")
            arguments.append(value)
    if selection.text is not None:
        conditions.append("logs.message LIKE ? ESCAPE '\\'")
        arguments.append(f"%{_literal(selection.text)}%")
    return " AND ".join(conditions), arguments


def _look_up(
    connection: sqlite3.Connection, selection: Selection, limit: int, index: str, words: str
) -> list[StoredLog]:
    where, arguments = condition(
        selection
    )  # CROSS JOIN and INDEXED BY: left to itself SQLite reads all logs of the range in their order
    order = "DESC" if selection.descending else "ASC"
    indexed = (
        f"SELECT {COLUMNS} FROM {index} CROSS JOIN logs ON logs.time = {index}.rowid WHERE {index} MATCH ?"  # noqa: S608 - fixed names, bound values
        f" AND {index}.rowid >= ? AND {index}.rowid < ? AND {where} ORDER BY {index}.rowid {order} LIMIT ?"
    )
    fresh = f"SELECT {COLUMNS} FROM logs {way(connection)} WHERE number > ? AND {where} ORDER BY time {order} LIMIT ?"  # noqa: S608 - likewise
    rows = connection.execute(indexed, (words, selection.start, selection.end, *arguments, limit)).fetchall()
    rows += connection.execute(fresh, (state(connection, "indexed"), *arguments, limit)).fetchall()
    rows.sort(key=lambda row: row[0], reverse=selection.descending)
    return [StoredLog(*row) for row in rows[:limit]]


def way(connection: sqlite3.Connection) -> str:
    """Return how to read what is not indexed yet: by itself where that is a small part of all, else all in the order of the table."""
    given = state(connection, "given")
    oldest = connection.execute("SELECT min(number) FROM logs").fetchone()[0] or 0
    fresh = given - state(connection, "indexed")
    return "INDEXED BY by_number" if fresh * OUT_OF_ORDER < given - oldest else "NOT INDEXED"


def _read(connection: sqlite3.Connection, selection: Selection, limit: int) -> list[StoredLog]:
    """Read in the order of time: the best of each service and level that is in question by their index, then the best of those."""
    order = f"ORDER BY time {'DESC' if selection.descending else 'ASC'} LIMIT ?"
    parts, arguments = [], []
    for piece in _pieces(connection, selection):
        where, values = condition(piece)
        parts.append(f"SELECT * FROM (SELECT {COLUMNS} FROM logs WHERE {where} {order})")  # noqa: S608 - fixed names, bound values
        arguments += [*values, limit]
    rows = connection.execute(f"{' UNION ALL '.join(parts)} {order}", (*arguments, limit))
    return [StoredLog(*row) for row in rows]


def _pieces(connection: sqlite3.Connection, selection: Selection) -> list[Selection]:
    """Split a selection so that each piece is one stretch of the index by service and level, or leave it: a read in order of time."""
    if selection.service is not None:
        levels = LEVELS if selection.level is None else (selection.level,)
        return [replace(selection, level=level) for level in levels]
    if selection.level is None:
        return [selection]
    known = services(connection, MOST_SERVICES + 1)
    if not known or len(known) > MOST_SERVICES:
        return [selection]
    return [replace(selection, service=service) for service in known]


def services(connection: sqlite3.Connection, limit: int) -> list[str]:
    """Return the first services that have logs here, by leaps through their index."""
    found: list[str] = []
    while len(found) < limit:
        last = found[-1] if found else ""
        row = connection.execute("SELECT min(service) FROM logs WHERE service > ?", (last,)).fetchone()
        if row[0] is None:
            break
        found.append(row[0])
    return found


def _more_than(connection: sqlite3.Connection, selection: Selection, few: int) -> bool:
    where, arguments = condition(
        Selection(selection.start, selection.end, service=selection.service, level=selection.level)
    )
    statement = f"SELECT count(*) FROM (SELECT 1 FROM logs WHERE {where} LIMIT ?)"  # noqa: S608 - likewise
    found: int = connection.execute(statement, (*arguments, few + 1)).fetchone()[0]
    return found > few


def _literal(text: str) -> str:
    """Take LIKE's own meaning from its characters."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
