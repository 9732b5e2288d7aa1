"""What the page of the logs shows, made of the analytics service's answers. No I/O, no clock."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from opsbuddy_ui_service.models.status import Tone
from opsbuddy_ui_service.searches.logs import LEVELS, Search
from opsbuddy_ui_service.searches.time_range import around

ERRORS = ("ERROR", "CRITICAL")
TONES: Mapping[str, Tone] = {"ERROR": "bad", "CRITICAL": "bad", "WARNING": "warn"}
LONGEST_PATH = 200
LONGEST_PAIR, LONGEST_TOLD = 80, 240  # characters of a value with its name, and of all
SHOWN = 2000  # characters of a message in the list; all of it when the line is opened
TITLES = {"level": "Level", "service": "Service", "logger": "Logger", "operation": "Operation"}
LOWER = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a message; `hit` when it is what was searched for."""

    text: str
    hit: bool


@dataclass(frozen=True, slots=True)
class Line:
    """One log. `key` is its identity, `whole` all of it as JSON, `cut` how many characters of the message are not in `pieces`.

    `told`: what its data say besides: `GET /files 200 3.1 ms`, or `target=file-service state=unhealthy`.
    """

    key: str
    timestamp: str
    clock: str
    level: str
    tone: Tone | None
    service: str
    pieces: tuple[Piece, ...]
    cut: int
    told: str
    whole: str
    marked: bool = False


@dataclass(frozen=True, slots=True)
class Lines:
    """One page of logs, newest first unless it is a tail; `note` says in words what they cover."""

    lines: tuple[Line, ...]
    note: str
    complete: bool
    older: str | None = None


@dataclass(frozen=True, slots=True)
class Bar:
    """Logs from `start` on, by tone."""

    start: str
    clock: str
    errors: int
    warnings: int
    others: int


@dataclass(frozen=True, slots=True)
class Histogram:
    """Logs by time; `width` in words."""

    start: str
    end: str
    width: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """A value that can narrow the search; `share` of the most frequent one, from 0 to 1."""

    value: str
    count: str
    share: float
    address: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class Group:
    """The most frequent values of a field."""

    title: str
    choices: tuple[Choice, ...]


@dataclass(frozen=True, slots=True)
class Facets:
    """How many logs a search finds, and how they are spread."""

    total: int
    errors: int
    groups: tuple[Group, ...]


def line(record: Mapping[str, Any], text: str = "", marked: str = "") -> Line:
    """Return one log; `text` is shown where it occurs, `marked` is the identity of the one that is looked for."""
    message, level = str(record.get("message", "")), str(record.get("level", ""))
    return Line(
        key=f"{record.get('service', '')} {record.get('event_id', '')}",
        timestamp=str(record.get("timestamp", "")),
        clock=_clock(str(record.get("timestamp", ""))),
        level=level,
        tone=TONES.get(level),
        service=str(record.get("service", "")),
        pieces=tuple(pieces(message[:SHOWN], text)),
        cut=max(0, len(message) - SHOWN),
        told=told(message, record.get("data")),
        whole=orjson.dumps({name: value for name, value in record.items() if value not in (None, "", {})}).decode(),
        marked=bool(marked) and record.get("event_id") == marked,
    )


def told(message: str, data: object) -> str:
    """Return what the data of a log add to its message: the request that it tells of, or its short values by name; nothing that the message says already."""
    if not isinstance(data, Mapping):
        return ""
    if {"method", "path", "status"} <= data.keys():
        return _request(message, data)
    pairs = [
        _cut(f"{name}={_quoted(_line_of(str(value)))}", LONGEST_PAIR)
        for name, value in data.items()
        if isinstance(value, str | int | float) and value != "" and f" {value} " not in f" {message} "
    ]
    return _cut(" ".join(pairs), LONGEST_TOLD)


def _request(message: str, data: Mapping[str, Any]) -> str:
    path = str(data["path"])
    if path in message:
        return ""
    took, reason = data.get("duration_ms"), data.get("reason")
    words = [str(data["method"]), path[:LONGEST_PATH], str(data["status"])]
    words += [_cut(str(reason), LONGEST_PAIR)] if reason not in (None, "answered") else []
    return " ".join([*words, f"{took:.1f} ms"] if isinstance(took, int | float) else words)


