"""The two ends of the gateway's bench, as cheap as Python makes them: a service of 1 KB answers, and clients that count."""

import asyncio
import sys
import time
from dataclasses import dataclass
from statistics import quantiles
from typing import cast

import uvloop
from typing_extensions import override

BODY = b"x" * 1024
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1024\r\n\r\n" + BODY


@dataclass(frozen=True, slots=True)
class Load:
    """What clients saw; latencies in milliseconds."""

    requests: int
    per_second: float
    p50: float
    p99: float


class Service(asyncio.Protocol):
    """Answers every request head that ends in this packet; no body is ever sent to it."""

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    @override
    def data_received(self, data: bytes) -> None:
        self._transport.write(ANSWER * data.count(b"\r\n\r\n"))


class Client(asyncio.Protocol):
    """One connection, one request at a time. A request that had to wait for the answer before counts from when it was due."""

    def __init__(self, request: bytes, interval: float, until: float) -> None:
        self._request, self._interval, self._until = request, interval, until
        self._loop = asyncio.get_running_loop()
        self._got = bytearray()
        self.times: list[float] = []
        self.done = self._loop.create_future()

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._due = time.perf_counter()
        self._ask_in_time()

    def _ask_in_time(self) -> None:
        self._ask(time.perf_counter())

    def _ask(self, begun: float) -> None:
        self._begun = begun
        self._got.clear()
        self._transport.write(self._request)

    @override
    def data_received(self, data: bytes) -> None:
        self._got += data
        head = self._got.find(b"\r\n\r\n")
        if head < 0 or len(self._got) < head + 4 + len(BODY):
            return
        now = time.perf_counter()
        if not self._got.startswith(b"HTTP/1.1 200"):
            self._end(RuntimeError(f"an answer was {bytes(self._got[:500])!r}"))
            return
        self.times.append(now - self._begun)
        self._due = self._due + self._interval if self._interval else now
        if now >= self._until:
            self._end(None)
        elif self._due > now:
            self._loop.call_later(self._due - now, self._ask_in_time)
        else:
            self._ask(self._due)

    def _end(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(error) if error else self.done.set_result(None)
        self._transport.close()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._end(exc or ConnectionError("a connection was closed between two requests"))


async def load(port: int, path: str, connections: int, rate: float, seconds: float) -> Load:
    """Ask for so many seconds, `rate` times a second in all, or with 0 as fast as answers come. A single failure makes it void: it raises."""
    request = f"GET {path} HTTP/1.1\r\nHost: bench\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n".encode()
    loop = asyncio.get_running_loop()
    begun = time.perf_counter()
    interval = connections / rate if rate else 0.0
    clients = []
    for number in range(connections):
        if interval:  # spread over the interval, so that they do not ask all at once
            await asyncio.sleep(max(0.0, begun + interval * number / connections - time.perf_counter()))
        _, client = await loop.create_connection(lambda: Client(request, interval, begun + seconds), "127.0.0.1", port)
        clients.append(client)
    await asyncio.gather(*(client.done for client in clients))
    taken = time.perf_counter() - begun
    times = [seen for client in clients for seen in client.times]
    cuts = quantiles(times, n=100)
    return Load(len(times), len(times) / taken, cuts[49] * 1000, cuts[98] * 1000)


async def serve() -> None:
    """Be the service: print the port, run until killed."""
    server = await asyncio.get_running_loop().create_server(Service, "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve())
