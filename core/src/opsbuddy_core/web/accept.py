"""What kind of answer a client likes (RFC 9110 section 12.5.1)."""

from operator import itemgetter


def preferred(accept: str, *offered: str) -> str:
    """Return the media type of those offered that the client likes best: the first one where it likes several alike, or none."""
    found = [_range(part) for part in accept.lower().split(",") if part.strip()]
    ranges = dict(sorted(found, key=itemgetter(1)))  # of several versions of a kind the best liked one
    return max(offered, key=lambda kind: _quality(ranges, kind))  # the first of equals


def takes_by_name(accept: str, *kinds: str) -> str | None:
    """Return the first media type that the client names itself: for what only those get who know it."""
    named = [_range(part) for part in accept.lower().split(",")]
    return next((kind for kind, quality in named if kind in kinds and quality), None)


def _quality(ranges: dict[str, float], kind: str) -> float:
    """Return how much a media type is liked, from 0 to 1; the closest range counts."""
    closest = (kind, kind.partition("/")[0] + "/*", "*/*")
    return next((ranges[wanted] for wanted in closest if wanted in ranges), 0.0)


def _range(part: str) -> tuple[str, float]:
    kind, *parameters = (piece.strip() for piece in part.split(";"))
    text = next((each[2:] for each in parameters if each.startswith("q=")), "1")
    try:
        quality = float(text)
    except ValueError:
        quality = 1.0
    return kind, quality if 0 <= quality <= 1 else 1.0
