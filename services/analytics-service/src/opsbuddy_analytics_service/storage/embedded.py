"""The journal: logs in a SQLite file, on disk before they are acknowledged.

The primary key `time` is a log's own timestamp in nanoseconds, moved on to the next free one when another log has it: logs of one instant stay
apart and in the order of their arrival, here and in InfluxDB, where equal points would overwrite each other. `number` counts arrivals.
"""

import random
import sqlite3
from collections.abc import Callable, Sequence

from opsbuddy_analytics_service.models import NewLog, Selection
from opsbuddy_analytics_service.storage import appending, lookup, searching, tallies
from opsbuddy_analytics_service.storage.gathering import Gathering
from opsbuddy_analytics_service.storage.schema import MIGRATIONS
from opsbuddy_analytics_service.storage.stores import Counts, Dead, Kept, Numbered, Slice, Tally, Waiting
from opsbuddy_core import timestamps
from opsbuddy_core.errors import UnavailableError
from opsbuddy_core.sqlite import SqliteStore

__all__ = ["MIGRATIONS", "PRUNED_AT_ONCE", "SqliteJournal"]
MINUTE = 60 * timestamps.SECOND
PRUNED_AT_ONCE = 1000
INDEXED_AT_ONCE = 200
MERGED_AT_ONCE = 16  # pages
COUNTS_KEPT = 90 * 24 * 60
ROW_COST = 300


