"""Reads a body that is used here, and not passed on."""

from fastapi import Request
from starlette.requests import ClientDisconnect

from opsbuddy_core.errors import MalformedError, TooLargeError


async def whole(request: Request, limit: int) -> bytes:
    """Return the body. Raises TooLargeError beyond `limit` bytes, MalformedError when it ends early."""
    body = bytearray()
    try:
        async for piece in request.stream():
            if len(body) + len(piece) > limit:
                raise TooLargeError(f"The body has more than the {limit} bytes that are taken here.", limit=limit)
            body += piece
    except ClientDisconnect as error:
        raise MalformedError("The request ended in the middle of its body.") from error
    return bytes(body)
