"""The audit in a database. Only one transaction at a time adds to it, so that the chain has no forks, however many replicas there are."""

from collections.abc import AsyncIterator
from datetime import datetime
from functools import partial
from typing import Any, Protocol

from sqlalchemy import Connection, insert, select, text
from sqlalchemy.exc import IntegrityError

from opsbuddy_core.database import Database
from opsbuddy_utility_service.models.audit import AuditQuery, Entry, Record
from opsbuddy_utility_service.storage.tables import audit

BATCH = 1000
BEGINNINGS = ("started", "denied")
ended = audit.alias("ended")


def _columns(table: Any) -> list[Any]:
    return [table.c[name] for name in Record.__slots__]


LOCK = text("SELECT pg_advisory_xact_lock(hashtext('opsbuddy_utility_audit'))")
LAST = select(*_columns(audit)).order_by(audit.c.sequence.desc()).limit(1)


class Audit(Protocol):
    """Where records are kept."""

    async def append(self, entry: Entry) -> Record | None:
        """Add a record; None: the run has one of this kind already."""
        ...

    async def page(self, query: AuditQuery) -> list[tuple[Record, Record | None]]:
        """Return beginnings, newest first, each with its end where there is one."""
        ...

    async def open(self, before: datetime) -> list[Record]:
        """Return the beginnings without an end that are older than the moment."""
        ...

    def all(self) -> AsyncIterator[Record]:
        """Return all records in their order."""
        ...


class SqlAudit:
    """The audit in SQLite or PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def append(self, entry: Entry) -> Record | None:
        try:
            return await self._database.write(partial(self._append, entry))
        except IntegrityError:  # of run and kind: the lock keeps numbers and hashes apart
            return None

    def _append(self, entry: Entry, connection: Connection) -> Record:
        if self._database.shared:  # SQLite's writers are one at a time anyway
            connection.execute(LOCK)
        last = connection.execute(LAST).first()
        record = Record.after(Record(*last) if last else None, entry)
        connection.execute(insert(audit), {name: getattr(record, name) for name in Record.__slots__})
        return record

    async def page(self, query: AuditQuery) -> list[tuple[Record, Record | None]]:
        statement = _runs().order_by(audit.c.sequence.desc()).limit(query.limit)
        if query.before is not None:
            statement = statement.where(audit.c.sequence < query.before)
        if query.template is not None:
            statement = statement.where(audit.c.template == query.template)
        if query.actor is not None:
            statement = statement.where(audit.c.actor == query.actor)
        if query.reason is not None:
            statement = statement.where((audit.c.reason == query.reason) | (ended.c.reason == query.reason))
        async with self._database.reading() as connection:
            found = (await connection.execute(statement)).all()
        width = len(audit.c)
        return [(Record(*row[:width]), Record(*row[width:]) if row[width] is not None else None) for row in found]

    async def open(self, before: datetime) -> list[Record]:
        statement = _runs().where(audit.c.kind == "started", ended.c.sequence.is_(None), audit.c.at < before)
        async with self._database.reading() as connection:
            found = (await connection.execute(statement.order_by(audit.c.sequence).limit(BATCH))).all()
        return [Record(*row[: len(audit.c)]) for row in found]

    async def all(self) -> AsyncIterator[Record]:
        last = 0
        while True:
            statement = select(*_columns(audit)).where(audit.c.sequence > last).order_by(audit.c.sequence).limit(BATCH)
            async with self._database.reading() as connection:
                found = (await connection.execute(statement)).all()
            for row in found:
                yield Record(*row)
            if len(found) < BATCH:
                return
            last = found[-1].sequence


def _runs() -> Any:
    same = (ended.c.run == audit.c.run) & (ended.c.kind == "ended")
    joined = audit.outerjoin(ended, same)
    return select(*_columns(audit), *_columns(ended)).select_from(joined).where(audit.c.kind.in_(BEGINNINGS))
