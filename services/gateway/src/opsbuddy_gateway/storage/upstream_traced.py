"""A span for each attempt at a service: around the clients that make them, so that they know nothing of it. Only there where traces are sent."""

from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass, replace

from opentelemetry.trace import Span

from opsbuddy_core import trace
from opsbuddy_core.tracing import Tracing, fail, joined
from opsbuddy_gateway.models import Address, UpstreamFailureError
from opsbuddy_gateway.storage.upstream import UpstreamAnswer, UpstreamClient, UpstreamRequest
from opsbuddy_gateway.storage.upstream_websocket import Handshake, RefusedError, SocketConnector, UpstreamSocket

Headers = Sequence[tuple[bytes, bytes]]
FAILED = 400  # to a client each of these is a failure


@dataclass(slots=True)
class Hop:
    """The span of the request that is being worked on, and how often a service was asked for it."""

    span: Span
    attempts: int = 0


current: ContextVar[Hop | None] = ContextVar("hop", default=None)


class Attempt:
    """One attempt: ended once, whichever way it ends first."""

    def __init__(self, tracing: Tracing, method: str, address: Address, target: bytes) -> None:
        hop, here = current.get(), trace.current()
        assert hop is not None and here is not None  # noqa: PT018, S101 - who handles the request has begun both
        attributes: dict[str, str | int] = {
            "http.request.method": method,
            "server.address": address.host,
            "server.port": address.port,
            "url.full": f"http://{address}{target.partition(b'?')[0].decode('latin-1')}",
        }
        if hop.attempts:
            attributes["http.request.resend_count"] = hop.attempts
        hop.attempts += 1
        self._span: Span | None = tracing.client(method, hop.span, attributes)
        self._traceparent = joined(here, self._span).traceparent.encode()

    def passed(self, headers: Headers) -> list[tuple[bytes, bytes]]:
        """Return the header with this attempt as what the service continues."""
        return [(name, self._traceparent if name == b"traceparent" else value) for name, value in headers]

    def answered(self, status: int) -> None:
        if self._span is not None:
            self._span.set_attribute("http.response.status_code", status)
            if status >= FAILED:
                fail(self._span, str(status))

    def end(self, failure: BaseException | None = None) -> None:
        span, self._span = self._span, None
        if span is None:
            return
        if isinstance(failure, UpstreamFailureError):
            fail(span, failure.reason)
        elif failure is not None:
            fail(span, "cancelled")
        span.end()


class TracedUpstream:
    """The client of the data path, traced."""

    def __init__(self, upstream: UpstreamClient, tracing: Tracing) -> None:
        self._upstream, self._tracing = upstream, tracing

    async def send(self, address: Address, request: UpstreamRequest, *, fresh: bool) -> UpstreamAnswer:
        attempt = Attempt(self._tracing, request.method, address, request.target)
        try:
            passed = request._replace(headers=attempt.passed(request.headers))
            answer = await self._upstream.send(address, passed, fresh=fresh)
        except BaseException as failure:
            attempt.end(failure)
            raise
        attempt.answered(answer.status)
        return TracedAnswer(answer, attempt)


class TracedAnswer:
    """An answer whose end is that of the attempt."""

    __slots__ = ("_answer", "_attempt")

    def __init__(self, answer: UpstreamAnswer, attempt: Attempt) -> None:
        self._answer, self._attempt = answer, attempt

    @property
    def status(self) -> int:
        return self._answer.status

    @property
    def headers(self) -> Headers:
        return self._answer.headers

    @property
    def taken(self) -> bool:
        return self._answer.taken

    async def read(self) -> bytes:
        try:
            return await self._answer.read()
        except BaseException as failure:
            self._attempt.end(failure)
            raise

    def whole(self) -> bytes | None:
        return self._answer.whole()

    def close(self) -> None:
        self._attempt.end()
        self._answer.close()


class TracedConnector:
    """Opens WebSockets, traced; an attempt ends with the handshake."""

    def __init__(self, connector: SocketConnector, tracing: Tracing) -> None:
        self._connector, self._tracing = connector, tracing

    async def open(self, address: Address, handshake: Handshake) -> UpstreamSocket:
        attempt = Attempt(self._tracing, "GET", address, handshake.target)
        try:
            socket = await self._connector.open(address, replace(handshake, headers=attempt.passed(handshake.headers)))
        except RefusedError as refused:
            attempt.answered(refused.status)
            attempt.end()
            raise
        except BaseException as failure:
            attempt.end(failure)
            raise
        attempt.answered(101)
        attempt.end()
        return socket
