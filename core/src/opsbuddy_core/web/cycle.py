"""One request and its answer on an HTTP/1.1 connection: uvicorn's, with the answer written for little and framed here alone.

What uvicorn does per header field and answer is half of what a small answer costs: two searches in each field, a lower case of each name, an
event that most requests never wait for. Names are checked once for good here, values in one pass over the whole head.
"""

import asyncio
import logging
import socket
import struct
from collections.abc import Callable, Iterable
from typing import Any

from typing_extensions import override
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HEADER_RE, STATUS_LINE, RequestResponseCycle

from opsbuddy_core.web.batched import BatchedTransport

Header = tuple[bytes, bytes]
CONTROLS = bytes({*range(32), 127} - set(b"\t\r\n"))
WITHOUT_BODY = frozenset({204, 304})
KNOWN_NAMES = (
    1024  # more than any set of applications uses; what a service makes up beyond it is checked anew each time
)
AT_ONCE = "opsbuddy.http.answer"
"""Extension of the scope, and type of its message: a whole answer, with `status`, `headers` and `body`."""
RESET_AT_ONCE = struct.pack("ii", 1, 0)
FRAMING = frozenset({b"content-length", b"transfer-encoding", b"connection"})

_names: dict[bytes, bytes] = {}
_prebuilt: tuple[list[Header], bytes] = [], b""


