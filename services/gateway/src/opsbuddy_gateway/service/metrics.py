"""What Prometheus sees of the data path. What every request counts is a plain number, which only the event loop changes: no lock, no search by labels."""

from bisect import bisect_left
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import accumulate

from prometheus_client import REGISTRY, Counter, Gauge
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from typing_extensions import override

from opsbuddy_gateway.models import Reason
from opsbuddy_gateway.service.breaker import Breaker, State
from opsbuddy_gateway.service.endpoints import Endpoints

BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Latency:
    """Seconds, in buckets."""

    __slots__ = ("_counts", "_sum")

    def __init__(self) -> None:
        self._counts, self._sum = [0] * (len(BOUNDS) + 1), 0.0

    def observe(self, seconds: float) -> None:
        self._counts[bisect_left(BOUNDS, seconds)] += 1
        self._sum += seconds

    def sample(self) -> tuple[list[tuple[str, float]], float]:
        """Return the cumulative count for each bound, and the sum."""
        bounds = [*(str(float(bound)) for bound in BOUNDS), "+Inf"]
        return list(zip(bounds, map(float, accumulate(self._counts)), strict=True)), self._sum


class Traffic(Collector):
    """The requests that ended, by route, service, status and reason, and the time until services began to answer."""

    def __init__(self) -> None:
        self.ended: dict[tuple[str, str, str, str], list[int]] = {}
        self.latency: dict[str, Latency] = {}

    def count(self, route: str, service: str, status: int, reason: Reason) -> list[int]:
        """Return where such requests are counted; route and service are empty where a request ended before it had one."""
        kind = f"{status // 100}xx" if status else "none"
        return self.ended.setdefault((route, service, kind, reason.value), [0])

    @override
    def collect(self) -> Iterator[Metric]:
        ended = CounterMetricFamily(
            "opsbuddy_gateway_requests",
            "Requests on routes, by how they ended",
            labels=["route", "service", "status", "reason"],
        )
        for labels, (count,) in list(self.ended.items()):
            ended.add_metric(labels, count)
        yield ended
        latency = HistogramMetricFamily(
            "opsbuddy_gateway_upstream_seconds", "Time until a service began its answer", labels=["service"]
        )
        for name, seconds in list(self.latency.items()):
            latency.add_metric([name], *seconds.sample())
        yield latency


TRAFFIC = Traffic()
REGISTRY.register(TRAFFIC)
RETRIES = Counter("opsbuddy_gateway_retries_total", "Further attempts on another endpoint", ["service"])
IN_FLIGHT = Gauge("opsbuddy_gateway_requests_in_flight", "Requests that a service is working on", ["service"])
BREAKER = Gauge("opsbuddy_gateway_breaker_state", "0 closed, 1 half open, 2 open", ["service"])
ENDPOINTS = Gauge("opsbuddy_gateway_endpoints", "Endpoints that get requests", ["service"])
UPSTREAM_CONNECTIONS = Gauge("opsbuddy_gateway_upstream_connections", "Connections to endpoints", ["state"])
RELOADS = Counter("opsbuddy_gateway_table_reloads_total", "Routing tables that were taken over or refused", ["result"])
for _result in ("taken_over", "refused"):
    RELOADS.labels(_result)  # there from the start, at 0: of a counter that begins at 1 Prometheus sees no growth
STATES = {State.CLOSED: 0, State.HALF_OPEN: 1, State.OPEN: 2}


class ServiceMetrics:
    """The figures of one service, found once."""

    def __init__(self, name: str, breaker: Breaker, endpoints: Endpoints, in_flight: Callable[[], int]) -> None:
        self._name, self._breaker, self._endpoints, self._in_flight = name, breaker, endpoints, in_flight
        self.latency = TRAFFIC.latency.setdefault(name, Latency())
        self.retries = RETRIES.labels(name)
        self._ended: dict[tuple[str, int, Reason], list[int]] = {}
        self.show()

    def show(self) -> None:
        """Be the one that the gauges speak of: with another port a service is another one, of the same name."""
        endpoints = self._endpoints
        IN_FLIGHT.labels(self._name).set_function(self._in_flight)
        BREAKER.labels(self._name).set_function(lambda: STATES[self._breaker.state])
        ENDPOINTS.labels(self._name).set_function(lambda: sum(endpoints.state(e) != "set_aside" for e in endpoints.all))

    def ended(self, prefix: str, status: int, reason: Reason) -> None:
        key = (prefix, status // 100, reason)
        count = self._ended.get(key)
        if count is None:
            count = self._ended[key] = TRAFFIC.count(prefix, self._name, status, reason)
        count[0] += 1

    def remove(self) -> None:
        """Forget a service that left the table, so that its gauges do not speak of the past."""
        TRAFFIC.latency.pop(self._name, None)
        for metric in (RETRIES, IN_FLIGHT, BREAKER, ENDPOINTS):
            with suppress(KeyError):
                metric.remove(self._name)


def watch_connections(standing: Callable[[], int], idle: Callable[[], int]) -> None:
    """Show how many connections to endpoints there are."""
    UPSTREAM_CONNECTIONS.labels("open").set_function(standing)
    UPSTREAM_CONNECTIONS.labels("idle").set_function(idle)
