"""What the page of the time series shows, made of the timeseries service's answers. No I/O, no clock."""

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from opsbuddy_ui_service.searches import series as series_search
from opsbuddy_ui_service.searches.series import LENGTHS, Search
from opsbuddy_ui_service.views.figures import NONE

Value = float | str | None
DRAWN = 10  # series that one can tell apart in a chart
ROWS = 2000  # moments in the table


@dataclass(frozen=True, slots=True)
class Metric:
    """A field of a measurement, as one picks it; `series` is how many there are, None where that is not known."""

    key: str
    measurement: str
    field: str
    series: int | None
    tags: tuple[str, ...]

    @property
    def words(self) -> str:
        return f"{self.measurement} · {self.field}" if self.field != "value" else self.measurement


@dataclass(frozen=True, slots=True)
class Metrics:
    """Those that can be picked, and whether there are more."""

    found: tuple[Metric, ...]
    more: bool

    def find(self, key: str) -> Metric | None:
        names = series_search.names_of(key)
        return next((each for each in self.found if (each.measurement, each.field) == names), None)


@dataclass(frozen=True, slots=True)
class Summary:
    """One series in a few figures; the newest value with its time."""

    name: str
    newest: str
    at: datetime | None
    least: str
    mean: str
    most: str
    points: int


@dataclass(frozen=True, slots=True)
class Row:
    """The values of one moment, in the order of the series; blank where there is none."""

    at: datetime
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Shown:
    """What a query found. `numeric`: it can be drawn; `note` says what is not shown; `step`: seconds between two values of a chart, None: no rule."""

    summaries: tuple[Summary, ...]
    names: tuple[str, ...]
    rows: tuple[Row, ...]
    numeric: bool
    note: str
    step: float | None


def metrics(listing: Mapping[str, Any], names: Iterable[str]) -> Metrics:
    """Return what can be picked, made of a list of series; measurements of which it has none come without their fields."""
    counts: dict[tuple[str, str], int] = {}
    tags: dict[tuple[str, str], dict[str, None]] = {}
    for series in listing["series"]:
        for name in series["fields"]:
            key = (series["measurement"], name)
            counts[key] = counts.get(key, 0) + 1
            tags.setdefault(key, {}).update(dict.fromkeys(series["tags"]))
    listed = {measurement for measurement, _ in counts}
    more = bool(listing["truncated"])
    found = [
        Metric(series_search.metric(*key), *key, None if more else count, tuple(sorted(tags[key])))
        for key, count in counts.items()
    ]
    found.sort(key=lambda each: (each.measurement, each.field))
    return Metrics(tuple(found), more and any(name not in listed for name in names))


def shown(answer: Mapping[str, Any], search: Search) -> Shown:
    """Return what is shown of an answer: the first series drawn, all in figures."""
    found = answer["series"]
    names = named([series["tags"] for series in found])
    numeric = not any(isinstance(value, str) for series in found for value in series["values"])
    drawn, times = found[:DRAWN], dict[str, list[str]]()
    for at, series in enumerate(drawn):
        for time, value in zip(series["timestamps"], series["values"], strict=True):
            times.setdefault(time, [""] * len(drawn))[at] = exact(value)
    rows = [Row(_moment(time), tuple(times[time])) for time in sorted(times)]
    notes = []
    if len(found) > DRAWN:
        notes.append(
            f"The chart and the table have the first {DRAWN} of {len(found)} series: group them, or ask for the largest."
        )
    if len(rows) > ROWS:
        notes.append(f"The table has the newest {ROWS:,} of {len(rows):,} times.")
    if answer["truncated"]:
        notes.append("There are more points than these: take a shorter range, or a function.")
    every = None if search.raw or search.fill == "none" else LENGTHS.get(search.bucket)
    return Shown(
        summaries=tuple(_summary(name, series) for name, series in zip(names, found, strict=True)),
        names=tuple(names[:DRAWN]),
        rows=tuple(rows[-ROWS:]),
        numeric=numeric,
        note=" ".join(notes),
        step=every / 10**9 if every else None,
    )


def named(tags: Sequence[Mapping[str, str]]) -> list[str]:
    """Return what tells each series from the others: the tags in which they differ, or all where there is one."""
    keys = sorted({key for each in tags for key in each})
    differing = [key for key in keys if len(tags) == 1 or len({each.get(key) for each in tags}) > 1]
    nothing = f"no {', '.join(differing)}" if differing else "all together"
    return [", ".join(f"{key}={each[key]}" for key in differing if key in each) or nothing for each in tags]


def figure(value: Value) -> str:
    """Return a value as people read it: five digits, or the beginning of a text."""
    if value is None:
        return NONE
    if isinstance(value, str):
        return value
    if value and not 1e-4 <= abs(value) < 1e9:  # noqa: PLR2004 - where zeros would be many
        return f"{value:.4g}"
    return f"{value:,.0f}" if value == int(value) else f"{value:,.5g}" if abs(value) < 1e4 else f"{value:,.1f}"  # noqa: PLR2004


def exact(value: Value) -> str:
    """Return a value in all its digits; blank for none."""
    if value is None or isinstance(value, str):
        return value or ""
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)  # noqa: PLR2004 - exact up to there


def query(search: Search) -> str:
    """Return the query as JSON, to read and to copy."""
    return orjson.dumps(search.question(), option=orjson.OPT_INDENT_2).decode()


def curl(search: Search, origin: str) -> str:
    """Return the command that asks the same."""
    body = shlex.quote(orjson.dumps(search.question()).decode())
    return f"curl -H 'Content-Type: application/json' -d {body} {shlex.quote(origin + '/api/timeseries/query')}"


def first_point(origin: str) -> str:
    """Return the command that writes a point."""
    point = '{"points":[{"measurement":"cpu","tags":{"host":"web-1"},"fields":{"usage":0.42}}]}'
    return f"curl -H 'Content-Type: application/json' -d '{point}' {shlex.quote(origin + '/api/timeseries/write')}"


def _summary(name: str, series: Mapping[str, Any]) -> Summary:
    known = [
        (time, value) for time, value in zip(series["timestamps"], series["values"], strict=True) if value is not None
    ]
    time, newest = known[-1] if known else (None, None)
    numbers = [value for _, value in known if not isinstance(value, str)]
    least, mean, most = (min(numbers), sum(numbers) / len(numbers), max(numbers)) if numbers else (None, None, None)
    at = _moment(time) if time else None
    return Summary(name, figure(newest), at, figure(least), figure(mean), figure(most), len(known))


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
