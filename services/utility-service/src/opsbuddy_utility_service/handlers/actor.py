"""Who asked."""

from fastapi import Request

from opsbuddy_core import trace
from opsbuddy_utility_service.models.commands import Actor

# who the gateway found out it is, how, and what roles that gives; it lets no caller set them
SUBJECT, METHOD, ROLES = "x-opsbuddy-subject", "x-opsbuddy-auth-method", "x-opsbuddy-roles"
UNKNOWN = "anonymous"
LONGEST = 200


def actor(request: Request) -> Actor:
    """Return who the gateway says it is, and from where. Only the network keeps others from saying it: see the service's documentation."""
    forwarded = request.headers.get("x-forwarded-for", "").split(",")[0].strip()
    peer = request.client.host if request.client else ""
    here = trace.current()
    return Actor(
        name=_printable(request.headers.get(SUBJECT, "")) or UNKNOWN,
        address=_printable(forwarded) or peer,
        request_id=here.request_id if here else "",
        roles=_roles(request.headers.get(ROLES, "")) if request.headers.get(METHOD) else None,
    )


def _roles(text: str) -> frozenset[str]:
    return frozenset(role for part in text.split(",") if (role := part.strip()))


def _printable(text: str) -> str:
    return "".join(letter for letter in text if letter.isprintable())[:LONGEST]
