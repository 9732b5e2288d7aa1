"""Bodies of requests that senders may compress."""

import zlib

from fastapi import Request

from opsbuddy_core.errors import MalformedError, TooLargeError, UnsupportedTypeError

GZIP = 31  # zlib's word for: a gzip header, the largest window


async def read(request: Request, limit: int) -> bytes:
    """Return the body, unpacked. Raises TooLargeError when it has more than `limit` bytes then, before it is unpacked any further."""
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding == "identity":
        return await request.body()
    if encoding != "gzip":
        raise UnsupportedTypeError(f"Content-Encoding {encoding} is not taken; send it as it is, or as gzip.")
    packer = zlib.decompressobj(GZIP)
    try:
        unpacked = packer.decompress(await request.body(), limit + 1)
    except zlib.error as error:
        raise MalformedError("The body is no valid gzip.") from error
    if len(unpacked) > limit:
        raise TooLargeError(
            f"The body has more than the {limit} bytes that are taken here once it is unpacked.", limit=limit
        )
    if not packer.eof or packer.unused_data:
        raise MalformedError("The body is no valid gzip: it is cut, or something follows.")
    return unpacked
