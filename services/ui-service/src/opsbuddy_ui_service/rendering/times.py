"""Moments as pages write them."""

from datetime import datetime

MINUTE, HOUR, DAY = 60, 3600, 86400


def iso(moment: datetime) -> str:
    """Return a moment for programs."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def clock(moment: datetime, now: datetime) -> str:
    """Return a moment for people, in UTC: the day only where it is another one."""
    return f"{moment:%H:%M} UTC" if moment.date() == now.date() else f"{moment.day} {moment:%b %H:%M} UTC"


def ago(moment: datetime, now: datetime) -> str:
    """Return how long ago a moment is: `12 s ago`, `9 min ago`, `3 h 20 min ago`, `2 d 4 h ago`."""
    seconds = max(0, int((now - moment).total_seconds()))
    if seconds < MINUTE:
        return f"{seconds} s ago"
    if seconds < HOUR:
        return f"{seconds // MINUTE} min ago"
    if seconds < DAY:
        return f"{seconds // HOUR} h {seconds % HOUR // MINUTE} min ago"
    return f"{seconds // DAY} d {seconds % DAY // HOUR} h ago"
