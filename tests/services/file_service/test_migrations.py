from sqlalchemy import Connection, inspect, select, text

from opsbuddy_core.database import Database
from opsbuddy_file_service.factory import build
from opsbuddy_file_service.settings import FileSettings
from opsbuddy_file_service.storage.tables import schema
from tests.services.file_service.conftest import Service
from tests.support.apps import client

NEW_COLUMNS = ("version", "deleted_at")


async def test_files_of_an_older_version_are_still_there_after_the_upgrade(settings: FileSettings) -> None:
    async with client(build(settings)[0]) as http:  # makes the content, and the newest schema
        record = await Service(http, settings).store(b"from before", "old.txt", tags={"a": 1})
    database = Database.of(settings, "files", "opsbuddy_file_service")
    async with database.running(), database.writing() as connection:  # as the version before left it
        await connection.execute(text("DROP TABLE file_usage"))
        for column in ("updated_at", "deleted_at"):
            await connection.execute(text(f"DROP INDEX files_by_{column}"))
        for column in NEW_COLUMNS:
            await connection.execute(text(f"ALTER TABLE files DROP COLUMN {column}"))
        await connection.execute(text("UPDATE opsbuddy_file_service_schema SET version_num = '0001'"))
    async with client(build(settings)[0]) as http:
        service = Service(http, settings)
        assert (await http.get(f"/files/{record['id']}")).json() == record
        assert await service.find(tag="a=1") == [record]
        assert (await http.get(f"/files/{record['id']}/download")).content == b"from before"
        assert (await http.get("/status")).json()["usage"]["bytes"] == len(b"from before")
        assert (await http.patch(f"/files/{record['id']}", json={"tags": {"a": 2}})).json()["version"] == 2


async def test_the_scripts_make_what_the_code_expects(settings: FileSettings) -> None:
    database = Database.of(settings, "files", "opsbuddy_file_service")
    async with database.running(), database.reading() as connection:
        for table in schema.sorted_tables:
            await connection.execute(select(table))
            made = await connection.run_sync(lambda c, t=table: _indexes(c, t.name))
            assert {str(index.name) for index in table.indexes} <= made


def _indexes(connection: Connection, table: str) -> set[str]:
    return {str(index["name"]) for index in inspect(connection).get_indexes(table)}
