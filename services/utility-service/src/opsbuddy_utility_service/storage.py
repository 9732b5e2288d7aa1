"""Configurations in a database."""

import json
from typing import Any, Protocol

from sqlalchemy import (
    Column,
    Dialect,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    delete,
    insert,
    select,
    tuple_,
    update,
)
from sqlalchemy.exc import IntegrityError
from typing_extensions import override

from opsbuddy_core.database import BYTEWISE, Database, Moment
from opsbuddy_core.errors import ConflictError
from opsbuddy_utility_service.models import ConfigEntry, Query


class Json(TypeDecorator[Any]):
    """A JSON value as its text. A column that SQLite knows as JSON is numeric to it: -1500.0 would come back as -1500."""

    impl = Text
    cache_ok = True

    @override
    def process_bind_param(self, value: Any, dialect: Dialect) -> str:
        return json.dumps(value, ensure_ascii=False)

    @override
    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return None if value is None else json.loads(value)


configs = Table(
    "configs",
    MetaData(),
    Column("id", BYTEWISE, primary_key=True),
    Column("category", BYTEWISE, nullable=False),
    Column("name", BYTEWISE, nullable=False),
    Column("value", Json, nullable=False),
    Column("description", BYTEWISE, nullable=False),
    Column("folded", BYTEWISE, nullable=False),  # name, category and description as a search compares them
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    UniqueConstraint("category", "name", name="configs_by_name"),
)


class Configs(Protocol):
    """Where configurations are kept. A name that its category has already: ConflictError."""

    async def add(self, entry: ConfigEntry) -> None: ...
    async def find(self, entry_id: str) -> ConfigEntry | None: ...
    async def search(self, query: Query, count: int) -> list[ConfigEntry]: ...
    async def change(self, entry_id: str, members: dict[str, Any]) -> ConfigEntry | None: ...
    async def remove(self, entry_id: str) -> bool: ...


class SqlConfigs:
    """Configurations in SQLite or PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, entry: ConfigEntry) -> None:
        try:
            async with self._database.writing() as connection:
                await connection.execute(insert(configs).values(_row(entry)))
        except IntegrityError:
            raise _taken(entry) from None

    async def find(self, entry_id: str) -> ConfigEntry | None:
        async with self._database.reading() as connection:
            found = (await connection.execute(select(configs).where(configs.c.id == entry_id))).mappings().one_or_none()
        return ConfigEntry.model_validate(found) if found else None

    async def search(self, query: Query, count: int) -> list[ConfigEntry]:
        statement = select(configs).order_by(configs.c.category, configs.c.name).limit(count)
        if query.cursor:
            place = tuple_(configs.c.category, configs.c.name)
            statement = statement.where(place > (query.cursor.category, query.cursor.name))
        if query.category:
            statement = statement.where(configs.c.category == query.category)
        if query.text:
            statement = statement.where(configs.c.folded.contains(query.text.casefold(), autoescape=True))
        async with self._database.reading() as connection:
            found = (await connection.execute(statement)).mappings().all()
        return [ConfigEntry.model_validate(row) for row in found]

    async def change(self, entry_id: str, members: dict[str, Any]) -> ConfigEntry | None:
        """Set the members in one step, so that two changes of different members both hold; None: there is no such entry."""
        chosen = configs.c.id == entry_id
        async with self._database.writing() as connection:
            found = (await connection.execute(select(configs).where(chosen).with_for_update())).mappings().one_or_none()
            if found is None:
                return None
            entry = ConfigEntry.model_validate(dict(found) | members)
            try:
                await connection.execute(update(configs).where(chosen).values(_row(entry)))
            except IntegrityError:
                raise _taken(entry) from None
        return entry

    async def remove(self, entry_id: str) -> bool:
        async with self._database.writing() as connection:
            return bool((await connection.execute(delete(configs).where(configs.c.id == entry_id))).rowcount)


def _row(entry: ConfigEntry) -> dict[str, Any]:
    return entry.model_dump() | {"folded": f"{entry.name}\n{entry.category}\n{entry.description}".casefold()}


def _taken(entry: ConfigEntry) -> ConflictError:
    return ConflictError(
        f"The category {entry.category} has a configuration of the name {entry.name} already; "
        "change that one, or choose another name."
    )
