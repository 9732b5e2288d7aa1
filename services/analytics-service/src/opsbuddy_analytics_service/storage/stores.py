"""What the service asks of its stores."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from opsbuddy_analytics_service.models import NewLog, Selection, StoredLog

Counts = list[tuple[int, str, str, int]]
Tally = list[tuple[int | str, str, int]]  # (bucket, level, logs) of a histogram, (field, value, logs) of facets


class Kept(NamedTuple):
    """Where a log is now. `duplicate`: it was there before."""

    event_id: str | None
    duplicate: bool


class Numbered(NamedTuple):
    """A log with the number of its arrival."""

    number: int
    log: StoredLog


@dataclass(frozen=True, slots=True)
class Slice:
    """Logs in the order asked for. `horizon`: what is at or after this time is all in the journal; what is before may be in the archive alone."""

    logs: list[StoredLog]
    horizon: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """Logs that are to be forwarded; once that is done, all up to this number are."""

    logs: list[StoredLog]
    upto: int


@dataclass(frozen=True, slots=True)
class Dead:
    """A log that the archive refuses. `again`: it is to be tried once more."""

    reason: str
    at: int
    again: bool
    log: StoredLog


class Journal(Protocol):
    """Takes logs durably, and answers for those that it still holds."""

    on_append: Callable[[], None]

    async def append(self, logs: Sequence[NewLog], key: str | None = None, body: bytes = b"") -> list[Kept]:
        """Return once the logs are on disk, in one piece: all of them or none."""

    async def append_one(self, log: NewLog) -> Kept:
        """Return once the log is on disk; those that come at the same time share what that costs."""

    async def horizon(self) -> int: ...

    async def services(self, limit: int) -> list[str]:
        """Return the names of services that have logs here, the first ones of the alphabet."""

    async def page(self, selection: Selection, limit: int) -> Slice: ...

    async def counts(self, start: int, end: int, width: int) -> Counts:
        """Return (bucket, service, level, logs) of the minutes from `start` before `end`, in buckets of `width` minutes counted from `start`."""

    async def counted_since(self) -> int:
        """Return the time from which on `counts` knows all logs, those of the archive too."""

    async def histogram(self, selection: Selection, width: int) -> Tally:
        """Return (start of the bucket // width, level, logs)."""

    async def facets(self, selection: Selection, fields: Sequence[str], limit: int) -> Tally:
        """Return (field, value, logs), the most frequent first."""

    async def since(self, number: int, limit: int) -> list[Numbered]: ...

    async def span(self) -> tuple[int, int, int]: ...

    async def dead(self, limit: int) -> tuple[list[Dead], int]: ...

    async def replay(self, times: list[int] | None) -> int: ...


class Archive(Protocol):
    """Holds logs for longer, elsewhere. Raises UnavailableError or DeadlineError when it cannot be asked."""

    async def page(self, selection: Selection, limit: int) -> list[StoredLog]:
        """Return logs in the order asked for."""

    async def histogram(self, selection: Selection, width: int) -> Tally: ...

    async def facets(self, selection: Selection, fields: Sequence[str], limit: int) -> Tally: ...
