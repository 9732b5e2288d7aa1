"""uvicorn's HTTP/1.1 protocol with limits on the head of a request, and with problem documents for what no application will ever see."""

import asyncio
import re
from collections.abc import Callable
from functools import partial
from typing import Any, cast
from urllib.parse import unquote

import httptools
from typing_extensions import override
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from opsbuddy_core.errors import (
    HeadersTooLargeError,
    MalformedError,
    OpsBuddyError,
    RequestTimeoutError,
    UnavailableError,
)
from opsbuddy_core.web import refusal
from opsbuddy_core.web.batched import BatchedTransport
from opsbuddy_core.web.cycle import AT_ONCE, Cycle
from opsbuddy_core.web.head import Limits, fault

LINGER_SECONDS, LONGEST_LINGER_SECONDS = 2.0, 30.0  # without a word, and in all
FRAMING = frozenset({b"content-length", b"transfer-encoding"})
AUTHORITY = re.compile(rb"[^:/?#]+://(?:[^/?#@]*@)?([^/?#]*)")
UNENCODED = "its address has characters that have to be sent percent-encoded, \u00e9 as %C3%A9"
EXTENSIONS: dict[str, dict[str, str]] = {AT_ONCE: {}}


def limited(
    limits: Limits, reason_header: str | None = None, *, ending: Callable[[], bool] = lambda: False
) -> type["HttpProtocol"]:
    """Return the protocol with these limits.

    `reason_header`: the field in which a refusal names its reason as well; `ending`: whether connections are to be closed with their next answer.
    """
    members = {"limits": limits, "reason_header": reason_header, "ending": staticmethod(ending)}
    return type("LimitedHttpProtocol", (HttpProtocol,), members)


