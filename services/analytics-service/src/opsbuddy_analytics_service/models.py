"""A log as it is sent, kept and asked for."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

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

from opsbuddy_core import documents, timestamps
from opsbuddy_core.errors import FieldError

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
SYNONYMS = {"WARN": "WARNING", "FATAL": "CRITICAL"}
ERRORS = frozenset({"ERROR", "CRITICAL"})
MAX_MESSAGE = 64 * 1024
MAX_DATA = 64 * 1024
MAX_DEPTH = 16
MAX_ITEMS = 50_000
PRINTABLE = r"^[^\x00-\x1f\x7f]+$"
TIME_EXAMPLE = "2026-01-31T12:00:00.123Z"


def _level(value: object) -> object:
    if not isinstance(value, str):
        return value
    level = value.strip().upper()
    return SYNONYMS.get(level, level)


def _json(value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, dict):
        raise ValueError("is no JSON object")  # noqa: TRY004 - pydantic reads ValueErrors
    documents.check(value, MAX_DEPTH)
    text = documents.dumps(value)
    if len(text) > MAX_DATA:
        raise ValueError(f"has {len(text)} characters as JSON; at most {MAX_DATA} are taken")
    return None if text == "{}" else text


def _absent_if_blank(value: object) -> object:
    return None if isinstance(value, str) and not value.strip() else value


def _without_nul(value: str) -> str:
    return value.replace("\x00", "\ufffd")  # stores and tools behind us end a text at NUL


Instant = Annotated[
    int,
    BeforeValidator(timestamps.parse),
    PlainSerializer(timestamps.render, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": [TIME_EXAMPLE]}),
]
Level = Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"], BeforeValidator(_level)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f\\]+$")]
Label = Annotated[str, StringConstraints(min_length=1, max_length=256, pattern=PRINTABLE)]
OptionalLabel = Annotated[Label | None, BeforeValidator(_absent_if_blank)]
Document = Annotated[
    str | None, BeforeValidator(_json), WithJsonSchema({"type": "object", "additionalProperties": True})
]


class LogEntry(BaseModel):
    """A log as a sender writes it. `timestamp` is nanoseconds here, `data` is JSON text."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        json_schema_extra={
            "example": {
                "timestamp": TIME_EXAMPLE,
                "level": "ERROR",
                "logger": "file_service",
                "message": "The upload could not be stored",
                "operation": "create",
                "service": "file-service",
                "data": {"filename": "example.txt"},
            }
        },
    )

    timestamp: Instant = Field(description="RFC 3339 (no offset means UTC), or an epoch number in s, ms, us or ns")
    level: Level = Field(
        description="DEBUG, INFO, WARNING, ERROR or CRITICAL, in any case; WARN and FATAL are understood"
    )
    logger: Label = Field(description="The component that speaks")
    message: Annotated[str, StringConstraints(max_length=MAX_MESSAGE), AfterValidator(_without_nul)]
    service: Name = Field(description="The service that it runs in")
    operation: OptionalLabel = None
    data: Document = Field(None, description=f"Anything else, at most {MAX_DEPTH} levels deep")
    request_id: OptionalLabel = None
    trace_id: OptionalLabel = None
    event_id: OptionalLabel = Field(
        None, description="The sender's identity of this log: the same one again is the same log"
    )


@dataclass(frozen=True, slots=True)
class StoredLog:
    """A log as it is kept. `time` is its place in the order of all logs, in nanoseconds and unique; `timestamp` is what the sender wrote."""

    time: int
    timestamp: int
    level: str
    logger: str
    message: str
    service: str
    operation: str | None
    data: str | None
    request_id: str | None
    trace_id: str | None
    event_id: str


@dataclass(frozen=True, slots=True)
class EntryError(FieldError):
    """A thing that is wrong with the item at a position of a batch."""

    index: int = 0


Filter = Annotated[Label | None, BeforeValidator(_absent_if_blank)]


class LogQuery(BaseModel):
    """Which logs, and how many."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={"example": {"service": "file-service", "level": "ERROR", "limit": 10}},
    )

    service: Filter = None
    level: Annotated[Level | None, BeforeValidator(_absent_if_blank)] = None
    logger: Filter = None
    operation: Filter = None
    request_id: Filter = None
    trace_id: Filter = None
    text: Annotated[
        Annotated[str, StringConstraints(max_length=1000), AfterValidator(_without_nul)] | None,
        BeforeValidator(_absent_if_blank),
    ] = Field(
        None, description="A part of the message as it stands, no syntax; upper and lower case of A to Z are the same"
    )
    start: Annotated[Instant | None, BeforeValidator(_absent_if_blank)] = Field(None, description="From this time on")
    end: Annotated[Instant | None, BeforeValidator(_absent_if_blank)] = Field(None, description="Before this time")
    order: Literal["desc", "asc"] = Field("desc", description="desc: newest first")
    limit: int = Field(100, ge=1, le=1000)
    cursor: Annotated[Annotated[str, StringConstraints(max_length=512)] | None, BeforeValidator(_absent_if_blank)] = (
        Field(None, description="next_cursor of the page before, with everything else unchanged")
    )


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
    text: str | None = None
    descending: bool = True


class ItemError(BaseModel):
    """Why one item of a batch was not stored."""

    index: int
    field: str
    reason: str
    code: str


class IngestResult(BaseModel):
    """What became of a batch. `accepted` is on disk and counts `duplicates` of logs that were there already."""

    accepted: int
    rejected: int
    duplicates: int = 0
    errors: list[ItemError] = []


class SingleResult(BaseModel):
    """The log is on disk."""

    accepted: Literal[1] = 1
    duplicate: bool
    event_id: str


class LogRecord(BaseModel):
    """A log as it is answered."""

    timestamp: str
    level: str
    logger: str
    message: str
    service: str
    operation: str | None
    data: dict[str, Any]
    request_id: str | None
    trace_id: str | None
    event_id: str


class Coverage(BaseModel):
    """What an answer rests on. `complete` is false when a part of the range could not be asked; `note` says it in words."""

    start: str | None
    end: str
    stores: list[str]
    complete: bool
    note: str


class LogPage(BaseModel):
    """One page of logs; `next_cursor` is absent (null) on the last one."""

    logs: list[LogRecord]
    count: int
    next_cursor: str | None
    coverage: Coverage


class ServiceMetrics(BaseModel):
    """One service within the window. `error_rate` is a fraction: errors (ERROR and CRITICAL) of all logs."""

    service: str
    total: int
    errors: int
    error_rate: float
    per_minute: float
    levels: dict[str, int]


class Metrics(BaseModel):
    """Logs by service over the last minutes, and what this process took in since it runs."""

    start: str
    end: str
    window_minutes: int
    total: int
    errors: int
    error_rate: float
    per_minute: float
    services: list[ServiceMetrics]
    ingestion: dict[str, int]


class Hour(BaseModel):
    """Sixty minutes of the trend."""

    start: str
    total: int
    errors: int
    error_rate: float


class Stats(BaseModel):
    """The last 24 hours."""

    start: str
    end: str
    total: int
    errors: int
    error_rate: float
    by_level: dict[str, int]
    by_service: dict[str, int]
    services: list[ServiceMetrics]
    hourly: list[Hour]
