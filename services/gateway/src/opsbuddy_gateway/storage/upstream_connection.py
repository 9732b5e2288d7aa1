"""One HTTP/1.1 connection to a process of a service: one request, one answer at a time."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import cast

import httptools
from typing_extensions import override

from opsbuddy_gateway.models import Address, Reason
from opsbuddy_gateway.storage.upstream import UpstreamRequest
from opsbuddy_gateway.storage.upstream_answer import Answer

MAX_HEAD_BYTES = (
    256 * 1024
)  # of an answer, with all interim ones before it; and of chunk headers and trailers without a body between them
FIRST, SWITCHING, OK, LAST = 100, 101, 200, 599
NO_BODY_STATUSES = frozenset({204, 304})
READ_BYTES = 64 * 1024


class Connection(asyncio.Protocol):
    """Sends a request and parses the answer. `free` is told when it can take the next request, `gone` when it is closed."""

    def __init__(
        self, address: Address, free: Callable[["Connection"], None], gone: Callable[["Connection"], None]
    ) -> None:
        self.address, self._free, self._gone = address, free, gone
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport
        self._answer: Answer | None = None
        self._sending: asyncio.Task[None] | None = None
        self._writable: asyncio.Future[None] | None = None
        self._reset()
        self.open = self.reused = False
        self.idle_until = 0.0
        self.promised: float | None = None  # how long the service says that it keeps an idle connection

    def _reset(self) -> None:
        """Forget the last exchange."""
        self._bodiless = False  # the answer to HEAD: the parser does not know, and would wait for a body
        self._started = False  # a byte of the answer is there
        self._until_closed = False
        self._keep = False
        self._quiet = 0  # bytes since the last that was of use
        self._broken = False

    @property
    def usable(self) -> bool:
        return self.open and not self._transport.is_closing()

    def ask(self, request: UpstreamRequest) -> Answer:
        """Send the request, its body in the background, and return the answer that will come."""
        self._reset()
        self._bodiless = request.method == "HEAD"
        self._answer = answer = Answer(self._loop, self._flow, self._close)
        lines = [request.method.encode(), b" ", request.target, b" HTTP/1.1\r\n"]
        length: bytes | None = None
        for name, value in request.headers:
            if name == b"content-length":
                length = value
            lines += (name, b": ", value, b"\r\n")
        if request.body is not None and length is None:
            lines.append(b"transfer-encoding: chunked\r\n")
        lines.append(b"\r\n")
        self._transport.write(b"".join(lines))
        if request.body is not None:
            self._sending = self._loop.create_task(self._send(request.body, None if length is None else int(length)))
        return answer

    def abort(self) -> None:
        """Close at once; whoever waits for an answer is told."""
        self._transport.abort()

    # --- The request's body ---

    async def _send(self, body: AsyncIterator[bytes], length: int | None) -> None:
        """Send the body in chunks where no length was promised. One of another length than promised would make what follows part of it."""
        sent = 0
        try:
            async for piece in body:
                sent += len(piece)
                self._transport.write(b"%x\r\n%b\r\n" % (len(piece), piece) if length is None else piece)
                if self._writable is not None:
                    await self._writable
            if length is None:
                self._transport.write(b"0\r\n\r\n")
            elif sent != length:
                self._cut()
        except Exception:  # noqa: BLE001 - whatever ended the body: the client's side keeps the reason, the service gets no end
            self._cut()

    def _cut(self) -> None:
        self._broken = True
        if self._answer is not None:
            self._answer.failed(Reason.RESET)
        self.abort()

    @override
    def pause_writing(self) -> None:
        self._writable = self._loop.create_future()

    @override
    def resume_writing(self) -> None:
        waiting, self._writable = self._writable, None
        if waiting is not None and not waiting.done():
            waiting.set_result(None)

    def _flow(self, full: bool) -> None:  # noqa: FBT001 - a switch
        if not self._transport.is_closing():
            if full:
                self._transport.pause_reading()
            else:
                self._transport.resume_reading()

    # --- The connection ---

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self.open = True

    @override
    def data_received(self, data: bytes) -> None:
        answer = self._answer
        if answer is None or answer.complete:  # nobody asked: what follows could be taken for the next answer
            self._broken = True
            self.abort()
            return
        self._started = True
        self._quiet += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._refuse(answer)
            return
        if self._quiet > MAX_HEAD_BYTES:
            self._refuse(answer)

    def _refuse(self, answer: Answer) -> None:
        self._broken = True
        answer.failed(Reason.BAD_ANSWER)
        self.abort()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self.open = False
        answer = self._answer
        if answer is not None and not answer.complete:
            if exc is not None and not self._broken:
                self._last_words()
            if self._until_closed and exc is None and answer.head_done:
                answer.ended()
            answer.failed(Reason.RESET, stale=self.reused and not self._started)
        self.resume_writing()
        if self._sending is not None:
            self._sending.cancel()
        self._gone(self)

    def _last_words(self) -> None:
        """Read what the service said before it closed: an early refusal is still in the socket when writing the body failed."""
        fd = self._transport.get_extra_info("socket").fileno()
        with suppress(OSError):
            while data := os.read(fd, READ_BYTES):
                self.data_received(data)

    def _close(self, answer: Answer) -> None:
        """Give the connection back if the exchange is complete, both ways; cut it otherwise."""
        if self._answer is not answer:
            return
        self._answer = None
        sending, self._sending = self._sending, None
        unsent = sending is not None and not sending.done()
        if sending is not None and unsent:
            sending.cancel()
        if not self.open:
            return
        if unsent or not answer.complete or not self._keep or self._broken or self._transport.is_closing():
            self.abort()
            return
        if self._bodiless:
            self._parser = httptools.HttpResponseParser(self)
        self.reused = True
        self._free(self)

    # --- The parser ---

    def on_message_begin(self) -> None:
        answer = self._answer
        if answer is not None and (answer.head_done or answer.complete):
            self._broken = True  # a second answer to one request

    def on_header(self, name: bytes, value: bytes) -> None:
        answer = self._answer
        if answer is None or answer.head_done:
            return  # a trailer
        name = name.lower()
        if name == b"transfer-encoding" and value.lower() != b"chunked":
            self._broken = True  # a coding that we cannot undo, and the field is not passed on
        elif name == b"keep-alive":
            self.promised = _promised(value)
        answer.headers.append((name, value))

    def on_headers_complete(self) -> None:
        answer, status = self._answer, self._parser.get_status_code()
        if answer is None or answer.head_done or status == SWITCHING:
            return
        if FIRST <= status < OK:  # interim: the answer is still to come
            answer.headers.clear()
            return
        if self._broken or not OK <= status <= LAST:
            self._broken = True
            answer.failed(Reason.BAD_ANSWER)
            return
        self._quiet = 0
        self._keep = self._parser.should_keep_alive()
        if self._bodiless:  # to the parser a head without a length means a body until the connection closes
            self._keep = self._keep or (self._parser.get_http_version() == "1.1" and not _says_close(answer))
        elif not self._keep and status not in NO_BODY_STATUSES:
            self._until_closed = not _framed(answer)
        answer.headed(status, announced=any(name == b"content-length" for name, _ in answer.headers))
        if self._bodiless:
            answer.ended()

    def on_body(self, piece: bytes) -> None:
        answer = self._answer
        if answer is None or self._broken or answer.complete or not answer.head_done:
            self._broken = True
            return
        self._quiet = 0
        answer.put(piece)

    def on_message_complete(self) -> None:
        answer = self._answer
        if answer is not None and answer.head_done and not self._broken and not self._until_closed:
            answer.ended()


def _framed(answer: Answer) -> bool:
    """Whether the answer says itself where it ends."""
    return any(name in (b"content-length", b"transfer-encoding") for name, _ in answer.headers)


def _says_close(answer: Answer) -> bool:
    return any(name == b"connection" and b"close" in value.lower() for name, value in answer.headers)


def _promised(value: bytes) -> float | None:
    """Return the seconds of `Keep-Alive: timeout=5`, less one: the service must not be the one that closes."""
    for part in value.lower().split(b","):
        name, _, number = part.strip().partition(b"=")
        if name == b"timeout" and number.isdigit():
            return max(0.0, int(number[:6]) - 1.0)
    return None
