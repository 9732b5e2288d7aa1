"""The tables of a Database as lines of JSON, the same from SQLite and PostgreSQL: what was saved from one can be restored into the other.

The first line names the revision of the schema; then for each table a line with its name and columns, and a line for each row.
"""

import asyncio
import json
import sqlite3
from collections.abc import Awaitable, Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TextIO, TypeVar

from alembic.util.exc import CommandError
from sqlalchemy import Connection, MetaData, Table, func, inspect, select, text
from sqlalchemy.exc import SQLAlchemyError
from typing_extensions import override

from opsbuddy_core.backup.archive import BackupError, Writer
from opsbuddy_core.backup.sqlite_file import RUNS, in_use, without
from opsbuddy_core.backup.tool import Part
from opsbuddy_core.database import Database

FILE = "tables.jsonl"
ROWS = 500  # in one statement
DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
T = TypeVar("T")


class DamagedError(BackupError):
    """The file of the database cannot be read any more."""


class Tables(Part):
    """The tables of `schema` in the database that `database` makes: a loop of its own for each use needs an engine of its own."""

    def __init__(self, database: Callable[[], Database], schema: MetaData, kept: Iterable[Table]) -> None:
        self._database, self._schema, self._kept = database, schema, tuple(kept)

    @override
    def save(self, archive: Writer, draft: Path) -> None:
        self.copy(draft)
        archive.add_file(FILE, draft / FILE)

    def copy(self, folder: Path) -> None:
        """Write the tables into the folder, all as of one moment."""
        with (folder / FILE).open("w") as out:
            self._with(lambda database: database.snapshot(lambda connection: self._dump(connection, database, out)))

    @override
    def hindrance(self, *, force: bool) -> str | None:
        file = self._database().file
        if file and not file.exists():  # to ask it would make it
            return None
        try:
            occupied = self._with(lambda database: database.snapshot(self._occupied))
        except DamagedError:
            if file and force:
                return RUNS if in_use(file) else None
            raise
        return "There are data already; --force replaces them." if occupied and not force else None

    @override
    def load(self, folder: Path) -> None:
        try:
            self._restore(folder)
        except DamagedError:
            file = self._database().file
            if not file:
                raise
            if in_use(file):
                raise BackupError(RUNS) from None
            with without(file):
                self._restore(folder)

    def _restore(self, folder: Path) -> None:
        async def work(database: Database) -> None:
            with (folder / FILE).open() as lines:
                await database.rebuild(lambda c, migrate: self._rebuild(c, migrate, database, lines))

        try:
            self._with(work)
        except CommandError as error:
            raise BackupError(
                "The archive has a newer schema than this program knows: restore it with a newer version."
            ) from error

    def _with(self, work: Callable[[Database], Awaitable[T]]) -> T:
        async def run() -> T:
            database = self._database()
            try:
                return await work(database)
            finally:
                await database.close()

        try:
            return asyncio.run(run())
        except SQLAlchemyError as error:
            cause = getattr(error, "orig", None) or error
            if getattr(cause, "sqlite_errorcode", 0) & 0xFF in DAMAGED:
                raise DamagedError("The database is damaged; --force sets it aside.") from None
            # its words have the statement and the values of rows
            raise BackupError(f"The database cannot be used as it is ({type(cause).__name__}).") from None

    def _occupied(self, connection: Connection) -> bool:
        there = set(inspect(connection).get_table_names())
        return any(
            connection.scalar(select(func.count()).select_from(table)) for table in self._kept if table.name in there
        )

    def _dump(self, connection: Connection, database: Database, out: TextIO) -> None:
        if database.version_table not in inspect(connection).get_table_names():
            raise BackupError("The database has no tables of this service yet: there is nothing to save.")
        revision = connection.scalar(text(f'SELECT version_num FROM "{database.version_table}"'))  # noqa: S608 - our own name
        _line(out, {"revision": revision})
        for table in self._reflected(connection).sorted_tables:
            _line(out, {"table": table.name, "columns": [column.name for column in table.columns]})
            for row in connection.execution_options(yield_per=ROWS).execute(select(table)):
                _line(out, list(row))

    def _rebuild(
        self, connection: Connection, migrate: Callable[[str], None], database: Database, lines: TextIO
    ) -> None:
        for table in reversed(self._reflected(connection).sorted_tables):
            table.drop(connection)
        connection.execute(text(f'DROP TABLE IF EXISTS "{database.version_table}"'))
        migrate(json.loads(next(lines))["revision"])
        fresh = self._reflected(connection)
        for table in reversed(fresh.sorted_tables):
            connection.execute(table.delete())  # what a script puts there itself
        for table, rows in _batches(fresh, lines):
            connection.execute(table.insert(), rows)
        migrate("head")

    def _reflected(self, connection: Connection) -> MetaData:
        """Return our tables as they are, in whatever revision. Others may lie in the same database."""
        there = set(inspect(connection).get_table_names())
        found = MetaData()
        found.reflect(connection, only=[name for name in self._schema.tables if name in there])
        return found


def _batches(schema: MetaData, lines: Iterable[str]) -> Iterator[tuple[Table, list[dict[str, Any]]]]:
    rows: list[dict[str, Any]] = []
    table, columns = None, []
    for line in lines:
        document = json.loads(line)
        if isinstance(document, dict) or len(rows) == ROWS:
            if table is not None and rows:
                yield table, rows
            rows = []
        if isinstance(document, dict):
            table, columns = schema.tables[document["table"]], document["columns"]
        else:
            rows.append(dict(zip(columns, document, strict=True)))
    if table is not None and rows:
        yield table, rows


def _line(out: TextIO, document: Any) -> None:
    out.write(json.dumps(document, separators=(",", ":")) + "\n")
