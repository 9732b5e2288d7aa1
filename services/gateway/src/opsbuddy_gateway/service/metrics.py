"""What Prometheus sees of the data path. Children are bound once: finding one by its labels costs more than counting."""

from collections.abc import Callable
from contextlib import suppress

from prometheus_client import Counter, Gauge, Histogram

from opsbuddy_gateway.models import Reason
from opsbuddy_gateway.service.breaker import Breaker, State
from opsbuddy_gateway.service.endpoints import Endpoints

REQUESTS = Counter(
    "opsbuddy_gateway_requests_total", "Requests on routes, by how they ended", ["route", "service", "status", "reason"]
)
LATENCY = Histogram(
    "opsbuddy_gateway_upstream_seconds",
    "Time until a service began its answer",
    ["service"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
RETRIES = Counter("opsbuddy_gateway_retries_total", "Further attempts on another endpoint", ["service"])
IN_FLIGHT = Gauge("opsbuddy_gateway_requests_in_flight", "Requests that a service is working on", ["service"])
BREAKER = Gauge("opsbuddy_gateway_breaker_state", "0 closed, 1 half open, 2 open", ["service"])
ENDPOINTS = Gauge("opsbuddy_gateway_endpoints", "Endpoints that get requests", ["service"])
UPSTREAM_CONNECTIONS = Gauge("opsbuddy_gateway_upstream_connections", "Connections to endpoints", ["state"])
RELOADS = Counter("opsbuddy_gateway_table_reloads_total", "Routing tables that were taken over or refused", ["result"])
STATES = {State.CLOSED: 0, State.HALF_OPEN: 1, State.OPEN: 2}


class ServiceMetrics:
    """The bound children of one service."""

    def __init__(self, name: str, breaker: Breaker, endpoints: Endpoints, in_flight: Callable[[], int]) -> None:
        self._name = name
        self.latency = LATENCY.labels(name)
        self.retries = RETRIES.labels(name)
        IN_FLIGHT.labels(name).set_function(in_flight)
        self._ended: dict[tuple[str, int, Reason], Counter] = {}
        BREAKER.labels(name).set_function(lambda: STATES[breaker.state])
        ENDPOINTS.labels(name).set_function(lambda: sum(endpoints.state(e) != "set_aside" for e in endpoints.all))

    def ended(self, prefix: str, status: int, reason: Reason) -> None:
        key = (prefix, status // 100, reason)
        counter = self._ended.get(key)
        if counter is None:
            kind = f"{status // 100}xx" if status else "none"
            counter = self._ended[key] = REQUESTS.labels(prefix, self._name, kind, reason.value)
        counter.inc()

    def remove(self) -> None:
        """Forget a service that left the table, so that its gauges do not speak of the past."""
        for metric in (LATENCY, RETRIES, IN_FLIGHT, BREAKER, ENDPOINTS):
            with suppress(KeyError):
                metric.remove(self._name)


def watch_connections(standing: Callable[[], int], idle: Callable[[], int]) -> None:
    """Show how many connections to endpoints there are."""
    UPSTREAM_CONNECTIONS.labels("open").set_function(standing)
    UPSTREAM_CONNECTIONS.labels("idle").set_function(idle)
