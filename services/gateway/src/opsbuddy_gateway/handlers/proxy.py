"""The data path: one request, one service, streamed both ways. Plain ASGI, because a framework costs more than the proxying itself."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from starlette.types import Receive, Scope, Send

from opsbuddy_core import trace
from opsbuddy_core.errors import DeadlineError, OpsBuddyError, TooLargeError, UnavailableError, UpstreamError
from opsbuddy_core.logs import get_logger
from opsbuddy_core.web.problems import response
from opsbuddy_gateway.handlers.client import Client, ClientGoneError, too_large
from opsbuddy_gateway.models import Address, MethodNotAllowedError, Reason, UpstreamFailureError
from opsbuddy_gateway.service import headers as fields
from opsbuddy_gateway.service.breaker import Ticket
from opsbuddy_gateway.service.routing import Route, upstream_target
from opsbuddy_gateway.service.services import Service, Services
from opsbuddy_gateway.settings import GatewaySettings
from opsbuddy_gateway.storage.upstream import UpstreamAnswer, UpstreamClient, UpstreamRequest

log = get_logger("proxy")
IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
FAILED_STATUSES = frozenset({502, 503, 504})
SERVER_ERROR = 500
NO_BODY_STATUSES = frozenset({204, 304})


@dataclass(slots=True)
class Exchange:
    """One request on its way: what is known of it for the answer, the log and the metrics."""

    scope: Scope
    route: Route
    send: Send
    client: Client
    trace: trace.Trace
    begun: float = field(default_factory=time.perf_counter)
    service: Service | None = None
    address: Address | None = None
    status: int = 0
    reason: Reason = Reason.INTERNAL
    retries: int = 0

    @property
    def method(self) -> str:
        return str(self.scope["method"])


class Proxy:
    """Sends requests on routes to their services."""

    def __init__(self, settings: GatewaySettings, services: Services, upstream: UpstreamClient) -> None:
        self._settings, self._services, self._upstream = settings, services, upstream
        self._trusted = settings.trusted

    async def __call__(self, scope: Scope, receive: Receive, send: Send, route: Route) -> None:
        given = dict(scope["headers"])
        here = trace.continued(_text(given.get(b"x-request-id")), _text(given.get(b"traceparent")))
        token = trace.enter(here)
        client = Client(
            receive,
            has_body=b"transfer-encoding" in given or given.get(b"content-length", b"0") != b"0",
            limit=route.spec.max_body_bytes or self._settings.max_body_bytes,
            idle_seconds=self._settings.body_idle_seconds,
        )
        exchange = Exchange(scope, route, send, client, here)
        try:
            await self._guarded(exchange, given)
        finally:
            client.end()
            _account(exchange)
            trace.leave(token)

    async def _guarded(self, exchange: Exchange, given: dict[bytes, bytes]) -> None:
        """Turn every failure into a problem document, or, once the answer has begun, into a cut that the client can see."""
        client = exchange.client
        try:
            self._check(exchange, given)
            client.begin()
            await self._forward(exchange)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not client.gone or task is None or task.uncancel():
                raise
            exchange.reason = Reason.CLIENT_GONE
        except ClientGoneError:
            exchange.reason = Reason.CLIENT_GONE
        except OpsBuddyError as error:
            exchange.reason = Reason(error.extensions.get("reason", Reason.INTERNAL))
            await self._problem(exchange, error)
        except Exception:
            log.exception("A request failed unexpectedly", operation="proxy", path=exchange.scope["path"])
            detail = "Something went wrong inside; the log has it under the request id of this answer."
            await self._problem(exchange, OpsBuddyError(detail, reason=Reason.INTERNAL))

    def _check(self, exchange: Exchange, given: dict[bytes, bytes]) -> None:
        scope, route, settings = exchange.scope, exchange.route, self._settings
        fields.check(
            scope["headers"], scope["http_version"], most=settings.max_header_count, largest=settings.max_header_bytes
        )
        if route.methods is not None and exchange.method not in route.methods:
            allowed = ", ".join(sorted(route.methods))
            raise MethodNotAllowedError(
                f"{route.prefix} takes {allowed}, not {exchange.method}.", reason=Reason.METHOD_NOT_ALLOWED
            )
        limit = route.spec.max_body_bytes or settings.max_body_bytes
        if int(given.get(b"content-length") or 0) > limit:
            raise too_large(limit)

    async def _forward(self, exchange: Exchange) -> None:
        service, ticket = self._admitted(exchange.route)
        exchange.service = service
        service.budget.request()
        service.metrics.in_flight.inc()
        try:
            answer = await self._answer(exchange, service, ticket)
            try:
                await self._relay(exchange, answer)
            finally:
                answer.close()
        finally:
            ticket.abandoned()
            service.metrics.in_flight.dec()

    def _admitted(self, route: Route) -> tuple[Service, Ticket]:
        """Return the service whose turn it is; another one of the route when its circuit is open."""
        refusing: Service | None = None
        for key in route.backends.turn():
            service = self._services.get(key)
            if service is None:
                continue
            if ticket := service.breaker.admit():
                return service, ticket
            refusing = refusing or service
        if refusing is None:
            raise UnavailableError(
                f"The service of {route.prefix} is leaving; ask again shortly.",
                retry_after=1,
                reason=Reason.NO_ENDPOINT,
            )
        raise UnavailableError(
            f"{refusing.name} failed {refusing.breaker.failures} times in a row, so it gets no requests for a while.",
            retry_after=refusing.breaker.retry_after,
            reason=Reason.BREAKER_OPEN,
            service=refusing.name,
        )

    async def _answer(self, exchange: Exchange, service: Service, ticket: Ticket) -> UpstreamAnswer:
        """Return the head of the service's answer within the route's deadline, and tell the breaker how it went."""
        client, seconds = exchange.client, exchange.route.spec.timeout_seconds
        begun = time.perf_counter()
        try:
            async with asyncio.timeout(seconds) as deadline:
                client.bind(deadline, seconds)
                try:
                    answer = await self._attempts(exchange, service)
                finally:
                    client.bind(None)
        except TimeoutError:
            if client.paused:
                raise client.late() from None
            ticket.failed()
            service.window.record(time.perf_counter() - begun, failed=True)
            raise DeadlineError(
                f"{service.name} did not begin to answer within {seconds:g} s.",
                reason=Reason.TIMEOUT,
                service=service.name,
            ) from None
        except UpstreamFailureError as failure:
            if failure.reason is not Reason.NO_ENDPOINT:  # nobody was asked, so nobody failed
                ticket.failed()
            service.window.record(time.perf_counter() - begun, failed=True)
            raise _problem_of(failure, service) from failure
        taken = time.perf_counter() - begun
        service.metrics.latency.observe(taken)
        service.window.record(taken, failed=answer.status >= SERVER_ERROR)
        if answer.status in FAILED_STATUSES:
            ticket.failed()
        else:
            ticket.succeeded()
        return answer

    async def _attempts(self, exchange: Exchange, service: Service) -> UpstreamAnswer:
        """Try endpoints until one answers, as often as the route allows and the request can be repeated without harm."""
        spec, client = exchange.route.spec, exchange.client
        tried: list[Address] = []
        while True:
            endpoint = service.endpoints.pick(spec.load_balancing, tried)
            if endpoint is None:
                raise UpstreamFailureError(Reason.NO_ENDPOINT, sent=False)
            exchange.address = endpoint.address
            tried.append(endpoint.address)
            endpoint.in_flight += 1
            try:
                answer = await self._upstream.send(
                    endpoint.address, self._request(exchange), fresh=exchange.retries > 0
                )
            except UpstreamFailureError as failure:
                if client.gone:
                    raise ClientGoneError from failure
                if client.failure:
                    raise client.failure from failure
                service.endpoints.failed(endpoint)
                repeatable = not client.started and (not failure.sent or exchange.method in IDEMPOTENT)
                if not repeatable or exchange.retries >= spec.retries or not service.budget.take():
                    raise
                exchange.retries += 1
                service.metrics.retries.inc()
                continue
            except asyncio.CancelledError:
                if not client.gone and not client.paused:
                    service.endpoints.failed(endpoint)  # the deadline passed, or the process ends
                raise
            finally:
                endpoint.in_flight -= 1
            service.endpoints.succeeded(endpoint)
            return answer

    def _request(self, exchange: Exchange) -> UpstreamRequest:
        scope, route, client = exchange.scope, exchange.route, exchange.client
        peer = scope["client"][0] if scope.get("client") else "unknown"
        headers = [item for item in fields.end_to_end(scope["headers"]) if item[0] not in fields.SET_BY_GATEWAY]
        headers += fields.forwarded(scope["headers"], peer, scope["scheme"], route.prefix, self._trusted)
        headers += [(name.encode(), value.encode()) for name, value in exchange.trace.headers().items()]
        return UpstreamRequest(
            method=exchange.method,
            target=upstream_target(route, scope["raw_path"], scope["query_string"]),
            headers=headers,
            body=None if client.complete else client.stream(),
        )

    async def _relay(self, exchange: Exchange, answer: UpstreamAnswer) -> None:
        """Pass the answer on as it comes. What is left of the client's body then is read and forgotten."""
        client, send = exchange.client, exchange.send
        headers = fields.answer(answer.headers, answer.status)
        headers = [(name, self._located(exchange, name, value)) for name, value in headers]
        headers.append((b"x-request-id", exchange.trace.request_id.encode()))
        exchange.status = answer.status
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        try:
            if exchange.method != "HEAD" and answer.status not in NO_BODY_STATUSES:
                await _copy(answer.chunks(), send)
        except UpstreamFailureError as failure:
            exchange.reason = failure.reason
            return  # without its end: the server then cuts the connection, and the client sees that something is missing
        answer.close()
        exchange.reason = Reason.ANSWERED
        if client.complete or await client.drain():
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    @staticmethod
    def _located(exchange: Exchange, name: bytes, value: bytes) -> bytes:
        if name not in (b"location", b"content-location"):
            return value
        host = dict(exchange.scope["headers"]).get(b"host", b"").decode("latin-1").lower()
        own = frozenset({host, str(exchange.address)})
        route = exchange.route
        return fields.location(value.decode("latin-1"), own, route.prefix, route.rewrite).encode("latin-1")

    async def _problem(self, exchange: Exchange, error: OpsBuddyError) -> None:
        client = exchange.client
        if exchange.status:
            return  # the answer has begun; ending without its end is the only signal left
        exchange.status = int(error.status)
        extra = {"x-request-id": exchange.trace.request_id}
        if exchange.route.methods is not None and isinstance(error, MethodNotAllowedError):
            extra["allow"] = ", ".join(sorted(exchange.route.methods))
        expecting = not client.started and any(name == b"expect" for name, _ in exchange.scope["headers"])
        stalled = exchange.reason is Reason.CLIENT_SLOW
        if expecting or stalled or isinstance(error, TooLargeError):
            extra["connection"] = "close"
        answer = response(error, exchange.scope["path"], extra)
        await exchange.send(
            {"type": "http.response.start", "status": answer.status_code, "headers": answer.raw_headers}
        )
        waiting = not (client.complete or expecting or stalled)
        await exchange.send({"type": "http.response.body", "body": bytes(answer.body), "more_body": waiting})
        if waiting and await client.drain():
            await exchange.send({"type": "http.response.body", "body": b"", "more_body": False})


