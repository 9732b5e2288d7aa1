"""Instants as whole nanoseconds since 1970 UTC: read from what senders write, written as RFC 3339.

One rule for every door. Text is RFC 3339; a space may stand for the T, the colon of the offset may be missing, second 60 is the last
nanosecond of its minute, more than nine digits of a second are cut, and no offset means UTC. A number, or a text of digits, is an epoch whose unit its size
tells: from 1e8 seconds, from 1e11 milliseconds, from 1e14 microseconds, from 1e17 nanoseconds. What lies before 1980 or more than a day ahead is
refused: it is a wrong unit or a wrong clock, and nobody would find it again.
"""

import math
import re
import time
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache

SECOND = 1_000_000_000
EARLIEST = 315_532_800 * SECOND  # 1980-01-01
AHEAD = 86_400 * SECOND
FARTHEST = 2**63  # in any unit farther ahead than data can lie
UNITS = {"s": SECOND, "ms": 1_000_000, "us": 1_000, "ns": 1}

_TEXT = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:[.,](\d+))?\s?(?:[Zz]|([+-])(\d\d):?(\d\d))?", re.ASCII
)
_COMMON = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:[0-5]\d)(?:\.(\d{1,9}))?Z", re.ASCII)
_EPOCH = re.compile(r"\d{1,20}(?:\.\d+)?", re.ASCII)


class TimestampError(ValueError):
    """No instant that data can have. `code` is a stable word: unreadable, too_old, ahead."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


def now() -> int:
    """Return the current instant."""
    return time.time_ns()


def parse(value: object, at: int | None = None) -> int:
    """Return the instant that a sender means; a TimestampError says why there is none. `at` is now."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise TimestampError(
            "unreadable", "is no time: expected RFC 3339 text such as 2026-01-31T12:00:00Z, or an epoch number"
        )
    if isinstance(value, str):
        if value[-1:] == "Z" and (plain := _COMMON.fullmatch(value)):  # what nearly all senders write, quickly
            return bounded(_whole(plain[1]) + int((plain[2] or "0").ljust(9, "0")), at)
        text = value.strip()
        return bounded(_epoch(Decimal(text)) if _EPOCH.fullmatch(text) else instant(text), at)
    if isinstance(value, float) and math.isnan(value):
        raise TimestampError("unreadable", "is no number")
    return bounded(FARTHEST if value >= FARTHEST else _epoch(Decimal(repr(value))), at)


def instant(text: str) -> int:
    """Return the instant of RFC 3339 text, wherever it lies. Raises TimestampError."""
    if match := _TEXT.fullmatch(text):
        return _instant(match)
    raise TimestampError(
        "unreadable", "is no time: expected something like 2026-01-31T12:00:00Z or 2026-01-31T12:00:00.123+01:00"
    )


def bounded(nanoseconds: int, at: int | None = None) -> int:
    """Return the instant if it lies where data can lie; a TimestampError names the likely mistake otherwise."""
    if nanoseconds < EARLIEST:
        raise TimestampError(
            "too_old", f"lies before 1980 ({render(nanoseconds)}): check the clock, or the precision of the number"
        )
    if nanoseconds > (now() if at is None else at) + AHEAD:
        raise TimestampError(
            "ahead", "lies more than a day in the future: check the clock, or the precision of the number"
        )
    return nanoseconds


def render(nanoseconds: int) -> str:
    """Return RFC 3339 in UTC with as many digits as are needed: 3, 6 or 9."""
    seconds, rest = divmod(nanoseconds, SECOND)
    try:
        day = datetime.fromtimestamp(seconds, UTC).isoformat()[:19]
    except (ValueError, OverflowError, OSError):
        return f"{nanoseconds} ns"
    digits = f"{rest:09d}"
    return f"{day}.{digits[:3] if rest % 1_000_000 == 0 else digits[:6] if rest % 1000 == 0 else digits}Z"


@lru_cache(maxsize=4096)
def _whole(text: str) -> int:
    """Return the instant of a second in UTC: many logs share one."""
    return instant(text)


def _epoch(number: Decimal) -> int:
    for unit, least in (("ns", 10**17), ("us", 10**14), ("ms", 10**11), ("s", 10**8)):
        if number >= least:
            return int(number * UNITS[unit])
    raise TimestampError("too_old", "lies before 1973 as an epoch number: send seconds, milli-, micro- or nanoseconds")


def _instant(match: re.Match[str]) -> int:
    year, month, day, hour, minute, second = (int(match[i]) for i in range(1, 7))
    leap = second == 60  # noqa: PLR2004 - a leap second is written so
    try:
        whole = datetime(year, month, day, hour, minute, 59 if leap else second, tzinfo=UTC)
    except ValueError as error:
        raise TimestampError("unreadable", f"is no time: {error}") from error
    fraction = SECOND - 1 if leap else int((match[7] or "0")[:9].ljust(9, "0"))
    offset = 0
    if match[8]:
        hours, minutes = int(match[9]), int(match[10])
        if hours > 23 or minutes > 59:  # noqa: PLR2004 - a clock's face
            raise TimestampError("unreadable", "has an offset that there is not: it goes from -23:59 to +23:59")
        offset = (hours * 3600 + minutes * 60) * (1 if match[8] == "+" else -1)
    return (int(whole.timestamp()) - offset) * SECOND + fraction
