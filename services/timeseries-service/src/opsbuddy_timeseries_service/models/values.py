"""What a name, a value, a time and a length may be; the same at every door."""

import math
import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, PlainSerializer, StringConstraints, WithJsonSchema

from opsbuddy_core import bidi, timestamps

MAX_TAGS = 64
MAX_TEXT = 64 * 1024
LEGIBLE = rf"^[^\x00-\x1f\x7f{bidi.MARKS}]+$"
RESERVED = frozenset({"logs"})  # the measurement of the analytics service, where both use one bucket
TIME_EXAMPLE = "2026-01-31T12:00:00.000Z"
DURATION = re.compile(r"(\d{1,9})(ms|s|m|h|d|w)", re.ASCII)
UNITS = {"ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9, "d": 86_400 * 10**9, "w": 7 * 86_400 * 10**9}

Value = float | str
STALE = float("nan")
"""Says that a series ends here, as Prometheus does; told from other NaN by its identity."""


def _ends_well(value: str) -> str:
    if value.endswith("\\"):
        raise ValueError("ends with a backslash, which line protocol cannot say")
    return value


def _name(value: str) -> str:
    if value.startswith(("_", "#")):
        raise ValueError("starts with _ or #, which have a meaning of their own")
    return value


def _key(value: str) -> str:
    if value == "time":
        raise ValueError("cannot be named time: that is the point's own timestamp")
    return value


def _measurement(value: str) -> str:
    if value in RESERVED:
        raise ValueError(f"{value} is kept for the log service; choose another name")
    return value


def _number(value: object) -> object:
    """Return numbers and truth as float: one type for a field's life, as InfluxDB wants it."""
    if isinstance(value, str):
        if len(value) > MAX_TEXT:
            raise ValueError(f"has {len(value)} characters; at most {MAX_TEXT} are taken")
        return value.replace("\x00", "\ufffd").replace("\r\n", "\n").replace("\r", "\n")  # CSV of InfluxDB keeps no CR
    if not isinstance(value, (int, float)):
        raise ValueError("is neither a number, nor true or false, nor a text")  # noqa: TRY004 - pydantic reads ValueErrors
    try:
        number = float(value)
    except OverflowError as error:
        raise ValueError("is too large for a 64-bit floating point number") from error
    if not math.isfinite(number):
        raise ValueError("is NaN or infinite; leave the point out instead")
    if isinstance(value, int) and int(number) != value:
        raise ValueError("is a whole number beyond 2^53 that a 64-bit float cannot hold exactly; send it as a text")
    return number


def _duration(value: object) -> int:
    if isinstance(value, str) and (match := DURATION.fullmatch(value.strip())):
        length = int(match[1]) * UNITS[match[2]]
    elif isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
        length = int(value * 10**9)
    else:
        raise ValueError("is no duration: expected something like 30s, 5m, 1h, or a number of seconds")
    if not 10**6 <= length <= UNITS["w"] * 1000:
        raise ValueError("is out of range: from 1ms to 1000w")
    return length


def blank(value: object) -> object:
    """Return nothing for an empty text, as forms send it."""
    return None if isinstance(value, str) and not value.strip() else value


def few(value: object) -> object:
    """Refuse more tags than a point has, before each is looked at."""
    if isinstance(value, dict) and len(value) > MAX_TAGS:
        raise ValueError(f"has {len(value)} entries; a point has at most {MAX_TAGS}")
    return value


def duration_text(value: int) -> str:
    """Return a length in the largest unit that it is a whole number of."""
    unit = max((unit for unit in UNITS if value % UNITS[unit] == 0), key=lambda unit: UNITS[unit])
    return f"{value // UNITS[unit]}{unit}"


Text = Annotated[
    str,
    StringConstraints(min_length=1, max_length=256, pattern=LEGIBLE),
    AfterValidator(_ends_well),
]
TagText = Annotated[
    str,
    StringConstraints(min_length=1, max_length=1024, pattern=LEGIBLE),
    AfterValidator(_ends_well),
]
Name = Annotated[Text, AfterValidator(_name)]
Measurement = Annotated[Name, AfterValidator(_measurement)]
Key = Annotated[Name, AfterValidator(_key)]
FieldValue = Annotated[float | str, BeforeValidator(_number), WithJsonSchema({"type": ["number", "boolean", "string"]})]
Instant = Annotated[
    int,
    BeforeValidator(timestamps.parse),
    PlainSerializer(timestamps.render, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": [TIME_EXAMPLE]}),
]
Duration = Annotated[
    int,
    BeforeValidator(_duration),
    PlainSerializer(duration_text, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "examples": ["30s", "5m", "1h"]}),
]
