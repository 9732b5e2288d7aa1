"""The client's side of one exchange: its body as a stream, whether it is still there, and how long the exchange may take."""

import asyncio
import math
from collections.abc import AsyncIterator

from starlette.types import Receive

from opsbuddy_core.errors import OpsBuddyError, RequestTimeoutError, TooLargeError
from opsbuddy_gateway.models import Reason, UpstreamFailureError

DRAIN_SECONDS = 30.0
KEPT_BYTES = 64 * 1024  # of a body, to send it to another endpoint when the first one dies


class ClientGoneError(Exception):
    """The client closed its connection."""


class Client:
    """Reads what the client sends. Only one of `stream`, `drain` and the watch reads at a time."""

    def __init__(
        self, receive: Receive, *, has_body: bool, limit: int, idle_seconds: float, least_rate: int = 0
    ) -> None:
        """`least_rate`: the bytes a second that the body has to come with, on average over `idle_seconds`."""
        self._receive = receive
        self._limit, self._idle_seconds, self._least_rate = limit, idle_seconds, least_rate
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        self._watching: asyncio.Task[None] | None = None
        self._watch_wanted = False
        self._due, self._due_reason = math.inf, Reason.TIMEOUT
        self._head_seconds = math.inf
        self._looks = 0
        self.started = False
        self.has_body, self.complete = has_body, not has_body
        self.interrupted: Reason | None = None
        self.failure: OpsBuddyError | None = None
        self.taken = self._came = 0
        self._waited = 0.0
        self._kept: list[bytes] | None = []

    @property
    def repeatable(self) -> bool:
        """Whether all that was read of the body can be sent once more."""
        return self._kept is not None

    @property
    def gone(self) -> bool:
        return self.interrupted is Reason.CLIENT_GONE

    # --- How long it may take ---

    def within(self, seconds: float, reason: Reason = Reason.TIMEOUT) -> None:
        """Cancel the exchange, for this reason, unless this is called again within so many seconds."""
        self._due, self._due_reason = self._loop.time() + seconds, reason

    def head_within(self, seconds: float) -> None:
        """Hold the limit for the answer's head against the service; while the client is to send, the client's own limit counts."""
        self._head_seconds = seconds
        self._due, self._due_reason = self._loop.time() + seconds, Reason.TIMEOUT

    def unlimited(self) -> None:
        """Let the exchange take its time from now on."""
        self._due = self._head_seconds = math.inf

    def look(self, now: float) -> None:
        """Be looked at, ten times a second: end what takes too long, and see whether the client is still there."""
        self._looks += 1
        if now >= self._due:
            self.interrupt(self._due_reason)
        elif self._looks == 2:  # noqa: PLR2004 - most answers are there sooner, and then no task is needed to see a client leave
            self._watch()

    def interrupt(self, reason: Reason) -> None:
        """Cancel the exchange, once; `cause` then tells why."""
        if self.interrupted is None and self._task is not None:
            self.interrupted = reason
            self._task.cancel()

    def cause(self) -> Exception | None:
        """Return why the exchange was cancelled, and take the cancellation back; None when it was not this that cancelled it."""
        if self.interrupted is None or self._task is None or self._task.uncancel():
            return None
        if self.interrupted is Reason.CLIENT_GONE:
            return ClientGoneError()
        if self.interrupted is Reason.CLIENT_SLOW:
            return RequestTimeoutError(
                f"Nothing of the body arrived for {self._idle_seconds:g} s; send the request again.",
                reason=Reason.CLIENT_SLOW,
            )
        if self.interrupted is Reason.ANSWER_CUT:
            return UpstreamFailureError(Reason.ANSWER_CUT, sent=True)
        return TimeoutError()

    def end(self) -> None:
        if self._watching:
            self._watching.cancel()

    # --- What it sends ---

    async def stream(self) -> AsyncIterator[bytes]:
        """Yield the body as it arrives, after what is kept of it; an error ends it when the client leaves, pauses too long, is too slow or sends too much."""
        self.started = True
        for chunk in self._kept or ():
            yield chunk
        while not self.complete:
            if self._head_seconds is not math.inf:
                self.within(self._idle_seconds, Reason.CLIENT_SLOW)
            begun = self._loop.time()
            message = await self._receive()
            if self._head_seconds is not math.inf:
                self.within(self._head_seconds)
            if message["type"] == "http.disconnect":
                self.interrupt(Reason.CLIENT_GONE)
                raise ClientGoneError
            chunk = message.get("body", b"")
            self.complete = not message.get("more_body", False)
            self._count(len(chunk), self._loop.time() - begun)
            if chunk:
                self._keep(chunk)
                yield chunk
        if self._watch_wanted:
            self._watch_wanted = False
            self._watch()

    def _count(self, size: int, waited: float) -> None:
        """Raise when the body is too large, or came too slowly. Waited is for the client alone: while the service takes nothing, it cannot send."""
        self.taken += size
        self._came += size
        self._waited += waited
        if self.taken > self._limit:
            self.failure = too_large(self._limit)
        elif self._waited > self._idle_seconds:
            if self._came < self._least_rate * self._waited and not self.complete:
                self.failure = RequestTimeoutError(
                    f"The body came with {self._came / self._waited:.0f} bytes a second, and {self._least_rate} are asked for; "
                    "send it faster, or as several requests.",
                    reason=Reason.CLIENT_SLOW,
                )
            self._came, self._waited = 0, 0.0
        if self.failure is not None:
            raise self.failure

    def _keep(self, chunk: bytes) -> None:
        if self.taken > KEPT_BYTES:
            self._kept = None
        elif self._kept is not None:
            self._kept.append(chunk)

    async def drain(self) -> bool:
        """Read the rest of the body and forget it, so that a client that is still writing sees the answer; False when it does not end."""
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                while not self.complete:
                    message = await self._receive()
                    if message["type"] == "http.disconnect":
                        return False
                    self.complete = not message.get("more_body", False)
        except TimeoutError:
            return False
        return True

    def _watch(self) -> None:
        if self.complete:
            self._watching = self._loop.create_task(self._until_gone())
        else:
            self._watch_wanted = True  # whoever reads the body sees the client leave

    async def _until_gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.interrupt(Reason.CLIENT_GONE)


class Watch:
    """Looks at every exchange in flight, from one timer: timers of their own would cost each of the many that are over at once."""

    EVERY = 0.1

    def __init__(self) -> None:
        self._clients: set[Client] = set()
        self._timer: asyncio.TimerHandle | None = None

    def add(self, client: Client) -> None:
        self._clients.add(client)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self.EVERY, self._look)

    def remove(self, client: Client) -> None:
        self._clients.discard(client)

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        for client in list(self._clients):
            client.look(now)
        self._timer = loop.call_later(self.EVERY, self._look) if self._clients else None


def too_large(limit: int) -> TooLargeError:
    """Return the failure for a body over the limit in bytes."""
    return TooLargeError(
        f"The body has more than the {limit} bytes that are taken here.", limit=limit, reason=Reason.BODY_TOO_LARGE
    )
