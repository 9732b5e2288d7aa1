"""The data path: one request, one service, streamed both ways. Plain ASGI, because a framework costs more than the proxying itself."""

import asyncio
import time
from dataclasses import dataclass, field

from starlette.types import Receive, Scope, Send

from opsbuddy_core import trace
from opsbuddy_core.errors import DeadlineError, OpsBuddyError, TooLargeError
from opsbuddy_core.logs import Line, get_logger
from opsbuddy_core.web.cycle import AT_ONCE
from opsbuddy_gateway.handlers.client import Client, ClientGoneError, Watch
from opsbuddy_gateway.handlers.exchange import Accounts, Exchange
from opsbuddy_gateway.handlers.failures import failed, refusal
from opsbuddy_gateway.handlers.gate import Gate
from opsbuddy_gateway.models import Address, MethodNotAllowedError, Reason, UpstreamFailureError
from opsbuddy_gateway.service import headers as fields
from opsbuddy_gateway.service.admission import admitted, judge
from opsbuddy_gateway.service.breaker import Ticket
from opsbuddy_gateway.service.endpoints import Endpoint
from opsbuddy_gateway.service.routing import Route, upstream_target
from opsbuddy_gateway.service.services import Service, Services
from opsbuddy_gateway.settings import GatewaySettings
from opsbuddy_gateway.storage.upstream import UpstreamAnswer, UpstreamClient, UpstreamRequest

log = get_logger("proxy")
line = Line("proxy", "Request proxied", operation="proxy")
IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
SERVER_ERROR = 500
NO_BODY_STATUSES = frozenset({204, 304})


@dataclass(slots=True)
class HttpExchange(Exchange):
    """An ordinary request."""

    client: Client = field(kw_only=True)


