"""Records and contents of files, saved while files come and go, and restored into either database."""

import asyncio
import hashlib
import io
from pathlib import Path

import pytest

from opsbuddy_core.backup.archive import BackupError, Writer, unpack
from opsbuddy_core.backup.tables import FILE
from opsbuddy_file_service.backup import parts
from opsbuddy_file_service.factory import build
from opsbuddy_file_service.settings import FileSettings
from tests.services.file_service.conftest import Service
from tests.support.apps import client
from tests.support.s3 import Bucket


def save(settings: FileSettings, draft: Path) -> bytes:
    out = io.BytesIO()
    draft.mkdir(exist_ok=True)
    with Writer(out, "file-service", "0.1.0") as archive:
        for part in parts(settings):
            part.save(archive, draft)
    return out.getvalue()


def restore(settings: FileSettings, archive: bytes, draft: Path, *, force: bool = False) -> None:
    unpack(io.BytesIO(archive), draft)
    for part in parts(settings):
        if reason := part.hindrance(force=force):
            raise BackupError(reason)
    for part in parts(settings):
        part.load(draft)


async def contents(service: Service) -> dict[str, str]:
    """Return the SHA-256 of what each file answers, by its id."""
    found = {}
    for file in await service.find(limit=1000):
        answer = await service.http.get(f"/files/{file['id']}/download")
        assert answer.status_code == 200, answer.text
        found[file["id"]] = hashlib.sha256(answer.content).hexdigest()
    return found


@pytest.fixture
def other(tmp_path: Path) -> FileSettings:
    return FileSettings(data_dir=tmp_path / "other", max_file_bytes=6_000_000)


async def test_every_file_comes_back_with_all_that_is_known_of_it(
    service: Service, other: FileSettings, tmp_path: Path
) -> None:
    for number in range(5):
        await service.store(b"x" * 10_000 * number, f"ä{number}.txt", tags={"n": str(number)}, metadata={"n": number})
    thrown = await service.store(b"thrown", "thrown.txt")
    await service.http.delete(f"/files/{thrown['id']}")
    listed, stored = await service.find(limit=1000), await contents(service)
    archive = await asyncio.to_thread(save, service.settings, tmp_path / "draft")
    other.data_dir.mkdir()
    await asyncio.to_thread(restore, other, archive, tmp_path / "unpacked")
    async with client(build(other)[0]) as http:
        restored = Service(http, other)
        assert await restored.find(limit=1000) == listed
        assert await contents(restored) == stored
        assert [file["id"] for file in await restored.find(trash=True)] == [thrown["id"]]
        usage = (await http.get("/status")).json()["usage"]
        assert (usage["files"], usage["bytes"]) == (6, 100_006)


async def test_what_is_there_is_replaced_only_when_told_so(service: Service, tmp_path: Path) -> None:
    kept = await service.store(b"first", "first.txt")
    archive = await asyncio.to_thread(save, service.settings, tmp_path / "draft")
    await service.store(b"second", "second.txt")
    with pytest.raises(BackupError, match="--force"):
        await asyncio.to_thread(restore, service.settings, archive, tmp_path / "one")
    assert len(await service.find()) == 2
    await asyncio.to_thread(restore, service.settings, archive, tmp_path / "two", force=True)
    assert list(await contents(service)) == [kept["id"]]


async def test_a_damaged_database_is_set_aside_by_force_and_put_back_when_that_fails(
    service: Service, other: FileSettings, tmp_path: Path
) -> None:
    kept = await service.store(b"kept", "kept.txt")
    archive = await asyncio.to_thread(save, service.settings, tmp_path / "draft")
    other.data_dir.mkdir()
    damaged = other.sqlite_path("files")
    damaged.write_bytes(b"no database any more" * 1000)
    with pytest.raises(BackupError, match=r"damaged; --force sets it aside"):
        await asyncio.to_thread(restore, other, archive, tmp_path / "one")

    folder = tmp_path / "two"
    unpack(io.BytesIO(archive), folder)
    (folder / FILE).write_text('{"revision": "9999"}\n')
    with pytest.raises(BackupError, match="newer schema"):
        await asyncio.to_thread(parts(other)[0].load, folder)
    assert damaged.read_bytes().startswith(b"no database")
    assert [path.name for path in other.data_dir.glob("*.sqlite3*")] == [damaged.name]

    await asyncio.to_thread(restore, other, archive, tmp_path / "three", force=True)
    async with client(build(other)[0]) as http:
        assert list(await contents(Service(http, other))) == [kept["id"]]
    (aside,) = other.data_dir.glob("*.damaged-*")
    assert aside.read_bytes().startswith(b"no database")


