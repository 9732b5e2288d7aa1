"""A service behind the gateway, byte by byte: behaves by the last segment of the path and remembers what it saw."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Self

from tests.support.closing import stop_listening


@dataclass
class Seen:
    """One request as it arrived."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: int = 0

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name), None)


@dataclass
class Upstream:
    """`release` lets answers that wait go on; `gone` is set when the other side left before the answer was complete."""

    host: str = "127.0.0.1"
    port: int = 0
    requests: list[Seen] = field(default_factory=list)
    connections: int = 0
    release: asyncio.Event = field(default_factory=asyncio.Event)
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    healthy: bool = True
    written: int = 0
    _server: asyncio.Server | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @classmethod
    @asynccontextmanager
    async def running(cls) -> AsyncIterator[Self]:
        upstream = cls()
        await upstream.start()
        try:
            yield upstream
        finally:
            await upstream.stop()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accept, self.host, self.port, limit=1 << 20)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and cut every connection."""
        if self._server:
            await stop_listening(self._server)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        self.connections += 1
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                while await self._exchange(reader, writer):
                    pass
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        line = (await reader.readline()).decode("latin-1")
        if not line:
            return False
        method, target, _ = line.split(" ", 2)
        raw = []
        while (entry := await reader.readline()) not in (b"\r\n", b""):
            raw.append(entry)
        headers = [
            (name.lower(), value.strip()) for name, _, value in (item.decode("latin-1").partition(":") for item in raw)
        ]
        seen = Seen(method, target, headers)
        name = target.partition("?")[0].rsplit("/", 1)[-1]
        if name == "health" or target == "/openapi.json":  # the gateway asks for both by itself
            await _answer(writer, 404 if name != "health" else 200 if self.healthy else 503, b"{}")
            return True
        self.requests.append(seen)
        self.arrived.set()
        if name in ("early413", "early413_closed"):
            await _answer(writer, 413, b'{"status":413}', ["Connection: close"])
            # RFC 9112 9.6: closed at once, the kernel's reset may overtake the answer
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.release.wait(), 0 if name == "early413_closed" else 1)
            return False
        if name == "late":  # reads nothing for a while, then counts
            await asyncio.wait_for(self.release.wait(), 10)
        with contextlib.suppress(asyncio.IncompleteReadError):
            await self._body(reader, seen)
        action = getattr(self, f"_on_{name}", None)
        if action:
            return bool(await action(reader, writer, seen))
        status = int(name) if name.isdigit() else 200
        body = b"" if status in (204, 304) else line.encode() + b"".join(raw)
        await _answer(writer, status, body, head=method == "HEAD")
        return True

    async def _body(self, reader: asyncio.StreamReader, seen: Seen) -> None:
        if seen.header("transfer-encoding"):
            while size := int(await reader.readline() or b"-1", 16):
                if size < 0:
                    raise asyncio.IncompleteReadError(b"", None)
                await reader.readexactly(size + 2)
                seen.body += size
            await reader.readline()
            return
        left = int(seen.header("content-length") or 0)
        while left:
            chunk = await reader.read(min(left, 1 << 18))
            if not chunk:
                self.gone.set()
                raise asyncio.IncompleteReadError(b"", left)
            seen.body += len(chunk)
            left -= len(chunk)

    async def _wait(self, reader: asyncio.StreamReader, event: asyncio.Event) -> bool:
        """Wait for an event; False when the other side left before."""
        waiting = asyncio.create_task(event.wait())
        eof = asyncio.create_task(reader.read(1))
        await asyncio.wait({waiting, eof}, return_when=asyncio.FIRST_COMPLETED, timeout=20)
        left = eof.done() and not waiting.done()
        for task in (waiting, eof):
            task.cancel()
        if left:
            self.gone.set()
        return not left

    async def _on_slow(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: Seen) -> bool:
        if await self._wait(reader, self.release):
            await _answer(writer, 200, b"late")
        return False

    async def _on_die(self, _: asyncio.StreamReader, __: asyncio.StreamWriter, ___: Seen) -> bool:
        return False

    async def _on_headonly(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter, __: Seen) -> bool:
        """Die between the head and a body that it announces."""
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n")
        await writer.drain()
        return False

    async def _on_busy(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter, __: Seen) -> bool:
        await _answer(writer, 503, b"", ["Retry-After: 2"])
        return True

    async def _on_nonsense(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter, __: Seen) -> bool:
        writer.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
        await writer.drain()
        return False

    async def _on_cut(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter, __: Seen) -> bool:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n")
        await writer.drain()
        return False

    async def _on_cutlen(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter, __: Seen) -> bool:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123456789")
        await writer.drain()
        return False

    async def _on_events(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: Seen) -> bool:
        """One event at once, the next one when released."""
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n"
        )
        await writer.drain()
        if await self._wait(reader, self.release):
            writer.write(b"9\r\ndata: 2\n\n\r\n0\r\n\r\n")
            await writer.drain()
        return True

    async def _on_count(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: Seen) -> bool:
        await _answer(writer, 200, str(seen.body).encode())
        return True

    _on_late = _on_count

    async def _on_big(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter, __: Seen) -> bool:
        size = 50 << 20
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        for _ in range(size >> 18):
            writer.write(bytes(1 << 18))
            await writer.drain()
            self.written += 1 << 18
        return True

    async def _on_until_close(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter, __: Seen) -> bool:
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end")
        await writer.drain()
        writer.close()
        return False

    async def _on_redirect(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: Seen) -> bool:
        """Redirect as a framework does: to the address that the Host header names."""
        await _answer(writer, 307, b"", [f"Location: http://{seen.header('host')}/files/there?a=1"])
        return True

    async def _on_cookies(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter, __: Seen) -> bool:
        extra = [
            "Set-Cookie: a=1; Path=/",
            "Set-Cookie: b=2",
            "X-Private: 1",
            "Connection: x-private, keep-alive",
            "Keep-Alive: timeout=5",
        ]
        await _answer(writer, 200, b"", extra)
        return True


async def _answer(
    writer: asyncio.StreamWriter, status: int, body: bytes, extra: list[str] | None = None, *, head: bool = False
) -> None:
    lines = [f"HTTP/1.1 {status} X", *(extra or [])]
    if status not in (204, 304):
        lines.append(f"Content-Length: {len(body)}")
    writer.write("\r\n".join([*lines, "", ""]).encode() + (b"" if head else body))
    await writer.drain()


@contextmanager
def refusing() -> Iterator[str]:
    """Hold an address that refuses every connection. A port that was merely freed may become anybody's, the gateway's own among them."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{held.getsockname()[1]}"