class Cycle(RequestResponseCycle):
    """A request, its body as it comes, and the answer as the application gives it.

    An answer of unknown length is chunked, to HTTP/1.0 it ends with the connection; what the application says of the coding is not passed on.
    """

    def __init__(  # noqa: PLR0913 - as its parent
        self,
        scope: Any,
        transport: BatchedTransport,
        flow: FlowControl,
        logger: logging.Logger,
        default_headers: list[Header],
        on_response: Callable[[], None],
        *,
        ending: Callable[[], bool],
        expect_100_continue: bool,
        keep_alive: bool,
    ) -> None:
        self.scope, self.flow, self.logger = scope, flow, logger
        self.transport: Any = transport
        self.default_headers = default_headers
        self.on_response, self.ending = on_response, ending
        self.disconnected = self.response_started = self.response_complete = False
        self.keep_alive = keep_alive
        self.waiting_for_100_continue = expect_100_continue
        self.body = bytearray()
        self.more_body = True
        self.chunked_encoding = False
        self.expected_content_length = 0
        self._bodiless = self._until_closed = False
        self._news, self._event = False, None
        self.over = _nothing  # called once the application has ended: cheaper than a callback of the task

    over: Callable[[], object]

    # --- Telling whoever waits for the request's body ---

    _event: asyncio.Event | None

    @property
    @override
    def message_event(self) -> asyncio.Event:  # type: ignore[override]
        """Set when there is something to receive. Made once somebody waits: most requests have no body."""
        if self._event is None:
            self._event = asyncio.Event()
            if self._news:
                self._event.set()
        return self._event

    def wake(self) -> None:
        """Let whoever waits look again."""
        if self._event is None:
            self._news = True
        else:
            self._event.set()

    # --- The answer ---

    @override
    async def send(self, message: Any) -> None:
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        kind = message["type"]
        if not self.response_started:
            if kind not in ("http.response.start", AT_ONCE):
                raise RuntimeError(f"An answer begins with http.response.start, not with {kind}.")
            whole = message["body"] if kind == AT_ONCE else None
            head = self._head(message["status"], message.get("headers", ()), whole)
            self.response_started = True
            self.waiting_for_100_continue = False
            if whole is None:
                self.transport.write(head)
            else:
                self._finish(whole, head)
        elif self.response_complete or kind != "http.response.body":
            raise RuntimeError(f"After {'all' if self.response_complete else 'the head'} of an answer came {kind}.")
        elif message.get("more_body", False):
            if piece := self._framed(message.get("body", b"")):
                self.transport.write(piece)
        else:
            self._finish(message.get("body", b""))

    def _head(self, status: int, headers: Iterable[Header], whole: bytes | None) -> bytes:
        """Return the head of the answer, and know from it how the body is framed; `whole`: the body, where all of it is known."""
        lines: list[bytes] = []
        length: bytes | None = None
        for name, value in headers:
            known = _names.get(name) or _checked(name)
            if known in FRAMING:
                if known == b"transfer-encoding" or (known == b"content-length" and status == 204):  # noqa: PLR2004
                    continue
                if known == b"content-length":
                    if length is not None:
                        raise RuntimeError("An answer has one Content-Length.")
                    length = value
                elif b"close" in [option.strip() for option in value.lower().split(b",")]:
                    self.keep_alive = False
                    continue
            lines += (known, b": ", value, b"\r\n")
        block = b"".join(lines)
        if (
            block.count(b"\n") != len(lines) // 4
            or block.count(b"\r") != len(lines) // 4
            or len(block.translate(None, CONTROLS)) != len(block)
        ):
            raise RuntimeError("A header field of an answer has a control character.")
        return b"".join(
            (STATUS_LINE[status], _defaults(self.default_headers), block, self._framing(status, length, whole))
        )

    def _framing(self, status: int, length: bytes | None, whole: bytes | None) -> bytes:
        """Decide how the body is framed; return the end of the head, which says so."""
        end = b"\r\n"
        self._bodiless = self.scope["method"] == "HEAD" or status in WITHOUT_BODY
        if length is not None:
            self.expected_content_length = int(length)
        elif self._bodiless:
            pass
        elif whole is not None:
            self.expected_content_length = len(whole)
            end = b"content-length: %d\r\n\r\n" % len(whole)
        else:
            self._until_closed = self.scope["http_version"] == "1.0"
            if self._until_closed:
                self.keep_alive = False
            else:
                self.chunked_encoding = True
                end = b"transfer-encoding: chunked\r\n\r\n"
        if self.keep_alive and not self.ending():
            return end
        self.keep_alive = False
        return b"connection: close\r\n" + end

    def _framed(self, body: bytes) -> bytes:
        """Return a piece of the body as it is sent."""
        if self._bodiless:
            return b""
        if self.chunked_encoding:
            return b"%x\r\n%b\r\n" % (len(body), body) if body else b""
        if not self._until_closed:
            if len(body) > self.expected_content_length:
                raise RuntimeError("The body of an answer is longer than its Content-Length.")
            self.expected_content_length -= len(body)
        return body

    def _finish(self, body: bytes, head: bytes = b"") -> None:
        """Send the last piece of the body, after the head where that is still to be sent."""
        last = head + self._framed(body)
        if self.chunked_encoding:
            last += b"0\r\n\r\n"
        elif self.expected_content_length and not self._bodiless:
            raise RuntimeError("The body of an answer is shorter than its Content-Length.")
        self.response_complete = True
        self.transport.finish(last)
        self.wake()
        if not (self.keep_alive or self.more_body):
            self.transport.close()
        self.on_response()

    @override
    async def run_asgi(self, app: Any) -> None:
        """Run the application; an answer that it leaves incomplete is cut, so that the client can see it."""
        try:
            await app(self.scope, self.receive, self.send)
        except BaseException:  # whatever it is, the connection needs its answer
            self.logger.exception("The application failed.")
            if not self.response_started:
                await self.send_500_response()
            else:
                self._cut()
        else:
            if self.response_complete or self.disconnected:
                return
            if self.response_started:
                self._cut()
            else:
                self.logger.error("The application ended without an answer.")
                await self.send_500_response()
        finally:
            self.on_response = _nothing
            self.over()

    def _cut(self) -> None:
        """Close without the end of the answer. Where only the connection tells its end, closing is no sign, a reset is."""
        if self._until_closed:
            self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_AT_ONCE)
            self.transport.abort()
        else:
            self.transport.close()


def _nothing() -> None:
    """Stand for what is to be done after an answer once it is done."""


def _checked(name: bytes) -> bytes:
    """Return the name in lower case; raises RuntimeError for one that is none."""
    if not name or HEADER_RE.search(name):
        raise RuntimeError("A header field of an answer has no valid name.")
    lower = name.lower()
    if len(_names) < KNOWN_NAMES:
        _names[name] = lower
    return lower


def _defaults(fields: list[Header]) -> bytes:
    """Return the fields of every answer as text; uvicorn makes a new list each second, for the date."""
    global _prebuilt  # noqa: PLW0603 - one text for all connections
    made, text = _prebuilt
    if made is not fields:
        text = b"".join(b"%b: %b\r\n" % field for field in fields)
        _prebuilt = fields, text
    return text