async def test_a_database_with_a_page_that_cannot_be_read_is_set_aside_too(
    service: Service, other: FileSettings, tmp_path: Path
) -> None:
    for number in range(40):
        await service.store(b"x", f"{number}.txt", metadata={"long": "x" * 1000})
    archive = await asyncio.to_thread(save, service.settings, tmp_path / "draft")
    other.data_dir.mkdir()
    await asyncio.to_thread(restore, other, archive, tmp_path / "one")
    path = other.sqlite_path("files")
    whole = bytearray(path.read_bytes())
    whole[8192:] = b"\xff" * (len(whole) - 8192)
    path.write_bytes(whole)
    await asyncio.to_thread(restore, other, archive, tmp_path / "two", force=True)
    async with client(build(other)[0]) as http:
        assert len(await contents(Service(http, other))) == 40


def test_a_check_makes_nothing(other: FileSettings, tmp_path: Path) -> None:
    (part,) = parts(other)
    assert part.hindrance(force=False) is None
    assert list(tmp_path.iterdir()) == []


async def test_an_archive_of_a_newer_schema_changes_nothing(service: Service, tmp_path: Path) -> None:
    kept = await service.store()
    archive = await asyncio.to_thread(save, service.settings, tmp_path / "draft")
    folder = tmp_path / "unpacked"
    unpack(io.BytesIO(archive), folder)
    lines = (folder / FILE).read_text().splitlines(keepends=True)
    (folder / FILE).write_text("".join(['{"revision": "9999"}\n', *lines[1:]]))
    with pytest.raises(BackupError, match="newer schema"):
        await asyncio.to_thread(parts(service.settings)[0].load, folder)
    assert list(await contents(service)) == [kept["id"]]


async def test_the_archive_has_the_content_of_each_record_whatever_goes_meanwhile(
    service: Service, other: FileSettings, tmp_path: Path
) -> None:
    stored = [await service.store(b"x" * 1000, f"{number}.bin") for number in range(30)]
    saving = asyncio.create_task(asyncio.to_thread(save, service.settings, tmp_path / "draft"))
    for file in stored[::-2]:
        await service.http.delete(f"/files/{file['id']}")
        await service.http.delete(f"/files/{file['id']}", params={"purge": "true"})
        await service.store(b"y" * 1000, f"new-{file['filename']}")
    archive = await saving
    other.data_dir.mkdir()
    await asyncio.to_thread(restore, other, archive, tmp_path / "unpacked")
    async with client(build(other)[0]) as http:
        found = await contents(Service(http, other))
    assert {file["id"] for file in stored[::2]} <= found.keys()


async def test_a_content_that_is_lost_is_said_and_no_archive_is_made(service: Service, tmp_path: Path) -> None:
    await service.store(b"lost", "lost.txt")
    for path in service.kept:
        path.unlink()
    with pytest.raises(BackupError, match="missing in the object store"):
        await asyncio.to_thread(save, service.settings, tmp_path / "draft")


@pytest.mark.s3
async def test_files_move_from_a_folder_into_a_bucket_and_back(
    tmp_path: Path, s3_bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = FileSettings(data_dir=tmp_path / "folder")
    async with client(build(folder)[0]) as http:
        await Service(http, folder).store(b"z" * 6_000_000, "big.bin")
        stored = await contents(Service(http, folder))
    archive = await asyncio.to_thread(save, folder, tmp_path / "draft")
    for name, value in s3_bucket.environment().items():
        monkeypatch.setenv(name, value)
    bucket = FileSettings(data_dir=tmp_path / "bucket")
    assert bucket.object_store_url == s3_bucket.url
    bucket.data_dir.mkdir()
    await asyncio.to_thread(restore, bucket, archive, tmp_path / "unpacked")
    async with client(build(bucket)[0]) as http:
        assert await contents(Service(http, bucket)) == stored
    again = await asyncio.to_thread(save, bucket, tmp_path / "draft")
    unpack(io.BytesIO(again), tmp_path / "again")