async def _copy(chunks: AsyncIterator[bytes], send: Send) -> None:
    async for chunk in chunks:
        await send({"type": "http.response.body", "body": chunk, "more_body": True})


def _problem_of(failure: UpstreamFailureError, service: Service) -> OpsBuddyError:
    name = service.name
    if failure.reason is Reason.NO_ENDPOINT:
        detail = f"No process of {name} is ready; look at its pods, then ask again."
        return UnavailableError(detail, retry_after=1, reason=failure.reason, service=name)
    if failure.reason is Reason.CONNECT_FAILED:
        detail = f"{name} takes no connection; nothing of the request was sent, so it can be repeated."
        return UnavailableError(detail, retry_after=1, reason=failure.reason, service=name)
    if failure.reason is Reason.BAD_ANSWER:
        return UpstreamError(f"{name} answered with something that is no HTTP.", reason=failure.reason, service=name)
    detail = f"{name} closed the connection before it answered; whether it did the work is not known."
    return UpstreamError(detail, reason=failure.reason, service=name)


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")


def _account(exchange: Exchange) -> None:
    seconds = time.perf_counter() - exchange.begun
    service = exchange.service
    if service:
        service.metrics.ended(exchange.route.prefix, exchange.status, exchange.reason)
    write = log.info if exchange.reason in (Reason.ANSWERED, Reason.CLIENT_GONE) else log.warning
    write(
        "Request proxied",
        operation="proxy",
        method=exchange.method,
        path=exchange.scope["path"],
        status=exchange.status,
        reason=exchange.reason,
        target=service.name if service else None,
        endpoint=str(exchange.address) if exchange.address else None,
        retries=exchange.retries,
        duration_ms=round(seconds * 1000, 3),
    )