class SqliteJournal:
    """The journal in `store`. `most_bytes` 0: as large as it gets."""

    def __init__(self, store: SqliteStore, most_bytes: int = 0) -> None:
        self._store, self.most_bytes = store, most_bytes
        self._appender = appending.Appender()
        self._room = lookup.Room(most_bytes)
        self._gathering = Gathering(self.append, _weight)
        self.appended = 0  # logs, since this process runs
        self.on_append: Callable[[], None] = lambda: None

    async def begin(self, *, archived: bool) -> None:
        """Note when this journal began. With an archive, that may hold logs of a journal before, which is lost: it is asked for all earlier times."""
        now = timestamps.now()

        def work(connection: sqlite3.Connection) -> None:
            fresh = connection.execute("INSERT INTO state VALUES ('begun', ?) ON CONFLICT DO NOTHING", (now,)).rowcount
            if fresh and archived:
                connection.execute("UPDATE state SET value = ? WHERE name = 'horizon'", (now,))

        await self._store.write(work)

    async def append(self, logs: Sequence[NewLog], key: str | None = None, body: bytes = b"") -> list[Kept]:
        """Store in one piece. With a `key`, the same `body` again stores nothing; raises InvalidRequestError for another body."""
        received = timestamps.now()
        weight = sum(map(_weight, logs))

        def work(connection: sqlite3.Connection) -> list[Kept]:
            if self._room.is_gone(connection, weight):
                raise UnavailableError(
                    "The journal has its largest size (JOURNAL_MAX_MIB); nothing of this was stored. Send it again after the given time.",
                    retry_after=10,
                    code="journal_full",
                )
            if key and appending.repeated(connection, key, body, received):
                return [Kept(log.event_id, duplicate=True) for log in logs]
            return self._appender.append(connection, logs, received)

        kept = await self._store.write(work, weight)
        self.appended += len(logs)
        self.on_append()
        return kept

    async def append_one(self, log: NewLog) -> Kept:
        return await self._gathering.put(log)

    async def services(self, limit: int) -> list[str]:
        return await self._store.read(lambda connection: searching.services(connection, limit))

    async def page(self, selection: Selection, limit: int) -> Slice:
        return await self._store.read(lambda connection: searching.page(connection, selection, limit))

    async def counts(self, start: int, end: int, width: int) -> Counts:
        return await self._store.read(lambda connection: tallies.counts(connection, start, end, width))

    async def counted_since(self) -> int:
        """Return the time from which on `counts` knows all logs, those of the archive too: old counts are forgotten, and a journal before had its own."""
        oldest = (timestamps.now() // MINUTE - COUNTS_KEPT + 1) * MINUTE
        return max(oldest, await self._store.read(lookup.counted_since))

    async def histogram(self, selection: Selection, width: int) -> Tally:
        return await self._store.read(lambda connection: tallies.histogram(connection, selection, width))

    async def facets(self, selection: Selection, fields: Sequence[str], limit: int) -> Tally:
        return await self._store.read(lambda connection: tallies.facets(connection, selection, fields, limit))

    async def since(self, number: int, limit: int) -> list[Numbered]:
        """Return the logs that arrived after this number, in the order of their arrival."""
        return await self._store.read(lambda connection: lookup.since(connection, number, limit))

    async def span(self) -> tuple[int, int, int]:
        """Return this journal's beginning (its identity), the number of the oldest log here and the last number given."""
        return await self._store.read(lookup.span)

    async def probe(self) -> None:
        """Write for real: what a full or read-only disk refuses."""
        statement = "INSERT OR REPLACE INTO state VALUES ('probed', ?)"
        await self._store.write(lambda connection: connection.execute(statement, (timestamps.now(),)))

    async def waiting(self, limit: int) -> Waiting:
        """Return the logs that are to be forwarded next."""
        return await self._store.read(lambda connection: lookup.waiting(connection, limit))

    async def horizon(self) -> int:
        """Return the time from which on everything is here."""
        return await self._store.read(lookup.horizon)

    async def move(self, times: list[int]) -> None:
        """Give logs that wait another time close by, because the archive has another log at theirs."""

        def work(connection: sqlite3.Connection) -> None:
            for time in times:
                place = appending.free(connection, time + random.randint(1, 1000))  # noqa: S311 - no secret
                lookup.unindex(connection, [time])
                connection.execute("UPDATE logs SET time = ? WHERE time = ?", (place, time))
                connection.execute("UPDATE dead SET time = ? WHERE time = ?", (place, time))
                lookup.reindex(connection, place)

        await self._store.write(work)

    async def settle(self, upto: int, forwarded: list[int], refused: list[tuple[int, str]]) -> None:
        """Note that the archive has all up to a number, and which it will never take (with its reason): those stay here."""
        at = timestamps.now()

        def work(connection: sqlite3.Connection) -> None:
            connection.execute("UPDATE state SET value = max(value, ?) WHERE name = 'forwarded'", (upto,))
            connection.executemany("DELETE FROM dead WHERE time = ?", [(time,) for time in forwarded])
            rows = [(time, reason, at) for time, reason in refused]
            connection.executemany("INSERT OR REPLACE INTO dead VALUES (?, ?, ?, 0)", rows)

        await self._store.write(work)

    async def dead(self, limit: int) -> tuple[list[Dead], int]:
        """Return the oldest dead letters, and how many there are."""
        return await self._store.read(lambda connection: lookup.dead(connection, limit))

    async def replay(self, times: list[int] | None) -> int:
        """Let dead letters be forwarded again, all of them without `times`; returns how many."""

        def work(connection: sqlite3.Connection) -> int:
            if times is None:
                return connection.execute("UPDATE dead SET again = 1").rowcount
            return connection.executemany("UPDATE dead SET again = 1 WHERE time = ?", [(t,) for t in times]).rowcount

        return await self._store.write(work)

    async def sizes(self) -> dict[str, int]:
        """Return how many logs are here, wait to be forwarded, were refused by the archive for good, are not indexed yet; and the bytes of all."""
        return await self._store.read(lookup.sizes)

    async def index(self) -> int:
        """Make some of the logs that came last quick to find by text and by id; returns how many."""
        return await self._store.write(lambda connection: lookup.index(connection, INDEXED_AT_ONCE), durable=False)

    async def merge(self) -> bool:
        """Tidy a little of what `index` made; returns whether there may be more to do."""
        return await self._store.write(lambda connection: lookup.merge(connection, MERGED_AT_ONCE), durable=False)

    async def prune_archived(self, before: int) -> int:
        """Remove logs before this time that the archive has; returns how many. Answers for that time come from the archive from now on."""

        def work(connection: sqlite3.Connection) -> int:
            connection.execute("UPDATE state SET value = max(value, ?) WHERE name = 'horizon'", (before,))
            statement = (
                "SELECT time FROM logs WHERE time < ? AND number <= (SELECT value FROM state WHERE name = 'forwarded')"
                " AND time NOT IN (SELECT time FROM dead) LIMIT ?"
            )
            times = [time for (time,) in connection.execute(statement, (before, PRUNED_AT_ONCE))]
            return lookup.remove(connection, times)

        return await self._store.write(work)

    async def prune_arrived(self, before: int) -> int:
        """Remove logs that arrived before this time; returns how many."""

        def work(connection: sqlite3.Connection) -> int:
            rows = connection.execute("SELECT time, received FROM logs ORDER BY number LIMIT ?", (PRUNED_AT_ONCE,))
            return lookup.remove(connection, [time for time, received in rows if received < before])

        return await self._store.write(work)

    async def prune_oversize(self, *, archived: bool) -> int:
        """Remove the logs that arrived first while the journal is larger than nine tenths of its largest size; returns how many.

        With an archive those alone that it has; answers for their time come from it then.
        """
        most = self.most_bytes * 9 // 10

        def work(connection: sqlite3.Connection) -> int:
            if not most or lookup.used_bytes(connection) <= most:
                return 0
            last = lookup.state(connection, "forwarded") if archived else 2**63 - 1
            statement = "SELECT time FROM logs WHERE number <= ? AND time NOT IN (SELECT time FROM dead) ORDER BY number LIMIT ?"
            times = [time for (time,) in connection.execute(statement, (last, PRUNED_AT_ONCE))]
            if archived and times:
                connection.execute("UPDATE state SET value = max(value, ?) WHERE name = 'horizon'", (max(times) + 1,))
            return lookup.remove(connection, times)

        return await self._store.write(work)

    async def forget(self, events_before: int) -> None:
        """Forget ids that were seen before this time, and counts that nobody asks for any more."""
        minute = timestamps.now() // MINUTE - COUNTS_KEPT

        def work(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM events WHERE seen < ?", (events_before,))
            connection.execute("DELETE FROM requests WHERE seen < ?", (events_before,))
            connection.execute("DELETE FROM counts WHERE minute < ?", (minute,))

        await self._store.write(work)


def _weight(log: NewLog) -> int:
    """Return about how many bytes a log takes."""
    return len(log.message) + len(log.data or "") + ROW_COST
