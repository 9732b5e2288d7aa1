"""The database under a service: the file service's, since a schema is needed."""

import asyncio
from pathlib import Path

import asyncpg
import pytest
from pydantic import ValidationError
from sqlalchemy import Connection, text

from opsbuddy_core import database as module
from opsbuddy_core.database import Database
from opsbuddy_core.errors import StorageFullError, UnavailableError
from opsbuddy_core.settings import StateSettings
from tests.support.postgres import postgres, postgres_server  # noqa: F401 - fixtures
from tests.support.wait import eventually

PACKAGE = "opsbuddy_file_service"


def database(folder: Path, url: str | None = None) -> Database:
    return Database.of(StateSettings(data_dir=folder, database_url=url), "files", PACKAGE)


async def count(opened: Database) -> int:
    async with opened.reading() as connection:
        return (await connection.execute(text("SELECT count(*) FROM files"))).scalar_one()


async def write(opened: Database, *statements: str, then: type[Exception] | None = None) -> None:
    async with opened.writing() as connection:
        for statement in statements:
            await connection.execute(text(statement))
        if then:
            raise then


async def test_a_database_that_comes_late_is_waited_for_and_said_to_be_missing(tmp_path: Path) -> None:
    in_the_way = tmp_path / "data"
    in_the_way.write_text("no folder")
    opened = database(in_the_way)
    starting = opened.running()
    entering = asyncio.create_task(starting.__aenter__())

    async def missing() -> bool:
        with pytest.raises(Exception):  # noqa: B017, PT011 - whatever the driver says
            await opened.probe()
        with pytest.raises(UnavailableError) as refused:
            await count(opened)
        return refused.value.retry_after == 3

    await eventually(missing)
    in_the_way.unlink()

    async def there() -> bool:
        await entering
        await opened.probe()
        return await count(opened) == 0

    await eventually(there)
    await starting.__aexit__(None, None, None)


async def test_sqlite_makes_every_acknowledged_write_durable_and_waits_for_locks(tmp_path: Path) -> None:
    opened = database(tmp_path)
    async with opened.running(), opened.reading() as connection:
        settings = {}
        for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout"):
            settings[name] = (await connection.execute(text(f"PRAGMA {name}"))).scalar_one()
    assert settings == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 5000}


async def test_writers_that_read_first_wait_for_each_other_instead_of_failing(tmp_path: Path) -> None:
    opened = database(tmp_path)
    async with opened.running():
        async with opened.writing() as connection:
            await connection.execute(text("CREATE TABLE counter (n INTEGER)"))
            await connection.execute(text("INSERT INTO counter VALUES (0)"))

        async def increase() -> None:
            async with opened.writing() as connection:
                n = (await connection.execute(text("SELECT n FROM counter"))).scalar_one()
                await asyncio.sleep(0)
                await connection.execute(text("UPDATE counter SET n = :n"), {"n": n + 1})

        await asyncio.gather(*(increase() for _ in range(20)))
        async with opened.reading() as connection:
            assert (await connection.execute(text("SELECT n FROM counter"))).scalar_one() == 20


async def test_a_block_that_raises_leaves_nothing(tmp_path: Path) -> None:
    opened = database(tmp_path)
    async with opened.running():
        with pytest.raises(KeyError):
            await write(opened, "CREATE TABLE half (n INTEGER)", then=KeyError)
        async with opened.reading() as connection:
            names = (await connection.execute(text("SELECT name FROM sqlite_master"))).scalars().all()
        assert "half" not in names


async def test_a_full_disk_is_told_as_such(tmp_path: Path) -> None:
    opened = database(tmp_path)
    async with opened.running():
        async with opened.reading() as connection:
            pages = (await connection.execute(text("PRAGMA page_count"))).scalar_one()
        with pytest.raises(StorageFullError):
            await write(
                opened,
                f"PRAGMA max_page_count={pages}",
                "CREATE TABLE large (n BLOB)",
                "INSERT INTO large VALUES (zeroblob(1000000))",
            )
        assert await count(opened) == 0


