"""What happens between storing a content and storing its record."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from opsbuddy_core.errors import UnavailableError
from opsbuddy_core.web.multipart import FormReader
from opsbuddy_file_service import factory
from opsbuddy_file_service.models import StoredFile
from opsbuddy_file_service.service.files import FileService
from opsbuddy_file_service.service.limits import Limits
from opsbuddy_file_service.service.upkeep import Ages, Upkeep
from opsbuddy_file_service.settings import FileSettings
from opsbuddy_file_service.storage.blobs import PREFIX, ObjectStore
from tests.services.file_service.conftest import form
from tests.support import schema
from tests.support.apps import client


@dataclass
class FailingRecords:
    """Records of a database that fails while `broken`; `written`: it wrote all the same, and only the answer was lost."""

    broken: bool = True
    written: bool = False
    files: dict[str, StoredFile] = field(default_factory=dict)

    async def add(self, file: StoredFile, total: int | None) -> None:  # noqa: ARG002 - as the Protocol has it
        if self.written or not self.broken:
            self.files[file.key] = file
        if self.broken:
            raise UnavailableError("The database does not answer.")

    async def known(self, keys: list[str]) -> set[str]:
        return {key for key in keys if key in self.files}


async def upload(service: FileService) -> StoredFile:
    body, headers = form(("file", "a", b"x" * 1000))

    async def pieces() -> AsyncIterator[bytes]:
        yield body

    return await service.upload(FormReader(headers["content-type"], pieces()).parts())


def build(records: Any, store: ObjectStore) -> tuple[FileService, Upkeep]:
    upkeep = Upkeep(records, store, Ages(orphan_seconds=3600, trash_days=30))
    return FileService(records, store, Limits(file_bytes=10_000, uploads=4), upkeep, trash=True), upkeep


async def kept(store: ObjectStore) -> list[str]:
    return [key async for keys in store.older_than(-1) for key in keys]


@pytest.mark.parametrize("url", ["memory:///", "file"])
async def test_content_whose_record_failed_is_swept(url: str, tmp_path: Path) -> None:
    store, records = ObjectStore(tmp_path.as_uri() if url == "file" else url), FailingRecords()
    service, upkeep = build(records, store)
    with pytest.raises(UnavailableError):
        await upload(service)
    records.broken = False
    file = await upload(service)
    assert len(await kept(store)) == 2
    assert await upkeep.sweep(3600) == 0
    assert await upkeep.sweep(-1) == 1
    assert await kept(store) == [file.key]


async def test_content_stays_when_only_the_answer_of_the_database_was_lost() -> None:
    store, records = ObjectStore("memory:///"), FailingRecords(written=True)
    service, upkeep = build(records, store)
    with pytest.raises(UnavailableError):
        await upload(service)
    await upkeep.sweep(-1)
    assert await kept(store) == list(records.files)


async def test_halves_that_a_crash_left_in_the_folder_are_swept_and_others_stay(tmp_path: Path) -> None:
    store = ObjectStore(tmp_path.as_uri())
    await upload(build(FailingRecords(broken=False), store)[0])
    half = tmp_path / PREFIX / "ab" / "0123#1"
    half.parent.mkdir(exist_ok=True)
    half.write_bytes(b"half")
    assert await store.sweep_unfinished(3600) == 0
    assert half.exists()
    assert await store.sweep_unfinished(-1) == 1
    assert not half.exists()
    assert len(await kept(store)) == 1


async def test_nothing_of_the_upkeep_goes_on_after_the_database_is_closed(tmp_path: Path) -> None:
    settings = FileSettings(data_dir=tmp_path)
    await schema.put(settings, "files", "opsbuddy_file_service")
    for _ in range(10):  # each time the end meets the works somewhere else
        async with client(factory.build(settings)[0]):
            pass
        assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []
