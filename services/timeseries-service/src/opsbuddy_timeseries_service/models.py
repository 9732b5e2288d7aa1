"""Points as they are written, and series as they are asked for."""

import math
import re
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
)

from opsbuddy_core import timestamps
from opsbuddy_core.errors import FieldError

MAX_ITEMS = 50_000
MAX_TAGS = 32
MAX_FIELDS = 256
MAX_TEXT = 64 * 1024
RESERVED = frozenset({"logs"})  # the measurement of the analytics service, where both use one bucket
TIME_EXAMPLE = "2026-01-31T12:00:00.000Z"
DURATION = re.compile(r"(\d{1,9})(ms|s|m|h|d|w)", re.ASCII)
UNITS = {"ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9, "d": 86_400 * 10**9, "w": 7 * 86_400 * 10**9}

Aggregate = Literal["mean", "min", "max", "sum", "count", "last"]
Value = float | str


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
        return value.replace("\x00", "\ufffd")
    if not isinstance(value, (int, float)):
        raise ValueError("is neither a number, nor true or false, nor a text")  # noqa: TRY004 - pydantic reads ValueErrors
    try:
        number = float(value)
    except OverflowError as error:
        raise ValueError("is too large for a 64-bit floating point number") from error
    if not math.isfinite(number):
        raise ValueError("is NaN or infinite; leave the point out instead")
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


def _blank(value: object) -> object:
    return None if isinstance(value, str) and not value.strip() else value


def _duration_text(value: int) -> str:
    unit = max((unit for unit in UNITS if value % UNITS[unit] == 0), key=lambda unit: UNITS[unit])
    return f"{value // UNITS[unit]}{unit}"


Text = Annotated[
    str,
    StringConstraints(min_length=1, max_length=256, pattern=r"^[^\x00-\x1f\x7f]+$"),
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
    PlainSerializer(_duration_text, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "examples": ["30s", "5m", "1h"]}),
]


class Point(BaseModel):
    """Values of one series at one instant. A point of the same series, field and timestamp takes the place of the one before."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        json_schema_extra={
            "example": {
                "measurement": "cpu",
                "tags": {"host": "node-1"},
                "fields": {"usage": 0.42},
                "timestamp": TIME_EXAMPLE,
            }
        },
    )

    measurement: Measurement
    tags: dict[Key, Text] = Field(default_factory=dict, max_length=MAX_TAGS)
    fields: dict[Key, FieldValue] = Field(
        min_length=1,
        max_length=MAX_FIELDS,
        description="Numbers (kept as 64-bit floats), truth values (1 and 0) or texts",
    )
    timestamp: Instant = Field(
        default_factory=timestamps.now, description="RFC 3339, or an epoch number in s, ms, us or ns; now without it"
    )


@dataclass(frozen=True, slots=True)
class PointError(FieldError):
    """A thing that is wrong with the point at a position of a batch."""

    index: int = 0


class SeriesQuery(BaseModel):
    """One field of one measurement over a range of time, as it is or in buckets of `every`."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={
            "example": {
                "measurement": "cpu",
                "field": "usage",
                "tags": {"host": "node-1"},
                "start": "2026-01-31T11:00:00Z",
                "end": "2026-01-31T12:00:00Z",
                "aggregate": "mean",
                "every": "1m",
            }
        },
    )

    measurement: Text
    field: Text
    tags: dict[Text, Text] = Field(
        default_factory=dict, max_length=MAX_TAGS, description="Only series with these values"
    )
    start: Annotated[Instant | None, BeforeValidator(_blank)] = Field(
        None, description="From this time on; an hour before end without it"
    )
    end: Annotated[Instant | None, BeforeValidator(_blank)] = Field(
        None, description="Before this time; now without it"
    )
    aggregate: Annotated[Aggregate | None, BeforeValidator(_blank)] = Field(
        None, description="None gives the points as they are"
    )
    every: Annotated[Duration | None, BeforeValidator(_blank)] = Field(
        None, description="Length of a bucket; buckets start at whole multiples of it since 1970 UTC"
    )
    fill: Literal["null", "none", "previous", "zero"] = Field(
        "null",
        description="An empty bucket is null, left out, the value of the bucket before it in this range, or 0; a count of nothing is 0 always",
    )
    group_by: Annotated[list[Text], Field(max_length=MAX_TAGS)] | None = Field(
        None, description="Tags that make a series of the answer; every tag without it, all in one series with []"
    )
    limit: int = Field(10_000, ge=1, le=100_000, description="Points of the answer at most, without aggregate")


@dataclass(frozen=True, slots=True)
class Selection:
    """What a store is asked for; times are nanoseconds and `end` is exclusive."""

    measurement: str
    field: str
    tags: dict[str, str]
    start: int
    end: int
    group_by: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Line:
    """Values of one series of an answer by their time, or by the start of their bucket, in order."""

    tags: dict[str, str]
    points: list[tuple[int, Value]]


class ItemError(BaseModel):
    """Why one point of a batch was not stored."""

    index: int
    field: str
    reason: str
    code: str


class WriteResult(BaseModel):
    """What became of a batch; accepted points are on disk."""

    accepted: int
    rejected: int
    errors: list[ItemError] = []


class Sample(BaseModel):
    """A value, and its time or the start of its bucket. Null: the bucket is empty, or the number is none that JSON can say."""

    timestamp: str
    value: float | str | None


class Series(BaseModel):
    """One series of an answer."""

    tags: dict[str, str]
    points: list[Sample]


class SeriesAnswer(BaseModel):
    """What was asked for. `truncated`: there are more points than `limit`; ask again from the last timestamp."""

    measurement: str
    field: str
    start: str
    end: str
    aggregate: Aggregate | None
    every: str | None
    truncated: bool
    series: list[Series]


class MeasurementList(BaseModel):
    """Names of all measurements."""

    measurements: list[str]


class SeriesInfo(BaseModel):
    """A series that exists."""

    measurement: str
    tags: dict[str, str]
    fields: list[str]


class SeriesList(BaseModel):
    """Series in order; `truncated` when there are more."""

    series: list[SeriesInfo]
    truncated: bool
