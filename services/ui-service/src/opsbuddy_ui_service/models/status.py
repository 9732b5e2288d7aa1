"""What the gateway says about the services."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, field_validator

from opsbuddy_core.health import HealthReport
from opsbuddy_ui_service.models.resources import Resource

Bar = Literal["ok", "slow", "down", "none"]
Tone = Literal["ok", "warn", "bad", "stale"]
MINUTES = 45
NO_DATA: Bar = "none"
NO_BARS = (NO_DATA,) * MINUTES


class Endpoint(BaseModel):
    """One pod, as the gateway sees it."""

    model_config = ConfigDict(frozen=True)

    address: str
    state: str = "unknown"

    @property
    def healthy(self) -> bool:
        return self.state == "healthy"

    @property
    def tone(self) -> Tone:
        tones: dict[str, Tone] = {"healthy": "ok", "set_aside": "warn", "unhealthy": "bad"}
        return tones.get(self.state, "stale")

    @property
    def word(self) -> str:
        return self.state.replace("_", " ")


class CircuitBreaker(BaseModel):
    """After how many failures in a row the gateway holds requests back; since how many seconds it does, and in how many it tries again."""

    model_config = ConfigDict(frozen=True)

    failures: int | None = None
    open_seconds: float | None = None
    retry_after_seconds: float | None = None


class ServiceStatus(BaseModel):
    """One service, as the gateway sees it. `p95_ms` in milliseconds, `error_rate` from 0 to 1, `history` one bar a minute, oldest first.

    `credentials`: the kinds of which the gateway asks for one on the way to it; none where everybody may come.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    prefix: str | None = None
    state: Literal["healthy", "unhealthy", "unknown"] = "unknown"
    reason: str | None = None
    endpoints: tuple[Endpoint, ...] = ()
    breaker: str | None = None
    circuit_breaker: CircuitBreaker = CircuitBreaker()
    since: datetime | None = None
    p95_ms: float | None = None
    error_rate: float | None = None
    requests: int | None = None
    history: tuple[Bar, ...] = NO_BARS
    credentials: tuple[str, ...] = ()

    @field_validator("history")
    @classmethod
    def _newest_45(cls, bars: tuple[Bar, ...]) -> tuple[Bar, ...]:
        """Return exactly 45 bars: no data where the gateway did not look yet."""
        return (NO_BARS + bars)[-MINUTES:]


class GatewayStatus(BaseModel):
    """The part of the gateway's `GET /status` that is shown."""

    model_config = ConfigDict(frozen=True)

    services: tuple[ServiceStatus, ...] = ()


@dataclass(frozen=True, slots=True)
class Observation:
    """What this process knows: the gateway's last answers, when they came, and how the newest question went."""

    started: datetime
    asked: datetime | None = None
    heard: datetime | None = None
    failure: str | None = None
    status: GatewayStatus | None = None
    health: HealthReport | None = None
    gateway: ServiceStatus | None = None
    own: ServiceStatus | None = None
    resources: tuple[Resource, ...] = ()
