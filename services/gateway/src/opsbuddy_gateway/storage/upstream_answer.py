"""An answer while it arrives: its head, and as much of its body as may wait in memory."""

import asyncio
from collections import deque
from collections.abc import Callable

from opsbuddy_gateway.models import Reason, UpstreamFailureError

HIGH_WATER = 256 * 1024  # of a body that nobody has taken yet: from here on the service has to wait


class Answer:
    """What a connection puts in on one side and the data path takes out on the other."""

    __slots__ = (
        "_close",
        "_failure",
        "_flow",
        "_loop",
        "_paused",
        "_pieces",
        "_size",
        "_waiter",
        "begun",
        "complete",
        "head_done",
        "headers",
        "status",
    )

    def __init__(
        self, loop: asyncio.AbstractEventLoop, flow: Callable[[bool], None], close: Callable[["Answer"], None]
    ) -> None:
        """`flow` is told to stop reading (True) and to go on (False); `close` that the exchange is over."""
        self._loop, self._flow, self._close = loop, flow, close
        self._pieces: deque[bytes] = deque()
        self._size = 0
        self._paused = False
        self._waiter: asyncio.Future[None] | None = None
        self._failure: UpstreamFailureError | None = None
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.head_done = False
        self.begun = False
        """Whether the data path may see it. Until then the request can go to another endpoint without the client seeing anything of it."""
        self.complete = False

    # --- For the data path ---

    async def head(self) -> None:
        """Wait until status and headers are there, and the first bytes of a body whose length they announce; raises UpstreamFailureError."""
        while not self.begun:
            if self._failure is not None:
                raise self._failure
            self._waiter = self._loop.create_future()  # `_wait`, without a coroutine of its own
            try:
                await self._waiter
            finally:
                self._waiter = None

    async def read(self) -> bytes:
        pieces = self._pieces
        while not pieces:
            if self.complete:
                return b""
            if self._failure is not None:
                raise self._failure
            await self._wait()
        return self._taken()

    def whole(self) -> bytes | None:
        return self._taken() if self.complete else None

    def _taken(self) -> bytes:
        """Return what is waiting; the service may send on."""
        pieces = self._pieces
        if len(pieces) == 1:
            waiting = pieces.popleft()
        else:
            waiting = b"".join(pieces)
            pieces.clear()
        self._size = 0
        if self._paused:
            self._paused = False
            self._flow(False)
        return waiting

    @property
    def taken(self) -> bool:
        return self.complete and not self._pieces

    def close(self) -> None:
        self._close(self)

    async def _wait(self) -> None:
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    # --- For the connection ---

    def headed(self, status: int, *, announced: bool) -> None:
        """Take the head. With a body of an `announced` length it waits for the first bytes, as a service may die between the two; a stream may be silent."""
        self.status, self.head_done = status, True
        if not announced:
            self._begin()

    def put(self, piece: bytes) -> None:
        self.begun = True
        self._pieces.append(piece)
        self._size += len(piece)
        if self._size > HIGH_WATER and not self._paused:
            self._paused = True
            self._flow(True)
        self._wake()

    def ended(self) -> None:
        self.complete = True
        self._begin()

    def failed(self, reason: Reason, *, stale: bool = False) -> None:
        """End it without its end; what is there already can still be read."""
        if self.complete or self._failure is not None:
            return
        self._failure = UpstreamFailureError(
            Reason.ANSWER_CUT if self.begun else reason, sent=True, stale=stale and not self.head_done
        )
        self._wake()

    def _begin(self) -> None:
        self.begun = True
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
