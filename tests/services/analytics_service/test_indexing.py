"""The indexes grow by small segments, and what merges them are turns of their own."""

import random
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from opsbuddy_analytics_service.models import NewLog, Selection
from opsbuddy_analytics_service.service.intake import judge
from opsbuddy_analytics_service.storage import searching
from opsbuddy_analytics_service.storage.embedded import MIGRATIONS, SqliteJournal
from opsbuddy_core import timestamps
from opsbuddy_core.sqlite import SqliteStore
from tests.services.analytics_service.conftest import entry

TURNS, LOGS = 20, 60  # more than the 16 segments at which an index would merge of its own accord


def _logs(number: int) -> list[NewLog]:
    """Return logs that fill many pages of an index, as no two of their words are the same."""
    words = random.Random(number)  # noqa: S311 - not a secret
    found = [judge(entry(f"was late {words.randbytes(300).hex()}")) for _ in range(LOGS)]
    return [log for log in found if isinstance(log, NewLog)]


def _segments(connection: sqlite3.Connection) -> int:
    found: int = connection.execute("SELECT count(DISTINCT segid) FROM words_idx").fetchone()[0]
    return found


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(tmp_path / "logs.sqlite3", MIGRATIONS)
    await store.start()
    try:
        yield store
    finally:
        await store.stop()


@pytest.fixture
async def journal(store: SqliteStore) -> SqliteJournal:
    journal = SqliteJournal(store)
    await journal.begin(archived=False)
    return journal


async def test_indexing_merges_nothing_by_itself_and_merging_in_turns_keeps_the_segments_few(
    store: SqliteStore, journal: SqliteJournal
) -> None:
    for number in range(TURNS):
        await journal.append(_logs(number))
        assert await journal.index() == LOGS
    assert await store.read(_segments) == TURNS
    while await journal.merge():
        pass
    assert await store.read(_segments) < TURNS / 2
    late = Selection(timestamps.EARLIEST, 2**63 - 1, text="was late")
    assert len((await journal.page(late, 1000)).logs) == 1000


async def test_logs_that_are_not_indexed_yet_are_read_by_themselves_only_where_they_are_few(
    store: SqliteStore, journal: SqliteJournal
) -> None:
    ways = [await store.read(searching.way)]
    for number in range(5):
        await journal.append(_logs(number))
        ways.append(await store.read(searching.way))
        assert await journal.index() == LOGS
    assert ways == ["NOT INDEXED"] * 4 + ["INDEXED BY by_number"] * 2
