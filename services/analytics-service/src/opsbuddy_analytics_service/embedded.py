"""The journal: logs in a SQLite file, on disk before they are acknowledged.

The primary key `time` is a log's own timestamp in nanoseconds, moved on to the next free one when another log has it: logs of one instant stay
apart and in the order of their arrival, here and in InfluxDB, where equal points would overwrite each other.
"""

import random
import secrets
import sqlite3
from collections import Counter
from collections.abc import Container
from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

from opsbuddy_analytics_service.models import LEVELS, LogEntry, Selection, StoredLog
from opsbuddy_analytics_service.storage import Counts, Kept, Slice
from opsbuddy_core import timestamps
from opsbuddy_core.sqlite import SqliteStore

MINUTE = 60 * timestamps.SECOND
COLUMNS = [field.name for field in fields(StoredLog)]
SCHEMA = """
CREATE TABLE logs (
  time INTEGER PRIMARY KEY, timestamp INTEGER NOT NULL, level TEXT NOT NULL, logger TEXT NOT NULL, message TEXT NOT NULL, service TEXT NOT NULL,
  operation TEXT, data TEXT, request_id TEXT, trace_id TEXT, event_id TEXT NOT NULL,
  received INTEGER NOT NULL, state INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX by_service ON logs (service, level, time);
CREATE INDEX by_arrival ON logs (received);
CREATE INDEX waiting ON logs (time) WHERE state = 0;
CREATE TABLE events (service TEXT, event_id TEXT, seen INTEGER NOT NULL, PRIMARY KEY (service, event_id)) WITHOUT ROWID;
CREATE INDEX by_age ON events (seen);
CREATE TABLE counts (minute INTEGER, service TEXT, level TEXT, logs INTEGER NOT NULL, PRIMARY KEY (minute, service, level)) WITHOUT ROWID;
CREATE TABLE dead (time INTEGER PRIMARY KEY, reason TEXT NOT NULL, at INTEGER NOT NULL);
CREATE TABLE state (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO state VALUES ('horizon', 0)
"""
MIGRATIONS = (SCHEMA,)
WAITING, FORWARDED, DEAD = 0, 1, 2
PRUNED_AT_ONCE = 2000
COUNTS_KEPT = timedelta(days=90)


