"""The state of the platform, as pages show it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from opsbuddy_ui_service.models.resources import Change
from opsbuddy_ui_service.models.status import Bar, Endpoint, Tone


class State(StrEnum):
    """How a service is doing."""

    HEALTHY = "healthy"
    SLOW = "slow"
    DEGRADED = "degraded"
    DOWN = "down"
    NOT_HEARD = "not_heard"

    @property
    def word(self) -> str:
        return {"not_heard": "Not heard"}.get(self, self.capitalize())

    @property
    def tone(self) -> Tone:
        tones: dict[State, Tone] = {State.HEALTHY: "ok", State.DOWN: "bad", State.NOT_HEARD: "stale"}
        return tones.get(self, "warn")


@dataclass(frozen=True, slots=True)
class Judgement:
    """How a service is doing since when, what to say of it in a few words (after its name), and why."""

    state: State
    since: datetime | None
    headline: str
    reason: str


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a sentence: words, and a point in time after them where there is one."""

    text: str
    tone: Tone | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One service on a page; figures as people read them, an en dash where there is none.

    `changed`: what was done to its resource before its trouble began.
    """

    name: str
    port: int | None
    prefix: str | None
    state: State
    since: datetime | None
    headline: str
    reason: str
    command: str
    bars: tuple[Bar, ...]
    endpoints: tuple[Endpoint, ...]
    pods: str
    p95: str
    errors: str
    requests: str
    breaker: str | None
    circuit: tuple[Part, ...]
    changed: Change | None = None

    @property
    def beat(self) -> str:
        """The bars in words."""
        counts = [(self.bars.count(kind), word) for kind, word in BAR_WORDS.items()]
        return "Last 45 minutes: " + ", ".join(f"{count} {word}" for count, word in counts if count)


BAR_WORDS: dict[Bar, str] = {"ok": "healthy", "slow": "slow", "down": "down", "none": "without data"}


@dataclass(frozen=True, slots=True)
class Door:
    """A route on which the gateway asks for a credential, of one of these kinds."""

    prefix: str
    credentials: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class View:
    """Everything that a page shows of the platform's state at one moment. `closed`: to who is not signed in nothing is shown of it."""

    at: datetime
    heard: datetime | None
    live: bool
    tone: Tone
    truth: tuple[Part, ...]
    summary: str
    rows: tuple[Row, ...]
    doors: tuple[Door, ...] = ()
    closed: bool = False

    @property
    def attention(self) -> tuple[Row, ...]:
        """What needs attention, oldest first; what has no beginning comes last. Without the gateway it is the only trouble that is known."""
        wrong = [row for row in self.rows if row.state is not State.HEALTHY and (self.live or row.name == "gateway")]
        return tuple(sorted(wrong, key=lambda row: (row.since is None, row.since or self.at, row.name)))

    def missing(self, name: str) -> str:
        """Return without what a service cannot be asked now: the gateway, or itself; blank where it can."""
        if not self.live:
            return "the gateway"
        row = self.find(name)
        return "" if row and row.state not in (State.DOWN, State.NOT_HEARD) else name

    def find(self, name: str) -> Row | None:
        return next((row for row in self.rows if row.name == name), None)

    def sentence(self) -> Iterator[str]:
        """Yield the words of the truth, with times in UTC."""
        for part in self.truth:
            yield part.text
            if part.at:
                yield f"{part.at:%H:%M} UTC"
