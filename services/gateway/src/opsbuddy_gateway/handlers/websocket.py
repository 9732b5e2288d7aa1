"""WebSockets through the gateway: the service's handshake first, then messages both ways, then the same close on both sides."""

import asyncio
from collections.abc import Sequence
from typing import Any

from starlette.types import Receive, Scope, Send

from opsbuddy_core import trace
from opsbuddy_core.errors import DeadlineError, OpsBuddyError, UnavailableError
from opsbuddy_core.logs import Line
from opsbuddy_gateway.handlers.client import ClientGoneError
from opsbuddy_gateway.handlers.exchange import Accounts, Exchange
from opsbuddy_gateway.handlers.failures import failed, refusal
from opsbuddy_gateway.handlers.gate import Gate
from opsbuddy_gateway.models import Reason, UpstreamFailureError
from opsbuddy_gateway.service import headers as fields
from opsbuddy_gateway.service.admission import admitted, judge
from opsbuddy_gateway.service.endpoints import Endpoint
from opsbuddy_gateway.service.routing import Route, upstream_target
from opsbuddy_gateway.service.services import Service, Services
from opsbuddy_gateway.settings import GatewaySettings
from opsbuddy_gateway.storage.upstream_websocket import (
    ClosedError,
    Handshake,
    RefusedError,
    SocketConnector,
    UpstreamSocket,
)

line = Line("proxy", "WebSocket proxied", operation="proxy")
SWITCHING = 101
INTERNAL_CLOSE, NO_CODE, NORMAL = 1011, 1005, 1000
SENDABLE = frozenset({*range(1000, 1004), *range(1007, 1015), *range(3000, 5000)})


