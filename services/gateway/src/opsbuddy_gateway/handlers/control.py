"""What is not on any route: 404 with the prefixes that are known."""

from fastapi import FastAPI, Request
from starlette.responses import Response

from opsbuddy_core.errors import NotFoundError, OpsBuddyError, UnavailableError
from opsbuddy_gateway.handlers.failures import refusal
from opsbuddy_gateway.models import Reason
from opsbuddy_gateway.service.table import Table


def name_prefixes(app: FastAPI, table: Table) -> None:
    """Make every path that nobody serves say what there is."""

    async def not_found(request: Request, _: Exception) -> Response:
        return refusal(_nothing_at(request.url.path, table), request.url.path)

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
