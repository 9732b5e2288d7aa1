"""A log as it is sent and kept."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal, NamedTuple

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
from pydantic_core import PydanticCustomError

from opsbuddy_core import bidi, documents, timestamps
from opsbuddy_core.errors import FieldError

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
SYNONYMS = {"WARN": "WARNING", "FATAL": "CRITICAL"}
ERRORS = frozenset({"ERROR", "CRITICAL"})
MAX_MESSAGE = 64 * 1024
MAX_DATA = 64 * 1024
MAX_DEPTH = 16
MAX_ITEMS = 50_000
FLAT = frozenset({str, int, bool, type(None)})
BLANK = frozenset("\u034f\u115f\u1160\u2800\u3164\uffa0")  # fillers: letters and marks by their class that show nothing
VARIATIONS = range(0xFE00, 0xFE10)
PRINTABLE = rf"^[^\x00-\x1f\x7f{bidi.MARKS}]+$"
TIME_EXAMPLE = "2026-01-31T12:00:00.123Z"


class NewLog(NamedTuple):
    """A log as it was judged: `timestamp` in nanoseconds, `data` as JSON text, None for what is absent."""

    timestamp: int
    level: str
    logger: str
    message: str
    service: str
    operation: str | None
    data: str | None
    request_id: str | None
    trace_id: str | None
    event_id: str | None


def _timestamp(value: object) -> int:
    try:
        return timestamps.parse(value)
    except timestamps.TimestampError as error:
        raise PydanticCustomError(f"timestamp_{error.code}", "{reason}", {"reason": str(error)}) from error


def _level(value: object) -> object:
    if not isinstance(value, str):
        return value
    level = value.strip().upper()
    return SYNONYMS.get(level, level)


def _json(value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, dict):
        raise PydanticCustomError("data_invalid", "is no JSON object")
    try:
        return document(value)
    except DataError as error:
        raise PydanticCustomError(error.code, "{reason}", {"reason": str(error)}) from error


class DataError(ValueError):
    """`data` cannot be kept."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


def document(value: dict[str, Any]) -> str | None:
    """Return an object as JSON text, None for an empty one. Raises DataError."""
    try:
        if not FLAT.issuperset(map(type, value.values())):  # nearly all are flat: a walk through them would cost most
            documents.check(value, MAX_DEPTH)
        text = documents.dumps(value)
    except documents.TooDeepError as error:
        raise DataError("data_too_deep", str(error)) from error
    except ValueError as error:
        raise DataError("data_invalid", str(error)) from error
    if len(text) > MAX_DATA:
        raise DataError("data_too_large", f"has {len(text)} characters as JSON; at most {MAX_DATA} are taken")
    return None if text == "{}" else text


def absent_if_blank(value: object) -> object:
    """Take blank text for no text."""
    return None if isinstance(value, str) and not value.strip() else value


def is_blank(text: str) -> bool:
    """Return whether nothing of a text can be seen: it has only white space, control and format characters, and fillers."""
    return not any(
        char.isprintable() and not char.isspace() and char not in BLANK and ord(char) not in VARIATIONS for char in text
    )


def _visible(value: str) -> str:
    if is_blank(value):
        raise PydanticCustomError("empty", "has only white space and characters that show nothing")
    return value


def without_nul(value: str) -> str:
    """Put U+FFFD where a NUL is."""
    return value.replace("\x00", "\ufffd")  # stores and tools behind us end a text at NUL


Instant = Annotated[
    int,
    BeforeValidator(_timestamp),
    PlainSerializer(timestamps.render, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": [TIME_EXAMPLE]}),
]
Level = Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"], BeforeValidator(_level)]
Name = Annotated[
    str,
    StringConstraints(min_length=1, max_length=128, pattern=rf"^[^\x00-\x1f\x7f\\{bidi.MARKS}]+$"),
    AfterValidator(_visible),
]
Label = Annotated[str, StringConstraints(min_length=1, max_length=256, pattern=PRINTABLE), AfterValidator(_visible)]
OptionalLabel = Annotated[Label | None, BeforeValidator(absent_if_blank)]
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
    message: Annotated[str, StringConstraints(max_length=MAX_MESSAGE), AfterValidator(without_nul)]
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
