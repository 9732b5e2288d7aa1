"""Bodies of requests that senders may compress."""

import zlib

from fastapi import Request

from opsbuddy_core.errors import MalformedError, TooLargeError, UnsupportedTypeError

GZIP = 31  # zlib's word for: a gzip header, the largest window
STEP = 64 * 1024  # what follows a member is copied, and should not be the whole rest each time
MOST_MEMBERS = 10_000


async def read(request: Request, limit: int) -> bytes:
    """Return the body, unpacked. Raises TooLargeError when it has more than `limit` bytes then, before it is unpacked any further."""
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding == "identity":
        return await request.body()
    if encoding not in ("gzip", "x-gzip"):
        raise UnsupportedTypeError(f"Content-Encoding {encoding} is not taken; send it as it is, or as gzip.")
    return gunzipped(await request.body(), limit)


def gunzipped(packed: bytes, limit: int) -> bytes:
    """Return what gzip packed, in one member or in several one after the other, as senders write that append."""
    unpacked: list[bytes] = []
    position, room = 0, limit + 1
    for _ in range(MOST_MEMBERS):
        packer = zlib.decompressobj(GZIP)
        while not packer.eof:
            piece = memoryview(packed)[position : position + STEP]
            if not piece:
                raise MalformedError("The body is no valid gzip: it is cut.")
            try:
                unpacked.append(packer.decompress(piece, room))
            except zlib.error as error:
                raise MalformedError("The body is no valid gzip.") from error
            room -= len(unpacked[-1])
            if not room:
                raise TooLargeError(
                    f"The body has more than the {limit} bytes that are taken here once it is unpacked.", limit=limit
                )
            position += len(piece) - len(packer.unused_data)
        if position == len(packed):
            return b"".join(unpacked)
    raise MalformedError(f"The body has more than {MOST_MEMBERS} members of gzip.")
