"""Request bodies that come in pieces, with a deadline for each and for the whole."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus

from fastapi import HTTPException, Request
from starlette.requests import ClientDisconnect

from opsbuddy_core.errors import MalformedError, OpsBuddyError, TooLargeError, UnsupportedTypeError

LONGEST_SECONDS = 3000  # shorter than the age from which a sweep takes content for forgotten


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


async def small(request: Request, idle_seconds: float, limit: int) -> bytes:
    """Return a whole body of at most so many bytes."""
    body = b""
    async with incoming(request, idle_seconds) as pieces:
        async for piece in pieces:
            body += piece
            if len(body) > limit:
                raise TooLargeError(f"The body has more than the {limit} bytes that are taken here.", limit=limit)
    return body


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