async def test_an_outage_is_one_line_however_many_attempts_it_takes_and_one_when_it_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    for level in ("error", "info"):
        monkeypatch.setattr(module.log, level, lambda words, **_: said.append(words))
    large = "CREATE TABLE large AS SELECT zeroblob(1000000) AS x"
    opened = database(tmp_path)
    async with opened.running():
        async with opened.reading() as connection:
            pages = (await connection.execute(text("PRAGMA page_count"))).scalar_one()
        for _ in range(3):
            with pytest.raises(StorageFullError):
                await write(opened, f"PRAGMA max_page_count={pages}", large)
            assert await count(opened) == 0, "that one can read is not the end of it"
        await write(opened, "PRAGMA max_page_count=1000000", large)
        await write(opened, "DROP TABLE large")
    assert said == ["The database failed", "The database works again"]


@pytest.mark.parametrize("url", ["mysql://root:hunter2@db/x", "hunter2", "postgresql:/hunter2"])
def test_a_wrong_url_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(ValidationError) as refused:
        StateSettings(database_url=url)
    assert "postgresql://user:password@host/name" in str(refused.value)
    assert "hunter2" not in str(refused.value)


@pytest.mark.postgres
async def test_replicas_that_start_together_bring_the_schema_up_once(postgres: str) -> None:  # noqa: F811
    replicas = [
        Database.of(StateSettings(database_url=postgres + "?sslmode=disable"), "files", PACKAGE) for _ in range(4)
    ]
    starting = [replica.running() for replica in replicas]
    await asyncio.gather(*(replica.__aenter__() for replica in starting))
    assert [await count(replica) for replica in replicas] == [0] * 4
    assert all(replica.shared for replica in replicas)
    await asyncio.gather(*(replica.__aexit__(None, None, None) for replica in starting))


@pytest.mark.postgres
async def test_connections_that_the_server_cut_are_made_anew(postgres: str) -> None:  # noqa: F811
    opened = Database.of(StateSettings(database_url=postgres), "files", PACKAGE)
    async with opened.running():
        assert await count(opened) == 0
        other = await asyncpg.connect(postgres)
        cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        assert await other.fetch(cut)
        await other.close()
        assert await count(opened) == 0
        await opened.probe()


@pytest.mark.postgres
async def test_two_services_share_one_database(postgres: str) -> None:  # noqa: F811
    settings = StateSettings(database_url=postgres)
    files, utility = (Database.of(settings, "x", f"opsbuddy_{name}_service") for name in ("file", "utility"))
    async with files.running(), utility.running():
        await asyncio.gather(files.probe(), utility.probe())


@pytest.mark.postgres
async def test_a_server_that_does_not_answer_is_unavailable_not_an_error(postgres_server: str) -> None:  # noqa: F811
    opened = Database.of(StateSettings(database_url=f"{postgres_server}/there_is_none"), "files", PACKAGE)
    opened._current.set()
    with pytest.raises(UnavailableError):
        await count(opened)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest) -> str | None:
    return request.getfixturevalue("postgres") if request.param == "postgres" else None


async def test_short_work_is_one_transaction_that_others_see_when_it_is_done_and_not_when_it_raised(
    tmp_path: Path, url: str | None
) -> None:
    opened = database(tmp_path, url)

    def numbered(connection: Connection) -> int:
        newest = connection.execute(text("SELECT coalesce(max(n), 0) FROM numbers")).scalar_one() + 1
        connection.execute(text("INSERT INTO numbers VALUES (:n)"), {"n": newest})
        return newest

    def failing(connection: Connection) -> None:
        numbered(connection)
        raise LookupError

    with pytest.raises(UnavailableError):
        await opened.write(numbered)  # nothing is there yet
    async with opened.running():
        await write(opened, "CREATE TABLE numbers (n INTEGER)")
        assert [await opened.write(numbered) for _ in range(3)] == [1, 2, 3]
        with pytest.raises(LookupError):
            await opened.write(failing)
        async with opened.reading() as connection:
            assert (await connection.execute(text("SELECT n FROM numbers ORDER BY n"))).scalars().all() == [1, 2, 3]
