"""The audit: records that are only ever added, each with the hash of the one before. A run has one when it begins and one when it ends."""

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from opsbuddy_utility_service.models.commands import Reason

Kind = Literal["started", "ended", "denied"]
FIRST = "0" * 64  # what the first record names as the hash before it


@dataclass(frozen=True, slots=True)
class Entry:
    """What a record says. `details` has no secret values."""

    kind: Kind
    run: str
    at: datetime
    actor: str
    template: str
    reason: str
    details: dict[str, Any]

    def text(self) -> str:
        """Return the details as the text that is kept and hashed."""
        return json.dumps(self.details, sort_keys=True, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Record:
    """A record as it is kept. `details` is the text that was hashed."""

    sequence: int
    kind: str
    run: str
    at: datetime
    actor: str
    template: str
    reason: str
    details: str
    previous: str
    hash: str

    @classmethod
    def after(cls, last: "Record | None", entry: Entry) -> "Record":
        """Return the record of an entry that follows the last one."""
        previous, sequence = (last.hash, last.sequence + 1) if last else (FIRST, 1)
        bare = cls(
            sequence=sequence,
            kind=entry.kind,
            run=entry.run,
            at=entry.at,
            actor=entry.actor,
            template=entry.template,
            reason=entry.reason,
            details=entry.text(),
            previous=previous,
            hash="",
        )
        return cls(**{name: getattr(bare, name) for name in cls.__slots__ if name != "hash"}, hash=bare.computed())

    def computed(self) -> str:
        """Return the hash that the record should have."""
        moment = self.at.astimezone(UTC).isoformat(timespec="microseconds")
        parts = [
            self.sequence,
            self.kind,
            self.run,
            moment,
            self.actor,
            self.template,
            self.reason,
            self.details,
            self.previous,
        ]
        return hashlib.sha256(json.dumps(parts, separators=(",", ":")).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """Which runs: of a template, an actor, with a reason; before a sequence number, how many."""

    template: str | None = None
    actor: str | None = None
    reason: str | None = None
    before: int | None = None
    limit: int = 100


class AuditedRun(BaseModel):
    """One run, or one refusal. Closed: its end is on record."""

    sequence: int = Field(description="Of the record of its beginning")
    id: str
    closed: bool
    reason: Reason | None = Field(description="null: it runs")
    actor: str
    address: str
    request_id: str
    template: str
    command: str = Field(description="The words that were run; of a refusal only the part that was refused")
    isolation: str | None
    timeout: float | None
    started_at: datetime
    ended_at: datetime | None
    duration: float | None
    exit_code: int | None
    signal: int | None
    stragglers: int | None
    stdout_sha256: str | None = Field(description="Of all that came on it, also of what was cut from the answer")
    stderr_sha256: str | None
    hash: str = Field(description="Of the record of its beginning")
    ended_hash: str | None = Field(description="Of the record of its end")


class AuditPage(BaseModel):
    """Runs and refusals, newest first."""

    runs: list[AuditedRun]
    next_cursor: str | None = Field(description="Send it as `cursor` to get older ones; null: there are none")


class Verification(BaseModel):
    """Whether the chain of records is whole."""

    valid: bool
    records: int = Field(description="Records that were checked")
    sequence: int = Field(
        description="Number of the last record; compare it and the hash with the service's log, which has both of each record"
    )
    hash: str
    broken_at: int | None = Field(description="Number of the first record that is not what was written")
    detail: str
