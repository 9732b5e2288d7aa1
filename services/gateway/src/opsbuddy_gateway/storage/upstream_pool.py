"""Connections to all endpoints: kept while they are fresh, taken last in first out, never more than so many."""

import asyncio
from collections import deque
from typing import Self

from opsbuddy_gateway.models import Address, Reason, UpstreamFailureError
from opsbuddy_gateway.storage.upstream import UpstreamRequest
from opsbuddy_gateway.storage.upstream_answer import Answer
from opsbuddy_gateway.storage.upstream_connection import Connection

SWEEP_SECONDS = 1.0


class PooledUpstream:
    """The client of the data path. The last connection that became free is taken first, so that those too many grow old and are closed."""

    def __init__(self, connections: int, connect_seconds: float, idle_seconds: float) -> None:
        """`idle_seconds`: how long a connection may wait for a request; shorter than services keep it, so that they are never the ones that close."""
        self._limit, self._connect_seconds, self._idle_seconds = connections, connect_seconds, idle_seconds
        self._free: dict[Address, list[Connection]] = {}
        self._open: set[Connection] = set()
        self._connecting = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._sweeper: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._sweep()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._sweeper is not None:
            self._sweeper.cancel()
        for connection in list(self._open):
            connection.abort()
        await asyncio.sleep(0)  # for their last callbacks

    @property
    def open(self) -> int:
        """Connections that stand or are being made."""
        return len(self._open) + self._connecting

    @property
    def idle(self) -> int:
        """Connections that wait for a request."""
        return sum(map(len, self._free.values()))

    async def send(self, address: Address, request: UpstreamRequest, *, fresh: bool) -> Answer:
        connection = None if fresh else self._taken(address)
        if connection is None:
            connection = await self._acquired(address, fresh=fresh)
        answer = connection.ask(request)
        try:
            await answer.head()
        except BaseException:
            answer.close()
            raise
        return answer

    def _taken(self, address: Address) -> Connection | None:
        """Return a free connection to the address that is fresh enough."""
        free = self._free.get(address)
        now = self._loop.time()
        while free:
            connection = free.pop()
            if connection.usable and now < connection.idle_until:
                return connection
            connection.abort()
        return None

    async def _acquired(self, address: Address, *, fresh: bool) -> Connection:
        """Return a free connection, or a new one as soon as there is room for it; it takes no longer than to connect may."""
        due = self._loop.time() + self._connect_seconds
        while True:
            if not fresh and (connection := self._taken(address)):
                return connection
            if self.open < self._limit or self._dropped_one():
                return await self._connected(address)
            try:
                async with asyncio.timeout_at(due):
                    await self._turn()
            except TimeoutError:
                raise UpstreamFailureError(Reason.TOO_MANY_CONNECTIONS, sent=False) from None

    async def _connected(self, address: Address) -> Connection:
        self._connecting += 1
        try:
            async with asyncio.timeout(self._connect_seconds):
                _, connection = await self._loop.create_connection(
                    lambda: Connection(address, self._freed, self._gone), address.host, address.port
                )
        except (OSError, TimeoutError) as error:  # a cancelled caller gets CancelledError, so this is our limit
            raise UpstreamFailureError(Reason.CONNECT_FAILED, sent=False) from error
        finally:
            self._connecting -= 1
            self._next()
        if not connection.usable:
            raise UpstreamFailureError(Reason.CONNECT_FAILED, sent=False)
        self._open.add(connection)
        return connection

    def _dropped_one(self) -> bool:
        """Close the connection that has been idle the longest, to make room; False when none is idle."""
        idle = [free[0] for free in self._free.values() if free]
        if not idle:
            return False
        oldest = min(idle, key=lambda connection: connection.idle_until)
        self._free[oldest.address].remove(oldest)
        self._open.discard(oldest)
        oldest.abort()
        return True

    async def _turn(self) -> None:
        turn = self._loop.create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._next()  # the turn came, but nobody is there to use it
            raise

    def _next(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return

    def _freed(self, connection: Connection) -> None:
        seconds = self._idle_seconds
        if connection.promised is not None:
            seconds = min(seconds, connection.promised)
        connection.idle_until = self._loop.time() + seconds
        self._free.setdefault(connection.address, []).append(connection)
        self._next()

    def _gone(self, connection: Connection) -> None:
        self._open.discard(connection)
        free = self._free.get(connection.address)
        if free and connection in free:
            free.remove(connection)
        self._next()

    def _sweep(self) -> None:
        """Close what has been idle for too long, and forget addresses without connections."""
        now = self._loop.time()
        for address, free in list(self._free.items()):
            for connection in [c for c in free if c.idle_until <= now]:
                free.remove(connection)
                connection.abort()
            if not free:
                del self._free[address]
        self._sweeper = self._loop.call_later(SWEEP_SECONDS, self._sweep)
