"""Small questions to the journal's tables, and the upkeep of its two indexes: trigrams of messages, and ids."""

import sqlite3
from collections.abc import Sequence
from hashlib import blake2b

from opsbuddy_analytics_service.models import StoredLog
from opsbuddy_analytics_service.storage.stores import Dead, Numbered, Waiting

NAMES = "time, timestamp, level, logger, message, service, operation, data, request_id, trace_id, event_id"


def state(connection: sqlite3.Connection, name: str) -> int:
    """Return a number that the journal keeps about itself."""
    value: int = connection.execute("SELECT value FROM state WHERE name = ?", (name,)).fetchone()[0]
    return value


def horizon(connection: sqlite3.Connection) -> int:
    """Return the time from which on everything is here."""
    return state(connection, "horizon")


def counted_since(connection: sqlite3.Connection) -> int:
    """Return the time from which on no log can be in the archive that this journal has not seen."""
    return state(connection, "begun") if horizon(connection) else 0


def used_bytes(connection: sqlite3.Connection) -> int:
    """Return the bytes of the file that are in use; the file itself does not shrink."""
    pages, free, size = (
        connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * size)


class Room:
    """Whether the file still has room; used by the writing thread alone. It is measured anew once a small part of `most` bytes was written, 0: no bound."""

    PART = 256

    def __init__(self, most: int) -> None:
        self._most = most
        self._unmeasured = most  # bytes written since the file was measured

    def is_gone(self, connection: sqlite3.Connection, weight: int) -> bool:
        """Return whether what `weight` bytes are to be added to is larger than the bound already."""
        self._unmeasured += weight
        if not self._most or self._unmeasured < self._most // self.PART:
            return False
        if used_bytes(connection) > self._most:
            return True  # and look again at the next
        self._unmeasured = 0
        return False


def sizes(connection: sqlite3.Connection) -> dict[str, int]:
    """Count by the numbers given, which have few holes, instead of counting rows."""
    _, oldest, given = span(connection)
    dead, again = connection.execute("SELECT count(*), coalesce(sum(again), 0) FROM dead").fetchone()
    return {
        "kept": given - oldest + 1,
        "waiting": given - max(state(connection, "forwarded"), oldest - 1) + again,
        "dead": dead - again,
        "unindexed": given - max(state(connection, "indexed"), oldest - 1),
        "bytes": used_bytes(connection),
    }


def since(connection: sqlite3.Connection, number: int, limit: int) -> list[Numbered]:
    """Return the logs that arrived after this number."""
    statement = f"SELECT number, {NAMES} FROM logs WHERE number > ? ORDER BY number LIMIT ?"  # noqa: S608 - fixed names
    return [Numbered(row[0], StoredLog(*row[1:])) for row in connection.execute(statement, (number, limit))]


def span(connection: sqlite3.Connection) -> tuple[int, int, int]:
    """Return when this journal began, the number of the oldest log here, and the last number given."""
    given = state(connection, "given")
    oldest = connection.execute("SELECT min(number) FROM logs").fetchone()[0]
    return state(connection, "begun"), given + 1 if oldest is None else oldest, given


def waiting(connection: sqlite3.Connection, limit: int) -> Waiting:
    """Dead letters that are to be tried again come first."""
    again = f"SELECT {NAMES} FROM logs WHERE time IN (SELECT time FROM dead WHERE again = 1) LIMIT ?"  # noqa: S608 - likewise
    forwarded = state(connection, "forwarded")
    if rows := connection.execute(again, (limit,)).fetchall():
        return Waiting([StoredLog(*row) for row in rows], forwarded)
    numbered = since(connection, forwarded, limit)
    return Waiting([log for _, log in numbered], numbered[-1].number if numbered else forwarded)


