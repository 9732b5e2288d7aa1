"""The index of the journal, when the disk is full."""

import pytest

from opsbuddy_analytics_service.service import indexer
from opsbuddy_analytics_service.storage.embedded import SqliteJournal
from opsbuddy_core.errors import StorageFullError
from tests.services.analytics_service.conftest import Service, entry
from tests.support.wait import eventually


async def test_a_full_disk_is_said_once_shown_while_it_lasts_and_heals_by_itself(
    embedded: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried, works = 0, SqliteJournal.index

    async def full(_: SqliteJournal) -> int:
        nonlocal tried
        tried += 1
        raise StorageFullError("The disk is full.")

    async def state() -> str:
        return str((await embedded.http.get("/status")).json()["storage"]["indexing"])

    async def shown() -> bool:
        return tried >= 3 and await state() == "The disk is full."

    async def healed() -> bool:
        return await state() == "works"

    told: list[str] = []
    monkeypatch.setattr(indexer.log, "warning", lambda text, **_: told.append(text))
    monkeypatch.setattr(indexer.log, "info", lambda text, **_: told.append(text))
    monkeypatch.setattr(indexer, "LONGEST_PAUSE", 0.01)
    monkeypatch.setattr(SqliteJournal, "index", full)
    await eventually(shown, within=10)
    await embedded.send(entry("found all the same"))
    assert await embedded.find(text="found all") == ["found all the same"]
    monkeypatch.setattr(SqliteJournal, "index", works)
    await eventually(healed, within=10)
    assert told == ["New logs cannot be indexed; searches for text take longer", "New logs are indexed again"]
