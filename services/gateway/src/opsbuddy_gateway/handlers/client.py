"""The client's side of one exchange: its body as a stream, and whether it is still there."""

import asyncio
from collections.abc import AsyncIterator

from starlette.types import Receive

from opsbuddy_core.errors import OpsBuddyError, TooLargeError
from opsbuddy_gateway.models import Reason, RequestTimeoutError

WATCH_AFTER = 0.25  # most answers are there sooner, and then no task is needed to see a client leave
DRAIN_SECONDS = 30.0


class ClientGoneError(Exception):
    """The client closed its connection."""


class Client:
    """Reads what the client sends. Only one of `stream`, `drain` and the watch reads at a time."""

    def __init__(self, receive: Receive, *, has_body: bool, limit: int, idle_seconds: float) -> None:
        self._receive = receive
        self._limit, self._idle_seconds = limit, idle_seconds
        self._task = asyncio.current_task()
        self._loop = asyncio.get_running_loop()
        self._watching: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._watch_wanted = False
        self._deadline: asyncio.Timeout | None = None
        self._head_seconds = 0.0
        self.started = False
        self.complete = not has_body
        self.gone = False
        self.paused = False
        self.failure: OpsBuddyError | None = None
        self.taken = 0

    def begin(self) -> None:
        """From now on cancel the exchange when the client leaves."""
        self._timer = self._loop.call_later(WATCH_AFTER, self._watch)

    def end(self) -> None:
        if self._timer:
            self._timer.cancel()
        if self._watching:
            self._watching.cancel()

    def bind(self, deadline: asyncio.Timeout | None, head_seconds: float = 0.0) -> None:
        """Hold the deadline for the answer's head only against the service: while the client is to send, the client's own limit counts."""
        self._deadline, self._head_seconds = deadline, head_seconds

    async def stream(self) -> AsyncIterator[bytes]:
        """Yield the body as it arrives; it stops with an error when the client leaves, pauses for too long or sends too much."""
        self.started = True
        while not self.complete:
            self._extend(self._idle_seconds, paused=True)
            message = await self._receive()
            self._extend(self._head_seconds, paused=False)
            if message["type"] == "http.disconnect":
                self._leave()
                raise ClientGoneError
            chunk: bytes = message.get("body", b"")
            self.taken += len(chunk)
            self.complete = not message.get("more_body", False)
            if self.taken > self._limit:
                self.failure = too_large(self._limit)
                raise self.failure
            if chunk:
                yield chunk
        if self._watch_wanted:
            self._watch()

    async def drain(self) -> bool:
        """Read the rest of the body and forget it, so that a client that is still writing sees the answer; False when it does not end."""
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                while not self.complete:
                    message = await self._receive()
                    if message["type"] == "http.disconnect":
                        self.gone = True
                        return False
                    self.complete = not message.get("more_body", False)
        except TimeoutError:
            return False
        return True

    def late(self) -> OpsBuddyError:
        """Return the failure for a client that paused for too long."""
        return RequestTimeoutError(
            f"Nothing of the body arrived for {self._idle_seconds:g} s; send the request again.",
            reason=Reason.CLIENT_SLOW,
        )

    def _extend(self, seconds: float, *, paused: bool) -> None:
        self.paused = paused
        if self._deadline is not None:
            self._deadline.reschedule(self._loop.time() + seconds)

    def _watch(self) -> None:
        if self.complete:
            self._watching = self._loop.create_task(self._until_gone())
        else:
            self._watch_wanted = True  # whoever reads the body sees the client leave

    async def _until_gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._leave()

    def _leave(self) -> None:
        if not self.gone:
            self.gone = True
            if self._task:
                self._task.cancel()


def too_large(limit: int) -> TooLargeError:
    """Return the failure for a body over the limit in bytes."""
    return TooLargeError(
        f"The body has more than the {limit} bytes that are taken here.", limit=limit, reason=Reason.BODY_TOO_LARGE
    )
