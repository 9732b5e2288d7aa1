"""Records of files in a database. Whatever is decided on a record is decided while its row is locked."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import CursorResult, delete, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from opsbuddy_core.database import Database
from opsbuddy_core.errors import StorageFullError
from opsbuddy_file_service.models import Query, StoredFile, Usage
from opsbuddy_file_service.storage.search import condition, statement
from opsbuddy_file_service.storage.tables import file_tags, file_usage, files

Change = tuple[StoredFile | None, StoredFile]  # before, after


class Records(Protocol):
    """What is known of files. A `decide` returns what a record becomes, or raises what the caller hears; `total`: most bytes of all files."""

    async def add(self, file: StoredFile, total: int | None) -> None: ...
    async def find(self, file_id: str) -> StoredFile | None: ...
    async def named(self, filename: str) -> list[StoredFile]: ...
    async def search(self, query: Query, count: int) -> list[StoredFile]: ...
    async def change(
        self, file_id: str, decide: Callable[[StoredFile], StoredFile], total: int | None = None
    ) -> Change | None: ...
    async def put(
        self, filename: str, decide: Callable[[list[StoredFile]], StoredFile], total: int | None
    ) -> Change: ...
    async def remove(self, file_id: str, check: Callable[[StoredFile], None]) -> StoredFile | None: ...
    async def in_trash(self, before: datetime, count: int) -> list[StoredFile]: ...
    async def known(self, keys: Sequence[str]) -> set[str]: ...
    async def usage(self) -> Usage: ...


class SqlRecords:
    """Records in SQLite or PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, file: StoredFile, total: int | None) -> None:
        """Keep a new record, or raise StorageFullError when all files would have more than `total` bytes."""
        async with self._database.writing() as connection:
            await _write(connection, None, file, total)

    async def find(self, file_id: str) -> StoredFile | None:
        """Return the record of that id, in the trash or not."""
        async with self._database.reading() as connection:
            found = (await connection.execute(select(files).where(files.c.id == file_id))).mappings().one_or_none()
        return StoredFile.model_validate(found) if found else None

    async def named(self, filename: str) -> list[StoredFile]:
        """Return up to two files of that name that are not in the trash."""
        async with self._database.reading() as connection:
            return await _named(connection, filename)

    async def search(self, query: Query, count: int) -> list[StoredFile]:
        async with self._database.reading() as connection:
            found = (await connection.execute(statement(query).limit(count))).mappings().all()
        return [StoredFile.model_validate(row) for row in found]

    async def change(
        self, file_id: str, decide: Callable[[StoredFile], StoredFile], total: int | None = None
    ) -> Change | None:
        """Change a record in one step, so that of two changes at once the second sees the first; None: there is no such file."""
        async with self._database.writing() as connection:
            chosen = select(files).where(files.c.id == file_id).with_for_update()
            found = (await connection.execute(chosen)).mappings().one_or_none()
            if found is None:
                return None
            before = StoredFile.model_validate(found)
            after = decide(before)
            await _write(connection, before, after, total)
        return before, after

    async def put(self, filename: str, decide: Callable[[list[StoredFile]], StoredFile], total: int | None) -> Change:
        """Make or change the file of a name; `decide` gets those that have it (of many, two)."""
        async with self._database.writing() as connection:
            if (
                self._database.shared
            ):  # two that make the same name at once would both find nothing; SQLite has one writer anyhow
                lock = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 1))")
                await connection.execute(lock, {"name": filename})
            found = await _named(connection, filename, lock=True)
            after = decide(found)
            before = next((file for file in found if file.id == after.id), None)
            await _write(connection, before, after, total)
        return before, after

    async def remove(self, file_id: str, check: Callable[[StoredFile], None]) -> StoredFile | None:
        """Remove the record for good unless `check` raises; returns what it was."""
        async with self._database.writing() as connection:
            chosen = select(files).where(files.c.id == file_id).with_for_update()
            found = (await connection.execute(chosen)).mappings().one_or_none()
            if found is None:
                return None
            file = StoredFile.model_validate(found)
            check(file)
            await connection.execute(delete(files).where(files.c.id == file_id))
            await _account(connection, -1, -file.size, None)
        return file

    async def in_trash(self, before: datetime, count: int) -> list[StoredFile]:
        """Return some of the files that were deleted before, the oldest first."""
        chosen = select(files).where(files.c.deleted_at < before).order_by(files.c.deleted_at, files.c.id).limit(count)
        async with self._database.reading() as connection:
            found = (await connection.execute(chosen)).mappings().all()
        return [StoredFile.model_validate(row) for row in found]

    async def known(self, keys: Sequence[str]) -> set[str]:
        """Return those of the keys that a record has."""
        async with self._database.reading() as connection:
            return set((await connection.scalars(select(files.c.key).where(files.c.key.in_(keys)))).all())

    async def usage(self) -> Usage:
        trash = select(func.count(), func.coalesce(func.sum(files.c.size), 0)).where(condition(Query(trash=True)))
        async with self._database.reading() as connection:
            whole = (await connection.execute(select(file_usage.c.files, file_usage.c.bytes))).one()
            thrown = (await connection.execute(trash)).one()
        return Usage(whole[0], whole[1], thrown[0], int(thrown[1]))


async def _named(connection: AsyncConnection, filename: str, *, lock: bool = False) -> list[StoredFile]:
    chosen = (
        select(files).where(files.c.filename == filename, files.c.deleted_at.is_(None)).order_by(files.c.id).limit(2)
    )
    found = (await connection.execute(chosen.with_for_update() if lock else chosen)).mappings().all()
    return [StoredFile.model_validate(row) for row in found]


async def _write(connection: AsyncConnection, before: StoredFile | None, after: StoredFile, total: int | None) -> None:
    row = after.model_dump() | {"folded": after.filename.casefold()}
    if before is None:
        await connection.execute(insert(files).values(row))
    else:
        await connection.execute(update(files).where(files.c.id == after.id).values(row))
    if before is None or before.searchable_tags() != after.searchable_tags():  # to Python, 1 and true are equal
        await connection.execute(delete(file_tags).where(file_tags.c.file_id == after.id))
        if rows := _tag_rows(after):
            await connection.execute(insert(file_tags), rows)
    if before is None or before.size != after.size:
        await _account(connection, int(before is None), after.size - (before.size if before else 0), total)


async def _account(connection: AsyncConnection, count: int, size: int, total: int | None) -> None:
    """Add to what all files take. Last in its transaction: every writer waits for this row."""
    added = {"files": file_usage.c.files + count, "bytes": file_usage.c.bytes + size}
    statement = update(file_usage).values(added)
    if total is not None and size > 0:
        statement = statement.where(file_usage.c.bytes + size <= total)
    done: CursorResult[Any] = await connection.execute(statement)
    if not done.rowcount:
        raise full(total or 0)


def full(total: int) -> StorageFullError:
    """Return the error for a file that does not fit beside the others."""
    return StorageFullError(
        f"All files together may have {total} bytes, and this one does not fit any more; nothing was stored. "
        "Delete some, or empty the trash, then try again.",
        limit=total,
    )


def _tag_rows(file: StoredFile) -> list[dict[str, str]]:
    return [{"file_id": file.id, "name": name, "value": value} for name, value in sorted(file.searchable_tags())]
