"""The audit: a chain that cannot fork, that shows when it was changed, and that nobody changes by mistake."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Executable, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import DBAPIError

from opsbuddy_core.database import Database
from opsbuddy_core.errors import OpsBuddyError
from opsbuddy_utility_service.factory import database_of
from opsbuddy_utility_service.models.audit import FIRST, AuditQuery, Entry
from opsbuddy_utility_service.service.audit import AuditService
from opsbuddy_utility_service.service.commands import Bounds, CommandService
from opsbuddy_utility_service.settings import UtilitySettings
from opsbuddy_utility_service.storage.audit import SqlAudit
from opsbuddy_utility_service.storage.tables import audit as table
from tests.services.utility_service.conftest import Service
from tests.support.fake_launcher import FakeLauncher

MIDNIGHT = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path: Path, database_url: str | None) -> UtilitySettings:
    return UtilitySettings(data_dir=tmp_path, database_url=database_url)


@pytest.fixture
async def database(settings: UtilitySettings) -> AsyncIterator[Database]:
    database = database_of(settings)
    async with database.running():
        yield database


@pytest.fixture
async def audit(database: Database) -> SqlAudit:
    return SqlAudit(database)


def started(run: str, at: datetime = MIDNIGHT, **details: Any) -> Entry:
    return Entry("started", run, at, "alice", "df", "", details)


def ended(run: str, at: datetime = MIDNIGHT) -> Entry:
    return Entry("ended", run, at, "alice", "df", "ok", {"exit_code": 0})


async def forbidden_change(database: Database, statement: Executable) -> None:
    with pytest.raises((DBAPIError, OpsBuddyError)):
        async with database.writing() as connection:
            await connection.execute(statement)


async def changed_by_force(database: Database, statement: str) -> None:
    """Do what only an owner of the database can do."""
    off = ["DROP TRIGGER audit_refuses_UPDATE", "DROP TRIGGER audit_refuses_DELETE"]
    async with database.writing() as connection:
        for each in ["DROP TRIGGER audit_refuses ON audit"] if database.shared else off:
            await connection.execute(text(each))
        await connection.execute(text(statement))


async def test_records_form_a_chain_that_is_verified(audit: SqlAudit) -> None:
    assert (await AuditService(audit).verify()).detail == "All 0 records are as they were written."
    first = await audit.append(started("a", words="é\n\"'"))
    second = await audit.append(ended("a"))
    assert first is not None
    assert second is not None
    assert (first.sequence, first.previous, second.sequence, second.previous) == (1, FIRST, 2, first.hash)
    verdict = await AuditService(audit).verify()
    assert (verdict.valid, verdict.records, verdict.hash) == (True, 2, second.hash)


async def test_a_run_begins_and_ends_once(audit: SqlAudit) -> None:
    await audit.append(started("a"))
    assert await audit.append(started("a")) is None
    assert await audit.append(ended("a")) is not None
    assert await audit.append(ended("a")) is None
    ((begun, over),) = await audit.page(AuditQuery())
    assert (begun.sequence, over.sequence if over else None) == (1, 2)


async def test_the_database_itself_refuses_to_change_a_record(audit: SqlAudit, database: Database) -> None:
    await audit.append(started("a"))
    for statement in ("UPDATE audit SET actor = 'mallory'", "DELETE FROM audit"):
        await forbidden_change(database, text(statement))
    assert (await AuditService(audit).verify()).records == 1


@pytest.mark.parametrize("same", ["sequence", "previous", "hash", "run, kind"])
async def test_the_database_itself_refuses_to_put_a_record_in_the_place_of_another(
    audit: SqlAudit, database: Database, same: str
) -> None:
    record = await audit.append(started("a"))
    new = {"sequence": 7, "run": "b", "previous": "x", "hash": "y"}
    kept = {name: getattr(record, name) for name in same.split(", ")}
    row = {column.name: getattr(record, column.name) for column in table.columns} | {"actor": "mallory"} | new | kept
    if database.shared:
        replacement: Any = postgresql.insert(table).on_conflict_do_update(index_elements=same.split(", "), set_=row)
    else:
        replacement = table.insert().prefix_with("OR REPLACE")
    await forbidden_change(database, replacement.values(row))
    verdict = await AuditService(audit).verify()
    assert (verdict.valid, verdict.records) == (True, 1)


@pytest.mark.parametrize(
    ("statement", "broken_at"),
    [
        ("UPDATE audit SET actor = 'mallory' WHERE sequence = 3", 3),
        ("UPDATE audit SET details = '{}' WHERE sequence = 2", 2),
        ("UPDATE audit SET at = at + 1 WHERE sequence = 5", 5),
        ("UPDATE audit SET reason = 'nonzero' WHERE sequence = 4", 4),
        ("DELETE FROM audit WHERE sequence = 2", 3),
        ("DELETE FROM audit WHERE sequence = 1", 2),
    ],
)
async def test_a_change_by_force_is_found_with_its_place(
    audit: SqlAudit, database: Database, statement: str, broken_at: int
) -> None:
    for number in range(3):
        await audit.append(started(f"run-{number}", words="x"))
        await audit.append(ended(f"run-{number}"))
    await changed_by_force(database, statement)
    verdict = await AuditService(audit).verify()
    assert (verdict.valid, verdict.broken_at) == (False, broken_at)
    assert "broken" in verdict.detail


async def test_replicas_that_write_at_once_do_not_fork_the_chain(settings: UtilitySettings, audit: SqlAudit) -> None:
    replica = database_of(settings)
    async with replica.running():
        both = (audit, SqlAudit(replica))
        await asyncio.gather(*(both[number % 2].append(started(f"run-{number}")) for number in range(20)))
    verdict = await AuditService(audit).verify()
    assert (verdict.valid, verdict.records) == (True, 20)


async def test_runs_of_a_service_that_was_killed_are_closed_as_lost(audit: SqlAudit) -> None:
    now = MIDNIGHT + timedelta(hours=2)
    await audit.append(started("old"))
    await audit.append(started("over"))
    await audit.append(ended("over"))
    await audit.append(started("recent", now - timedelta(minutes=1)))
    service = CommandService([], FakeLauncher(), audit, Bounds(most=1), clock=lambda: now)
    assert await service.close_lost() == 1
    shown = {run.id: (run.closed, run.reason) for run in (await AuditService(audit).page(AuditQuery())).runs}
    assert shown == {"old": (True, "lost"), "over": (True, "ok"), "recent": (False, None)}
    assert await service.close_lost(timedelta()) == 1
    assert (await AuditService(audit).verify()).valid


async def test_pages_have_every_run_once_newest_first_while_new_ones_come(service: Service) -> None:
    for _ in range(5):
        await service.http.post("/system/execute", json={"command": "uptime"})
    await service.http.post("/system/execute", json={"command": "rm x"})
    seen: list[int] = []
    query: dict[str, Any] = {"limit": 2}
    while True:
        page = (await service.http.get("/system/audit", params=query)).json()
        seen += [run["sequence"] for run in page["runs"]]
        await service.http.post("/system/execute", json={"command": "date"})
        if not page["next_cursor"]:
            break
        query["cursor"] = page["next_cursor"]
    assert seen == [11, 9, 7, 5, 3, 1]
    assert [run["command"] for run in await service.audited(reason="denied")] == ["rm"]
    assert {run["command"] for run in await service.audited(template="date")} == {"date"}
    assert await service.audited(actor="nobody") == []
    assert (await service.http.get("/system/audit/verify")).json()["valid"] is True


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"cursor": "x"}, "cursor"),
    ({"cursor": "-1"}, "cursor"),
    ({"cursor": "9" * 19}, "cursor"),
    ({"limit": 0}, "limit"),
    ({"reason": "x"}, "reason"),
    ({"actor": "\0"}, "actor"),
]


async def test_a_wrong_query_is_refused_naming_it(service: Service) -> None:
    for query, field in WRONG:
        answer = await service.http.get("/system/audit", params=query)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)
