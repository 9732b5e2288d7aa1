"""Records of files in a database."""

from collections.abc import Sequence
from typing import Any, Protocol

from sqlalchemy import Select, delete, exists, insert, select, tuple_, update

from opsbuddy_core.database import Database
from opsbuddy_file_service.models import Query, StoredFile
from opsbuddy_file_service.storage.tables import file_tags, files

COLUMNS = {"created": files.c.created_at, "size": files.c.size, "name": files.c.filename}


class Records(Protocol):
    """What is known of files."""

    async def add(self, file: StoredFile) -> None: ...
    async def find(self, file_id: str) -> StoredFile | None: ...
    async def search(self, query: Query, count: int) -> list[StoredFile]: ...
    async def change(self, file_id: str, members: dict[str, Any]) -> StoredFile | None: ...
    async def remove(self, file_id: str) -> bool: ...
    async def known(self, keys: Sequence[str]) -> set[str]: ...


class SqlRecords:
    """Records in SQLite or PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, file: StoredFile) -> None:
        async with self._database.writing() as connection:
            await connection.execute(insert(files).values(_row(file)))
            if rows := _tag_rows(file):
                await connection.execute(insert(file_tags), rows)

    async def find(self, file_id: str) -> StoredFile | None:
        async with self._database.reading() as connection:
            found = (await connection.execute(select(files).where(files.c.id == file_id))).mappings().one_or_none()
        return StoredFile.model_validate(found) if found else None

    async def search(self, query: Query, count: int) -> list[StoredFile]:
        async with self._database.reading() as connection:
            found = (await connection.execute(_statement(query).limit(count))).mappings().all()
        return [StoredFile.model_validate(row) for row in found]

    async def change(self, file_id: str, members: dict[str, Any]) -> StoredFile | None:
        """Set the members in one step, so that two changes of different members both hold; None: there is no such file."""
        chosen = files.c.id == file_id
        async with self._database.writing() as connection:
            found = (await connection.execute(select(files).where(chosen).with_for_update())).mappings().one_or_none()
            if found is None:
                return None
            file = StoredFile.model_validate(dict(found) | members)
            await connection.execute(update(files).where(chosen).values(_row(file)))
            await connection.execute(delete(file_tags).where(file_tags.c.file_id == file_id))
            if rows := _tag_rows(file):
                await connection.execute(insert(file_tags), rows)
        return file

    async def remove(self, file_id: str) -> bool:
        async with self._database.writing() as connection:
            return bool((await connection.execute(delete(files).where(files.c.id == file_id))).rowcount)

    async def known(self, keys: Sequence[str]) -> set[str]:
        """Return those of the keys that a record has."""
        async with self._database.reading() as connection:
            return set((await connection.scalars(select(files.c.key).where(files.c.key.in_(keys)))).all())


def _statement(query: Query) -> Select[Any]:
    column, down = COLUMNS[query.sort.field], query.sort.descending
    statement = select(files).order_by(column.desc() if down else column, files.c.id.desc() if down else files.c.id)
    if query.cursor:
        place, last = tuple_(column, files.c.id), (query.cursor.value, query.cursor.id)
        statement = statement.where(place < last if down else place > last)
    for name, value in query.tags:
        has = exists().where(file_tags.c.file_id == files.c.id, file_tags.c.name == name)
        statement = statement.where(has if value is None else has.where(file_tags.c.value == value))
    if query.content_type:
        kind = files.c.content_type
        whole = query.content_type.endswith("/*")
        statement = statement.where(
            kind.startswith(query.content_type[:-1], autoescape=True) if whole else kind == query.content_type
        )
    if query.name:
        statement = statement.where(files.c.folded.contains(query.name.casefold(), autoescape=True))
    return statement


def _row(file: StoredFile) -> dict[str, Any]:
    return file.model_dump() | {"folded": file.filename.casefold()}


def _tag_rows(file: StoredFile) -> list[dict[str, str]]:
    return [{"file_id": file.id, "name": name, "value": value} for name, value in sorted(file.searchable_tags())]