class SqliteJournal:
    """The journal in `store`."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        self._next: dict[int, int] = {}  # used by the writing thread alone: where to look for a free place first

    async def begin(self, *, archived: bool) -> None:
        """Note when this journal began. With an archive, that may hold logs of a journal before, which is lost: it is asked for all earlier times."""
        now = timestamps.now()

        def work(connection: sqlite3.Connection) -> None:
            fresh = connection.execute("INSERT INTO state VALUES ('begun', ?) ON CONFLICT DO NOTHING", (now,)).rowcount
            if fresh and archived:
                connection.execute("UPDATE state SET value = ? WHERE name = 'horizon'", (now,))

        await self._store.write(work)

    async def append(self, entries: list[LogEntry]) -> list[Kept]:
        received = timestamps.now()
        weight = sum(len(entry.message) + len(entry.data or "") + 200 for entry in entries)
        return await self._store.write(lambda connection: self._append(connection, entries, received), weight)

    async def page(self, selection: Selection, limit: int) -> Slice:
        return await self._store.read(lambda connection: _page(connection, selection, limit))

    async def counts(self, start: int, end: int, width: int) -> Counts:
        first, last = start // MINUTE, end // MINUTE
        statement = "SELECT (minute - ?) / ? AS bucket, service, level, sum(logs) FROM counts WHERE minute >= ? AND minute < ? GROUP BY bucket, service, level"
        return await self._store.read(
            lambda connection: connection.execute(statement, (first, width, first, last)).fetchall()
        )

    async def probe(self) -> None:
        """Write for real: what a full or read-only disk refuses."""
        await self._store.write(
            lambda connection: connection.execute(
                "INSERT OR REPLACE INTO state VALUES ('probed', ?)", (timestamps.now(),)
            )
        )

    async def waiting(self, limit: int) -> list[StoredLog]:
        """Return the oldest logs that were not forwarded yet."""
        statement = f"SELECT {', '.join(COLUMNS)} FROM logs WHERE state = 0 ORDER BY time LIMIT ?"  # noqa: S608 - fixed names
        return await self._store.read(
            lambda connection: [StoredLog(*row) for row in connection.execute(statement, (limit,))]
        )

    async def horizon(self) -> int:
        """Return the time from which on everything is here."""
        return await self._store.read(_horizon)

    async def move(self, times: list[int]) -> None:
        """Give logs that wait another time close by, because the archive has another log at theirs."""

        def work(connection: sqlite3.Connection) -> None:
            for time in times:
                place = _free(connection, time + random.randint(1, 1000))  # noqa: S311 - no secret
                connection.execute("UPDATE logs SET time = ? WHERE time = ?", (place, time))

        await self._store.write(work)

    async def settle(self, forwarded: list[int], refused: list[tuple[int, str]]) -> None:
        """Note which logs the archive has, and which it will never take (with its reason): those stay here."""
        done, dead, at = [(time,) for time in forwarded], refused, timestamps.now()

        def work(connection: sqlite3.Connection) -> None:
            connection.executemany(f"UPDATE logs SET state = {FORWARDED} WHERE time = ?", done)  # noqa: S608 - a constant
            connection.executemany(f"UPDATE logs SET state = {DEAD} WHERE time = ?", [(time,) for time, _ in dead])  # noqa: S608 - likewise
            connection.executemany(
                "INSERT OR REPLACE INTO dead VALUES (?, ?, ?)", [(time, reason, at) for time, reason in dead]
            )

        await self._store.write(work)

    async def sizes(self) -> dict[str, int]:
        """Return how many logs are here, wait to be forwarded, or were refused by the archive for good."""
        statement = "SELECT (SELECT count(*) FROM logs), (SELECT count(*) FROM logs WHERE state = 0), (SELECT count(*) FROM dead)"
        row = await self._store.read(lambda connection: connection.execute(statement).fetchone())
        return dict(zip(("kept", "waiting", "dead"), row, strict=True))

    async def prune_archived(self, before: int) -> int:
        """Remove logs before this time that the archive has; returns how many. Answers for that time come from the archive from now on."""

        def work(connection: sqlite3.Connection) -> int:
            connection.execute("UPDATE state SET value = max(value, ?) WHERE name = 'horizon'", (before,))
            return connection.execute(
                "DELETE FROM logs WHERE time IN (SELECT time FROM logs WHERE time < ? AND state = ? LIMIT ?)",
                (before, FORWARDED, PRUNED_AT_ONCE),
            ).rowcount

        return await self._store.write(work)

    async def prune_arrived(self, before: int) -> int:
        """Remove logs that arrived before this time; returns how many."""

        def work(connection: sqlite3.Connection) -> int:
            gone = connection.execute(
                "SELECT time FROM logs WHERE received < ? LIMIT ?", (before, PRUNED_AT_ONCE)
            ).fetchall()
            connection.executemany("DELETE FROM logs WHERE time = ?", gone)
            connection.executemany("DELETE FROM dead WHERE time = ?", gone)
            return len(gone)

        return await self._store.write(work)

    async def forget(self, events_before: int) -> None:
        """Forget event ids that were seen before this time, and counts that nobody asks for any more."""
        minute = (timestamps.now() - int(COUNTS_KEPT.total_seconds()) * timestamps.SECOND) // MINUTE

        def work(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM events WHERE seen < ?", (events_before,))
            connection.execute("DELETE FROM counts WHERE minute < ?", (minute,))

        await self._store.write(work)

    def _append(self, connection: sqlite3.Connection, entries: list[LogEntry], received: int) -> list[Kept]:
        rows: dict[int, tuple[Any, ...]] = {}
        kept: list[Kept] = []
        newest = connection.execute("SELECT max(time) FROM logs").fetchone()[0] or 0
        for entry in entries:
            if entry.event_id and not _first_time(connection, entry, received):
                kept.append(Kept(entry.event_id, duplicate=True))
                continue
            time = self._place(connection, entry.timestamp, newest, rows)
            event_id = entry.event_id or secrets.token_hex(12)
            rows[time] = (time, *(getattr(entry, name) for name in COLUMNS[1:-1]), event_id, received)
            kept.append(Kept(event_id, duplicate=False))
        connection.executemany(INSERT, rows.values())
        counted = Counter((row[1] // MINUTE, row[5], row[2]) for row in rows.values())
        connection.executemany(
            "INSERT INTO counts VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET logs = logs + excluded.logs",
            [(*key, number) for key, number in counted.items()],
        )
        return kept

    def _place(self, connection: sqlite3.Connection, timestamp: int, newest: int, taken: Container[int]) -> int:
        """Return the first time from the timestamp on that is neither in the table, where `newest` is the last, nor in `taken`."""
        time = self._next.get(timestamp, timestamp)
        while True:
            if time <= newest:
                time = _free(connection, time)
            if time not in taken:
                break
            time += 1
        if len(self._next) > 10_000:  # noqa: PLR2004 - plenty of instants at once
            self._next.clear()
        self._next[timestamp] = time + 1
        return time


INSERT = f"INSERT INTO logs ({', '.join(COLUMNS)}, received) VALUES ({', '.join('?' * (len(COLUMNS) + 1))})"  # noqa: S608 - fixed names


def _free(connection: sqlite3.Connection, time: int) -> int:
    for (taken,) in connection.execute("SELECT time FROM logs WHERE time >= ? ORDER BY time", (time,)):
        if taken != time:
            break
        time += 1
    return time


def _first_time(connection: sqlite3.Connection, entry: LogEntry, received: int) -> bool:
    statement = "INSERT INTO events VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
    return connection.execute(statement, (entry.service, entry.event_id, received)).rowcount == 1


def _horizon(connection: sqlite3.Connection) -> int:
    value: int = connection.execute("SELECT value FROM state WHERE name = 'horizon'").fetchone()[0]
    return value


def _page(connection: sqlite3.Connection, selection: Selection, limit: int) -> Slice:
    """Of one service: the best of each level by the index, then the best of those; sorting all logs of a service would be slow."""
    levels = LEVELS if selection.service is not None and selection.level is None else (selection.level,)
    order = f"ORDER BY time {'DESC' if selection.descending else 'ASC'} LIMIT ?"
    parts, arguments = [], []
    for level in levels:
        condition, values = _condition(replace(selection, level=level))
        parts.append(f"SELECT * FROM (SELECT {', '.join(COLUMNS)} FROM logs WHERE {condition} {order})")  # noqa: S608 - fixed names, bound values
        arguments += [*values, limit]
    rows = connection.execute(f"{' UNION ALL '.join(parts)} {order}", (*arguments, limit))
    return Slice([StoredLog(*row) for row in rows], _horizon(connection))


def _condition(selection: Selection) -> tuple[str, list[Any]]:
    conditions = ["time >= ?", "time < ?"]
    arguments: list[Any] = [selection.start, selection.end]
    for column in ("service", "level", "logger", "operation", "request_id", "trace_id"):
        if (value := getattr(selection, column)) is not None:
            conditions.append(f"{column} = ?")
            arguments.append(value)
    if selection.text is not None:
        conditions.append("message LIKE ? ESCAPE '\\'")
        arguments.append(f"%{_literal(selection.text)}%")
    return " AND ".join(conditions), arguments


def _literal(text: str) -> str:
    """Take LIKE's own meaning from its characters."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
