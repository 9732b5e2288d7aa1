"""The stretch of time that an address names. No I/O, no clock of its own."""

import re
from datetime import datetime

from opsbuddy_core import timestamps

FIRST, NOW = "-1h", "now"
QUICK = {"-15m": "15 min", "-1h": "1 h", "-6h": "6 h", "-24h": "24 h", "-7d": "7 days"}
SECOND, MINUTE, HOUR, DAY = (timestamps.SECOND * seconds for seconds in (1, 60, 3600, 86_400))
UNITS = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY}
BACK = re.compile(r"-?\s*(\d{1,6})\s*(s|m|h|d|w)(?:ec|in|ours?|ays?|eeks?)?[a-z]*(?:\s+ago)?", re.IGNORECASE | re.ASCII)
CLOCK = re.compile(r"\d\d:\d\d(:\d\d(?:\.\d{1,9})?)?", re.ASCII)
TO_THE_MINUTE = re.compile(r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d)(Z|[+-]\d\d:?\d\d)?", re.ASCII | re.IGNORECASE)
EXAMPLES = "write 02:44, 2026-01-31 02:44, 15m (ago), or now"


def read_range(start: str, end: str, now: int) -> tuple[int, int, dict[str, str]]:
    """Return first and last instant in nanoseconds, and what cannot be used, by field; then the usual stands in its place. Blank is an hour ago, and now."""
    found, wrong = [], {}
    for name, text, absent in (("start", start, FIRST), ("end", end, NOW)):
        try:
            found.append(moment(text or absent, now))
        except ValueError as error:
            wrong[name] = str(error)
            found.append(moment(absent, now))
    if not wrong and found[0] >= found[1]:
        wrong["end"] = "ends before it begins"
    return found[0], found[1], wrong


def around(at: datetime) -> tuple[str, str]:
    """Return the stretch in which to look for what a trouble began with: a quarter of an hour before until half an hour after."""
    instant = int(at.timestamp()) * SECOND
    return timestamps.render(instant - 15 * MINUTE), timestamps.render(instant + HOUR // 2)


def moment(text: str, now: int) -> int:
    """Return the instant of `now`, `15m`, `02:44` (the last one there was, UTC), `2026-01-31 02:44` or RFC 3339. A ValueError says why there is none."""
    if text.lower() == NOW:
        return now
    if back := BACK.fullmatch(text):
        at = now - int(back[1]) * UNITS[back[2].lower()]
        if at < timestamps.EARLIEST:
            raise ValueError("lies before 1980")
        return at
    if CLOCK.fullmatch(text):
        return _last(text if len(text) > 5 else f"{text}:00", now)  # noqa: PLR2004 - HH:MM
    if whole := TO_THE_MINUTE.fullmatch(text):
        text = f"{whole[1]}:00{whole[2] or ''}"
    try:
        return timestamps.parse(text, now)
    except timestamps.TimestampError as error:
        raise ValueError(f"is no time: {EXAMPLES}" if error.code == "unreadable" else str(error)) from error


def _last(clock: str, now: int) -> int:
    """Return the last instant at which a clock showed `HH:MM:SS` in UTC."""
    try:
        at = timestamps.parse(f"{timestamps.render(now)[:10]}T{clock}Z", now)
    except timestamps.TimestampError as error:
        raise ValueError("is no time of a day: hours go from 00 to 23, minutes and seconds from 00 to 59") from error
    return at if at <= now else at - DAY
