import asyncio
import sqlite3
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from opsbuddy_core import checkpoints
from opsbuddy_core.errors import DeadlineError, StorageFullError, UnavailableError
from opsbuddy_core.sqlite import SqliteStore
from tests.support.wait import eventually

NORMAL, FULL = 1, 2  # https://www.sqlite.org/pragma.html#pragma_synchronous
SCHEMA = ("CREATE TABLE things (name TEXT UNIQUE, body TEXT)",)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    opened = SqliteStore(tmp_path / "sub/things.sqlite3", SCHEMA, most_waiting=1000)
    await opened.start()
    yield opened
    await opened.stop()


def add(name: str, body: str = ""):
    return lambda connection: connection.execute("INSERT INTO things VALUES (?, ?)", (name, body))


def names(connection: sqlite3.Connection) -> list[str]:
    return [row[0] for row in connection.execute("SELECT name FROM things ORDER BY rowid")]


async def test_one_callers_mistake_is_not_anothers(store: SqliteStore) -> None:
    results = await asyncio.gather(*[store.write(add(name)) for name in ("a", "a", "b")], return_exceptions=True)
    assert [isinstance(each, Exception) for each in results] == [False, True, False]
    assert await store.read(names) == ["a", "b"]


async def test_a_piece_of_work_that_fails_leaves_nothing_behind(store: SqliteStore) -> None:
    def half(connection: sqlite3.Connection) -> None:
        add("half")(connection)
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        await store.write(half)
    assert await store.read(names) == []


async def test_what_was_written_is_there_after_a_new_start_and_migrations_run_once(store: SqliteStore) -> None:
    await store.write(add("a"))
    await store.stop()
    again = SqliteStore(store.path, (*SCHEMA, "ALTER TABLE things ADD COLUMN size INTEGER"))
    await again.start()
    assert await again.read(names) == ["a"]
    assert await again.read(lambda connection: connection.execute("SELECT size FROM things").fetchone()) == (None,)
    await again.stop()


async def test_too_much_waiting_is_refused_and_room_comes_back(store: SqliteStore) -> None:
    accepted = asyncio.ensure_future(store.write(add("a"), weight=900))
    await asyncio.sleep(0)
    with pytest.raises(UnavailableError) as refused:
        await store.write(add("b"), weight=101)
    assert refused.value.retry_after == 1
    await accepted
    await store.write(add("c"), weight=1000)
    assert await store.read(names) == ["a", "c"]


async def test_a_full_disk_is_said_to_be_full_and_keeps_what_was_stored(store: SqliteStore) -> None:
    await store.write(add("small"))
    pages = await store.read(lambda connection: connection.execute("PRAGMA page_count").fetchone()[0])
    await store.write(lambda connection: connection.execute(f"PRAGMA max_page_count = {pages + 5}"))
    with pytest.raises(StorageFullError):
        await store.write(add("big", "x" * 100_000))
    await store.write(lambda connection: connection.execute("PRAGMA max_page_count = 100000"))
    await store.write(add("later"))
    assert await store.read(names) == ["small", "later"]


async def test_reading_ends_at_its_deadline_and_cannot_write(store: SqliteStore) -> None:
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
    with pytest.raises(DeadlineError):
        await store.read(lambda connection: connection.execute(endless).fetchone(), limit=0.05)
    with pytest.raises((sqlite3.Error, UnavailableError)):
        await store.read(add("a"))
    assert await store.read(names) == []


async def test_a_caller_that_goes_away_takes_nobody_with_it(store: SqliteStore) -> None:
    gone, stays = asyncio.ensure_future(store.write(add("a"))), asyncio.ensure_future(store.write(add("b")))
    await asyncio.sleep(0)
    gone.cancel()
    await stays
    assert "b" in await store.read(names)


def _synchronous(connection: sqlite3.Connection) -> int:
    level: int = connection.execute("PRAGMA synchronous").fetchone()[0]
    return level


async def test_a_commit_waits_for_the_disk_unless_nobody_in_it_needs_that(store: SqliteStore) -> None:
    assert await store.write(_synchronous) == FULL
    assert await store.write(_synchronous, durable=False) == NORMAL
    # the first keeps the writer busy, so that the others come together
    works = [store.write(lambda _: time.sleep(0.05)), store.write(_synchronous, durable=False), store.write(add("a"))]
    _, shared, _ = await asyncio.gather(*works)
    assert shared == FULL


async def test_the_log_before_the_file_stays_short_while_writing_goes_on(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "PAUSE", 0.01)
    monkeypatch.setattr(checkpoints, "LONGEST", 50)
    for number in range(100):
        await store.write(add(str(number), "x" * 100_000))
    assert _size(store, "-wal") < 5_000_000, "10 MB were written"
    assert len(await store.read(names)) == 100


async def test_what_was_committed_reaches_the_file_without_another_commit(store: SqliteStore) -> None:
    await store.write(add("a", "x" * 100_000))

    async def moved() -> bool:
        return _size(store) > 100_000

    await eventually(moved, what="the file has it")


async def test_a_file_that_is_closed_needs_nothing_beside_it(store: SqliteStore) -> None:
    await store.write(add("a"))
    await store.read(names)
    await store.stop()
    assert [each.name for each in store.path.parent.iterdir()] == [store.path.name]


def _size(store: SqliteStore, beside: str = "") -> int:
    return store.path.with_name(store.path.name + beside).stat().st_size


def test_a_stop_is_heard_that_comes_while_the_thread_turns_to_its_work(tmp_path: Path) -> None:
    """Else it would wait for a commit that never comes, and the service for it."""
    writer = sqlite3.connect(tmp_path / "x.sqlite3")
    thread = checkpoints.Checkpoints(sqlite3.connect(tmp_path / "x.sqlite3", check_same_thread=False), "checkpoint")
    cleared, stopping = thread._committed.clear, threading.Thread(target=thread.stop)

    def interrupted() -> None:
        stopping.start()
        thread._ended.wait(10)
        cleared()

    thread._committed.clear = interrupted  # type: ignore[method-assign]
    thread.committed(writer)
    thread._thread.join(2)
    heard = not thread._thread.is_alive()
    thread._committed.set()  # lets one that did not hear end as well
    stopping.join()
    writer.close()
    assert heard
