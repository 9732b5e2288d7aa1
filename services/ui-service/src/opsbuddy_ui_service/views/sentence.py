"""The one line of truth."""

from collections.abc import Sequence
from datetime import datetime

from opsbuddy_ui_service.views.figures import enumeration, in_words
from opsbuddy_ui_service.views.state import Part, Row, State

ONE = {
    State.DOWN: "is down",
    State.DEGRADED: "is degraded",
    State.SLOW: "is slow",
    State.NOT_HEARD: "has not been heard from",
}
MANY = {
    State.DOWN: "are down",
    State.DEGRADED: "are degraded",
    State.SLOW: "are slow",
    State.NOT_HEARD: "have not been heard from",
}
MOST_NAMES = 3


def truth(rows: Sequence[Row], lost_since: datetime | None) -> tuple[Part, ...]:
    """Return the sentence: the worst first, and since when. `lost_since` is set when the gateway is not heard."""
    if lost_since:
        return (Part("The gateway has not been heard from", "stale"), Part(" since ", at=lost_since), Part("."))
    parts: list[Part] = []
    for state in ONE:
        concerned = [row for row in rows if row.state is state]
        if concerned:
            parts += _clause(state, concerned, len(rows), first=not parts)
    if not parts:
        return (Part(f"All {in_words(len(rows))} services are healthy."),)
    return (*parts, Part("."))


def summary(rows: Sequence[Row]) -> str:
    """Return how many services are healthy, where not all are."""
    healthy = sum(row.state is State.HEALTHY for row in rows)
    if healthy == len(rows):
        return ""
    return f"{healthy} of {len(rows)} services {'is' if healthy == 1 else 'are'} healthy."


def _clause(state: State, concerned: list[Row], of: int, *, first: bool) -> list[Part]:
    if len(concerned) > MOST_NAMES:
        number = in_words(len(concerned))
        who = f"{number.capitalize() if first else number} of {of} services"
    else:
        who = enumeration([row.name for row in concerned])
    verb = ONE[state] if len(concerned) == 1 else MANY[state]
    parts = [] if first else [Part(", and ")]
    parts.append(Part(f"{who} {verb}", state.tone if first else None))
    begun = [row.since for row in concerned if row.since]
    if first and len(begun) == len(concerned):
        parts.append(Part(" since ", at=min(begun)))
    return parts
