"""What happened lately, in memory of fixed size: figures over the last minutes, and one mark a minute for the bars of the UI."""

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

SLICE_SECONDS = 10.0
SLICES = 30
BOUNDS = tuple(0.001 * 1.3**step for step in range(46))  # 1 ms to 130 s, each 30 % apart
Mark = Literal["ok", "slow", "down", "none"]
WORST: dict[Mark, int] = {"none": 0, "ok": 1, "slow": 2, "down": 3}
MINUTES = 45


@dataclass(slots=True)
class _Slice:
    number: int = -1
    requests: int = 0
    failures: int = 0
    counts: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))


class Window:
    """Requests, failures and latencies of the last five minutes."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._slices = [_Slice() for _ in range(SLICES)]

    def record(self, seconds: float, *, failed: bool) -> None:
        number = int(self._clock() / SLICE_SECONDS)
        current = self._slices[number % SLICES]
        if current.number != number:
            current = self._slices[number % SLICES] = _Slice(number)
        current.requests += 1
        current.failures += failed
        current.counts[bisect_left(BOUNDS, seconds)] += 1

    def figures(self) -> dict[str, float | int | None]:
        """Return `requests`, `error_rate` from 0 to 1, and `p95_ms`, which is within 30 % of the true one; None without requests."""
        oldest = int(self._clock() / SLICE_SECONDS) - SLICES
        recent = [part for part in self._slices if part.number > oldest]
        requests = sum(part.requests for part in recent)
        if not requests:
            return {"requests": 0, "error_rate": None, "p95_ms": None}
        rank, seen = 0.95 * requests, 0
        for index in range(len(BOUNDS) + 1):
            seen += sum(part.counts[index] for part in recent)
            if seen >= rank:
                break
        p95 = BOUNDS[min(index, len(BOUNDS) - 1)] * 1000
        failures = sum(part.failures for part in recent)
        return {"requests": requests, "error_rate": round(failures / requests, 4), "p95_ms": round(p95, 1)}


class History:
    """One mark a minute for the last 45 minutes; the worst of a minute stays."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock, self._begun = clock, clock()
        self._marks: dict[int, Mark] = {}

    def mark(self, mark: Mark) -> None:
        minute = int(self._clock() / 60)
        if WORST[mark] > WORST[self._marks.get(minute, "none")]:
            self._marks[minute] = mark
        for old in [known for known in self._marks if known <= minute - MINUTES]:
            del self._marks[old]

    @property
    def seconds(self) -> float:
        """How long it has been kept."""
        return self._clock() - self._begun

    def forget(self) -> None:
        """Take all marks back."""
        self._marks.clear()

    def marks(self) -> list[Mark]:
        """Return the marks, oldest first; the last one is the running minute."""
        minute = int(self._clock() / 60)
        return [self._marks.get(minute - back, "none") for back in range(MINUTES - 1, -1, -1)]
