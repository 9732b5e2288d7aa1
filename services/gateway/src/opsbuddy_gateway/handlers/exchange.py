import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from starlette.types import Scope, Send

from opsbuddy_core import trace
from opsbuddy_core.logs import Line
from opsbuddy_core.trace import Trace
from opsbuddy_gateway.models import Reason
from opsbuddy_gateway.service.endpoints import Endpoint
from opsbuddy_gateway.service.metrics import TRAFFIC
from opsbuddy_gateway.service.routing import Route
from opsbuddy_gateway.service.services import Service


@dataclass(slots=True)
class Exchange:
    """One request on its way: what is known of it for the answer, the log and the metrics. `given`: its header by name."""

    scope: Scope
    route: Route
    send: Send
    trace: Trace
    given: Mapping[bytes, bytes]
    method: str = "GET"  # with which a WebSocket is asked for, too
    begun: float = field(default_factory=time.perf_counter)
    service: Service | None = None
    endpoint: Endpoint | None = None
    status: int = 0
    reason: Reason = Reason.INTERNAL
    retries: int = 0

    def on(self, endpoint: Endpoint) -> None:
        """Be worked on by this endpoint from now on."""
        if self.endpoint is not None:
            self.endpoint.in_flight -= 1
        self.endpoint = endpoint
        endpoint.in_flight += 1


def account(exchange: Exchange, line: Line) -> None:
    """Count the request and write its line."""
    service, reason = exchange.service, exchange.reason
    if service:
        service.metrics.ended(exchange.route.prefix, exchange.status, reason)
    else:
        TRAFFIC.count(exchange.route.prefix, "", exchange.status, reason)[0] += 1
    line.write(
        logging.INFO if reason in (Reason.ANSWERED, Reason.CLIENT_GONE) else logging.WARNING,
        {
            "method": exchange.method,
            "path": exchange.scope["path"],
            "status": exchange.status,
            "reason": reason,
            "target": service.name if service else None,
            "endpoint": exchange.endpoint.name if exchange.endpoint else None,
            "retries": exchange.retries,
            "duration_ms": int((time.perf_counter() - exchange.begun) * 1e6) / 1000,
        },
        exchange.trace,
    )


class Accounts:
    """What is done with every request of the data path, when it comes and when it is over."""

    def begun(self, scope: Scope, route: Route, given: Mapping[bytes, bytes]) -> Trace:  # noqa: ARG002 - for the one that makes spans
        """Return this hop of the request's trace."""
        return hop(given)

    def ended(self, exchange: Exchange, line: Line) -> None:
        account(exchange, line)


def hop(given: Mapping[bytes, bytes]) -> Trace:
    """Return what continues the trace and the request id of a client that sent them."""
    return trace.continued(_text(given.get(b"x-request-id")), _text(given.get(b"traceparent")))


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")