def dead(connection: sqlite3.Connection, limit: int) -> tuple[list[Dead], int]:
    """Return the first dead letters, and how many there are."""
    names = ", ".join(f"logs.{name}" for name in NAMES.split(", "))
    statement = (
        f"SELECT reason, at, again, {names} FROM dead JOIN logs ON logs.time = dead.time ORDER BY dead.time LIMIT ?"  # noqa: S608 - likewise
    )
    found = [Dead(row[0], row[1], bool(row[2]), StoredLog(*row[3:])) for row in connection.execute(statement, (limit,))]
    return found, connection.execute("SELECT count(*) FROM dead").fetchone()[0]


def mark(name: str, value: str) -> str:
    """Return the word that stands for an id in the index: an id itself may be many words."""
    return blake2b(value.encode(), digest_size=8, person=name.encode()).hexdigest()


def _marks(request_id: str | None, trace_id: str | None) -> str:
    both = (("request_id", request_id), ("trace_id", trace_id))
    return " ".join(mark(name, value) for name, value in both if value is not None)


def index(connection: sqlite3.Connection, limit: int) -> int:
    """Index the next logs in the order of their arrival; returns how many."""
    statement = "SELECT number, time, message, request_id, trace_id FROM logs WHERE number > ? ORDER BY number LIMIT ?"
    rows = connection.execute(statement, (state(connection, "indexed"), limit)).fetchall()
    if rows:
        _insert(connection, [row[1:] for row in rows])
        connection.execute("UPDATE state SET value = ? WHERE name = 'indexed'", (rows[-1][0],))
    return len(rows)


def merge(connection: sqlite3.Connection, pages: int) -> bool:
    """Merge about so many pages of the indexes' segments, of which each `index` adds one; returns whether there may be more to merge."""
    return any([_merge(connection, "words", pages), _merge(connection, "ids", pages)])


def _merge(connection: sqlite3.Connection, name: str, pages: int) -> bool:
    before = connection.total_changes
    connection.execute(f"INSERT INTO {name} ({name}, rank) VALUES ('merge', ?)", (pages,))  # noqa: S608 - one of two names
    return connection.total_changes - before > 1  # https://www.sqlite.org/fts5.html#the_merge_command


def reindex(connection: sqlite3.Connection, time: int) -> None:
    """Index a log that got another time, if its turn is over."""
    statement = "SELECT time, message, request_id, trace_id FROM logs WHERE time = ? AND number <= ?"
    _insert(connection, connection.execute(statement, (time, state(connection, "indexed"))).fetchall())


def unindex(connection: sqlite3.Connection, times: Sequence[int]) -> None:
    """Take logs out of the indexes, which want to hear again what they were told."""
    last = state(connection, "indexed")
    statement = "SELECT time, message, request_id, trace_id FROM logs WHERE time = ? AND number <= ?"
    rows = [row for time in times for row in connection.execute(statement, (time, last))]
    words = "INSERT INTO words (words, rowid, message) VALUES ('delete', ?, ?)"
    connection.executemany(words, [row[:2] for row in rows])
    ids = [(time, marks) for time, _, *both in rows if (marks := _marks(*both))]
    connection.executemany("INSERT INTO ids (ids, rowid, hashes) VALUES ('delete', ?, ?)", ids)


def remove(connection: sqlite3.Connection, times: Sequence[int]) -> int:
    """Remove logs and all that hangs on them; returns how many."""
    unindex(connection, times)
    single = [(time,) for time in times]
    connection.executemany("DELETE FROM logs WHERE time = ?", single)
    connection.executemany("DELETE FROM dead WHERE time = ?", single)
    return len(times)


def _insert(connection: sqlite3.Connection, rows: Sequence[tuple[int, str, str | None, str | None]]) -> None:
    connection.executemany("INSERT INTO words (rowid, message) VALUES (?, ?)", [row[:2] for row in rows])
    ids = [(time, marks) for time, _, *both in rows if (marks := _marks(*both))]
    connection.executemany("INSERT INTO ids (rowid, hashes) VALUES (?, ?)", ids)
