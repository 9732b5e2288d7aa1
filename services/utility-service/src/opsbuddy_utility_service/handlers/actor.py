"""Who asked."""

from fastapi import Request

from opsbuddy_core import trace
from opsbuddy_utility_service.models.commands import Actor

SUBJECT = "x-opsbuddy-subject"  # who the gateway found out it is; it lets no caller set it
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
    )


def _printable(text: str) -> str:
    return "".join(letter for letter in text if letter.isprintable())[:LONGEST]
