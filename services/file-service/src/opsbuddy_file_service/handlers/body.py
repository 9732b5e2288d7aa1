"""Request bodies that come in pieces, with a deadline for each and for the whole."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus

from fastapi import HTTPException, Request
from starlette.requests import ClientDisconnect

from opsbuddy_core.errors import FieldError, MalformedError, OpsBuddyError, TooLargeError, UnsupportedTypeError

LONGEST_SECONDS = 3000  # shorter than the age from which a sweep takes content for forgotten
DOCUMENTS = ("application/json", "application/merge-patch+json")
UNSAID = ("", "application/x-www-form-urlencoded")  # curl -d says the latter when nobody says anything


@asynccontextmanager
async def incoming(request: Request, idle_seconds: float) -> AsyncGenerator[AsyncIterator[bytes]]:
    """Give the body piece by piece. When the block fails the rest is read first, or the client would see a reset, no answer."""
    pieces = _pieces(request, idle_seconds)
    async with asyncio.timeout(LONGEST_SECONDS):
        try:
            _refuse_encoded(request)
            yield pieces
        except (OpsBuddyError, HTTPException):
            async for _ in pieces:
                pass
            raise


async def document(request: Request, idle_seconds: float, limit: int) -> bytes:
    """Return a whole body of at most so many bytes, which is said to be JSON or is not said to be anything."""
    body = b""
    async with incoming(request, idle_seconds) as pieces:
        if (kind := media_type(request)) not in DOCUMENTS + UNSAID:
            reason = f"{kind[:100]} is not taken here; send {' or '.join(DOCUMENTS)}"
            raise UnsupportedTypeError(f"{reason}.", errors=[FieldError("content-type", reason, "type")])
        async for piece in pieces:
            body += piece
            if len(body) > limit:
                raise TooLargeError(f"The body has more than the {limit} bytes that are taken here.", limit=limit)
    return body


def media_type(request: Request) -> str:
    """Return what the body is said to be, without parameters; empty: nothing is said."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _refuse_encoded(request: Request) -> None:
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding != "identity":
        raise UnsupportedTypeError(
            "A body with a Content-Encoding is not taken: files are kept as they come. Send it without that field."
        )


async def _pieces(request: Request, idle_seconds: float) -> AsyncIterator[bytes]:
    stream = request.stream()
    while True:
        try:
            async with asyncio.timeout(idle_seconds):
                piece = await anext(stream, None)
        except TimeoutError:
            raise HTTPException(
                HTTPStatus.REQUEST_TIMEOUT, f"Nothing came for {idle_seconds:g} s; send the request again."
            ) from None
        except ClientDisconnect:
            raise MalformedError("The client left before the request was complete.") from None
        if piece is None:
            return
        yield piece
