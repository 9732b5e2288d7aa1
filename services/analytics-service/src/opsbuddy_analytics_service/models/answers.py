"""What is answered."""

from typing import Any, Literal

from pydantic import BaseModel


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
    dry_run: bool = False


class SingleResult(BaseModel):
    """The log is on disk; with `dry_run` it would be taken and is stored nowhere."""

    accepted: Literal[1] = 1
    duplicate: bool
    event_id: str | None
    dry_run: bool = False


class LogRecord(BaseModel):
    """A log as it is answered; when a query names fields, those alone are there."""

    timestamp: str = ""
    level: str = ""
    logger: str = ""
    message: str = ""
    service: str = ""
    operation: str | None = None
    data: dict[str, Any] = {}
    request_id: str | None = None
    trace_id: str | None = None
    event_id: str = ""


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


class LogContext(BaseModel):
    """A log and its neighbours of the same service, oldest first; `more_before` and `more_after` say whether there are others beyond."""

    before: list[LogRecord]
    log: LogRecord
    after: list[LogRecord]
    more_before: bool
    more_after: bool
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


class Bucket(BaseModel):
    """The logs of one bucket, which begins at `start`."""

    start: str
    total: int
    levels: dict[str, int]


class Histogram(BaseModel):
    """Logs by time and level, in buckets of equal width that begin at a multiple of it; empty ones are there too."""

    start: str
    end: str
    width_seconds: float
    total: int
    buckets: list[Bucket]
    coverage: Coverage


class FacetValue(BaseModel):
    """How many logs have this value."""

    value: str
    count: int


class Facets(BaseModel):
    """The most frequent values of each field."""

    start: str
    end: str
    facets: dict[str, list[FacetValue]]
    coverage: Coverage


class DeadLetter(BaseModel):
    """A log that InfluxDB refused for good, with its words. It is found by queries like any other."""

    id: str
    reason: str
    at: str
    replayed: bool
    log: LogRecord


class DeadLetters(BaseModel):
    """The oldest first; `total` counts all."""

    dead_letters: list[DeadLetter]
    total: int


class Replay(BaseModel):
    """How many logs are on their way to InfluxDB again."""

    replayed: int


class ReasonRow(BaseModel):
    """A code, whether it holds for one item or for the request, its status, whether the same bytes may be taken later, and what it means."""

    code: str
    scope: Literal["item", "request"]
    status: int
    retry: bool
    meaning: str
