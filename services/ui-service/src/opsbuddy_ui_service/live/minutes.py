"""What this process measures itself, minute by minute: calls, their durations, the worst outcome."""

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime

from opsbuddy_ui_service.models.status import MINUTES, Bar

WORST: tuple[Bar, ...] = ("none", "ok", "slow", "down")
WINDOW = 150  # calls of the last five minutes, at one in two seconds
SLOW_MS = 500


@dataclass(slots=True)
class Minutes:
    """The last 45 minutes as bars, and figures over the newest calls."""

    _bars: dict[int, Bar] = field(default_factory=dict)
    _calls: deque[tuple[float, bool]] = field(default_factory=lambda: deque(maxlen=WINDOW))

    def record(self, now: datetime, duration_ms: float | None, *, healthy: bool) -> None:
        """Note one call; without a duration it was never answered, which says nothing of the one that was asked."""
        minute = _minute(now)
        if duration_ms is not None:
            self._calls.append((duration_ms, healthy))
        bar: Bar = (
            "none" if duration_ms is None else "down" if not healthy else "slow" if duration_ms > SLOW_MS else "ok"
        )
        self._bars[minute] = max(bar, self._bars.get(minute, "none"), key=WORST.index)
        for old in [key for key in self._bars if key <= minute - MINUTES]:
            del self._bars[old]

    def bars(self, now: datetime) -> tuple[Bar, ...]:
        """Return one bar a minute, oldest first."""
        minute = _minute(now)
        return tuple(self._bars.get(minute - back, "none") for back in range(MINUTES - 1, -1, -1))

    @property
    def p95_ms(self) -> float | None:
        """Return the 95th percentile of the newest calls."""
        durations = sorted(duration for duration, _ in self._calls)
        return durations[int(0.95 * (len(durations) - 1))] if durations else None


def _minute(now: datetime) -> int:
    return int(now.timestamp() // 60)
