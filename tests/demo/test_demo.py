"""`make demo` from a clone, as a new user meets it."""

import asyncio
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx2
import pytest

from tests.support.smoke import PROMISES, Platform

pytestmark = [pytest.mark.demo, pytest.mark.timeout(120)]
ROOT = Path(__file__).parents[2]
OFFSET = 20000  # below the range from which the kernel gives ports away


async def demo(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "demo", "--port-offset", str(OFFSET), *arguments,
        cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The demo as a process; a blocking fixture, so that tests with loops of their own share it."""
    folder = tmp_path_factory.mktemp("demo")
    command = [sys.executable, "-m", "demo", "--port-offset", str(OFFSET), "--data", str(folder)]
    with (folder / "said").open("w+") as said:
        process = subprocess.Popen(command, cwd=ROOT, stdout=said, stderr=subprocess.STDOUT)
        try:
            deadline = time.monotonic() + 90
            while "ready after" not in (folder / "said").read_text():
                assert process.poll() is None, f"the demo ended at its start:\n{(folder / 'said').read_text()}"
                assert time.monotonic() < deadline, f"the demo is not ready:\n{(folder / 'said').read_text()}"
                threading.Event().wait(0.1)
            yield
        finally:
            process.send_signal(signal.SIGINT)
            code = process.wait(60)
    assert code == 0, (folder / "said").read_text()


@pytest.fixture
async def platform(running: None) -> AsyncIterator[Platform]:
    async with (
        httpx2.AsyncClient(base_url=f"http://127.0.0.1:{OFFSET + 8000}", timeout=10) as gateway,
        httpx2.AsyncClient(base_url=f"http://127.0.0.1:{OFFSET + 3000}", timeout=10) as ui,
    ):
        yield Platform(gateway, ui)


@pytest.mark.parametrize("promise", PROMISES)
async def test_the_demo_keeps(platform: Platform, promise: str) -> None:
    await getattr(platform, promise)()


async def test_a_taken_port_is_named_and_nothing_is_started(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", 30004))
        taken.listen()
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "demo", "--port-offset", "22000", "--data", str(tmp_path / "data"),
            cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        said, _ = await process.communicate()
    assert process.returncode == 1
    assert b"30004 (timeseries-service)" in said
    assert not (tmp_path / "data").exists()


async def test_help_explains(tmp_path: Path) -> None:
    process = await demo("--help")
    said, _ = await process.communicate()
    assert process.returncode == 0
    assert b"--port-offset" in said
