"""When what happened. Pure: the same seed and the same end give the same day, to the nanosecond."""

import math
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

LENGTH = timedelta(hours=24)
MINUTE = timedelta(minutes=1)
RECEIPTS = 7  # a minute that cannot be stored
OLD, NEW = "1.4.1", "1.4.2"
PODS = {
    OLD: ("file-service-6d9f7c5b8-k2x4q", "file-service-6d9f7c5b8-zt7wn"),
    NEW: ("file-service-77c4d9b6f-9sfhd", "file-service-77c4d9b6f-m5plx"),
}
ENDPOINTS = ("10.244.1.9:8001", "10.244.2.7:8001")
FAULT = "KeyError: 'OBJECT_STORE_URL'"


@dataclass(frozen=True)
class Story:
    """A day until `end`. One release of file-service that cannot start: rolled out, seen, understood, rolled back."""

    end: datetime
    seed: int = 7
    rollout: datetime = field(init=False)
    outage: datetime = field(init=False)
    answered: datetime = field(init=False)
    rollback: datetime = field(init=False)
    healed: datetime = field(init=False)

    def __post_init__(self) -> None:
        rollout = self.end - timedelta(hours=3, minutes=22)
        moments = {"rollout": 0, "outage": 2, "answered": 9, "rollback": 34, "healed": 35}
        for name, minutes in moments.items():
            object.__setattr__(self, name, rollout + timedelta(minutes=minutes))

    @property
    def begin(self) -> datetime:
        return self.end - LENGTH

    def chance(self, what: str) -> Random:
        """Return a source of chance of its own for each kind of thing, so that one more line of one kind changes no other."""
        return Random(f"{self.seed} {what}")  # noqa: S311 - a story, no secret

    def minutes(self) -> list[datetime]:
        """Return the beginning of each minute of the day."""
        return [self.begin + number * MINUTE for number in range(int(LENGTH / MINUTE))]

    def busy(self, at: datetime) -> float:
        """Return how busy it is, 1 on average: quiet at four in the morning (UTC), twice that at four in the afternoon."""
        hour = at.hour + at.minute / 60
        return 1 + 0.45 * math.sin((hour - 10) / 24 * 2 * math.pi)

    def down(self, at: datetime) -> bool:
        """Tell whether file-service has no pod that answers."""
        return self.outage <= at < self.healed

    def queued(self, at: datetime) -> int:
        """Return how many receipts wait to be stored at a moment of the outage."""
        return int((at - self.outage) / MINUTE * RECEIPTS)

    @property
    def waiting(self) -> int:
        """How many wait at its end."""
        return self.queued(self.healed)


def today(now: datetime, seed: int) -> Story:
    """Return the day that ends now; in whole minutes."""
    return Story(now.astimezone(UTC).replace(second=0, microsecond=0), seed)