class HttpProtocol(HttpToolsProtocol):
    """Refuses what is malformed, too large or too slow, and then closes the connection.

    What the parser calls for every request stands here in full, without uvicorn's method below it: most of them are that small.
    """

    limits = Limits()
    reason_header: str | None = None
    ending: Callable[[], bool]
    cycle: Cycle
    _head_open = True
    _over = False  # nothing more is taken
    _resuming = False
    _linger_until = _heard = 0.0
    _quiet = 0  # bytes since the last that a request could use: of an endless head, of endless trailers
    _timer: asyncio.TimerHandle | None = None
    _idle_since = 0.0

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
        self._unset_keepalive_if_required()
        super().connection_lost(exc)

    @override
    def shutdown(self) -> None:
        if self._over:  # its answer is sent, and the end of the process waits for nobody who only goes on sending
            self.transport.close()
        else:
            super().shutdown()

    @override
    def data_received(self, data: bytes) -> None:
        if self._over:
            self._heard = self.loop.time()
            return
        self._quiet += len(data)
        try:
            self._feed(data)
        except httptools.HttpParserError as error:
            self._refuse(MalformedError(f"This is no valid HTTP/1.1 request: {_said(error)}.", reason="bad_request"))
            return
        if self._quiet and not self._over:
            self._incomplete()

    def _feed(self, data: bytes | memoryview) -> None:
        """Let the parser read; it stops behind the head of a request for another protocol."""
        while True:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as stopped:
                if self._over:
                    return
                if self._should_upgrade():
                    self._unset_keepalive_if_required()
                    self.handle_websocket_upgrade()
                    return
                self._resume()
                data = memoryview(data)[stopped.args[0] :]
            else:
                return

    def _resume(self) -> None:
        """Read the body as HTTP/1.1: a server may pass over an upgrade, and some clients ask for HTTP/2 so with each request."""
        framing = b"".join(b"%b: %b\r\n" % field for field in self.headers if field[0] in FRAMING)
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn does
        self._resuming = True
        self.parser.feed_data(b"POST / HTTP/1.1\r\n%b\r\n" % framing)
        self._resuming = False

    def _incomplete(self) -> None:
        """Look at what has come of a head or of trailers without their end."""
        if self._quiet > self.limits.head_bytes:
            self._refuse(
                HeadersTooLargeError(
                    f"The request header has more than the {self.limits.head_bytes} bytes that are read.",
                    reason="bad_request",
                )
            )
        elif self._timer is None and (self._head_open or self._idle):
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

    @override
    def timeout_keep_alive_handler(self) -> None:
        """Close the connection if it was idle for long enough. One timer looks again and again: one for each answer would cost more than the look."""
        self.timeout_keep_alive_task = None
        if self.transport.is_closing():
            return
        left = float(self.timeout_keep_alive)
        if self._idle and not self._quiet:
            left += self._idle_since - self.loop.time()
            if left <= 0:
                self.transport.close()
                return
        self.timeout_keep_alive_task = self.loop.call_later(left, self.timeout_keep_alive_handler)

    # --- The parser ---

    @override
    def on_message_begin(self) -> None:
        if self._over or self._resuming:
            return
        self._head_open, self.expect_100_continue = True, False
        self.url, self.headers = b"", []
        scope: Any = {
            "type": "http",
            "asgi": {"version": self.asgi_version, "spec_version": "2.3"},
            "server": self.server,
            "client": self.client,
            "scheme": self.scheme,
            "root_path": "",
            "headers": self.headers,
            "state": self.app_state.copy(),
            "extensions": EXTENSIONS,
        }
        self.scope = scope

    @override
    def on_url(self, url: bytes) -> None:
        if self._head_open and not self._over:
            self.url += url

    @override
    def on_header(self, name: bytes, value: bytes) -> None:
        if self._head_open and not self._over:  # what follows the head are trailers, and nobody asked for them
            name = name.lower()
            value = value.rstrip(b" \t")  # the parser leaves what follows a value
            if name == b"expect" and value.lower() == b"100-continue":
                self.expect_100_continue = True
            self.headers.append((name, value))

    @override
    def on_headers_complete(self) -> None:
        if self._over or self._resuming:
            return
        self._head_open, self._quiet = False, 0
        self._stop_timer()
        parser, scope, headers = self.parser, self.scope, self.headers
        method, version = parser.get_method(), parser.get_http_version()
        upgrade = parser.should_upgrade() and self._should_upgrade()
        error = fault(method, self.url, headers, version, self.limits, upgrade=upgrade)
        if error is not None:
            self._refuse(error)
            return
        scope["method"] = method.decode("ascii")
        scope["http_version"] = version
        if upgrade:
            return
        self._locate()
        before = self.cycle
        self.cycle = cycle = Cycle(
            scope,
            cast("BatchedTransport", self.transport),
            self.flow,
            self.logger,
            self.server_state.default_headers,
            self.on_response_complete,
            ending=self.ending,
            expect_100_continue=self.expect_100_continue and version == "1.1",
            keep_alive=version == "1.1" and parser.should_keep_alive(),
        )
        if before is None or before.response_complete:
            self._start_asgi_task(cycle, self.app)
        else:  # one that was sent before the answer to the one before
            self.flow.pause_reading()
            self.pipeline.appendleft((cycle, self.app))

    def _locate(self) -> None:
        """Write into the scope what is asked for."""
        url = httptools.parse_url(self.url)
        raw = url.path
        if url.schema:  # as to a proxy: what stands in the target counts, not the Host field (RFC 9112 section 3.2.2)
            raw = raw or b"/"
            authority = AUTHORITY.match(self.url)
            self.headers[:] = [(name, value) for name, value in self.headers if name != b"host"]
            self.headers.append((b"host", authority[1] if authority else b""))
        path: str = raw.decode("ascii")
        self.scope["path"] = unquote(path) if "%" in path else path
        self.scope["raw_path"] = raw
        self.scope["query_string"] = url.query or b""

    @override
    def on_body(self, body: bytes) -> None:
        if self._over:
            return
        self._quiet = 0
        cycle = self.cycle
        if cycle.response_complete:
            return
        cycle.body += body
        if len(cycle.body) > HIGH_WATER_LIMIT:
            self.flow.pause_reading()
        cycle.wake()

    @override
    def on_message_complete(self) -> None:
        if self._over or self.parser.should_upgrade():  # the body, if there is one, is still to come
            return
        self._quiet = 0
        cycle = self.cycle
        if cycle is None or cycle.response_complete:
            return
        cycle.more_body = False
        cycle.wake()

    @override
    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        task = self.loop.create_task(cycle.run_asgi(app))
        self.tasks.add(task)
        cycle.over = partial(self.tasks.discard, task)

    @override
    def on_response_complete(self) -> None:
        """Go on with the connection: with the next request that is there already, or waiting for one."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        if self.cycle.response_complete and not self.cycle.keep_alive:  # in the middle of its body
            self._linger()
            return
        self.flow.resume_reading()
        if self.pipeline:
            cycle, app = self.pipeline.pop()
            self._start_asgi_task(cycle, app)
            return
        self._idle_since = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    # --- Refusing ---

    def _refuse(self, error: OpsBuddyError) -> None:
        """Take nothing more; answer if nothing else is being answered, and close once the client can have seen it."""
        self._over = True
        self._stop_timer()
        refusal.account(error, self.client[0] if self.client else None)
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete:
            if not cycle.more_body:  # the request before this one; its answer comes first, and is the last
                cycle.keep_alive = False
                return
            cycle.disconnected = True  # this one: its body is wrong
            cycle.wake()
            if cycle.response_started:
                self.transport.close()
                return
        self.transport.write(refusal.message(error, getattr(self, "url", b""), self.reason_header))
        self._linger()

    def _linger(self) -> None:
        """Close once the client can have seen the answer: closed while it is still sending, a reset may overtake it."""
        self._over = True
        if self.transport.can_write_eof():  # TLS cannot
            self.transport.write_eof()
        self.flow.resume_reading()
        self._heard = self.loop.time()
        self._linger_until = self._heard + LONGEST_LINGER_SECONDS
        self._leave()

    def _leave(self) -> None:
        """Close where nothing came for long enough, and look again where something did."""
        now = self.loop.time()
        left = min(self._heard + LINGER_SECONDS, self._linger_until) - now
        if left <= 0:
            self.transport.close()
        else:
            self._timer = self.loop.call_later(left, self._leave)


def _said(error: httptools.HttpParserError) -> str:
    """Return which part is wrong, in the parser's words: fixed ones, with nothing of the request in them."""
    if isinstance(error, httptools.HttpParserCallbackError):  # of ours, which raise for the target alone
        return "its target is no path and no address"
    return UNENCODED if isinstance(error, httptools.HttpParserInvalidURLError) else str(error)
