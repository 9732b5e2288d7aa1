"""Reads InfluxDB's line protocol: `measurement,tag=value field=1.5,other="text" 1700000000000000000`, each line on its own."""

import re
from dataclasses import dataclass
from typing import Any

from opsbuddy_core import timestamps
from opsbuddy_timeseries_service.models.points import MAX_FIELDS
from opsbuddy_timeseries_service.models.values import MAX_TAGS

NAME = r"(?:\\[,= ]|\\(?![,= ])|[^\\,= ])+"  # a backslash before anything else is a backslash
HEAD = re.compile(r"((?:\\[, ]|\\(?![, ])|[^\\, ])+)((?:,(?:\\ |\\(?! )|[^\\ ])*)?) +", re.DOTALL)
TAG = re.compile(rf",({NAME})=({NAME})", re.DOTALL)
FIELD = re.compile(rf'({NAME})=("(?:\\.|[^"\\])*"|[^", ]+)(,|$| +)', re.DOTALL)
ESCAPE = re.compile(r"\\([, =])")
STAMP = re.compile(r"-?\d{1,19}", re.ASCII)
INTEGER = re.compile(r"(-?\d{1,20})i|(\d{1,20})u", re.ASCII)
NUMBER = re.compile(r"[+-]?(\d+(?:\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)  # no two ways to part a row of digits
NOT_FINITE = re.compile(r"[+-]?(nan|inf|infinity)", re.IGNORECASE)
TRUTH = dict.fromkeys(("t", "T", "true", "True", "TRUE"), True) | dict.fromkeys(
    ("f", "F", "false", "False", "FALSE"), False
)


class LineError(ValueError):
    """What is wrong with a line: `field` as in a JSON point."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field, self.reason = field, reason


@dataclass(frozen=True, slots=True)
class Stamp:
    """How the numbers at the ends of lines are read, and what a line without one gets (nanoseconds)."""

    precision: str
    now: int


def parse(line: str, stamp: Stamp) -> dict[str, Any]:
    """Return the line as a point is written in JSON, its timestamp in nanoseconds. Raises LineError."""
    head = HEAD.match(line)
    if not head:
        raise LineError(
            "measurement", "is missing, or no field follows: expected measurement,tag=value field=1 timestamp"
        )
    fields, rest = _fields(line, head.end())
    return {
        "measurement": _plain(head[1]),
        "tags": _tags(head[2]),
        "fields": fields,
        "timestamp": _stamp(rest, stamp),
    }


def _tags(text: str) -> dict[str, str]:
    tags: dict[str, str] = {}
    position = 0
    while position < len(text):
        match = TAG.match(text, position)
        if not match:
            raise LineError("tags", "cannot be read: expected ,key=value for each, with no empty key or value")
        key = _plain(match[1])
        if len(tags) == MAX_TAGS:
            raise LineError("tags", f"has more than {MAX_TAGS} entries")
        if key in tags:
            raise LineError(f"tags.{key}", "is there twice")
        tags[key] = _plain(match[2])
        position = match.end()
    return tags


def _fields(line: str, position: int) -> tuple[dict[str, Any], str]:
    fields: dict[str, Any] = {}
    while match := FIELD.match(line, position):
        key = _plain(match[1])
        if len(fields) == MAX_FIELDS:
            raise LineError("fields", f"has more than {MAX_FIELDS} entries")
        if key in fields:
            raise LineError(f"fields.{key}", "is there twice")
        fields[key] = _value(key, match[2])
        position = match.end()
        if match[3] != ",":
            return fields, line[position:].strip()
    raise LineError("fields", "cannot be read: expected key=value, with texts in double quotes")


def _value(key: str, text: str) -> Any:
    if text[0] == '"':
        return re.sub(r'\\(["\\])', r"\1", text[1:-1])
    if text in TRUTH:
        return TRUTH[text]
    if match := INTEGER.fullmatch(text):
        return _integer(key, match)
    if NUMBER.fullmatch(text):
        return float(text)
    if NOT_FINITE.fullmatch(text):
        raise LineError(f"fields.{key}", "is NaN or infinite; leave the point out instead")
    raise LineError(f"fields.{key}", 'is no value: expected 1.5, 2i, true, or "text"')


def _integer(key: str, match: re.Match[str]) -> int:
    number = int(match[1] or match[2])
    if not (-(2**63) <= number < 2**63 if match[1] else number < 2**64):
        kind = "i is signed" if match[1] else "u is unsigned"
        raise LineError(f"fields.{key}", f"is no whole number of 64 bits: {kind}")
    return number


def _stamp(text: str, stamp: Stamp) -> int:
    if not text:
        return stamp.now
    if not STAMP.fullmatch(text):
        raise LineError("timestamp", "is no whole number")
    instant = int(text) * timestamps.UNITS[stamp.precision]
    try:
        return timestamps.bounded(instant, stamp.now)
    except ValueError as error:
        raise LineError(
            "timestamp", f"{error}. It was read in {stamp.precision}; set the parameter precision to ns, us, ms or s"
        ) from error


def _plain(text: str) -> str:
    return ESCAPE.sub(r"\1", text) if "\\" in text else text  # hardly any name has one, and each is looked at
