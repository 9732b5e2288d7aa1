"""What the utility service does with configurations."""

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Literal, NoReturn

from opsbuddy_core.errors import NotFoundError, PreconditionFailedError
from opsbuddy_core.logs import get_logger
from opsbuddy_utility_service.models.configs import (
    Config,
    ConfigVersion,
    Cursor,
    Given,
    Imported,
    ImportReport,
    Query,
)
from opsbuddy_utility_service.service import changes, exchange
from opsbuddy_utility_service.service.changes import Author
from opsbuddy_utility_service.service.secrets import Sealer
from opsbuddy_utility_service.storage.configs import Configs, Merge

AT_ONCE = 1000
Expected = Callable[[Config], bool]
log = get_logger("utility_service")


def _any(_: Config) -> bool:
    return True


class ConfigService:
    """Configurations by category and name. `expected`: whether the caller means this version; if not, PreconditionFailedError."""

    def __init__(
        self, configs: Configs, sealer: Sealer, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._configs, self._sealer, self._clock = configs, sealer, clock

    async def create(self, given: Given, actor: str) -> Config:
        config = changes.created(str(uuid.uuid4()), given, self._author(actor))
        await self._configs.add(config)
        return _logged("create", config)

    async def find(self, config_id: str) -> Config:
        return await self._configs.find(_canonical(config_id)) or await self._absent(config_id)

    async def search(self, query: Query) -> tuple[list[Config], Cursor | None]:
        """Return a page and where the next one begins; None: this is the last."""
        found = await self._configs.search(replace(query, limit=query.limit + 1))
        page = found[: query.limit]
        last = page[-1] if len(found) > len(page) else None
        return page, Cursor(last.category, last.name, last.id) if last else None

    async def change(
        self, config_id: str, given: Given, actor: str, *, whole: bool, expected: Expected = _any
    ) -> Config:
        """Set the members that are given; `whole`: all of them, as for a new entry."""
        author = self._author(actor)

        def decide(current: Config) -> Config:
            _check(current, expected)
            return changes.changed(current, given, author, whole=whole)

        return _logged("update", await self._changed(config_id, decide))

    async def history(self, config_id: str) -> list[ConfigVersion]:
        """Return the versions that are kept, newest first."""
        config = await self.find(config_id)
        return await self._configs.history(config.id)

    async def version(self, config_id: str, number: int) -> ConfigVersion:
        config = await self.find(config_id)
        return await self._configs.version(config.id, number) or _no_version(number)

    async def roll_back(self, config_id: str, number: int, actor: str, expected: Expected = _any) -> Config:
        """Make the content of an earlier version the next version."""
        author = self._author(actor)
        wanted = await self.version(config_id, number)

        def decide(current: Config) -> Config:
            _check(current, expected)
            sealed = wanted
            if current.secret and not wanted.secret:  # it became a secret between the two readings
                sealed = replace(wanted, value=author.seal(current.id, wanted.value), secret=True)
            return changes.restored(current, sealed, author)

        return _logged("roll_back", await self._changed(config_id, decide))

    async def delete(self, config_id: str, *, purge: bool, expected: Expected = _any) -> None:
        """Move to the trash; `purge`: remove for good, also what is in the trash."""
        if purge:
            if not await self._configs.remove(_canonical(config_id), partial(_check, expected=expected)):
                _missing(config_id)
            log.info("Configuration removed for good", operation="delete", config_id=config_id)
            return

        def decide(current: Config) -> Config:
            _check(current, expected)
            return replace(current, deleted_at=self._clock())

        _logged("delete", await self._changed(config_id, decide))

    async def restore(self, config_id: str) -> Config:
        """Take it out of the trash; one that is not in it stays as it is. A name that its category has again meanwhile: ConflictError."""
        back = await self._configs.change(
            _canonical(config_id), lambda current: replace(current, deleted_at=None), self._sealer.seal, trash=True
        )
        return _logged("restore", back) if back else await self.find(config_id)

    async def export(self, query: Query) -> str:
        """Return those that match as YAML."""
        found: list[Config] = []
        page, cursor = await self.search(replace(query, limit=AT_ONCE))
        found += page
        while cursor:
            page, cursor = await self.search(replace(query, limit=AT_ONCE, cursor=cursor))
            found += page
        return await asyncio.to_thread(exchange.export, found)

    async def take_in(self, document: bytes, actor: str, *, dry_run: bool) -> ImportReport:
        """Create and change by category and name what a YAML document says: all of it, or nothing."""
        entries = await asyncio.to_thread(exchange.read, document)
        author = self._author(actor)

        def decide(given: Given, place: str, current: Config | None) -> Config:
            if current is None:
                return changes.created(str(uuid.uuid4()), given, author, place)
            return changes.changed(current, given, author, whole=True, place=place)

        items: list[tuple[str, str, Merge]] = [
            (given.category or "", given.name or "", partial(decide, given, f"configs[{index}]."))
            for index, given in enumerate(entries)
        ]
        done = await self._configs.merge(items, self._sealer.seal, keep=not dry_run)
        results = [Imported(category=new.category, name=new.name, outcome=_outcome(old, new)) for old, new in done]
        created, changed, unchanged = (
            sum(each.outcome == outcome for each in results) for outcome in ("created", "changed", "unchanged")
        )
        log.info("Configurations imported", operation="import", dry_run=dry_run, created=created, changed=changed)
        return ImportReport(dry_run=dry_run, created=created, changed=changed, unchanged=unchanged, results=results)

    async def _changed(self, config_id: str, decide: Callable[[Config], Config]) -> Config:
        changed = await self._configs.change(_canonical(config_id), decide, self._sealer.seal)
        return changed or await self._absent(config_id)

    async def _absent(self, config_id: str) -> NoReturn:
        if await self._configs.find(_canonical(config_id), trash=True):
            raise NotFoundError(
                f"Configuration {config_id} is in the trash; POST /configs/{config_id}/restore takes it out."
            )
        _missing(config_id)

    def _author(self, actor: str) -> Author:
        return Author(actor, self._clock(), self._sealer.seal)


def _check(current: Config, expected: Expected) -> None:
    if not expected(current):
        raise PreconditionFailedError(
            f"If-Match names another version than the current one, {current.version}; read it again, then decide."
        )


def _outcome(old: Config | None, new: Config) -> Literal["created", "changed", "unchanged"]:
    if old is None:
        return "created"
    return "unchanged" if old == new else "changed"


def _logged(operation: str, config: Config) -> Config:
    log.info(
        "Configuration changed", operation=operation, config_id=config.id, name=config.name, version=config.version
    )
    return config


def _canonical(config_id: str) -> str:
    try:
        return str(uuid.UUID(config_id))
    except ValueError:
        _missing(config_id)


def _missing(config_id: str) -> NoReturn:
    raise NotFoundError(
        f"There is no configuration {config_id[:64]}; GET /configs lists those that there are."
    ) from None


def _no_version(number: int) -> NoReturn:
    raise NotFoundError(f"There is no version {number}, or it is no longer kept; GET …/versions lists those that are.")
