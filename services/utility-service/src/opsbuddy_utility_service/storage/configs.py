"""Configurations in a database, with their versions."""

import unicodedata
from collections.abc import Callable
from dataclasses import fields
from typing import Any, Protocol

from sqlalchemy import delete, insert, select, tuple_, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from opsbuddy_core.database import Database
from opsbuddy_core.errors import ConflictError
from opsbuddy_utility_service.models.configs import CONTENT, Config, ConfigVersion, Query
from opsbuddy_utility_service.storage.tables import configs, versions

MAX_VERSIONS = 100
Decide = Callable[[Config], Config]  # may raise; the same configuration again: there is nothing to change
Seal = Callable[[str, str], str]
Merge = Callable[[Config | None], Config]


class Configs(Protocol):
    """Where configurations are kept. A name that its category has already: ConflictError. Reading and changing are one step."""

    async def add(self, config: Config) -> None: ...
    async def find(self, config_id: str, *, trash: bool = False) -> Config | None: ...
    async def search(self, query: Query) -> list[Config]: ...

    async def change(self, config_id: str, decide: Decide, seal: Seal, *, trash: bool = False) -> Config | None:
        """Put what `decide` makes of it; None: there is none. When it becomes a secret, its versions are sealed as well."""
        ...

    async def merge(
        self, items: list[tuple[str, str, Merge]], seal: Seal, *, keep: bool
    ) -> list[tuple[Config | None, Config]]:
        """Put all items by category and name, or none of them; `keep` False: only try. Returns before and after."""
        ...

    async def remove(self, config_id: str, check: Callable[[Config], object]) -> bool: ...
    async def history(self, config_id: str) -> list[ConfigVersion]: ...
    async def version(self, config_id: str, number: int) -> ConfigVersion | None: ...

    async def reseal(self, change: Seal) -> int:
        """Put `change(id, sealed)` for each sealed value; return how many there were."""
        ...


class _Undo(Exception):  # noqa: N818 - no error: it ends a transaction that was only a try
    pass


