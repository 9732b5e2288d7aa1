"""Connections that break while they begin, as to a process that is just killed, are nobody else's trouble."""

import asyncio
import socket
import ssl
import struct
from collections.abc import Iterator
from typing import Any

import pytest

from opsbuddy_core.event_loop import Loop

RESET = struct.pack("ii", 1, 0)  # SO_LINGER: what closes sends a reset


class Writes(asyncio.Protocol):
    """Says something at once, as every client does."""

    def __init__(self) -> None:
        self.lost = asyncio.Event()

    def connection_lost(self, _: Exception | None) -> None:
        self.lost.set()

    def connection_made(self, transport: Any) -> None:
        transport.write(b"GET / HTTP/1.1\r\n")
        transport.write(b"\r\n")


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner(loop_factory=Loop) as made:
        yield made


def unverified() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


async def connected(listener: socket.socket, *, reset: bool) -> tuple[socket.socket, socket.socket]:
    """Return both ends of a connection; the other side may have reset it already."""
    here = socket.socket()
    here.setblocking(False)
    await asyncio.get_running_loop().sock_connect(here, listener.getsockname())
    there, _ = listener.accept()
    if reset:
        there.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        there.close()
    return here, there


@pytest.mark.parametrize("options", [{}, {"ssl": unverified(), "server_hostname": "api"}], ids=["plain", "tls"])
@pytest.mark.parametrize("ended", ["reset", "cancelled"])
def test_a_socket_whose_connection_broke_at_its_beginning_does_not_keep_the_number_of_its_descriptor(
    runner: asyncio.Runner, options: dict[str, Any], ended: str
) -> None:
    async def broken() -> None:
        here, there = await connected(listener, reset=ended == "reset")
        loop = asyncio.get_running_loop()
        begun = loop.create_task(loop.create_connection(Writes, sock=here, **options))
        if ended == "cancelled":
            await asyncio.sleep(0)
            begun.cancel()
        await asyncio.wait({begun})
        assert here.fileno() == -1
        if not begun.cancelled() and not begun.exception():
            transport, protocol = begun.result()
            transport.close()
            await protocol.lost.wait()
        there.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        runner.run(broken())


def test_a_connection_that_stands_works_and_closes_its_descriptor(runner: asyncio.Runner) -> None:
    async def stands() -> None:
        here, there = await connected(listener, reset=False)
        transport, protocol = await asyncio.get_running_loop().create_connection(Writes, sock=here)
        there.settimeout(10)
        assert await asyncio.to_thread(there.recv, 100) == b"GET / HTTP/1.1\r\n\r\n"
        transport.close()
        assert await asyncio.to_thread(there.recv, 100) == b""
        await protocol.lost.wait()
        assert here.fileno() == -1
        there.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        runner.run(stands())
