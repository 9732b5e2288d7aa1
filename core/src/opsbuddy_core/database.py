"""The relational database of a service: SQLite on its own disk, or PostgreSQL that replicas share. Needs the extra `database`.

database = Database.of(settings, "files", "opsbuddy_file_service")
async with database.running():          # brings the schema up to date, and tries again for as long as that fails
    async with database.writing() as connection: ...
await database.write(work)              # a short transaction in one go: a third of the processor time with SQLite
"""

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, TypeVar

from alembic import command
from alembic.config import Config
from sqlalchemy import BigInteger, Connection, Dialect, Engine, String, TypeDecorator, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from typing_extensions import override

from opsbuddy_core.errors import OpsBuddyError, StorageFullError, UnavailableError
from opsbuddy_core.logs import get_logger
from opsbuddy_core.settings import StateSettings

T = TypeVar("T")
FIRST_TRY_SECONDS = 10
BUSY_MILLISECONDS = 5000
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
Outage = Literal["writing", "all"]  # what does not work, as far as attempts have told
SQLITE_SETTINGS = (
    f"PRAGMA busy_timeout={BUSY_MILLISECONDS}",
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",  # an acknowledged write survives a power cut, not only a crash of the process
    "PRAGMA foreign_keys=ON",
)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
BYTEWISE = String().with_variant(String(collation="C"), "postgresql")  # text that both databases sort alike
log = get_logger("database")


class Moment(TypeDecorator[datetime]):
    """A moment in UTC as whole microseconds since 1970, which both databases keep and sort alike."""

    impl = BigInteger
    cache_ok = True

    @override
    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else (value - EPOCH) // timedelta(microseconds=1)

    @override
    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        return None if value is None else EPOCH + timedelta(microseconds=value)


class Database:
    """Transactions and the schema. `package` holds the Alembic scripts in `migrations/`, and names the table of their version."""

    def __init__(self, url: URL, package: str) -> None:
        self.shared = url.get_backend_name() != "sqlite"
        self._package, self._url = package, url
        self._current = asyncio.Event()
        self._out: Outage | None = None
        self._engine = _engine(url)
        self._writer = self._engine.execution_options(write=True)
        self._direct = None if self.shared else _direct(url)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="database")

    @classmethod
    def of(cls, settings: StateSettings, name: str, package: str) -> "Database":
        """Return the database that DATABASE_URL names, or the SQLite file `name` under DATA_DIR."""
        if settings.database_url is None:
            return cls(URL.create("sqlite", database=str(settings.sqlite_path(name))), package)
        return cls(make_url(settings.database_url.get_secret_value()), package)

    @property
    def kind(self) -> str:
        """`sqlite` or `postgresql`."""
        return self._engine.dialect.name

    @property
    def file(self) -> Path | None:
        """The file of SQLite, or None where the database is a server's."""
        return Path(self._url.database) if not self.shared and self._url.database else None

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Bring the schema up to date; goes on without it when the database does not answer yet, and keeps trying."""
        preparing = asyncio.create_task(self._prepare())
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(FIRST_TRY_SECONDS):
                    await self._current.wait()
            yield
        finally:
            preparing.cancel()
            await asyncio.gather(preparing, return_exceptions=True)
            await self.close()

    async def close(self) -> None:
        """Give every connection back; `running` does it."""
        await asyncio.to_thread(self._thread.shutdown)
        if self._direct:
            self._direct.dispose()
        await self._engine.dispose()

    async def probe(self) -> None:
        """Raise when the database cannot be asked."""
        async with self._engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
        if not self._current.is_set():
            raise UnavailableError("The schema is not up to date yet.")

    @asynccontextmanager
    async def reading(self) -> AsyncGenerator[AsyncConnection]:
        """Give a connection in a transaction that does not write."""
        async with self._transaction(self._engine) as connection:
            yield connection

    @asynccontextmanager
    async def writing(self) -> AsyncGenerator[AsyncConnection]:
        """Give a connection in a transaction that is durable when the block ends, or undone when it raises."""
        async with self._transaction(self._writer) as connection:
            yield connection

    async def snapshot(self, work: Callable[[Connection], T]) -> T:
        """Return what `work` reads: all of it as of one moment, whatever is written meanwhile."""
        async with self._engine.connect() as connection:
            if self.shared:
                await connection.execution_options(isolation_level="REPEATABLE READ")
            async with connection.begin():
                return await connection.run_sync(work)

    async def rebuild(self, work: Callable[[Connection, Callable[[str], None]], None]) -> None:
        """Let `work` make the schema and its content anew, all in one transaction; what it is given brings the schema to a revision."""
        await self._make_folder()
        async with self._writer.begin() as connection:
            await connection.run_sync(lambda c: work(c, lambda revision: self._run_scripts(c, revision)))

    @property
    def version_table(self) -> str:
        """Name of the table that says which revision the schema has."""
        return f"{self._package}_schema"

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Return what `work` does in a transaction that is durable by then, or undone when it raises. It knows nothing of asyncio.

        For short work that is waited for: SQLite does it in a thread in one go, where `writing` changes threads twice for each statement.
        """
        if self._direct is None:
            async with self.writing() as connection:
                return await connection.run_sync(work)
        with self._translating(writes=True):
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._write, self._direct, work)

    def _write(self, engine: Engine, work: Callable[[Connection], T]) -> T:
        with engine.begin() as connection:
            return work(connection)

    @asynccontextmanager
    async def _transaction(self, engine: AsyncEngine) -> AsyncGenerator[AsyncConnection]:
        with self._translating(writes=engine is self._writer):
            async with engine.begin() as connection:
                yield connection

    @contextmanager
    def _translating(self, *, writes: bool) -> Iterator[None]:
        if not self._current.is_set():
            raise UnavailableError("The database does not answer yet; try again in a few seconds.", retry_after=3)
        try:
            yield
        except (IntegrityError, DataError, ProgrammingError):
            raise
        except (DBAPIError, PoolTimeoutError, OSError) as error:
            self._failed(error, writes=writes)
            raise _failure(error) from error
        else:
            self._worked(writes=writes)

    def _failed(self, error: Exception, *, writes: bool) -> None:
        """Log that it failed: once for an outage, however many attempts it takes."""
        if self._out is None:
            log.error("The database failed", operation="database", error=_words(error))
            self._out = "writing" if writes else "all"

    def _worked(self, *, writes: bool) -> None:
        if self._out == "all" or (self._out == "writing" and writes):  # from a full disk one can still read
            log.info("The database works again", operation="database")
            self._out = None

    async def _prepare(self) -> None:
        pause = FIRST_PAUSE
        while True:
            try:
                await self._upgrade()
            except Exception as error:  # noqa: BLE001 - whatever a driver raises: try again, and show it
                if pause == FIRST_PAUSE:
                    log.warning("The schema could not be brought up to date", operation="migrate", error=_words(error))
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
            else:
                if pause != FIRST_PAUSE:
                    log.info("The schema is up to date now", operation="migrate")
                self._current.set()
                return

    async def _upgrade(self) -> None:
        await self._make_folder()
        async with self._writer.begin() as connection:
            await connection.run_sync(self._run_scripts)

    async def _make_folder(self) -> None:
        if self.file:
            await asyncio.to_thread(self.file.parent.mkdir, parents=True, exist_ok=True)

    def _run_scripts(self, connection: Connection, revision: str = "head") -> None:
        if self.shared:  # replicas start together; one of them does the work
            connection.execute(text("SELECT pg_advisory_xact_lock(hashtext(:name))"), {"name": self._package})
        config = Config()
        config.set_main_option("script_location", f"{self._package}:migrations")
        config.attributes.update(connection=connection, version_table=self.version_table)
        command.upgrade(config, revision)


