"""Whether the gateways route to the service."""

from opsbuddy_core.resource import ConditionType, OpsBuddyServiceSpec, Reason
from opsbuddy_core.routes import TableRoute
from opsbuddy_operator.decide.finding import Finding
from opsbuddy_operator.decide.routing import declared
from opsbuddy_operator.models import Observed

_GATEWAY_ASKED_EVERY = 1.0  # seconds


def programmed(observed: Observed, spec: OpsBuddyServiceSpec, wanted: int, *, was: bool) -> Finding:
    """Find whether every ready gateway routes to the service as the spec says; `was`: it did so before, with this very spec.

    Another service's route changes the table too. Gateways that have yet to take that over go on serving ours, so that what was
    programmed stays so.
    """
    namespace = observed.resource["metadata"]["namespace"]
    if spec.role == "Gateway" or spec.route is None:
        return _done(Reason.NO_ROUTE, "No route is asked for.")
    prefix = spec.route.prefix
    if observed.route_conflict:
        other = observed.route_conflict
        return _not(
            Reason.ROUTE_CONFLICT,
            f"route.prefix {prefix} belongs to {other}, which is older: choose another prefix, or give both a route.weight to share it",
        )
    if not observed.has_gateway:
        return _not(
            Reason.NO_GATEWAY,
            f"namespace {namespace} has no gateway: create an OpsBuddyService with role Gateway in it",
        )
    if spec.suspend and not _in_table(observed, spec):
        return _not(Reason.SUSPENDED, f"{prefix} is routed as the spec says when suspend is false again.")
    if not _in_table(observed, spec):
        return _absent(observed, prefix, wanted)
    return _served(observed, prefix, was=was)


def prefixes(observed: Observed) -> list[str]:
    """Return the prefixes of the table that lead to the service."""
    return [route.prefix for route in _routes(observed)]


def _served(observed: Observed, prefix: str, *, was: bool) -> Finding:
    late = sorted(gateway.pod for gateway in observed.gateways if gateway.serves != observed.table_hash)
    if not observed.gateways:
        return _not(
            Reason.WAITING_FOR_GATEWAY, f"{prefix} is in the routing table, but no gateway pod is ready to serve it."
        )
    if late and not was:
        return _not(
            Reason.WAITING_FOR_GATEWAY,
            f"{prefix} is in the routing table, which has yet to be taken over by: {', '.join(late)}.",
        )
    return _done(
        Reason.PROGRAMMED, f"Every gateway routes {prefix} to the service.", _GATEWAY_ASKED_EVERY if late else None
    )


def _absent(observed: Observed, prefix: str, wanted: int) -> Finding:
    if wanted == 0:
        return _done(Reason.SCALED_TO_ZERO, f"{prefix} is routed when there are pods.")
    if observed.table_fault:
        reason, words = observed.table_fault
        return _not(reason, f"{prefix} is not routed: {words}")
    name = observed.resource["metadata"]["name"]
    return _not(Reason.WAITING_FOR_ENDPOINT, f"{prefix} is routed as soon as the first pod of {name} is ready.")


def _in_table(observed: Observed, spec: OpsBuddyServiceSpec) -> bool:
    """Tell whether the table says what the spec says; where several services share a prefix, the oldest one's policies hold."""
    wish = declared(observed.resource["metadata"]["name"], spec)
    for route in _routes(observed):
        if wish and route.prefix == wish.prefix and wish.backends[0] in route.backends:
            return len(route.backends) > 1 or route == wish
    return False


def _routes(observed: Observed) -> list[TableRoute]:
    name = observed.resource["metadata"]["name"]
    routes = observed.table.routes if observed.table else ()
    return [route for route in routes if any(backend.service == name for backend in route.backends)]


def _done(reason: Reason, message: str, look_again: float | None = None) -> Finding:
    return Finding(ConditionType.ROUTES_PROGRAMMED, holds=True, reason=reason, message=message, look_again=look_again)


def _not(reason: Reason, message: str) -> Finding:
    look_again = _GATEWAY_ASKED_EVERY if reason is Reason.WAITING_FOR_GATEWAY else None
    return Finding(
        ConditionType.ROUTES_PROGRAMMED,
        holds=False,
        reason=reason,
        message=message,
        failing=True,
        look_again=look_again,
    )
