"""Where a page ended, as an opaque text that fits the query it came from and no other."""

import base64
import binascii
from hashlib import blake2b

from opsbuddy_analytics_service.models import LogQuery
from opsbuddy_core.errors import FieldError, InvalidRequestError


def encode(query: LogQuery, time: int) -> str:
    """Return the cursor after the log at `time`."""
    place = time.to_bytes(8, "big")
    return base64.urlsafe_b64encode(place + _mark(query, place)).decode().rstrip("=")


def decode(query: LogQuery) -> int | None:
    """Return the place in the query's cursor, None without one."""
    if query.cursor is None:
        return None
    try:
        raw = base64.b64decode(query.cursor + "=" * (-len(query.cursor) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != 16 or raw[8:] != _mark(query, raw[:8]):  # noqa: PLR2004 - eight bytes each
        reason = "is damaged, or comes from a query with other filters or another order"
        raise InvalidRequestError(
            f"The cursor {reason}. Send the next_cursor of the page before and leave the rest unchanged, or start without one.",
            errors=[FieldError("cursor", reason, "cursor_invalid")],
        )
    return int.from_bytes(raw[:8], "big")


def _mark(query: LogQuery, place: bytes) -> bytes:
    return blake2b(query.model_dump_json(exclude={"cursor", "limit"}).encode() + place, digest_size=8).digest()
