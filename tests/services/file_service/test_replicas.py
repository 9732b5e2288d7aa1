"""Two replicas on one PostgreSQL and one S3 bucket: one truth, and nothing left of what a crash breaks off."""

import asyncio
import hashlib
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from opsbuddy_file_service.storage.blobs import ObjectStore
from tests.services.file_service.conftest import form
from tests.services.file_service.test_process import head
from tests.support.processes import Process
from tests.support.s3 import Bucket
from tests.support.wait import eventually

pytestmark = [pytest.mark.s3, pytest.mark.postgres, pytest.mark.timeout(120)]
MIB = 1024 * 1024


@pytest.fixture
async def replicas(tmp_path: Path, postgres: str, s3_bucket: Bucket) -> AsyncIterator[list[Process]]:
    environment = s3_bucket.environment() | {"DATABASE_URL": postgres}
    started = []
    for number in range(2):
        folder = tmp_path / str(number)
        folder.mkdir()
        started.append(Process("opsbuddy_file_service.main", environment, folder / "log"))
    await asyncio.gather(*(process.start() for process in started))
    yield started
    await asyncio.gather(*(process.end(signal.SIGKILL) for process in started))


@pytest.fixture
async def both(replicas: list[Process]) -> AsyncIterator[list[httpx2.AsyncClient]]:
    async with (
        httpx2.AsyncClient(base_url=replicas[0].url, timeout=30) as one,
        httpx2.AsyncClient(base_url=replicas[1].url, timeout=30) as other,
    ):
        yield [one, other]


async def test_what_one_replica_stores_the_other_serves(both: list[httpx2.AsyncClient], s3_bucket: Bucket) -> None:
    one, other = both
    content = os.urandom(12 * MIB)
    body, headers = form(("file", "big.bin", content), ("tags", None, b'{"a":1}'))
    record = (await one.post("/files/upload", content=body, headers=headers)).json()
    path = f"/files/{record['id']}"
    assert (await other.get(path)).json() == record
    assert (await other.get(f"{path}/download")).content == content
    part = await other.get(f"{path}/download", headers={"range": f"bytes={5 * MIB - 2}-{5 * MIB + 1}"})
    assert (part.status_code, part.content) == (206, content[5 * MIB - 2 : 5 * MIB + 2])
    changed = await other.patch(path, json={"tags": {"b": 2}}, headers={"if-match": f'"{record["id"]}.1"'})
    assert changed.json()["tags"] == {"a": 1, "b": 2}
    stale = await one.patch(path, json={"tags": {"c": 3}}, headers={"if-match": f'"{record["id"]}.1"'})
    assert stale.status_code == 412
    replaced = await one.put(path, content=b"new", headers={"content-type": "text/plain"})
    assert replaced.status_code == 200
    assert (await other.get(f"{path}/download")).content == b"new"
    assert len(s3_bucket.objects()) == 1
    for client in both:
        state = (await client.get("/status")).json()["state"]
        assert (state["database"], state["object_store"], state["shared"]) == ("postgresql", "s3", True)
    assert (await one.delete(path)).status_code == 204
    assert (await other.get(path)).status_code == 404
    assert (await other.delete("/files?trash=true")).json() == {"purged": 1, "left": 0}
    assert s3_bucket.objects() == []


async def test_of_puts_on_both_replicas_at_once_one_file_comes(
    both: list[httpx2.AsyncClient], s3_bucket: Bucket
) -> None:
    answers = await asyncio.gather(*(both[n % 2].put("/files/new.bin", content=b"%d" % n) for n in range(12)))
    assert sorted(answer.status_code for answer in answers) == [200] * 11 + [201]
    assert len((await both[0].get("/files")).json()["files"]) == 1
    assert len(s3_bucket.objects()) == 1
    names = await asyncio.gather(
        *(both[n % 2].put("/files/once", content=b"x", headers={"if-none-match": "*"}) for n in range(12))
    )
    assert sorted(answer.status_code for answer in names) == [201] + [412] * 11


async def test_kill_9_in_the_middle_of_an_upload_leaves_nothing_after_the_sweep(
    replicas: list[Process], both: list[httpx2.AsyncClient], s3_bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    acknowledged: dict[str, str] = {}
    for n in range(3):
        content = os.urandom(100_000)
        answer = await both[n % 2].put(f"/files/{n}.bin", content=content)
        acknowledged[answer.json()["id"]] = hashlib.sha256(content).hexdigest()
    _, writer = await asyncio.open_connection("127.0.0.1", replicas[0].port)
    writer.write(head(40 * MIB) + os.urandom(16 * MIB))
    await writer.drain()

    async def begun() -> bool:
        return bool(s3_bucket.unfinished())

    await eventually(begun, within=30, what="an unfinished upload in the bucket")
    await replicas[0].end(signal.SIGKILL)
    writer.close()
    files = (await both[1].get("/files")).json()["files"]
    assert {file["id"]: file["sha256"] for file in files} == acknowledged
    for file in files:
        content = (await both[1].get(f"/files/{file['id']}/download")).content
        assert hashlib.sha256(content).hexdigest() == file["sha256"]
    for name, value in s3_bucket.environment().items():
        monkeypatch.setenv(name, value)
    store = ObjectStore(s3_bucket.url)
    assert await store.sweep_unfinished(3600) == 0
    assert s3_bucket.unfinished()
    assert await store.sweep_unfinished(-60) == 1
    assert s3_bucket.unfinished() == []
    assert len(s3_bucket.objects()) == len(acknowledged)


async def test_without_the_bucket_the_answer_is_503_and_health_says_so(tmp_path: Path, s3_bucket: Bucket) -> None:
    environment = s3_bucket.environment() | {"OBJECT_STORE_URL": "s3://there-is-none", "DATA_DIR": str(tmp_path)}
    process = Process("opsbuddy_file_service.main", environment, tmp_path / "log")
    await process.start()
    async with httpx2.AsyncClient(base_url=process.url, timeout=30) as client:
        answer = await client.put("/files/a", content=b"x")
        assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
        assert "there-is-none" not in answer.text
        assert (await client.get("/health")).status_code == 503
        assert (await client.get("/files")).json()["files"] == []
    await process.end()
