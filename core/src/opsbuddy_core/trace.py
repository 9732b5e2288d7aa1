"""Which request a piece of work belongs to: a request id and the W3C trace context, carried by a context variable."""

import random
import re
from contextvars import ContextVar, Token
from typing import NamedTuple

_TRACEPARENT = re.compile(r"^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})")
_REQUEST_ID = re.compile(r"^[A-Za-z0-9._~:@/+=-]{1,128}\Z")


class Trace(NamedTuple):
    """One hop of a request."""

    request_id: str
    trace_id: str
    span_id: str
    flags: str

    @property
    def traceparent(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-{self.flags}"

    def headers(self) -> dict[str, str]:
        """Headers that pass the context on to the next hop."""
        return {"x-request-id": self.request_id, "traceparent": self.traceparent}


_current: ContextVar[Trace | None] = ContextVar("trace", default=None)


def continued(request_id: str | None, traceparent: str | None) -> Trace:
    """Return this hop's trace: the caller's where it sent a valid one, a fresh one otherwise."""
    match = _TRACEPARENT.match(traceparent) if traceparent else None
    chance = f"{random.getrandbits(320):080x}"  # for all three at once: asking costs more than cutting
    return Trace(
        request_id if request_id and _REQUEST_ID.match(request_id) else chance[:32],
        match[2] if match else chance[32:64],
        chance[64:],
        match[4] if match else "01",
    )


def unsampled() -> str:
    """Return a traceparent for what is done all the time and for nobody: no span of it is kept."""
    return continued(None, None)._replace(flags="00").traceparent


def current() -> Trace | None:
    """Return the trace of the request that is being worked on, if any."""
    return _current.get()


def enter(trace: Trace) -> Token[Trace | None]:
    """Make a trace the current one; `leave` with the token undoes it."""
    return _current.set(trace)


def leave(token: Token[Trace | None]) -> None:
    """Make the trace before `enter` the current one again."""
    _current.reset(token)


def outgoing() -> dict[str, str]:
    """Headers for a request to another service, inside or outside of a request of our own."""
    trace = _current.get()
    return trace.headers() if trace else {}
