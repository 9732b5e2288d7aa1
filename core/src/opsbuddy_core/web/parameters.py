"""Parameters of a query that nobody knows are refused: a filter with a typing error would show too much.

routes = APIRouter(dependencies=KNOWN_PARAMETERS)
"""

from collections.abc import Iterator

from fastapi import Depends, Request
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import get_flat_params
from fastapi.params import Cookie, Header, Path
from fastapi.routing import APIRoute

from opsbuddy_core.errors import FieldError, InvalidRequestError

LONGEST_NAME = 100  # of what is said again of a name that somebody made up


async def _refuse_unknown(request: Request) -> None:
    if not request.scope["query_string"]:
        return
    route = request.scope["route"]
    known = sorted(_names(route.dependant)) if isinstance(route, APIRoute) else []
    unknown = [name for name in dict.fromkeys(request.query_params) if name not in known]
    if not unknown:
        return
    reason = f"is no parameter here; there are {', '.join(known)}" if known else "is no parameter here; there are none"
    names = [name[:LONGEST_NAME] or "(empty)" for name in unknown[:10]]
    raise InvalidRequestError(
        f"{', '.join(names)} {reason}.", errors=[FieldError(name, reason, "unknown_parameter") for name in names]
    )


def _names(dependant: Dependant) -> Iterator[str]:
    others = (Path, Header, Cookie)
    return (field.alias for field in get_flat_params(dependant) if not isinstance(field.field_info, others))


KNOWN_PARAMETERS = (Depends(_refuse_unknown),)
