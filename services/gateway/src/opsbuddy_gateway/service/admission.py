"""Which service of a route takes the next request, and what its answer says of it."""

from collections.abc import Iterable
from http import HTTPStatus

from opsbuddy_core.errors import UnavailableError
from opsbuddy_gateway.models import Reason
from opsbuddy_gateway.service.breaker import Ticket
from opsbuddy_gateway.service.routing import Route
from opsbuddy_gateway.service.services import Service, Services

FAILED_STATUSES = frozenset({HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT})


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


def judge(ticket: Ticket, status: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
    """Tell the breaker what an answer says of the service.

    With `Retry-After` a 503 is back-pressure: the service works, and says itself when to come again. To leave it alone for much longer would make an outage of
    a moment with many requests.
    """
    later = status == HTTPStatus.SERVICE_UNAVAILABLE and any(name == b"retry-after" for name, _ in headers)
    if status in FAILED_STATUSES and not later:
        ticket.failed()
    else:
        ticket.succeeded()
