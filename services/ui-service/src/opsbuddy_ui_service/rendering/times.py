"""Moments as pages write them."""

from datetime import datetime

from opsbuddy_ui_service.views.figures import duration


def iso(moment: datetime) -> str:
    """Return a moment for programs."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def clock(moment: datetime, now: datetime) -> str:
    """Return a moment for people, in UTC: the day only where it is another one."""
    return f"{moment:%H:%M} UTC" if moment.date() == now.date() else f"{moment.day} {moment:%b %H:%M} UTC"


def seconds(text: str, now: datetime) -> str:
    """Return a moment that is written for programs likewise, to the second."""
    moment = datetime.fromisoformat(text)
    return f"{moment:%H:%M:%S}" if moment.date() == now.date() else f"{moment.day} {moment:%b %H:%M:%S}"


def ago(moment: datetime, now: datetime) -> str:
    """Return how long ago a moment is: `12 s ago`, `9 min ago`, `3 h 20 min ago`, `2 d 4 h ago`."""
    return f"{duration((now - moment).total_seconds())} ago"
