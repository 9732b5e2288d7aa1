"""uvicorn's HTTP/1.1 protocol with limits on the head of a request, and with problem documents for what no application will ever see."""

import asyncio
import logging
from typing import Any, cast

import orjson
from prometheus_client import Counter
from typing_extensions import override
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from opsbuddy_core.errors import (
    HeadersTooLargeError,
    MalformedError,
    OpsBuddyError,
    RequestTimeoutError,
    UnavailableError,
)
from opsbuddy_core.logs import Line
from opsbuddy_core.web.batched import BatchedTransport
from opsbuddy_core.web.head import Limits, fault
from opsbuddy_core.web.problems import MEDIA_TYPE, document

LINGER_SECONDS = (
    2.0  # a client that is still sending needs time to see the answer: closed at once, a reset may overtake it
)
REFUSED = Counter("opsbuddy_http_refused_total", "Requests refused before any application saw them", ["status"])
line = Line("access", "Request refused", operation="request")


def limited(limits: Limits) -> type["HttpProtocol"]:
    """Return the protocol with these limits."""
    return type("LimitedHttpProtocol", (HttpProtocol,), {"limits": limits})


class HttpProtocol(HttpToolsProtocol):
    """Refuses what is malformed, too large or too slow, and then closes the connection."""

    limits = Limits()
    _head_open = True
    _refused = False
    _quiet = 0  # bytes since the last that a request could use: of an endless head, of endless trailers
    _timer: asyncio.TimerHandle | None = None

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(cast("asyncio.Transport", BatchedTransport(transport, self.loop)))
        if len(self.connections) > self.limits.connections:
            self._refuse(
                UnavailableError(
                    f"There are {self.limits.connections} connections already; try again shortly.",
                    retry_after=1,
                    reason="too_many_connections",
                )
            )
            return
        self._await_head()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    @override
    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        self._quiet += len(data)
        super().data_received(data)
        if self._refused:
            return
        if self._quiet > self.limits.head_bytes:
            self._refuse(
                HeadersTooLargeError(
                    f"The request header has more than the {self.limits.head_bytes} bytes that are read.",
                    reason="bad_request",
                )
            )
        elif self._quiet and self._timer is None and (self._head_open or self._idle):
            self._await_head()

    @property
    def _idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    # --- Time ---

    def _await_head(self) -> None:
        self._timer = self.loop.call_later(self.limits.head_seconds, self._late)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _late(self) -> None:
        self._timer = None
        if not self._quiet:  # a connection that was opened in advance and is not needed
            self.transport.close()
            return
        self._refuse(
            RequestTimeoutError(
                f"The request header was not complete within {self.limits.head_seconds:g} s; send it in one go.",
                reason="client_slow",
            )
        )

    # --- The parser ---

    @override
    def on_message_begin(self) -> None:
        if not self._refused:
            self._head_open = True
            super().on_message_begin()

    @override
    def on_url(self, url: bytes) -> None:
        if not self._refused:
            super().on_url(url)

    @override
    def on_header(self, name: bytes, value: bytes) -> None:
        if self._head_open and not self._refused:  # what follows the head are trailers, and nobody asked for them
            super().on_header(name, value)

    @override
    def on_headers_complete(self) -> None:
        if self._refused:
            return
        self._head_open, self._quiet = False, 0
        self._stop_timer()
        upgrade = self.parser.should_upgrade()
        error = fault(self.url, self.headers, self.parser.get_http_version(), self.limits, upgrade=upgrade)
        if error is not None:
            self._refuse(error)
            return
        super().on_headers_complete()
        if upgrade and not self._should_upgrade():
            self.cycle.keep_alive = False  # to the parser the connection now speaks the other protocol

    @override
    def on_body(self, body: bytes) -> None:
        if not self._refused:
            self._quiet = 0
            super().on_body(body)

    @override
    def on_message_complete(self) -> None:
        if not self._refused:
            self._quiet = 0
            super().on_message_complete()

    @override
    def handle_websocket_upgrade(self) -> None:
        if not self._refused:
            super().handle_websocket_upgrade()

    @override
    def _unsupported_upgrade_warning(self) -> None:
        """Say nothing: answering in HTTP/1.1 is what a server does that does not know the other protocol."""

    @override
    def send_400_response(self, msg: str) -> None:
        if not self._refused:
            self._refuse(
                MalformedError(
                    "This is no valid HTTP/1.1 request: the request line, a header field or the framing of the body is wrong.",
                    reason="bad_request",
                )
            )

    # --- Refusing ---

    def _refuse(self, error: OpsBuddyError) -> None:
        """Take nothing more; answer if nothing else is being answered, and close once the client can have seen it."""
        self._refused = True
        self._stop_timer()
        self._tell(error)
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete:
            if not cycle.more_body:  # the request before this one; its answer comes first, and is the last
                cycle.keep_alive = False
                return
            cycle.disconnected = True  # this one: its body is wrong
            cycle.message_event.set()
            if cycle.response_started:
                self.transport.close()
                return
        document_ = orjson.dumps(document(error, getattr(self, "url", b"").decode("latin-1")))
        head = b"content-type: %s\r\ncontent-length: %d\r\nconnection: close\r\n%s\r\n"
        retry = b"retry-after: %d\r\n" % error.retry_after if error.retry_after else b""
        self.transport.write(
            STATUS_LINE[int(error.status)] + head % (MEDIA_TYPE.encode(), len(document_), retry) + document_
        )
        if not self.transport.can_write_eof():
            self.transport.close()
            return
        self.transport.write_eof()
        self.flow.resume_reading()
        self._timer = self.loop.call_later(LINGER_SECONDS, self.transport.close)

    def _tell(self, error: OpsBuddyError) -> None:
        REFUSED.labels(int(error.status)).inc()
        data: dict[str, Any] = {
            "status": int(error.status),
            "reason": error.extensions.get("reason"),
            "detail": error.detail,
            "client": self.client[0] if self.client else None,
        }
        line.write(logging.WARNING, data, None)
