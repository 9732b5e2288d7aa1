"""Everything the gateway knows about each service behind it, across changes of the table."""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from opsbuddy_core.logs import get_logger
from opsbuddy_core.routes import CircuitBreaker
from opsbuddy_gateway.service.breaker import Breaker
from opsbuddy_gateway.service.budget import RetryBudget
from opsbuddy_gateway.service.endpoints import Endpoints
from opsbuddy_gateway.service.metrics import ServiceMetrics
from opsbuddy_gateway.service.routing import Snapshot, backend_key
from opsbuddy_gateway.service.window import History, Window
from opsbuddy_gateway.storage.endpoints import EndpointSource

log = get_logger("services")
SLOW_SECONDS = 1.0
STARTING_SECONDS = 120.0  # in which a service that answers for the first time was no outage before
BREAKER_JITTER = 0.05
Asked = Callable[[str], Sequence[str]]
Verdict = Literal["healthy", "unhealthy", "unknown"]


@dataclass(slots=True)
class Condition:
    """What active checks found: the state, since when it holds, why, and a mark for each minute."""

    history: History
    state: Verdict = "unknown"
    since: datetime = field(default_factory=lambda: datetime.now(UTC))
    reason: str | None = None
    answered: bool = False

    def found(self, reason: str | None, seconds: float = 0.0) -> bool:
        """Take the outcome of a round of checks: what is wrong, or None. Returns whether the state changed."""
        before, self.state = self.state, "unhealthy" if reason else "healthy"
        self.reason = reason
        if not reason and not self.answered:
            self.answered = True
            if self.history.seconds <= STARTING_SECONDS:
                self.history.forget()  # it was only starting, as everything here
        self.history.mark("down" if reason else "slow" if seconds > SLOW_SECONDS else "ok")
        if self.state != before:
            self.since = datetime.now(UTC)
        return self.state != before

    def as_dict(self) -> dict[str, Any]:
        since = self.since.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return {"state": self.state, "since": since, "reason": self.reason, "history": self.history.marks()}


class Service:
    """One service: endpoints, breaker, retry budget, figures, condition."""

    def __init__(self, name: str, port: int, policy: CircuitBreaker, clock: Callable[[], float], asked: Asked) -> None:
        self.name, self.port, self._asked = name, port, asked
        self.prefix = ""
        chance = random.Random()  # noqa: S311 - spreads load
        self.endpoints = Endpoints(clock, chance)
        self.breaker = Breaker(policy.failures, policy.open_seconds, clock, lambda: chance.uniform(0, BREAKER_JITTER))
        self.budget = RetryBudget(clock)
        self.window = Window(clock)
        self.condition = Condition(History(clock))
        self.in_flight = 0
        self.metrics = ServiceMetrics(name, self.breaker, self.endpoints, lambda: self.in_flight)

    def as_dict(self) -> dict[str, Any]:
        """Return the service as `/status` shows it."""
        endpoints = self.endpoints
        return {
            "name": self.name,
            "prefix": self.prefix,
            "credentials": self._asked(self.prefix),
            **self.condition.as_dict(),
            "endpoints": [{"address": str(e.address), "state": endpoints.state(e)} for e in endpoints.all],
            "breaker": self.breaker.state.value,
            "circuit_breaker": self.breaker.as_dict(),
            **self.window.figures(),
        }


class Services:
    """The services of the table in force, by `name:port`. `asked`: of which credentials one is asked for on the route from a prefix."""

    def __init__(
        self, source: EndpointSource, asked: Asked = lambda _: (), clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._source, self._asked, self._clock = source, asked, clock
        self._known: dict[str, Service] = {}

    def __iter__(self) -> Iterator[Service]:
        return iter(self._known.values())

    def get(self, key: str) -> Service | None:
        return self._known.get(key)

    def follow(self, snapshot: Snapshot) -> None:
        """Know exactly the services of a table; those that stay keep their state."""
        named: dict[str, Service] = {}
        for spec in snapshot.table.routes:
            for backend in spec.backends:
                key = backend_key(backend.service, backend.port)
                if key in named:
                    continue
                service = self._known.get(key) or Service(
                    backend.service, backend.port, spec.circuit_breaker, self._clock, self._asked
                )
                service.prefix = spec.prefix
                service.breaker.failures = spec.circuit_breaker.failures
                service.breaker.open_seconds = spec.circuit_breaker.open_seconds
                named[key] = service
        names = {service.name for service in named.values()}
        for key in self._known.keys() - named.keys():
            if self._known[key].name not in names:
                self._known[key].metrics.remove()
        for service in named.values():
            service.metrics.show()
        self._known = named
        self.refresh()

    def refresh(self) -> None:
        """Take the present addresses from the source."""
        for service in self._known.values():
            addresses = self._source.addresses(service.name, service.port)
            changed, grown = service.endpoints.replace(addresses)
            if grown:
                service.breaker.hasten()
            if changed:
                log.info(
                    "Endpoints changed",
                    operation="endpoints",
                    target=service.name,
                    endpoints=[str(a) for a in addresses],
                )
