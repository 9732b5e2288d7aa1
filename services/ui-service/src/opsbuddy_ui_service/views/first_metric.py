"""Which metric one sees who has not chosen one: of a service in trouble, or of everything. No I/O, no clock."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from statistics import median
from typing import Any, Literal, get_args

from opsbuddy_ui_service.searches import series as series_search
from opsbuddy_ui_service.searches.series import Search
from opsbuddy_ui_service.views.series import Metric
from opsbuddy_ui_service.views.state import Row, State

About = Literal["errors", "latency", "requests"]
WORDS: Mapping[About, tuple[str, ...]] = {
    "errors": ("error", "fail", "5xx"),
    "latency": ("p95", "p99", "latency", "duration"),
    "requests": ("request",),
}
PIECES = ("_bucket", "_sum", "_created")  # of a histogram: they say little alone
COUNTERS = ("_total", "_count")
OF_STATE: Mapping[State, About] = {
    State.SLOW: "latency",
    State.DEGRADED: "errors",
}  # of what is down: the requests that end
OWNERS = ("service", "app", "job", "deployment", "container")  # tags by which senders name a service
MOST = 3  # that are looked at for one that has points


def way(row: Row) -> str:
    """Return the address that leads to what was measured of a service when its trouble began; blank where nobody knows when that was."""
    if row.since is None:
        return ""
    return series_search.moment_of(row.name, OF_STATE.get(row.state, "requests"), row.since)


def about(text: str) -> About:
    """Return what is asked about; errors, where that is nothing known."""
    return next((known for known in get_args(About) if known == text), "errors")


def of_service(series: Iterable[Mapping[str, Any]], asked: Search, service: str, of: About) -> list[Search]:
    """Return the searches that say most about a service over the time of `asked`, best first."""
    found = {
        (each["measurement"], name): f"{owner}={service}"
        for each in series
        if (owner := next((tag for tag in OWNERS if each["tags"].get(tag) == service), None))
        for name in each["fields"]
    }
    ranked = sorted(found, key=lambda key: (_rank(*key, first=of), key))
    return [replace(asked, metric=series_search.metric(*key), tag=(found[key],)) for key in ranked[:MOST]]


def of_all(metrics: Sequence[Metric], asked: Search) -> list[Search]:
    """Return the searches that say most about everything, each service a line where it is named."""
    ranked = sorted(metrics, key=lambda each: _rank(each.measurement, each.field, first="requests"))
    return [replace(asked, metric=each.key, by=("service",) if "service" in each.tags else ()) for each in ranked[:1]]


def has_points(answer: Mapping[str, Any]) -> bool:
    """Whether an answer has numbers to draw."""
    values = [value for each in answer["series"] for value in each["values"] if value is not None]
    return bool(values) and not any(isinstance(value, str) for value in values)


def drawn(search: Search, answer: Mapping[str, Any]) -> Search:
    """Return the search that fits the newest values of each bucket: of a counter what it grew by, in buckets that have a point.

    What the processes of a service counted is one line: their sum is what the service did.
    """
    search = replace(search, every=_every(search, answer))
    if not _ends(search.measurement, search.name, COUNTERS) and not _counts(answer):
        return search
    errors = _kind(search.measurement, search.name) == "errors"
    owners = tuple(tag.partition("=")[0] for tag in search.tag)
    return replace(search, function="increase" if errors else "rate", by=search.by or owners)


def _every(search: Search, answer: Mapping[str, Any]) -> str:
    """Return the length of bucket that most points of a series are apart; blank where the usual one has them."""
    gaps = [
        after - before
        for each in answer["series"]
        for before, after in pairwise(at for at, value in enumerate(each["values"]) if value is not None)
    ]
    if not gaps or (apart := int(median(gaps))) < 2:  # noqa: PLR2004
        return ""
    length = apart * series_search.LENGTHS[search.bucket]
    return next((name for name, usual in series_search.LENGTHS.items() if usual >= length), "")


def _counts(answer: Mapping[str, Any]) -> bool:
    """Whether the values only ever grow, and do."""
    lines = [[value for value in each["values"] if value is not None] for each in answer["series"]]
    steps = [after - before for line in lines for before, after in pairwise(line)]
    return len(steps) > 1 and min(steps) >= 0 and max(steps) > 0


def _kind(measurement: str, name: str) -> About | None:
    text = f"{measurement} {name}".lower()
    return next((kind for kind, words in WORDS.items() if any(word in text for word in words)), None)


def _ends(measurement: str, name: str, endings: tuple[str, ...]) -> bool:
    return measurement.endswith(endings) or name.endswith(endings)


def _rank(measurement: str, name: str, *, first: About) -> tuple[int, bool]:
    order = list(dict.fromkeys((first, *get_args(About))))
    kind = _kind(measurement, name)
    return order.index(kind) if kind else len(order), _ends(measurement, name, PIECES)
