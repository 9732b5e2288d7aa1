"""An answer of somebody else, which may be of any size."""

import aiohttp

PIECE_BYTES = 65536


async def read_at_most(answer: aiohttp.ClientResponse, most: int) -> bytes | None:
    """Return the whole body, or None as soon as it has more than `most` bytes."""
    body = bytearray()
    async for piece in answer.content.iter_chunked(PIECE_BYTES):
        body += piece
        if len(body) > most:
            return None
    return bytes(body)
