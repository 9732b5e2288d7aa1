"""What the service asks of its stores."""

from dataclasses import dataclass
from typing import Protocol

from opsbuddy_analytics_service.models import LogEntry, Selection, StoredLog

Counts = list[tuple[int, str, str, int]]


@dataclass(frozen=True, slots=True)
class Kept:
    """Where a log is now. `duplicate`: it was there before."""

    event_id: str
    duplicate: bool


@dataclass(frozen=True, slots=True)
class Slice:
    """Logs in the order asked for. `horizon`: what is at or after this time is all in the journal; what is before may be in the archive alone."""

    logs: list[StoredLog]
    horizon: int


class Journal(Protocol):
    """Takes logs durably, and answers for those that it still holds."""

    async def append(self, entries: list[LogEntry]) -> list[Kept]:
        """Return once the logs are on disk, in one piece: all of them or none."""

    async def page(self, selection: Selection, limit: int) -> Slice: ...

    async def counts(self, start: int, end: int, width: int) -> Counts:
        """Return (bucket, service, level, logs) of the minutes from `start` before `end`, in buckets of `width` minutes counted from `start`."""


class Archive(Protocol):
    """Holds logs for longer, elsewhere."""

    async def page(self, selection: Selection, limit: int) -> list[StoredLog]:
        """Return logs in the order asked for. Raises UnavailableError or DeadlineError when it cannot be asked."""