class SqlConfigs:
    """Configurations in SQLite or PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, config: Config) -> None:
        async with self._database.writing() as connection:
            await _put(connection, None, config)

    async def find(self, config_id: str, *, trash: bool = False) -> Config | None:
        async with self._database.reading() as connection:
            return await _one(connection, (configs.c.id == config_id) & _where_it_is(trash=trash))

    async def search(self, query: Query) -> list[Config]:
        place = (configs.c.category, configs.c.name, configs.c.id)
        statement = select(configs).where(_where_it_is(trash=query.trash)).order_by(*place).limit(query.limit)
        if query.cursor:
            after = (query.cursor.category, query.cursor.name, query.cursor.id)
            statement = statement.where(tuple_(*place) > after)
        if query.category:
            statement = statement.where(configs.c.category == query.category)
        if query.text:
            statement = statement.where(configs.c.folded.contains(query.text.casefold(), autoescape=True))
        for tag in query.tags:
            statement = statement.where(configs.c.tags.contains(f"\n{tag}\n", autoescape=True))
        async with self._database.reading() as connection:
            return [_config(row) for row in (await connection.execute(statement)).mappings()]

    async def change(self, config_id: str, decide: Decide, seal: Seal, *, trash: bool = False) -> Config | None:
        async with self._database.writing() as connection:
            current = await _one(connection, (configs.c.id == config_id) & _where_it_is(trash=trash), lock=True)
            if current is None:
                return None
            changed = decide(current)
            if changed != current:
                await _put(connection, current, changed, seal)
        return changed

    async def merge(
        self, items: list[tuple[str, str, Merge]], seal: Seal, *, keep: bool
    ) -> list[tuple[Config | None, Config]]:
        done: list[tuple[Config | None, Config]] = []
        try:
            async with self._database.writing() as connection:
                for category, name, decide in items:
                    named = (configs.c.category == category) & (configs.c.name == name) & _where_it_is(trash=False)
                    current = await _one(connection, named, lock=True)
                    changed = decide(current)
                    if changed != current:
                        await _put(connection, current, changed, seal)
                    done.append((current, changed))
                _undo_unless(keep)
        except _Undo:
            pass
        return done

    async def remove(self, config_id: str, check: Callable[[Config], object]) -> bool:
        async with self._database.writing() as connection:
            current = await _one(connection, configs.c.id == config_id, lock=True)
            if current is None:
                return False
            check(current)
            await connection.execute(delete(configs).where(configs.c.id == config_id))
            await connection.execute(delete(versions).where(versions.c.config_id == config_id))
        return True

    async def history(self, config_id: str) -> list[ConfigVersion]:
        statement = select(versions).where(versions.c.config_id == config_id).order_by(versions.c.version.desc())
        async with self._database.reading() as connection:
            return [_version(row) for row in (await connection.execute(statement)).mappings()]

    async def version(self, config_id: str, number: int) -> ConfigVersion | None:
        chosen = (versions.c.config_id == config_id) & (versions.c.version == number)
        async with self._database.reading() as connection:
            row = (await connection.execute(select(versions).where(chosen))).mappings().one_or_none()
        return _version(row) if row else None

    async def reseal(self, change: Seal) -> int:
        count = 0
        async with self._database.writing() as connection:
            for table, keys in ((configs, (configs.c.id,)), (versions, (versions.c.config_id, versions.c.version))):
                statement = select(*keys, table.c.value).where(table.c.secret).with_for_update()
                for row in (await connection.execute(statement)).all():
                    chosen = tuple_(*keys) == tuple(row[:-1])
                    value = change(row[0], row[-1])
                    await connection.execute(update(table).where(chosen).values(value=value))
                    count += 1
        return count


def _undo_unless(keep: bool) -> None:  # noqa: FBT001 - its only argument
    if not keep:
        raise _Undo


async def _one(connection: AsyncConnection, chosen: Any, *, lock: bool = False) -> Config | None:
    statement = select(configs).where(chosen)
    row = (await connection.execute(statement.with_for_update() if lock else statement)).mappings().one_or_none()
    return _config(row) if row else None


async def _put(connection: AsyncConnection, current: Config | None, config: Config, seal: Seal | None = None) -> None:
    try:
        if current is None:
            await connection.execute(insert(configs).values(_row(config)))
        else:
            await connection.execute(update(configs).where(configs.c.id == config.id).values(_row(config)))
    except IntegrityError:
        raise _taken(config) from None
    if current is None or config.version != current.version:
        kept = {name: getattr(config, name) for name in CONTENT} | {"tags": _tags_text(config.tags)}
        await connection.execute(insert(versions).values(config_id=config.id, **kept))
        forgotten = versions.c.version <= config.version - MAX_VERSIONS
        await connection.execute(delete(versions).where(versions.c.config_id == config.id, forgotten))
    if current is not None and config.secret and not current.secret and seal:
        await _seal_history(connection, config.id, seal)


async def _seal_history(connection: AsyncConnection, config_id: str, seal: Seal) -> None:
    plain = (versions.c.config_id == config_id) & versions.c.secret.is_(False)
    for row in (await connection.execute(select(versions.c.version, versions.c.value).where(plain))).all():
        chosen = (versions.c.config_id == config_id) & (versions.c.version == row.version)
        sealed = {"value": seal(config_id, row.value), "secret": True}
        await connection.execute(update(versions).where(chosen).values(sealed))


def _where_it_is(*, trash: bool) -> Any:
    return configs.c.deleted_at.is_not(None) if trash else configs.c.deleted_at.is_(None)


def _config(row: Any) -> Config:
    members = {field.name: row[field.name] for field in fields(Config)}
    return Config(**members | {"tags": _tags(row["tags"])})


def _version(row: Any) -> ConfigVersion:
    members = {field.name: row[field.name] for field in fields(ConfigVersion)}
    return ConfigVersion(**members | {"tags": _tags(row["tags"])})


def _row(config: Config) -> dict[str, Any]:
    members = {field.name: getattr(config, field.name) for field in fields(Config)}
    text = "\n".join((config.name, config.category, config.description, *config.tags))
    return members | {"tags": _tags_text(config.tags), "folded": unicodedata.normalize("NFC", text).casefold()}


def _tags(text: str) -> tuple[str, ...]:
    return tuple(text.strip("\n").split("\n")) if text.strip("\n") else ()


def _tags_text(tags: tuple[str, ...]) -> str:
    return "\n" + "".join(f"{tag}\n" for tag in tags)


def _taken(config: Config) -> ConflictError:
    return ConflictError(
        f"The category {config.category} has a configuration of the name {config.name} already; "
        "change that one, or choose another name."
    )
