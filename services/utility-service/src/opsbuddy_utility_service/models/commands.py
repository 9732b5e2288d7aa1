"""Commands that were asked for, and what became of them. Times are seconds, sizes bytes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from opsbuddy_utility_service.models.templates import Template

Reason = Literal[
    "ok",  # exit code 0
    "nonzero",  # another exit code
    "signal",  # ended by a signal that was not ours
    "timeout",  # ran longer than it may
    "output_limit",  # wrote more than it may
    "cancelled",  # the caller went away, or the service was shut down
    "not_started",  # the program could not be started
    "denied",  # not allowed; it was never started
    "lost",  # the service, or what watched over it, was killed while it ran
]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A template as it is installed: the program's path or None, where it runs, and whether the operator of the platform wrote it."""

    template: Template
    program: str | None
    cwd: str
    read: tuple[str, ...] = ()
    own: bool = False

    @property
    def missing(self) -> str | None:
        return None if self.program else f"{self.template.argv[0]} is not installed where this service runs"


@dataclass(frozen=True, slots=True)
class Invocation:
    """A template with its values: the words to run, and the same words as they may be shown."""

    prepared: Prepared
    argv: list[str]
    shown: list[str]


@dataclass(frozen=True, slots=True)
class Request:
    """What a caller sent: a command line, or a template with parameters."""

    command: str | None = None
    template: str | None = None
    params: dict[str, Any] = field(default_factory=dict)
    timeout: float | None = None


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asked: a name that the gateway vouches for, the address, the request; the roles, None where the gateway asked nobody who it is."""

    name: str
    address: str
    request_id: str
    roles: frozenset[str] | None = None

    def may(self, roles: Sequence[str], *, verified: bool) -> bool:
        """Say whether one of the roles is there, or none is asked for. `verified`: who was not asked has none; otherwise that is let through."""
        if not roles or (self.roles is None and not verified):
            return True
        return not frozenset(roles).isdisjoint(self.roles or ())


class CutBytes(BaseModel):
    """How much of each stream is not in the answer."""

    stdout: int
    stderr: int


class Applied(BaseModel):
    """What held the command in."""

    level: Literal["landlock", "seccomp", "rlimits"]
    network: bool = Field(description="Whether it could open network sockets")


class Result(BaseModel):
    """What became of a command."""

    id: str = Field(description="Under this id it is in the audit")
    template: str
    command: str = Field(
        description="The words that were run, quoted as a shell would need them; secret values are not shown"
    )
    reason: Reason
    exit_code: int | None
    signal: int | None = Field(description="The signal that ended it")
    stdout: str
    stderr: str
    cut_bytes: CutBytes
    stragglers: int = Field(description="Processes that it left behind, which were ended")
    detail: str = Field(description="The reason in a sentence")
    timeout: float = Field(description="What held: the shorter of the asked time and the template's")
    duration: float
    started_at: datetime
    ended_at: datetime
    isolation: Applied


class CommandParameter(BaseModel):
    """A parameter of a command, with the bounds that its type has."""

    name: str
    type: str
    description: str
    required: bool
    default: str | int | None
    secret: bool
    bounds: dict[str, Any]


class Command(BaseModel):
    """A command that may be run."""

    id: str
    title: str
    description: str
    category: str
    command: str = Field(description="What to send as `command`; words in braces are parameters")
    params: list[CommandParameter]
    timeout: float
    max_output: int
    network: bool
    roles: list[str] = Field(description="Who may run it; everybody, when there are none")
    own: bool = Field(description="Written by the operator of this platform, not built in")
    available: bool
    unavailable_reason: str | None


class CommandList(BaseModel):
    """All commands that may be run, by category and id."""

    commands: list[Command]
    isolation: str | None = Field(description="What holds commands in here; null: they cannot be run at the moment")
