"""The span of each request on a route. Only there where traces are sent."""

from collections.abc import Mapping

from opentelemetry.util.types import AttributeValue
from starlette.types import Scope
from typing_extensions import override

from opsbuddy_core.logs import Line
from opsbuddy_core.trace import Trace
from opsbuddy_core.tracing import Tracing, fail, joined
from opsbuddy_core.web.context import METHODS
from opsbuddy_gateway.handlers.exchange import Accounts, Exchange
from opsbuddy_gateway.models import Reason
from opsbuddy_gateway.service.routing import Route
from opsbuddy_gateway.storage.upstream_traced import Hop, current

SERVER_ERROR = 500


class TracedAccounts(Accounts):
    """Begins a span with the request, and ends it with what became of it."""

    def __init__(self, tracing: Tracing) -> None:
        self._tracing = tracing

    @override
    def begun(self, scope: Scope, route: Route, given: Mapping[bytes, bytes]) -> Trace:
        method = scope.get("method", "GET")
        known = method in METHODS
        attributes = _attributes(scope, route, given)
        attributes["http.request.method"] = method if known else "_OTHER"
        span = self._tracing.server(f"{method if known else 'HTTP'} {route.prefix}", given, attributes)
        current.set(Hop(span))
        return joined(super().begun(scope, route, given), span)

    @override
    def ended(self, exchange: Exchange, line: Line) -> None:
        super().ended(exchange, line)
        hop = current.get()
        if hop is None:
            return
        current.set(None)
        status, reason = exchange.status, exchange.reason
        became: dict[str, AttributeValue] = {"opsbuddy.reason": reason.value, "opsbuddy.attempts": hop.attempts}
        if status:
            became["http.response.status_code"] = status
        if exchange.service is not None:
            became["opsbuddy.service"] = exchange.service.name
        hop.span.set_attributes(became)
        if status >= SERVER_ERROR or reason is Reason.ANSWER_CUT:
            fail(hop.span, str(status) if reason is Reason.ANSWERED else reason)
        hop.span.end()


def _attributes(scope: Scope, route: Route, given: Mapping[bytes, bytes]) -> dict[str, AttributeValue]:
    """Return what is known of a request from its head. The query is not: it may hold what people look for."""
    found: dict[str, AttributeValue] = {
        "http.route": route.prefix,
        "url.path": scope["path"],
        "url.scheme": scope["scheme"],
        "network.protocol.version": scope["http_version"],
    }
    if scope.get("client"):
        found["client.address"] = scope["client"][0]
    if scope.get("server"):
        found["server.address"], found["server.port"] = scope["server"]
    if agent := given.get(b"user-agent"):
        found["user_agent.original"] = agent.decode("latin-1")
    return found