def _line_of(text: str) -> str:
    """Return of several lines the one that says most: the last of a traceback, which names the error, or the first."""
    lines = text.strip().splitlines() or [""]
    return lines[-1 if lines[0].startswith("Traceback") else 0]


def _quoted(text: str) -> str:
    return f'"{text}"' if not text or any(character.isspace() for character in text) else text


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"


def pieces(message: str, text: str) -> Iterable[Piece]:
    """Yield a message in parts: what was searched for, and what stands between. Upper and lower case of A to Z are the same."""
    if not text:
        yield Piece(message, hit=False)
        return
    folded, wanted, place = message.translate(LOWER), text.translate(LOWER), 0
    while (found := folded.find(wanted, place)) >= 0:
        if found > place:
            yield Piece(message[place:found], hit=False)
        yield Piece(message[found : found + len(text)], hit=True)
        place = found + len(text)
    if place < len(message) or not message:
        yield Piece(message[place:], hit=False)


def lines(answer: Mapping[str, Any], search: Search) -> Lines:
    """Return a page of a search; a tail reads downwards."""
    found = [line(record, search.text) for record in answer["logs"]]
    cursor, coverage = answer.get("next_cursor"), answer["coverage"]
    return Lines(
        lines=tuple(reversed(found) if search.tail else found),
        note=str(coverage["note"]),
        complete=bool(coverage["complete"]),
        older=search.older(cursor) if cursor else None,
    )


def neighbours(answer: Mapping[str, Any], search: Search) -> Lines:
    """Return what was logged around one log, newest first."""
    records = [*answer["before"], answer["log"], *answer["after"]]
    coverage = answer["coverage"]
    return Lines(
        lines=tuple(line(record, marked=search.event) for record in reversed(records)),
        note=str(coverage["note"]),
        complete=bool(coverage["complete"]),
    )


def histogram(answer: Mapping[str, Any]) -> Histogram:
    """Return the logs by time."""
    bars = [
        Bar(
            start=bucket["start"],
            clock=bucket["start"][11:19],
            errors=sum(bucket["levels"].get(level, 0) for level in ERRORS),
            warnings=bucket["levels"].get("WARNING", 0),
            others=sum(count for level, count in bucket["levels"].items() if level not in TONES),
        )
        for bucket in answer["buckets"]
    ]
    return Histogram(answer["start"], answer["end"], width(answer["width_seconds"]), tuple(bars))


def width(seconds: float) -> str:
    """Return a span in words: `10 s`, `5 min`, `3 h`, `7 d`."""
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:g} {unit}"
    return f"{seconds:g} s"


def facets(answer: Mapping[str, Any], search: Search) -> Facets:
    """Return the values that narrow further; the chosen ones lead back."""
    found: Mapping[str, Sequence[Mapping[str, Any]]] = answer["facets"]
    levels = {each["value"]: each["count"] for each in found.get("level", ())}
    groups = [
        Group(title, _choices(name, found.get(name, ()), search)) for name, title in TITLES.items() if found.get(name)
    ]
    return Facets(sum(levels.values()), sum(levels.get(level, 0) for level in ERRORS), tuple(groups))


def _choices(name: str, values: Sequence[Mapping[str, Any]], search: Search) -> tuple[Choice, ...]:
    most = max((each["count"] for each in values), default=0)
    ordered = sorted(values, key=lambda each: -LEVELS.index(each["value"])) if name == "level" else values
    return tuple(
        Choice(
            value=each["value"],
            count=f"{each['count']:,}",
            share=each["count"] / most,
            address=search.address(**{name: "" if getattr(search, name) == each["value"] else each["value"]}),
            chosen=getattr(search, name) == each["value"],
        )
        for each in ordered
    )


def _clock(timestamp: str) -> str:
    return timestamp[11:].removesuffix("Z")[:12]


def moment_of(since: datetime | None, service: str) -> str:
    """Return the address of what a service logged when its trouble began: a quarter of an hour before until half an hour after."""
    search = Search(service=service)
    if since is None:
        return search.address()
    begin, end = around(since)
    return search.address(start=begin, end=end)
