"""What is asked for."""

from dataclasses import dataclass
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, StringConstraints

from opsbuddy_analytics_service.models.entries import (
    TIME_EXAMPLE,
    Instant,
    Label,
    Level,
    Name,
    absent_if_blank,
    without_nul,
)
from opsbuddy_core.strict import Strict

Filter = Annotated[Label | None, BeforeValidator(absent_if_blank)]
FieldName = Literal[
    "timestamp",
    "level",
    "logger",
    "message",
    "service",
    "operation",
    "data",
    "request_id",
    "trace_id",
    "event_id",
]
FIELDS: tuple[str, ...] = get_args(FieldName)
FacetName = Literal["service", "level", "logger", "operation"]
FACETS: tuple[FacetName, ...] = ("service", "level", "logger", "operation")


class LogFilter(Strict):
    """Which logs; what is absent or blank does not narrow."""

    service: Filter = None
    level: Annotated[Level | None, BeforeValidator(absent_if_blank)] = None
    logger: Filter = None
    operation: Filter = None
    request_id: Filter = None
    trace_id: Filter = None
    text: Annotated[
        Annotated[str, StringConstraints(max_length=1000), AfterValidator(without_nul)] | None,
        BeforeValidator(absent_if_blank),
    ] = Field(
        None, description="A part of the message as it stands, no syntax; upper and lower case of A to Z are the same"
    )


class RangeFilter(LogFilter):
    """Which logs of which time."""

    start: Annotated[Instant | None, BeforeValidator(absent_if_blank)] = Field(None, description="From this time on")
    end: Annotated[Instant | None, BeforeValidator(absent_if_blank)] = Field(None, description="Before this time")


class LogQuery(RangeFilter):
    """Which logs, and how many."""

    model_config = ConfigDict(json_schema_extra={"example": {"service": "file-service", "level": "ERROR", "limit": 10}})

    order: Literal["desc", "asc"] = Field("desc", description="desc: newest first")
    limit: int = Field(100, ge=1, le=1000)
    fields: list[FieldName] | None = Field(
        None, min_length=1, max_length=20, description="Which fields of each log are answered; all without it"
    )
    cursor: Annotated[Annotated[str, StringConstraints(max_length=512)] | None, BeforeValidator(absent_if_blank)] = (
        Field(None, description="next_cursor of the page before, with everything else unchanged")
    )


class HistogramQuery(RangeFilter):
    """Which logs are counted, in how many buckets at most. The last hour without a start."""

    model_config = ConfigDict(json_schema_extra={"example": {"service": "file-service", "buckets": 60}})

    buckets: int = Field(
        60, ge=2, le=1000, description="At most; the width is a round one, and a range may lie across an edge"
    )


class FacetQuery(RangeFilter):
    """Of which logs the most frequent values are counted. The last hour without a start."""

    model_config = ConfigDict(json_schema_extra={"example": {"level": "ERROR", "limit": 5}})

    fields: list[FacetName] = Field(list(FACETS), min_length=1, max_length=8)
    limit: int = Field(10, ge=1, le=100, description="Values of each field at most")


class ContextQuery(Strict):
    """The log around which is looked, named as it is answered, and how many lines before and after it."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"service": "file-service", "timestamp": TIME_EXAMPLE, "event_id": "5f0c33a1b2d4e6f8000001"}
        },
    )

    service: Name
    timestamp: Instant
    event_id: Label
    before: int = Field(20, ge=0, le=500)
    after: int = Field(20, ge=0, le=500)


@dataclass(frozen=True, slots=True)
class Selection:
    """What a store is asked for: times are nanoseconds, `end` is exclusive, absent filters are None."""

    start: int
    end: int
    service: str | None = None
    level: str | None = None
    logger: str | None = None
    operation: str | None = None
    request_id: str | None = None
    trace_id: str | None = None
    event_id: str | None = None
    text: str | None = None
    descending: bool = True

    @property
    def by_labels_alone(self) -> bool:
        """Whether nothing but service and level narrows it."""
        others = (self.logger, self.operation, self.request_id, self.trace_id, self.event_id, self.text)
        return all(each is None for each in others)
