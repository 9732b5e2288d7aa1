"""Which series a page shows: what its address says, and the query of the timeseries service that it stands for. No I/O, no clock of its own."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from urllib.parse import quote, unquote, urlencode

from opsbuddy_core import timestamps
from opsbuddy_ui_service.searches.time_range import DAY, HOUR, MINUTE, NOW, SECOND, around, read_range

RAW = "raw"
FUNCTIONS = {
    "mean": "mean",
    "min": "smallest",
    "max": "largest",
    "sum": "sum",
    "count": "how many points",
    "first": "first",
    "last": "last",
    "percentile": "percentile",
    "rate": "rate a second (counter)",
    "increase": "increase (counter)",
    RAW: "points as they are",
}
FILLS = {
    "": "a gap",
    "none": "left out",
    "previous": "the value before",
    "linear": "on the line between its neighbours",
    "zero": "0",
}
TRANSFORMS = {"": "nothing", "derivative": "change a second", "moving_average": "moving average"}
LENGTHS = {f"{n}{unit}": n * length for unit, length, ns in (
    ("s", SECOND, (1, 5, 10, 15, 30)), ("m", MINUTE, (1, 2, 5, 10, 15, 30)), ("h", HOUR, (1, 2, 3, 6, 12)), ("d", DAY, (1, 7, 30)),
) for n in ns}  # fmt: skip
BUCKETS = 120  # of a chart, at most, where nobody says how long one is
POINTS = 500  # of a page, where they come as they are
DEFAULT_PERCENTILE = "95"
TEXTS = ("metric", "start", "end", "function", "percentile", "every", "fill", "transform", "window", "top")
NUMBERS: Mapping[str, type[float]] = {"percentile": float, "window": int, "top": int}
LISTS = ("by", "tag")
PAIR = re.compile(r"((?:\\=|[^=])*)=(.*)", re.DOTALL)
LONGEST, MOST = 2000, 64
NAMES = {
    "measurement": "metric", "field": "metric", "aggregate": "function", "group_by": "by",
    "tags": "tag", "lookback": "every", "limit": "every", "top_by": "top",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Search:
    """What was typed, blank where nothing was; `wrong` has in words what cannot be used, by field. The range is in nanoseconds, its end is not in it."""

    metric: str = ""
    start: str = ""
    end: str = ""
    function: str = ""
    percentile: str = ""
    every: str = ""
    fill: str = ""
    transform: str = ""
    window: str = ""
    top: str = ""
    by: tuple[str, ...] = ()
    tag: tuple[str, ...] = ()
    together: bool = False
    first: int = 0
    last: int = 0
    wrong: Mapping[str, str] = field(default_factory=dict)

    @property
    def measurement(self) -> str:
        return names_of(self.metric)[0]

    @property
    def name(self) -> str:
        return names_of(self.metric)[1]

    @property
    def begins(self) -> str:
        return timestamps.render(self.first)

    @property
    def ends(self) -> str:
        return timestamps.render(self.last)

    @property
    def aggregate(self) -> str:
        return self.function or "mean"

    @property
    def raw(self) -> bool:
        return self.function == RAW

    @property
    def bucket(self) -> str:
        """How long a bucket is: as typed, or such that a chart has room for all of them."""
        return self.every or bucket(self.last - self.first)

    @property
    def folded(self) -> bool:
        """Whether the fields that are folded away are as they come."""
        mine = ("fill", "transform", "window", "top", "tag")
        return not any(getattr(self, name) or name in self.wrong for name in mine)

    @property
    def moves(self) -> bool:
        """Whether its end is now, so that it is asked again while the page is open."""
        return (self.end or NOW).lower() == NOW

    def parameters(self) -> list[tuple[str, str]]:
        """Return the address of this search, without what is blank."""
        lists = [(name, text) for name in LISTS for text in getattr(self, name)]
        texts = [(name, text) for name in TEXTS if (text := getattr(self, name))]
        return texts + lists + [("together", "true")] * self.together

    def address(self, path: str = "/timeseries", **changes: Any) -> str:
        """Return the address of this search with some fields changed."""
        changed = replace(self, **changes).parameters()
        return f"{path}?{urlencode(changed)}" if changed else path

    def of(self, metric: str) -> str:
        """Return the address that shows another metric over the same time; what belongs to the tags of this one goes."""
        return self.address(metric=metric, by=(), tag=())

    def question(self) -> dict[str, Any]:
        """Return the query, exactly as `POST /api/timeseries/query` takes it."""
        asked: dict[str, Any] = {
            "measurement": self.measurement,
            "field": self.name,
            "start": self.begins,
            "end": self.ends,
        }
        if self.tag:
            asked["tags"] = dict(_pair(text) for text in self.tag)
        if self.raw:
            return asked | {"limit": POINTS}
        asked |= {"aggregate": self.aggregate, "every": self.bucket}
        if self.aggregate == "percentile":
            asked["percentile"] = _number("percentile", self.percentile or DEFAULT_PERCENTILE)
        if self.by or self.together:
            asked["group_by"] = list(self.by)
        asked |= {name: text for name in ("fill", "transform") if (text := getattr(self, name))}
        if self.transform == "moving_average":
            asked["window"] = _number("window", self.window or "5")
        return asked | ({"top": _number("top", self.top)} if self.top else {})

    def refused(self, reasons: Mapping[str, str]) -> "Search":
        """Return it with what the service says is wrong."""
        named = {NAMES.get(each.partition(".")[0], each.partition(".")[0]): reason for each, reason in reasons.items()}
        return replace(self, wrong={**self.wrong, **named})


def read(parameters: Sequence[tuple[str, str]], now: int) -> Search:
    """Read an address. What cannot be used is kept as it was typed and named in `wrong`; then nothing is to be asked."""
    typed: dict[str, Any] = {name: text.strip() for name, text in parameters if name in TEXTS}
    for list_ in LISTS:
        texts = dict.fromkeys(text.strip() for name, text in parameters if name == list_ and text.strip())
        typed[list_] = tuple(texts)
    search = Search(**typed, together=("together", "true") in parameters)
    first, last, unclear = read_range(search.start, search.end, now)
    return replace(search, first=first, last=last, wrong=dict(_wrong(search)) | unclear)


def metric(measurement: str, name: str) -> str:
    """Return the field of a measurement as one word of an address: `cpu/usage`."""
    return f"{quote(measurement, safe=' ')}/{quote(name, safe=' ')}"


def names_of(text: str) -> tuple[str, str]:
    """Return measurement and field of such a word; a blank field where it has none."""
    measurement, _, name = text.partition("/")
    return unquote(measurement), unquote(name)


def moment_of(service: str, about: str, since: datetime) -> str:
    """Return the address that leads to what was measured of a service, `about` errors or latency, when its trouble began."""
    start, end = around(since)
    return f"/timeseries?{urlencode({'service': service, 'about': about, 'start': start, 'end': end})}"


def bucket(span: int) -> str:
    """Return the shortest usual length of which a range of nanoseconds has at most `BUCKETS`."""
    return next((name for name, length in LENGTHS.items() if length * BUCKETS >= span), "30d")


def _pair(text: str) -> tuple[str, str]:
    """Return name and value of a tag: a backslash before an equals sign makes it a part of the name."""
    match = PAIR.fullmatch(text)
    return (match[1].replace("\\=", "=").strip(), match[2].strip()) if match else (text.strip(), "")


def _number(name: str, text: str) -> float | int:
    number: float = NUMBERS[name](text)
    return int(number) if float(number).is_integer() else number


def _wrong(search: Search) -> Iterator[tuple[str, str]]:
    long = [name for name in TEXTS if len(getattr(search, name)) > LONGEST]
    yield from ((name, f"has more than {LONGEST} characters") for name in long)
    yield from ((name, f"has more than {MOST} entries") for name in LISTS if len(getattr(search, name)) > MOST)
    if search.metric and not all(names_of(search.metric)):
        yield "metric", "names no field of a measurement: choose one of the list, or write measurement/field"
    for name, known in (("function", FUNCTIONS), ("fill", FILLS), ("transform", TRANSFORMS)):
        if getattr(search, name) not in ("", *known):
            yield name, f"is none of {', '.join(each for each in known if each)}"
    for name in NUMBERS:
        if (text := getattr(search, name)) and not _fits(name, text):
            yield name, "is no number"
    if any(not all(_pair(text)) for text in search.tag):
        yield "tag", "is written name=value, and an = within the name \\="
    if search.together and search.by:
        yield "by", "cannot be used with one line for all: mark tags, or that"
    if search.raw:
        named = {"every": search.every, "by": search.by or search.together, "transform": search.transform}
        yield from ((name, "needs a function: points come as they are") for name, used in named.items() if used)


def _fits(name: str, text: str) -> bool:
    try:
        return -(10**9) < _number(name, text) < 10**9  # neither NaN nor infinite
    except (ValueError, OverflowError):
        return False
