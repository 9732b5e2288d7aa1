"""What a request has to pass before a service is asked, whether it is an ordinary one or opens a WebSocket."""

from collections.abc import Mapping

from starlette.types import Scope

from opsbuddy_gateway.handlers.client import too_large
from opsbuddy_gateway.models import MethodNotAllowedError, Reason
from opsbuddy_gateway.service.routing import Route
from opsbuddy_gateway.settings import GatewaySettings

REFUSAL = "opsbuddy.refusal"
"""Where the scope of a request carries the OpsBuddyError with which access to its route was refused."""


class Gate:
    """The checks of a route. Each raises an OpsBuddyError with the reason."""

    def __init__(self, settings: GatewaySettings) -> None:
        self._settings = settings

    def body_limit(self, route: Route) -> int:
        """Return how many bytes a body on this route may have."""
        return route.spec.max_body_bytes or self._settings.max_body_bytes

    def check(self, scope: Scope, route: Route, given: Mapping[bytes, bytes]) -> None:
        """Check a request from its head alone; `given` is its header by name."""
        if REFUSAL in scope:
            raise scope[REFUSAL]
        method = scope.get("method", "GET")  # a WebSocket is asked for by GET
        if route.methods is not None and method not in route.methods:
            allowed = ", ".join(sorted(route.methods))
            raise MethodNotAllowedError(
                f"{route.prefix} takes {allowed}, not {method}.", reason=Reason.METHOD_NOT_ALLOWED
            )
        length = given.get(b"content-length")
        if length and int(length) > (limit := self.body_limit(route)):
            raise too_large(limit)