def _engine(url: URL) -> AsyncEngine:
    if url.get_backend_name() == "sqlite":
        engine = create_async_engine(url.set(drivername="sqlite+aiosqlite"))
        _listen(engine.sync_engine)
        return engine
    query = dict(url.query)
    if "sslmode" in query:  # libpq's name, which everybody writes
        query["ssl"] = query.pop("sslmode")
    return create_async_engine(
        url.set(drivername="postgresql+asyncpg", query=query),
        pool_pre_ping=True,
        pool_timeout=10,
        connect_args={"timeout": 5, "command_timeout": 15},
    )


def _direct(url: URL) -> Engine:
    engine = create_engine(url.set(drivername="sqlite"))
    _listen(engine)
    return engine.execution_options(write=True)


def _listen(engine: Engine) -> None:
    event.listen(engine, "connect", _configure_sqlite)
    event.listen(engine, "begin", _begin_sqlite)


def _configure_sqlite(connection: Any, _: Any) -> None:
    connection.isolation_level = None  # the driver would begin transactions by its own rules
    cursor = connection.cursor()
    for statement in SQLITE_SETTINGS:
        cursor.execute(statement)
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that reads first and writes later fails when another one wrote in between: a writer takes the lock at once.
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("write") else "BEGIN")


def _failure(error: Exception) -> OpsBuddyError:
    code = getattr(getattr(error, "orig", None), "sqlite_errorcode", None)
    if code == sqlite3.SQLITE_FULL:
        return StorageFullError("The disk of the database is full; nothing was stored. Make room, then try again.")
    return UnavailableError("The database does not answer at the moment; try again in a few seconds.", retry_after=3)


def _words(error: BaseException) -> str:
    """Say what failed without the statement's parameters, which hold what users stored."""
    return f"{type(error).__name__}: {str(getattr(error, 'orig', None) or error).splitlines()[0][:300]}"
