"""WebSockets to processes of a service."""

import asyncio
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from typing_extensions import override
from websockets.asyncio.client import ClientConnection
from websockets.client import ClientProtocol
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, WebSocketException
from websockets.http11 import Request
from websockets.typing import Subprotocol
from websockets.uri import WebSocketURI

from opsbuddy_gateway.models import Address, Reason, UpstreamFailureError

QUEUE = 4  # messages that wait for a slow client, until the service has to
CLOSE_SECONDS = 5.0
ABNORMAL = 1006
_NOT_ASCII = re.compile(rb"[^\x21-\x7e]")


@dataclass(frozen=True, slots=True)
class Handshake:
    """What the client asked for. `headers` has none of those that make the handshake."""

    target: bytes
    host: str
    headers: Sequence[tuple[bytes, bytes]]
    subprotocols: Sequence[str]


class RefusedError(Exception):
    """The service answered the handshake like an ordinary request."""

    def __init__(self, status: int, headers: Sequence[tuple[bytes, bytes]], body: bytes) -> None:
        super().__init__(status)
        self.status, self.headers, self.body = status, headers, body


class ClosedError(Exception):
    """The service closed the socket; `code` is 1006 when it did so without a word."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code)
        self.code, self.reason = code, reason


class UpstreamSocket(Protocol):
    """An open socket to a service."""

    @property
    def subprotocol(self) -> str | None: ...

    @property
    def headers(self) -> Sequence[tuple[bytes, bytes]]:
        """Of the service's handshake; names are lower case."""
        ...

    async def receive(self) -> str | bytes:
        """Return the next message; raises ClosedError."""
        ...

    async def send(self, message: str | bytes) -> None:
        """Send a message, as fast as the service takes it; raises ClosedError."""
        ...

    async def close(self, code: int, reason: str) -> None:
        """Close with a code; waits a few seconds at most."""
        ...


class SocketConnector(Protocol):
    """Opens sockets."""

    async def open(self, address: Address, handshake: Handshake) -> UpstreamSocket:
        """Return the socket once the service has accepted it. Raises RefusedError or UpstreamFailureError. The caller sets the deadline."""
        ...


class WebSocketsConnector:
    """By the websockets library, without its redirects, proxies and headers of its own. It pings what is silent."""

    def __init__(self, connect_seconds: float, message_bytes: int) -> None:
        self._connect_seconds, self._message_bytes = connect_seconds, message_bytes

    async def open(self, address: Address, handshake: Handshake) -> "WebSocketsSocket":
        protocol = _Protocol(address, handshake, self._message_bytes)
        try:
            async with asyncio.timeout(self._connect_seconds):
                _, connection = await asyncio.get_running_loop().create_connection(
                    lambda: ClientConnection(protocol, max_queue=QUEUE, close_timeout=CLOSE_SECONDS),
                    address.host,
                    address.port,
                )
        except (OSError, TimeoutError) as error:
            raise UpstreamFailureError(Reason.CONNECT_FAILED, sent=False) from error
        try:
            await connection.handshake(user_agent_header=None)
        except BaseException as error:
            connection.transport.abort()
            raise _failure(error) from error
        return WebSocketsSocket(connection)


class WebSocketsSocket:
    """A connection of the library whose handshake is done."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self.subprotocol: str | None = connection.subprotocol
        response = connection.response
        self.headers = _raw(response.headers.raw_items()) if response else []

    async def receive(self) -> str | bytes:
        try:
            return await self._connection.recv()
        except ConnectionClosed as error:
            raise _closed(error) from error

    async def send(self, message: str | bytes) -> None:
        try:
            await self._connection.send(message)
        except ConnectionClosed as error:
            raise _closed(error) from error

    async def close(self, code: int, reason: str) -> None:
        try:  # the library waits for a service that does not read, for as long as that one stays
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._connection.close(code, reason)
        except (WebSocketException, OSError, TimeoutError):
            pass
        finally:
            self._connection.transport.abort()


class _Protocol(ClientProtocol):
    """Asks with the client's own header in place of the library's."""

    def __init__(self, address: Address, handshake: Handshake, message_bytes: int) -> None:
        path, _, query = (
            _NOT_ASCII.sub(lambda match: b"%%%02X" % ord(match[0]), handshake.target).decode().partition("?")
        )
        super().__init__(
            WebSocketURI(False, address.host, address.port, path, query),
            subprotocols=[Subprotocol(name) for name in handshake.subprotocols] or None,
            max_size=message_bytes,
        )
        self._handshake = handshake

    @override
    def connect(self) -> Request:
        request = super().connect()
        if self._handshake.host:
            del request.headers["Host"]
            request.headers["Host"] = self._handshake.host
        for name, value in self._handshake.headers:
            request.headers[name.decode("latin-1")] = value.decode("latin-1")
        return request


def _failure(error: BaseException) -> BaseException:
    if isinstance(error, InvalidStatus):
        response = error.response
        return RefusedError(response.status_code, _raw(response.headers.raw_items()), bytes(response.body or b""))
    if isinstance(error, InvalidHandshake):
        reason = Reason.RESET if isinstance(error.__cause__, EOFError) else Reason.BAD_ANSWER
        return UpstreamFailureError(reason, sent=True)
    if isinstance(error, OSError | EOFError):
        return UpstreamFailureError(Reason.RESET, sent=True)
    return error


def _closed(error: ConnectionClosed) -> ClosedError:
    return ClosedError(error.rcvd.code, error.rcvd.reason) if error.rcvd else ClosedError(ABNORMAL, "")


def _raw(items: Iterable[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in items]
