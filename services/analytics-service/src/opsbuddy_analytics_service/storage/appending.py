"""Puts logs into the journal's tables, within a transaction of the writing thread."""

import secrets
import sqlite3
from collections import Counter
from collections.abc import Container, Sequence
from hashlib import blake2b
from itertools import count
from typing import Any

from opsbuddy_analytics_service.models import NewLog
from opsbuddy_analytics_service.storage.stores import Kept
from opsbuddy_core import timestamps
from opsbuddy_core.errors import FieldError, InvalidRequestError

MINUTE = 60 * timestamps.SECOND
INSTANTS = 10_000  # that are remembered at once
INSERT = "INSERT INTO logs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
COUNT = "INSERT INTO counts VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET logs = logs + excluded.logs"


class Appender:
    """What has to be remembered from batch to batch; used by the writing thread alone."""

    def __init__(self) -> None:
        self._next: dict[int, int] = {}  # where to look for a free place first

    def append(self, connection: sqlite3.Connection, logs: Sequence[NewLog], received: int) -> list[Kept]:
        """Store logs; those whose event_id is known already are not stored again."""
        rows: dict[int, tuple[Any, ...]] = {}
        kept: list[Kept] = []
        newest = connection.execute("SELECT max(time) FROM logs").fetchone()[0] or 0
        first = connection.execute("SELECT value FROM state WHERE name = 'given'").fetchone()[0]
        fresh, number = secrets.token_hex(8), count(first + 1)
        for log in logs:
            event_id = log.event_id
            if event_id is None:
                event_id = f"{fresh}{len(kept):06x}"
            elif not _first_time(connection, log.service, event_id, received):
                kept.append(Kept(event_id, duplicate=True))
                continue
            time = self._place(connection, log.timestamp, newest, rows)
            rows[time] = (time, next(number), *log[:-1], event_id, received)
            kept.append(Kept(event_id, duplicate=False))
        connection.executemany(INSERT, rows.values())
        connection.execute("UPDATE state SET value = ? WHERE name = 'given'", (first + len(rows),))
        tally = Counter([(row[0] // MINUTE, row[6], row[3]) for row in rows.values()])
        connection.executemany(COUNT, [(*key, logs_) for key, logs_ in tally.items()])
        return kept

    def _place(self, connection: sqlite3.Connection, timestamp: int, newest: int, taken: Container[int]) -> int:
        """Return the first time from the timestamp on that is neither in the table, where `newest` is the last, nor in `taken`."""
        time = self._next.get(timestamp, timestamp)
        while True:
            if time <= newest:
                time = free(connection, time)
            if time not in taken:
                break
            time += 1
        if len(self._next) > INSTANTS:
            self._next.clear()
        self._next[timestamp] = time + 1
        return time


def free(connection: sqlite3.Connection, time: int) -> int:
    """Return the first time from this on that no log has."""
    for (taken,) in connection.execute("SELECT time FROM logs WHERE time >= ? ORDER BY time", (time,)):
        if taken != time:
            break
        time += 1
    return time


def repeated(connection: sqlite3.Connection, key: str, body: bytes, received: int) -> bool:
    """Return whether this request was stored before; remember it otherwise. Raises InvalidRequestError when its key came with another body."""
    mark = blake2b(body, digest_size=16).digest()
    row = connection.execute("SELECT body FROM requests WHERE key = ?", (key,)).fetchone()
    if row is None:
        connection.execute("INSERT INTO requests VALUES (?, ?, ?)", (key, mark, received))
        return False
    if row[0] != mark:
        reason = "came with another body before; use a new key for new logs"
        raise InvalidRequestError(
            f"The Idempotency-Key {reason}.", errors=[FieldError("idempotency-key", reason, "key_reused")]
        )
    return True


def _first_time(connection: sqlite3.Connection, service: str, event_id: str, received: int) -> bool:
    statement = "INSERT INTO events VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
    return connection.execute(statement, (service, event_id, received)).rowcount == 1
