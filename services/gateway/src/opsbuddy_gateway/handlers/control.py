"""The gateway's own pages beside those that every deployable has; and for what is on no route 404 with the prefixes that are known."""

from typing import Any

from fastapi import APIRouter, FastAPI, Request
from starlette.responses import Response

from opsbuddy_core.errors import NotFoundError, OpsBuddyError, UnavailableError
from opsbuddy_core.web.problems import answer
from opsbuddy_gateway.models import Reason
from opsbuddy_gateway.service.checks import Checks
from opsbuddy_gateway.service.table import Table


def checking(checks: Checks, table: Table) -> APIRouter:
    """Return the routes that check a service at once, and show the table in force."""
    routes = APIRouter(tags=["operations"])

    @routes.post("/status/{service}/check", summary="Ask for the health of one service now")
    async def check_now(service: str) -> dict[str, Any]:
        found = await checks.now(service)
        if found is None:
            raise NotFoundError(
                f"No service {service} is routed or checked here; /status lists those that are.",
                reason=Reason.NO_SERVICE,
            )
        return found

    @routes.get("/status/routes", summary="The routing table in force")
    async def read_routes() -> dict[str, Any]:
        return table.routes()

    return routes


def name_prefixes(app: FastAPI, table: Table) -> None:
    """Make every path that nobody serves say what there is."""

    async def not_found(request: Request, _: Exception) -> Response:
        return answer(_nothing_at(request.url.path, table), request.scope)

    app.add_exception_handler(404, not_found)


def _nothing_at(path: str, table: Table) -> OpsBuddyError:
    if table.current is None:
        return UnavailableError(
            "No routing table has been read yet; ask again shortly.", retry_after=1, reason=Reason.NO_TABLE
        )
    prefixes = list(table.current.routes)
    known = f"routes lead from {', '.join(prefixes)}" if prefixes else "the routing table has no routes"
    return NotFoundError(
        f"There is nothing at {path}; {known}, and /docs lists the pages of the gateway.",
        prefixes=prefixes,
        reason=Reason.NO_ROUTE,
    )
