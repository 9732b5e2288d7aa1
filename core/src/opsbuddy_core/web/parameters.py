"""What a request names has to be what is meant.

A parameter of a query that nobody knows, a second value where one is taken, or text that does not decode would show, or remove, other things.

routes = APIRouter(dependencies=KNOWN_PARAMETERS)
"""

from collections import Counter
from collections.abc import Sequence
from urllib.parse import unquote_to_bytes

from fastapi import Depends, Request
from fastapi._compat import field_annotation_is_sequence
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import get_flat_params
from fastapi.params import Cookie, Header, Path
from fastapi.routing import APIRoute

from opsbuddy_core.errors import FieldError, InvalidRequestError

LONGEST_NAME = 100  # of what is said again of a name that somebody made up
MOST_NAMES = 10


async def _refuse_unfit(request: Request) -> None:
    if "\ufffd" in request.scope["path"] and not _decodes(request.scope["raw_path"]):
        _refuse([name for name, value in request.path_params.items() if "\ufffd" in value], "encoding", "is not UTF-8")
    if not request.scope["query_string"]:
        return
    route = request.scope["route"]
    several = _parameters(route.dependant) if isinstance(route, APIRoute) else {}
    given = Counter(name for name, _ in request.query_params.multi_items())
    _refuse(_garbled(request.scope["query_string"]), "encoding", "is not UTF-8")
    there_are = f"there are {', '.join(sorted(several)) or 'none'}"
    _refuse([name for name in given if name not in several], "unknown_parameter", f"is no parameter here; {there_are}")
    repeated = [name for name, count in given.items() if count > 1 and not several[name]]
    _refuse(repeated, "repeated_parameter", "is there more than once; send one value")


def _refuse(names: Sequence[str], code: str, reason: str) -> None:
    if not names:
        return
    shown = [name[:LONGEST_NAME] or "(empty)" for name in names[:MOST_NAMES]]
    raise InvalidRequestError(
        f"{', '.join(shown)} {reason}.", errors=[FieldError(name, reason, code) for name in shown]
    )


def _garbled(query: bytes) -> list[str]:
    """Return the names of the parameters that do not decode: as they were read, they would find what nobody looked for."""
    garbled = [pair for pair in query.split(b"&") if not _decodes(pair)]
    return [unquote_to_bytes(pair.partition(b"=")[0]).decode(errors="replace") for pair in garbled]


def _decodes(escaped: bytes) -> bool:
    try:
        unquote_to_bytes(escaped).decode()
    except UnicodeDecodeError:
        return False
    return True


def _parameters(dependant: Dependant) -> dict[str, bool]:
    """Return the names, and of each whether it takes several values."""
    others = (Path, Header, Cookie)
    return {
        field.alias: field_annotation_is_sequence(field.field_info.annotation)
        for field in get_flat_params(dependant)
        if not isinstance(field.field_info, others)
    }


KNOWN_PARAMETERS = (Depends(_refuse_unfit),)
