"""A SQLite file for data that comes in fast: one thread writes and commits for many callers at once, a few threads read.

`write` returns after the commit reached the disk (WAL, synchronous=FULL), or with `durable=False` before: a crash of the machine may undo that, whole
and never without what came after. Callers that wait at the same time share one commit, each in its own savepoint, so that one caller's mistake is not
another's.
"""

import asyncio
import contextlib
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from opsbuddy_core.checkpoints import Checkpoints
from opsbuddy_core.errors import DeadlineError, StorageFullError, UnavailableError

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]
READERS = 2
GROUP = 256  # callers that share one commit at most
READ_LIMIT = 10.0
STEPS = 10_000  # of SQLite's machine between two looks at the clock


@dataclass(slots=True)
class _Job:
    work: Work[Any]
    done: asyncio.Future[Any]
    weight: int
    durable: bool


class SqliteStore:
    """The file at `path`. `migrations` are scripts, applied once each and in order; `most_waiting` bounds the weight (bytes) of writes that wait."""

    def __init__(self, path: Path, migrations: Sequence[str], *, most_waiting: int = 64 * 1024 * 1024) -> None:
        self.path, self._migrations, self._most_waiting = path, migrations, most_waiting
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._waiting = 0
        self._local = threading.local()
        self._readers: ThreadPoolExecutor | None = None
        self._writer: threading.Thread | None = None
        self._checkpoints: Checkpoints | None = None
        self._opened: list[sqlite3.Connection] = []

    async def start(self) -> None:
        """Open or make the file. Raises OSError or sqlite3.Error when it cannot be used."""
        self._loop = asyncio.get_running_loop()
        connection = await asyncio.to_thread(self._open)
        self._checkpoints = Checkpoints(self._connect(), f"checkpoint-{self.path.stem}")
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix=f"read-{self.path.stem}")
        self._writer = threading.Thread(target=self._work, args=(connection,), name=f"write-{self.path.stem}")
        self._writer.start()

    async def stop(self) -> None:
        """Commit what waits, then close."""
        if self._writer:
            self._jobs.put(None)
            await asyncio.to_thread(self._writer.join)
            self._writer = None
        if self._checkpoints:
            await asyncio.to_thread(self._checkpoints.stop)
            self._checkpoints = None
        if self._readers:
            await asyncio.to_thread(self._readers.shutdown)
            self._readers = None
        for connection in self._opened:
            connection.close()
        self._opened.clear()

    async def write(self, work: Work[T], weight: int = 1, *, durable: bool = True) -> T:
        """Run `work` in a transaction and return its result once that is on disk, or only committed. Raises UnavailableError when too much waits already."""
        if self._writer is None or self._waiting + weight > self._most_waiting:
            raise UnavailableError(
                "More is being written than the disk takes; nothing of this was stored. Send it again after the given time.",
                retry_after=1,
            )
        job = _Job(work, self._loop.create_future(), weight, durable)
        self._waiting += weight
        self._jobs.put(job)
        return await job.done  # type: ignore[no-any-return]

    async def read(self, work: Work[T], limit: float = READ_LIMIT) -> T:
        """Run `work` on a connection that cannot write. Raises DeadlineError after `limit` seconds."""
        if self._readers is None:
            raise UnavailableError("The store is closed.", retry_after=1)
        deadline = time.monotonic() + limit
        return await self._loop.run_in_executor(self._readers, self._read, work, deadline)

    def _read(self, work: Work[T], deadline: float) -> T:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._connect()
            connection.execute("PRAGMA query_only = 1")
            self._local.connection = connection
            self._opened.append(connection)
        connection.set_progress_handler(lambda: int(time.monotonic() > deadline), STEPS)
        try:
            connection.execute("BEGIN")  # one snapshot for all that the work reads
            return work(connection)
        except sqlite3.Error as error:
            raise _translated(error) from error
        finally:
            connection.set_progress_handler(None, 0)
            connection.rollback()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, timeout=5)
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA cache_size = -16000")
        return connection

    def _open(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        connection = self._connect()
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA wal_autocheckpoint = 0")  # see Checkpoints
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        for number, script in enumerate(self._migrations[version:], version + 1):
            connection.executescript(f"BEGIN; {script}; PRAGMA user_version = {number}; COMMIT;")
        return connection

    def _work(self, connection: sqlite3.Connection) -> None:
        while (first := self._jobs.get()) is not None:
            group, more = [first], True
            while more and len(group) < GROUP:
                try:
                    job = self._jobs.get_nowait()
                except queue.Empty:
                    break
                more = job is not None
                if job is None:
                    self._jobs.put(None)
                else:
                    group.append(job)
            connection.execute(f"PRAGMA synchronous = {'FULL' if any(job.durable for job in group) else 'NORMAL'}")
            results = _commit(connection, [job.work for job in group])
            if self._checkpoints:
                self._checkpoints.committed(connection)
            with contextlib.suppress(RuntimeError):  # the loop is gone: nobody waits any more
                self._loop.call_soon_threadsafe(self._resolve, group, results)
        connection.close()

    def _resolve(self, group: list[_Job], results: list[Any]) -> None:
        for job, result in zip(group, results, strict=True):
            self._waiting -= job.weight
            if job.done.done():
                continue
            if isinstance(result, Exception):
                job.done.set_exception(result)
            else:
                job.done.set_result(result)


def _commit(connection: sqlite3.Connection, group: list[Work[Any]]) -> list[Any]:
    """Run the group in one transaction; a result or an exception for each."""
    try:
        connection.execute("BEGIN IMMEDIATE")
        results = [_one(connection, work) for work in group]
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        with contextlib.suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        return [_translated(error)] * len(group)
    return results


def _one(connection: sqlite3.Connection, work: Work[Any]) -> Any:
    connection.execute("SAVEPOINT one")
    try:
        result = work(connection)
    except Exception as error:  # it belongs to the caller of this piece of work, who gets it
        if isinstance(error, sqlite3.Error) and not connection.in_transaction:
            raise  # a full disk rolls the whole transaction back
        connection.execute("ROLLBACK TO one")
        connection.execute("RELEASE one")
        return _translated(error) if isinstance(error, sqlite3.Error) else error
    connection.execute("RELEASE one")
    return result


def _translated(error: sqlite3.Error) -> Exception:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return StorageFullError(
            "The disk is full; nothing of this was stored. Free space or enlarge the volume.", retry_after=30
        )
    if code == sqlite3.SQLITE_INTERRUPT:
        return DeadlineError("Reading took too long; ask for a shorter range or fewer results.")
    if code in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN):
        return UnavailableError(f"The store cannot be used at the moment ({error}).", retry_after=5)
    return error
