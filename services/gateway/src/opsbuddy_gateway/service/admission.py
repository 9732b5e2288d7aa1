"""Which service of a route takes the next request."""

from opsbuddy_core.errors import UnavailableError
from opsbuddy_gateway.models import Reason
from opsbuddy_gateway.service.breaker import Ticket
from opsbuddy_gateway.service.routing import Route
from opsbuddy_gateway.service.services import Service, Services


def admitted(route: Route, services: Services) -> tuple[Service, Ticket]:
    """Return the service whose turn it is; another one of the route when its circuit is open. Raises UnavailableError."""
    refusing: Service | None = None
    for key in route.backends.turn():
        service = services.get(key)
        if service is None:
            continue
        if ticket := service.breaker.admit():
            return service, ticket
        refusing = refusing or service
    if refusing is None:
        raise UnavailableError(
            f"The service of {route.prefix} is leaving; ask again shortly.", retry_after=1, reason=Reason.NO_ENDPOINT
        )
    raise UnavailableError(
        f"{refusing.name} failed {refusing.breaker.failures} times in a row, so it gets no requests for a while.",
        retry_after=refusing.breaker.retry_after,
        reason=Reason.BREAKER_OPEN,
        service=refusing.name,
    )
