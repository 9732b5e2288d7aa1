"""Series as they are asked for."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BeforeValidator, ConfigDict, Field, StringConstraints

from opsbuddy_core.errors import FieldError, InvalidRequestError
from opsbuddy_core.strict import Strict
from opsbuddy_timeseries_service.models.filters import Operator, TagFilter
from opsbuddy_timeseries_service.models.values import (
    MAX_TAGS,
    UNITS,
    Duration,
    Instant,
    TagText,
    Text,
    Value,
    blank,
    few,
)

MAX_VALUES = 100
MAX_PATTERN = 1024
MAX_WINDOW = 1000
MAX_TOP = 1000
HOUR = UNITS["h"]

Aggregate = Literal["mean", "min", "max", "sum", "count", "first", "last", "percentile", "increase", "rate"]
Fill = Literal["null", "none", "previous", "linear", "zero"]
Transform = Literal["derivative", "moving_average"]
Ranking = Literal["mean", "min", "max", "sum", "last"]
Pattern = Annotated[str, StringConstraints(max_length=MAX_PATTERN)]


class Condition(Strict):
    """A condition on a tag. A series without the tag has the empty text there; expressions (RE2) have to fit the whole value."""

    tag: Text
    operator: Operator = Field(
        "=", description="=: any of the values, !=: none of them, =~ and !~: fits the expression, or does not"
    )
    value: Pattern | Annotated[list[Pattern], Field(min_length=1, max_length=MAX_VALUES)]


class SeriesQuery(Strict):
    """One field of one measurement over a range of time, as it is or in buckets of `every`.

    The order in which it is worked off: tags and filters, aggregate for each group and bucket, fill, transform, top.
    """

    model_config = ConfigDict(
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
    tags: Annotated[dict[Text, TagText], BeforeValidator(few)] = Field(
        default_factory=dict, max_length=MAX_TAGS, description="Only series with these values"
    )
    filters: list[Condition] = Field(
        default_factory=list, max_length=MAX_TAGS, description="Only series for which all of these hold"
    )
    start: Annotated[Instant | None, BeforeValidator(blank)] = Field(
        None, description="From this time on; an hour before end without it"
    )
    end: Annotated[Instant | None, BeforeValidator(blank)] = Field(None, description="Before this time; now without it")
    aggregate: Annotated[Aggregate | None, BeforeValidator(blank)] = Field(
        None,
        description="None gives the points as they are. increase: what a counter grew by, over restarts; rate: that per second of the bucket",
    )
    percentile: float | None = Field(
        None, ge=0, le=100, description="With aggregate percentile: exact, between two samples in proportion"
    )
    every: Annotated[Duration | None, BeforeValidator(blank)] = Field(
        None, description="Length of a bucket; buckets start at whole multiples of it since 1970 UTC"
    )
    fill: Fill = Field(
        "null",
        description="An empty bucket is null, left out, the value of the bucket before it, on the line between its neighbours, or 0; "
        "a count of nothing is 0 always",
    )
    lookback: Duration = Field(
        HOUR,
        description="How far before start fill previous looks for a bucket, and increase and rate for a first sample",
    )
    group_by: Annotated[list[Text], Field(max_length=MAX_TAGS)] | None = Field(
        None, description="Tags that make a series of the answer; every tag without it, all in one series with []"
    )
    transform: Annotated[Transform | None, BeforeValidator(blank)] = Field(
        None,
        description="derivative: change per second from the bucket before; moving_average: mean of the last `window` buckets",
    )
    window: int | None = Field(None, ge=2, le=MAX_WINDOW, description="With transform moving_average: how many buckets")
    top: int | None = Field(None, ge=1, le=MAX_TOP, description="Only this many series, those with the largest values")
    top_by: Ranking = Field("mean", description="What of a series' values counts for top")
    limit: int = Field(
        10_000,
        ge=1,
        le=100_000,
        description="Points of the answer at most, without aggregate: the first in time, of all series together",
    )


@dataclass(frozen=True, slots=True)
class Selection:
    """What a store is asked for; times are nanoseconds and `end` is exclusive."""

    measurement: str
    field: str
    filters: tuple[TagFilter, ...]
    start: int
    end: int
    group_by: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Buckets:
    """How a store puts points together: in buckets of `every` nanoseconds; `since`: where increase may look for a first sample."""

    aggregate: Aggregate
    every: int
    limit: int
    fraction: float = 0.0
    since: int = 0


@dataclass(frozen=True, slots=True)
class Line:
    """Values of one series of an answer by their time, or by the start of their bucket, in order."""

    tags: dict[str, str]
    points: list[tuple[int, Value]]


@dataclass(frozen=True, slots=True, order=True)
class Column:
    """A field of a measurement."""

    measurement: str
    field: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A series of a column that exists."""

    column: Column
    tags: dict[str, str]


def needs_numbers(aggregate: str) -> InvalidRequestError:
    """Return the answer to an aggregate that a text does not have."""
    reason = f"{aggregate} needs numbers, and this field is text; count, first and last work"
    return InvalidRequestError(
        f"The aggregate cannot be used: {reason}.", errors=[FieldError("aggregate", reason, "type_conflict")]
    )