class WebSockets:
    """Opens, pumps and closes. `open`: how many there are now."""

    def __init__(
        self, settings: GatewaySettings, gate: Gate, services: Services, connector: SocketConnector, accounts: Accounts
    ) -> None:
        self._settings, self._gate, self._services, self._connector = settings, gate, services, connector
        self._accounts = accounts
        self._trusted = settings.trusted
        self.open = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send, route: Route) -> None:
        given = fields.by_name(scope["headers"])
        here = self._accounts.begun(scope, route, given)
        token = trace.enter(here)
        exchange = Exchange(scope, route, send, here, given)
        self.open += 1
        try:
            await receive()  # websocket.connect
            await self._guarded(exchange, receive)
        finally:
            self.open -= 1
            self._accounts.ended(exchange, line)
            trace.leave(token)

    async def _guarded(self, exchange: Exchange, receive: Receive) -> None:
        try:
            self._gate.check(exchange.scope, exchange.route, exchange.given)
            if self.open > self._settings.max_websockets:
                raise UnavailableError(
                    f"There are {self._settings.max_websockets} WebSockets already; try again later.",
                    retry_after=5,
                    reason=Reason.TOO_MANY_WEBSOCKETS,
                )
            await self._forward(exchange, receive)
        except RefusedError as refused:
            exchange.reason = Reason.ANSWERED
            headers = [
                header for header in fields.answer(refused.headers, refused.status) if header[0] != b"content-length"
            ]
            await _deny(exchange, refused.status, headers, refused.body)
        except OpsBuddyError as error:
            exchange.reason = Reason(error.extensions.get("reason", Reason.INTERNAL))
            answer = refusal(error, exchange.scope["path"], {"x-request-id": exchange.trace.request_id})
            await _deny(exchange, answer.status_code, answer.raw_headers, bytes(answer.body))
        except (ClientGoneError, OSError):  # the latter is what the server raises when the client has left
            exchange.reason = Reason.CLIENT_GONE

    async def _forward(self, exchange: Exchange, receive: Receive) -> None:
        service, ticket = admitted(exchange.route, self._services)
        exchange.service = service
        service.budget.request()
        service.in_flight += 1
        try:
            try:
                socket = await self._opened(exchange, receive, service)
            except RefusedError as refused:
                judge(ticket, refused.status, refused.headers)
                raise
            except UpstreamFailureError as failure:
                if not failure.blameless:
                    ticket.failed()
                raise failed(failure, service) from failure
            except DeadlineError:
                ticket.failed()
                raise
            ticket.succeeded()
            await self._tunnel(exchange, receive, socket)
        finally:
            ticket.abandoned()
            service.in_flight -= 1
            if exchange.endpoint is not None:
                exchange.endpoint.in_flight -= 1

    async def _opened(self, exchange: Exchange, receive: Receive, service: Service) -> UpstreamSocket:
        """Return the socket that the service has accepted, within the route's deadline and while the client is there."""
        seconds = exchange.route.spec.timeout_seconds
        opening = asyncio.create_task(self._attempts(exchange, service))
        leaving = asyncio.ensure_future(receive())  # a client that was not accepted yet has nothing else to say
        try:
            await asyncio.wait({opening, leaving}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if opening.done():
                return opening.result()
            if leaving.done():
                raise ClientGoneError
        finally:
            opening.cancel()
            leaving.cancel()
            await asyncio.gather(opening, leaving, return_exceptions=True)
        if exchange.endpoint is not None:
            service.endpoints.failed(exchange.endpoint)
        raise DeadlineError(
            f"{service.name} did not accept the WebSocket within {seconds:g} s.",
            reason=Reason.TIMEOUT,
            service=service.name,
        )

    async def _attempts(self, exchange: Exchange, service: Service) -> UpstreamSocket:
        """Try endpoints until one accepts. Only what was never sent is tried again."""
        tried: list[Endpoint] = []
        handshake = self._handshake(exchange)
        while True:
            endpoint = service.endpoints.pick(exchange.route.spec.load_balancing, tried)
            if endpoint is None:
                raise UpstreamFailureError(Reason.NO_ENDPOINT, sent=False)
            exchange.on(endpoint)
            tried.append(endpoint)
            try:
                socket = await self._connector.open(endpoint.address, handshake)
            except UpstreamFailureError as failure:
                service.endpoints.failed(endpoint)
                if failure.sent or exchange.retries >= exchange.route.spec.retries or not service.budget.take():
                    raise
                exchange.retries += 1
                service.metrics.retries.inc()
            else:
                service.endpoints.succeeded(endpoint)
                return socket

    def _handshake(self, exchange: Exchange) -> Handshake:
        scope, route = exchange.scope, exchange.route
        peer = scope["client"][0] if scope.get("client") else "unknown"
        scheme = "https" if scope["scheme"] == "wss" else "http"
        headers = [
            header for header in fields.end_to_end(scope["headers"], fields.STAY_HERE) if not _of_handshake(header[0])
        ]
        headers += fields.forwarded(exchange.given, peer, scheme, route.prefix, self._trusted)
        headers.append((b"x-request-id", exchange.trace.request_id.encode()))
        headers.append((b"traceparent", exchange.trace.traceparent.encode()))
        return Handshake(
            upstream_target(route, scope["raw_path"], scope["query_string"]),
            exchange.given.get(b"host", b"").decode("latin-1"),
            headers,
            scope["subprotocols"],
        )

    async def _tunnel(self, exchange: Exchange, receive: Receive, socket: UpstreamSocket) -> None:
        """Accept, and pass messages both ways until one side closes; then the other is closed alike."""
        exchange.status = SWITCHING
        closing = INTERNAL_CLOSE, ""
        try:
            headers = [header for header in fields.answer(socket.headers, SWITCHING) if not _of_handshake(header[0])]
            headers.append((b"x-request-id", exchange.trace.request_id.encode()))
            accept = {"type": "websocket.accept", "subprotocol": socket.subprotocol, "headers": headers}
            await exchange.send(accept)
            upward = asyncio.create_task(_upward(receive, socket))
            downward = asyncio.create_task(_downward(socket, exchange.send))
            try:
                await asyncio.wait({upward, downward}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                upward.cancel()
                downward.cancel()
                ended = await asyncio.gather(upward, downward, return_exceptions=True)
            exchange.reason = Reason.ANSWERED
            closing = next((end for end in ended if isinstance(end, tuple)), closing)
            if isinstance(ended[1], tuple):
                await exchange.send({"type": "websocket.close", "code": closing[0], "reason": closing[1]})
        finally:
            await socket.close(*closing)


async def _upward(receive: Receive, socket: UpstreamSocket) -> tuple[int, str]:
    """Pass on what the client sends, until it closes; return with which code and reason."""
    while True:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            if "reason" not in message and message["code"] == NO_CODE:  # the connection was lost
                return INTERNAL_CLOSE, ""
            return _mirrored(message["code"]), message.get("reason") or ""
        data = message.get("text")
        try:
            await socket.send(data if data is not None else message["bytes"])
        except ClosedError as closed:
            return _mirrored(closed.code), closed.reason


async def _downward(socket: UpstreamSocket, send: Send) -> tuple[int, str]:
    """Pass on what the service sends, until it closes; return with which code and reason."""
    while True:
        try:
            data = await socket.receive()
        except ClosedError as closed:
            return _mirrored(closed.code), closed.reason
        message: dict[str, Any] = {"type": "websocket.send"}
        message["text" if isinstance(data, str) else "bytes"] = data
        await send(message)


def _mirrored(code: int) -> int:
    """Return the code that may be sent for one that was received: 1005 means none was, 1006 and 1015 that the connection broke."""
    if code == NO_CODE:
        return NORMAL
    return code if code in SENDABLE else INTERNAL_CLOSE


def _of_handshake(name: bytes) -> bool:
    return name.startswith(b"sec-websocket-") or name in (b"host", b"content-length")


async def _deny(exchange: Exchange, status: int, headers: Sequence[tuple[bytes, bytes]], body: bytes) -> None:
    """Answer the handshake as an ordinary request."""
    exchange.status = status
    await exchange.send({"type": "websocket.http.response.start", "status": status, "headers": list(headers)})
    await exchange.send({"type": "websocket.http.response.body", "body": body, "more_body": False})
