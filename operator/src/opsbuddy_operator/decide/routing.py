"""The routing table of a namespace, from its resources."""

import math
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import groupby

from opsbuddy_core.resource import OpsBuddyServiceSpec
from opsbuddy_core.resource.types import quantity, seconds
from opsbuddy_core.routes import Backend, CircuitBreaker, RoutingTable, TableRoute
from opsbuddy_operator.decide.parsing import InvalidSpecError, spec_of
from opsbuddy_operator.models import Object


@dataclass(frozen=True, slots=True)
class _Claim:
    """A service that asks for a prefix."""

    created: str
    name: str
    shares: bool
    route: TableRoute  # with this service as its only backend

    @property
    def rank(self) -> tuple[str, str]:
        return self.created, self.name


def table(
    services: Sequence[Object], ready: AbstractSet[str], previous: RoutingTable | None
) -> tuple[RoutingTable, dict[str, str]]:
    """Return the table for the resources of a namespace, and who lost a prefix to whom (name to name).

    `ready` names the services with a ready endpoint. A service without one keeps the route that it has in `previous`. Of several services
    with one prefix the oldest has it, unless all of them share it by weight. The order of `services` does not matter.
    """
    previous = previous or RoutingTable()
    had = {backend.service for route in previous.routes for backend in route.backends}
    claims = sorted(
        (claim for service in services for claim in _claims(service, previous)),
        key=lambda claim: (claim.route.prefix, *claim.rank),
    )
    routes: list[TableRoute] = []
    conflicts: dict[str, str] = {}
    for _, group in groupby(claims, key=lambda claim: claim.route.prefix):
        oldest, *others = group
        sharing = [oldest, *(other for other in others if other.shares and oldest.shares)]
        conflicts |= {other.name: oldest.name for other in others if other not in sharing}
        backends = [claim.route.backends[0] for claim in sharing if claim.name in ready or claim.name in had]
        if backends:
            ordered = tuple(sorted(backends, key=lambda backend: backend.service))
            routes.append(oldest.route.model_copy(update={"backends": ordered}))
    return RoutingTable(routes=tuple(routes)), conflicts


def declared(name: str, spec: OpsBuddyServiceSpec) -> TableRoute | None:
    """Return the route that a spec asks for; None without one."""
    route = spec.route
    if route is None or spec.role == "Gateway":
        return None
    backend = Backend(service=name, port=spec.port, weight=100 if route.weight is None else route.weight)
    breaker = route.circuit_breaker
    return TableRoute(
        prefix=route.prefix,
        rewrite=route.rewrite,
        methods=tuple(sorted(route.methods)) if route.methods else None,
        backends=(backend,),
        timeout_seconds=seconds(route.timeout),
        retries=route.retries,
        load_balancing=route.load_balancing,
        circuit_breaker=CircuitBreaker(failures=breaker.failures, open_seconds=seconds(breaker.open_for)),
        rate_limit=route.rate_limit,
        authentication=route.authentication,
        cors=route.cors,
        max_body_bytes=None if route.max_body_size is None else math.ceil(quantity(route.max_body_size)),
    )


def _claims(service: Object, previous: RoutingTable) -> list[_Claim]:
    """Return what a resource asks for; what it has, where it is suspended or cannot be read."""
    metadata = service["metadata"]
    if "deletionTimestamp" in metadata:
        return []
    created, name = metadata["creationTimestamp"], metadata["name"]
    try:
        spec = spec_of(service)
    except InvalidSpecError:
        return _kept(created, name, previous)
    if spec.suspend:
        return _kept(created, name, previous)
    route = declared(name, spec)
    return [_Claim(created, name, spec.route.weight is not None, route)] if route and spec.route else []


def _kept(created: str, name: str, previous: RoutingTable) -> list[_Claim]:
    return [
        _Claim(created, name, len(route.backends) > 1, route.model_copy(update={"backends": (backend,)}))
        for route in previous.routes
        for backend in route.backends
        if backend.service == name
    ]
