"""What nearly every body looks like, read and judged by compiled code: several times faster than the judge, with the same verdict.

Only bodies of printable ASCII without escapes are looked at, so that what texts may hold is settled for all of them at once; the shapes below
settle fields, types and lengths. Whatever does not fit as a whole is for the judge, who words what is wrong.
"""

from typing import Annotated, Any, Literal

import msgspec

from opsbuddy_analytics_service.models import MAX_ITEMS, MAX_MESSAGE, NewLog
from opsbuddy_analytics_service.models.entries import DataError, document
from opsbuddy_core import timestamps

Label = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]


class PlainLog(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A log with a timestamp as text and a level in capitals."""

    timestamp: str
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
    logger: Label
    message: Annotated[str, msgspec.Meta(max_length=MAX_MESSAGE)]
    service: Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
    operation: Label | None = None
    data: dict[str, Any] | None = None
    request_id: Label | None = None
    trace_id: Label | None = None
    event_id: Label | None = None


class PlainBatch(msgspec.Struct):
    """What `POST /logs` is sent; other members of the object mean nothing."""

    logs: list[PlainLog]


_BATCH = msgspec.json.Decoder(PlainBatch)
_LIST = msgspec.json.Decoder(list[PlainLog])
_ONE = msgspec.json.Decoder(PlainLog)


def batch(raw: bytes) -> list[NewLog] | None:
    """Return the logs of a body if all of them are plainly right."""
    if not _is_plain(raw):
        return None
    try:
        found = _LIST.decode(raw) if raw[:1] == b"[" else _BATCH.decode(raw).logs
        if len(found) > MAX_ITEMS:
            return None
        now = timestamps.now()
        return [_log(each, now) for each in found]
    except (msgspec.MsgspecError, RecursionError, DataError, timestamps.TimestampError):
        return None


def one(raw: bytes) -> NewLog | None:
    """Return the log of a body if it is plainly right."""
    if not _is_plain(raw):
        return None
    try:
        return _log(_ONE.decode(raw), timestamps.now())
    except (msgspec.MsgspecError, RecursionError, DataError, timestamps.TimestampError):
        return None


def _is_plain(raw: bytes) -> bool:
    return raw.isascii() and b"\\" not in raw and b"\x7f" not in raw


def _log(log: PlainLog, now: int) -> NewLog:
    if log.logger.isspace() or log.service.isspace():
        raise DataError("empty", "has only white space")
    return NewLog(
        timestamps.parse(log.timestamp, now),
        log.level,
        log.logger,
        log.message,
        log.service,
        _label(log.operation),
        document(log.data) if log.data else None,
        _label(log.request_id),
        _label(log.trace_id),
        _label(log.event_id),
    )


def _label(text: str | None) -> str | None:
    """Take blank text for no text."""
    return None if text is None or (text[0] == " " and text.isspace()) else text
