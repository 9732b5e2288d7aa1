"""The process as a whole: starts by its command line, and a shutdown that fails no request."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from tests.support.wait import eventually

pytestmark = pytest.mark.process

PROGRAM = """
import asyncio
import gc
import os
import signal
from fastapi import APIRouter, FastAPI
from pydantic import Field
from opsbuddy_core.health import Health
from opsbuddy_core.settings import Settings
from opsbuddy_core.web.app import create_app
from opsbuddy_core.web.server import run

class S(Settings):
    service_name: str = Field("toy", validation_alias="OPSBUDDY_SERVICE")
    title: str = Field("Toy Service")

def build(settings):
    router = APIRouter()
    @router.get("/slow")
    async def slow() -> str:
        await asyncio.sleep(0.5)
        return "done"
    @router.get("/collected")
    async def collected() -> int:
        return len(gc.get_objects(2))  # what a full collection looks at and stops all requests for
    health = Health(settings.title, "opsbuddy-core")
    if "END_BEFORE_IT_SERVES" in os.environ:
        gc.callbacks.append(end)
    return create_app(settings, health, [router]), health

def end(*_):
    if signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        gc.callbacks.clear()
        os.kill(os.getpid(), signal.SIGTERM)

run("opsbuddy-core", S, build)
"""


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


async def start(*arguments: str, **env: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, *arguments,
        env=os.environ | env, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip


@asynccontextmanager
async def serving(**env: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    port = free_port()
    process = await start(SERVICE_HOST="127.0.0.1", SERVICE_PORT=str(port), **env)
    url = f"http://127.0.0.1:{port}"
    try:
        await eventually(lambda: answers(url), within=15)
        yield process, url
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def answers(url: str) -> bool:
    try:
        return await status(url, "/health/ready") == 200
    except aiohttp.ClientError:
        return False


async def status(url: str, path: str) -> int:
    async with aiohttp.ClientSession() as session, session.get(url + path) as answer:
        return answer.status


async def test_after_sigterm_it_serves_on_while_not_ready_and_then_ends() -> None:
    async with serving(DRAIN_SECONDS="1") as (process, url):
        process.send_signal(signal.SIGTERM)
        await eventually(lambda: has_status(url, "/health/ready", 503))
        assert await status(url, "/slow") == 200
        assert await asyncio.wait_for(process.wait(), 10) == 0


async def test_while_it_ends_each_answer_closes_its_connection_so_that_none_is_cut_under_a_request() -> None:
    async with serving(DRAIN_SECONDS="5") as (process, url), aiohttp.ClientSession() as session:

        async def closes(path: str = "/health/live") -> bool:
            async with session.get(url + path) as answer:
                assert answer.status == 200
                return answer.headers.get("connection") == "close"

        assert not await closes()
        under_way = asyncio.create_task(closes("/slow"))
        await asyncio.sleep(0.1)  # it is on its way; how far does not matter
        process.send_signal(signal.SIGTERM)
        assert await under_way
        assert await closes()


async def has_status(url: str, path: str, wanted: int) -> bool:
    return await status(url, path) == wanted


async def test_a_request_in_flight_is_finished() -> None:
    async with serving() as (process, url):
        request = asyncio.create_task(status(url, "/slow"))
        await asyncio.sleep(0.1)  # the request is on its way; how far does not matter
        process.send_signal(signal.SIGTERM)
        assert await request == 200
        assert await asyncio.wait_for(process.wait(), 10) == 0


@pytest.mark.parametrize("drain", ["0", "5"])
async def test_an_end_that_is_asked_for_before_it_serves_is_not_forgotten(drain: str) -> None:
    process = await start(
        SERVICE_HOST="127.0.0.1", SERVICE_PORT=str(free_port()), DRAIN_SECONDS=drain, END_BEFORE_IT_SERVES="1"
    )
    try:
        _, error = await asyncio.wait_for(process.communicate(), 20)
    finally:
        if process.returncode is None:
            process.kill()
    assert (process.returncode, b"Traceback" in error) == (0, False), error


async def test_a_collection_of_garbage_does_not_look_at_what_was_there_at_the_start() -> None:
    async with serving() as (_, url), aiohttp.ClientSession() as session, session.get(url + "/collected") as answer:
        assert int(await answer.text()) < 50_000, "what is there at the start are 76,000 objects"


async def test_a_taken_port_is_said_in_one_line() -> None:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        process = await start(SERVICE_HOST="127.0.0.1", SERVICE_PORT=str(s.getsockname()[1]))
        _, error = await process.communicate()
    assert process.returncode == 1
    assert b"Cannot listen on 127.0.0.1" in error
    assert b"Traceback" not in error


@pytest.mark.parametrize(
    ("argument", "says"), [("--help", b"SERVICE_PORT"), ("--version", b"opsbuddy-core 0."), ("--check", b"can be used")]
)
async def test_the_command_line_explains_itself(argument: str, says: bytes) -> None:
    process = await start(argument)
    out, _ = await process.communicate()
    assert process.returncode == 0
    assert says in out