class Proxy:
    """Sends requests on routes to their services."""

    def __init__(
        self, settings: GatewaySettings, gate: Gate, services: Services, upstream: UpstreamClient, accounts: Accounts
    ) -> None:
        self._settings, self._gate, self._services, self._upstream = settings, gate, services, upstream
        self._accounts = accounts
        self._trusted = settings.trusted
        self._watch = Watch()

    async def __call__(self, scope: Scope, receive: Receive, send: Send, route: Route) -> None:
        given = fields.by_name(scope["headers"])
        here = self._accounts.begun(scope, route, given)
        token = trace.enter(here)
        client = Client(
            receive,
            has_body=b"transfer-encoding" in given or given.get(b"content-length", b"0") != b"0",
            limit=self._gate.body_limit(route),
            idle_seconds=self._settings.body_idle_seconds,
            least_rate=self._settings.body_least_rate,
        )
        exchange = HttpExchange(scope, route, send, here, given, scope["method"], client=client)
        self._watch.add(client)
        try:
            await self._guarded(exchange)
        finally:
            self._watch.remove(client)
            client.end()
            self._accounts.ended(exchange, line)
            trace.leave(token)

    async def _guarded(self, exchange: HttpExchange) -> None:
        """Turn every failure into a problem document, or, once the answer has begun, into a cut that the client can see."""
        try:
            self._gate.check(exchange.scope, exchange.route, exchange.given)
            await self._forward(exchange)
        except asyncio.CancelledError:
            cause = exchange.client.cause()
            if cause is None:
                raise
            await self._failed(exchange, cause)
        except Exception as error:  # noqa: BLE001 - every failure has an answer
            await self._failed(exchange, error)

    async def _failed(self, exchange: HttpExchange, error: Exception) -> None:
        exchange.client.unlimited()
        if isinstance(error, ClientGoneError):
            exchange.reason = Reason.CLIENT_GONE
            return
        if isinstance(error, UpstreamFailureError):  # of an answer that had begun
            exchange.reason = error.reason
            return
        if not isinstance(error, OpsBuddyError):
            log.error("A request failed unexpectedly", operation="proxy", path=exchange.scope["path"], exc_info=error)
            detail = "Something went wrong inside; the log has it under the request id of this answer."
            error = OpsBuddyError(detail, reason=Reason.INTERNAL)
        exchange.reason = Reason(error.extensions.get("reason", Reason.INTERNAL))
        await self._problem(exchange, error)

    async def _forward(self, exchange: HttpExchange) -> None:
        service, ticket = admitted(exchange.route, self._services)
        exchange.service = service
        service.budget.request()
        service.in_flight += 1
        try:
            answer = await self._answer(exchange, service, ticket)
            try:
                await self._relay(exchange, answer)
            finally:
                answer.close()
        finally:
            ticket.abandoned()
            service.in_flight -= 1
            if exchange.endpoint is not None:
                exchange.endpoint.in_flight -= 1

    async def _answer(self, exchange: HttpExchange, service: Service, ticket: Ticket) -> UpstreamAnswer:
        """Return the head of the service's answer within the route's deadline, and tell the breaker how it went."""
        client, seconds = exchange.client, exchange.route.spec.timeout_seconds
        begun = time.perf_counter()
        client.head_within(seconds)
        try:
            answer = await self._attempts(exchange, service)
        except asyncio.CancelledError:
            if client.interrupted is not Reason.TIMEOUT or client.cause() is None:
                raise
            ticket.failed()
            service.window.record(time.perf_counter() - begun, failed=True)
            raise DeadlineError(
                f"{service.name} did not begin to answer within {seconds:g} s.",
                reason=Reason.TIMEOUT,
                service=service.name,
            ) from None
        except UpstreamFailureError as failure:
            if not failure.blameless:
                ticket.failed()
            service.window.record(time.perf_counter() - begun, failed=True)
            raise failed(failure, service) from failure
        taken = time.perf_counter() - begun
        client.unlimited()
        service.metrics.latency.observe(taken)
        service.window.record(taken, failed=answer.status >= SERVER_ERROR)
        judge(ticket, answer.status, answer.headers)
        return answer

    async def _attempts(self, exchange: HttpExchange, service: Service) -> UpstreamAnswer:
        """Try endpoints until one answers, as often as the route allows and the request can be repeated without harm."""
        spec = exchange.route.spec
        tried: list[Endpoint] = []
        fresh = False
        while True:
            endpoint = (
                tried[-1] if fresh and not exchange.retries else service.endpoints.pick(spec.load_balancing, tried)
            )
            if endpoint is None:
                raise UpstreamFailureError(Reason.NO_ENDPOINT, sent=False)
            exchange.on(endpoint)
            tried.append(endpoint)
            try:
                answer = await self._upstream.send(endpoint.address, self._request(exchange), fresh=fresh)
            except UpstreamFailureError as failure:
                self._judge(exchange, service, endpoint, failure)
                if not (failure.stale and not fresh):
                    if exchange.retries >= spec.retries or not service.budget.take():
                        raise
                    exchange.retries += 1
                    service.metrics.retries.inc()
                fresh = True
            except asyncio.CancelledError:
                if exchange.client.interrupted not in (Reason.CLIENT_GONE, Reason.CLIENT_SLOW):
                    service.endpoints.failed(endpoint)  # the deadline passed, or the process ends
                raise
            else:
                service.endpoints.succeeded(endpoint)
                return answer

    @staticmethod
    def _judge(exchange: HttpExchange, service: Service, endpoint: Endpoint, failure: UpstreamFailureError) -> None:
        """Count the failure against whom it belongs to, and raise it when the request must not be repeated."""
        client = exchange.client
        if client.gone:
            raise ClientGoneError from failure
        if client.failure:
            raise client.failure from failure
        if failure.blameless:
            raise failure
        if not failure.stale:
            service.endpoints.failed(endpoint)
        if not client.repeatable or (failure.sent and exchange.method not in IDEMPOTENT):
            raise failure

    def _request(self, exchange: HttpExchange) -> UpstreamRequest:
        scope, route, client = exchange.scope, exchange.route, exchange.client
        peer = scope["client"][0] if scope.get("client") else "unknown"
        headers = fields.end_to_end(scope["headers"], fields.STAY_HERE)
        if b"host" not in exchange.given:  # HTTP/1.0 needs none, what goes out does
            headers.append((b"host", str(Address(*scope["server"])).encode()))
        headers += fields.forwarded(exchange.given, peer, scope["scheme"], route.prefix, self._trusted)
        headers.append((b"x-request-id", exchange.trace.request_id.encode()))
        headers.append((b"traceparent", exchange.trace.traceparent.encode()))
        return UpstreamRequest(
            exchange.method,
            upstream_target(route, scope["raw_path"], scope["query_string"]),
            headers,
            client.stream() if client.has_body else None,
        )

    async def _relay(self, exchange: HttpExchange, answer: UpstreamAnswer) -> None:
        """Pass the answer on as it comes. What is left of the client's body then is read and forgotten."""
        client, send = exchange.client, exchange.send
        headers = fields.answer(answer.headers, answer.status)
        for index, (name, value) in enumerate(headers):
            if name in fields.LOCATIONS:
                headers[index] = (name, self._located(exchange, value))
        headers.append((b"x-request-id", exchange.trace.request_id.encode()))
        exchange.status = answer.status
        piece = answer.whole()
        if piece is not None and client.complete and AT_ONCE in exchange.scope.get("extensions", ()):
            exchange.reason = Reason.ANSWERED
            await send({"type": AT_ONCE, "status": answer.status, "headers": headers, "body": piece})
            return
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        if piece is None:
            piece = await self._all_but_last(exchange, answer)
        exchange.reason = Reason.ANSWERED
        if not client.complete:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
            piece = b""
            answer.close()
            if not await client.drain():
                return
        await send({"type": "http.response.body", "body": piece, "more_body": False})

    async def _all_but_last(self, exchange: HttpExchange, answer: UpstreamAnswer) -> bytes:
        """Pass the body on as it comes; return its last piece."""
        if exchange.method == "HEAD" or answer.status in NO_BODY_STATUSES:
            return b""
        client, idle = exchange.client, self._settings.stream_idle_seconds
        try:
            client.within(idle, Reason.ANSWER_CUT)
            while (piece := await answer.read()) and not answer.taken:
                client.within(idle, Reason.ANSWER_CUT)
                await exchange.send({"type": "http.response.body", "body": piece, "more_body": True})
        finally:
            client.unlimited()
        return piece

    @staticmethod
    def _located(exchange: HttpExchange, value: bytes) -> bytes:
        host = exchange.given.get(b"host", b"").decode("latin-1").lower()
        own = frozenset({host, exchange.endpoint.name if exchange.endpoint else ""})
        route = exchange.route
        return fields.location(value.decode("latin-1"), own, route.prefix, route.rewrite).encode("latin-1")

    async def _problem(self, exchange: HttpExchange, error: OpsBuddyError) -> None:
        client = exchange.client
        if exchange.status:
            return  # the answer has begun; ending without its end is the only signal left
        exchange.status = int(error.status)
        extra = {"x-request-id": exchange.trace.request_id}
        if exchange.route.methods is not None and isinstance(error, MethodNotAllowedError):
            extra["allow"] = ", ".join(sorted(exchange.route.methods))
        expecting = not client.started and b"expect" in exchange.given
        stalled = exchange.reason is Reason.CLIENT_SLOW
        if expecting or stalled or isinstance(error, TooLargeError):
            extra["connection"] = "close"
        answer = refusal(error, exchange.scope["path"], extra)
        await exchange.send(
            {"type": "http.response.start", "status": answer.status_code, "headers": answer.raw_headers}
        )
        waiting = not (client.complete or expecting or stalled)
        await exchange.send({"type": "http.response.body", "body": bytes(answer.body), "more_body": waiting})
        if waiting and await client.drain():
            await exchange.send({"type": "http.response.body", "body": b"", "more_body": False})
