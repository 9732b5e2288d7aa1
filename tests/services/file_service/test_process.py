"""The service as a process: crashes, clients that misbehave, memory."""

import asyncio
import hashlib
import http.client
import json
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import closing, suppress
from pathlib import Path

import httpx2
import psutil
import pytest
import pytest_asyncio

from tests.services.file_service.conftest import form
from tests.support.processes import Process
from tests.support.wait import eventually

pytestmark = pytest.mark.process

MIB = 1024 * 1024
LIMIT = 8 * MIB
shared = pytest.mark.asyncio(loop_scope="module")


async def started(folder: Path, **environment: str) -> Process:
    process = Process("opsbuddy_file_service.main", {"DATA_DIR": str(folder / "data")} | environment, folder / "log")
    await process.start()
    return process


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def process(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Process]:
    """One process for all tests that do not kill it; each leaves it empty."""
    running = await started(tmp_path_factory.mktemp("files"), MAX_FILE_BYTES=str(LIMIT), UPLOAD_IDLE_SECONDS="1")
    yield running
    await running.end(signal.SIGKILL)


def kept(process: Process) -> list[Path]:
    return [path for path in (process.log.parent / "data/files").rglob("*") if path.is_file()]


def head(length: int, boundary: str = "b") -> bytes:
    return (
        f"POST /files/upload HTTP/1.1\r\nhost: test\r\ncontent-length: {length}\r\n"
        f"content-type: multipart/form-data; boundary={boundary}\r\n\r\n"
        f'--{boundary}\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\n'
    ).encode()


async def begin(process: Process, sent: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Begin an upload of 4 MiB, send so many bytes of it, and wait until the store has some."""
    reader, writer = await asyncio.open_connection("127.0.0.1", process.port)
    writer.write(head(4 * MIB) + os.urandom(sent))
    await writer.drain()

    async def half() -> bool:
        return any("#" in path.name for path in kept(process))

    await eventually(half, what="a half file in the store")
    return reader, writer


@pytest.mark.timeout(120)
async def test_kill_9_among_uploads_loses_no_acknowledged_file_and_shows_no_half_one(tmp_path: Path) -> None:
    process = await started(tmp_path)
    acknowledged: dict[str, str] = {}

    async def upload_on(number: int) -> None:
        async with httpx2.AsyncClient(timeout=30) as client:
            while True:
                content = os.urandom((number + 1) * 400_000)
                body, headers = form(("file", f"{number}.bin", content), ("tags", None, b'{"n":1}'))
                answer = await client.post(f"{process.url}/files/upload", content=body, headers=headers)
                assert answer.status_code == 201
                acknowledged[answer.json()["id"]] = hashlib.sha256(content).hexdigest()

    for _ in range(2):
        before = len(acknowledged)
        uploads = [asyncio.create_task(upload_on(number)) for number in range(6)]

        async def under_way(before: int = before) -> bool:
            return len(acknowledged) >= before + 8 and any("#" in path.name for path in kept(process))

        await eventually(under_way, within=30, every=0.001)
        await process.end(signal.SIGKILL)
        for ended in await asyncio.gather(*uploads, return_exceptions=True):
            assert isinstance(ended, httpx2.TransportError), ended
        for path in kept(process):  # an hour passes
            os.utime(path, (time.time() - 4000,) * 2)
        await process.start()

    async with httpx2.AsyncClient(base_url=process.url) as client:
        files = (await client.get("/files", params={"limit": 1000})).json()["files"]
        assert acknowledged.items() <= {file["id"]: file["sha256"] for file in files}.items()
        for file in files:
            content = (await client.get(f"/files/{file['id']}/download")).content
            assert hashlib.sha256(content).hexdigest() == file["sha256"]

    async def swept() -> bool:
        assert len(kept(process)) == len(files)
        return True

    await eventually(swept, what="what the crashes left is removed")
    await process.end()


@shared
async def test_a_client_that_leaves_in_the_middle_leaves_nothing(process: Process) -> None:
    _, writer = await begin(process, 2 * MIB)
    writer.close()

    async def gone() -> bool:
        assert kept(process) == []
        return True

    await eventually(gone)
    assert "ERROR" not in process.log.read_text()


@shared
async def test_an_upload_that_stalls_is_ended_and_leaves_nothing(process: Process) -> None:
    reader, writer = await begin(process, 2 * MIB)
    answer = await asyncio.wait_for(reader.readuntil(b"}"), 10)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"application/problem+json" in answer
    assert kept(process) == []
    writer.close()


@shared
async def test_a_client_that_writes_all_before_it_reads_gets_its_413(process: Process) -> None:
    def send(size: int) -> tuple[int, str | None]:
        body, headers = form(("file", "big.bin", bytes(size)))
        with closing(http.client.HTTPConnection("127.0.0.1", process.port, timeout=20)) as connection:
            connection.request("POST", "/files/upload", body, headers)
            answer = connection.getresponse()
            return answer.status, answer.getheader("content-type")

    for size in (LIMIT + 1, LIMIT + 512 * 1024, LIMIT + 4 * MIB, 4 * LIMIT):
        assert await asyncio.to_thread(send, size) == (413, "application/problem+json")
    assert kept(process) == []


@shared
async def test_heads_and_gets_in_turn_on_one_connection_stay_in_step(process: Process) -> None:
    def ask(connection: http.client.HTTPConnection) -> None:
        body, headers = form(("file", "a", b"0123456789" * 1000))
        connection.request("POST", "/files/upload", body, headers)
        path = f"/files/{json.loads(connection.getresponse().read())['id']}"
        for turn in range(50):
            for method in ("HEAD", "GET"):
                connection.request(method, f"{path}/download")
                answer = connection.getresponse()
                content = answer.read()
                assert (answer.status, answer.getheader("content-length")) == (200, "10000"), turn
                assert len(content) == (10_000 if method == "GET" else 0)
        connection.request("DELETE", path)
        assert connection.getresponse().read() == b""

    with closing(http.client.HTTPConnection("127.0.0.1", process.port, timeout=20)) as connection:
        await asyncio.to_thread(ask, connection)


@pytest.mark.timeout(120)
async def test_large_files_pass_through_without_being_held_in_memory(tmp_path: Path) -> None:
    size, at_once = 40 * MIB, 4
    process = await started(tmp_path)
    assert process._running
    watched = psutil.Process(process._running.pid)
    before, most = watched.memory_info().rss, 0

    async def watch() -> None:
        nonlocal most
        while True:
            most = max(most, watched.memory_info().rss)
            await asyncio.sleep(0.01)

    body, headers = form(("file", "a", bytes(size)))

    async def pass_through(client: httpx2.AsyncClient) -> None:
        answer = await client.post("/files/upload", content=body, headers=headers)
        assert answer.json()["size"] == size
        got = 0
        async with client.stream("GET", f"/files/{answer.json()['id']}/download") as download:
            async for piece in download.aiter_bytes():
                got += len(piece)
        assert got == size

    watching = asyncio.create_task(watch())
    async with httpx2.AsyncClient(base_url=process.url, timeout=60) as client:
        await asyncio.gather(*(pass_through(client) for _ in range(at_once)))
    watching.cancel()
    with suppress(asyncio.CancelledError):
        await watching
    await process.end()
    assert most - before < 40 * MIB, f"{(most - before) / MIB:.0f} MiB more for {at_once} files of {size / MIB:.0f} MiB"
