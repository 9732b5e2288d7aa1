"""The work queue: which key is worked on next. A decision without I/O (`Schedule`), and the waiting around it (`Queue`).

A key is in the queue at most once, and is never worked on twice at a time: added while it is being worked on, it runs once more afterwards.
So the queue is bounded by the number of keys.
"""

import asyncio
import heapq
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum

from opsbuddy_operator.models import Key

BASE = 0.5
CAP = 300.0
JITTER = 0.1


class Priority(IntEnum):
    """What somebody has just changed goes before what is only looked at again."""

    LIVE = 0
    BACKGROUND = 1


@dataclass(slots=True)
class Schedule:
    """What waits, what runs, what failed how often. The caller says what time it is, in seconds of a clock that never goes back."""

    rng: Callable[[], float] = random.random
    ready: tuple[dict[Key, float], dict[Key, float]] = field(default_factory=lambda: ({}, {}))  # key to when it came
    running: dict[Key, float] = field(default_factory=dict)  # key to when it was taken
    again: dict[Key, Priority] = field(default_factory=dict)  # came while it was running
    delayed: dict[Key, float] = field(default_factory=dict)  # key to when it is due
    failures: dict[Key, int] = field(default_factory=dict)
    heap: list[tuple[float, Key]] = field(default_factory=list)  # of delayed; may hold entries that no longer count
    held_until: float = 0.0

    def add(self, key: Key, now: float, priority: Priority = Priority.LIVE) -> None:
        if key in self.running:
            self.again[key] = min(priority, self.again.get(key, priority))
        elif key not in self.ready[Priority.LIVE]:
            since = self.ready[Priority.BACKGROUND].pop(key, now)
            self.ready[priority].setdefault(key, since)

    def add_at(self, key: Key, due: float) -> None:
        """Add the key later; the earliest of several times holds."""
        if due < self.delayed.get(key, float("inf")):
            self.delayed[key] = due
            heapq.heappush(self.heap, (due, key))

    def take(self, now: float) -> tuple[Key, float] | None:
        """Return the next key and how long it waited, or None; `done` or `failed` has to follow."""
        self._wake(now)
        if now < self.held_until:
            return None
        for waiting in self.ready:
            for key, since in waiting.items():
                del waiting[key]
                self.running[key] = now
                self.delayed.pop(key, None)  # this run decides anew when to look again
                return key, now - since
        return None

    def done(self, key: Key, now: float, look_again: float | None = None) -> None:
        """Say that the work succeeded; look_again in seconds."""
        self.failures.pop(key, None)
        self._release(key, now)
        if look_again is not None:
            self.add_at(key, now + look_again)

    def failed(self, key: Key, now: float, after: float | None = None) -> float:
        """Say that the work failed; it runs again after a growing pause, not before `after`. Returns the pause in seconds."""
        attempts = self.failures[key] = self.failures.get(key, 0) + 1
        pause = max(backoff(attempts) * (1 + JITTER * self.rng()), after or 0.0)
        self._release(key, now)
        self.add_at(key, now + pause)
        return pause

    def hold(self, until: float) -> None:
        """Hand out nothing before this time: the API server asked for a pause."""
        self.held_until = max(self.held_until, until)

    def next_time(self) -> float | None:
        """Return when `take` may have something that it has not now, or None if only an `add` can bring it."""
        while self.heap and self.delayed.get(self.heap[0][1]) != self.heap[0][0]:
            heapq.heappop(self.heap)
        due = self.heap[0][0] if self.heap else None
        if self.depth:
            return self.held_until
        return due if due is None else max(due, self.held_until)

    @property
    def depth(self) -> int:
        return len(self.ready[0]) + len(self.ready[1])

    def _release(self, key: Key, now: float) -> None:
        del self.running[key]
        if (priority := self.again.pop(key, None)) is not None:
            self.add(key, now, priority)

    def _wake(self, now: float) -> None:
        while self.heap and self.heap[0][0] <= now:
            due, key = heapq.heappop(self.heap)
            if self.delayed.get(key) == due:
                del self.delayed[key]
                self.add(key, now)


def backoff(attempts: int) -> float:
    """Return the pause after that many failures in a row, in seconds: doubled each time, up to five minutes."""
    return min(CAP, BASE * 2.0 ** min(attempts - 1, 20))


class Queue:
    """The schedule with waiting: `get` blocks until there is work."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, rng: Callable[[], float] = random.random) -> None:
        self.schedule = Schedule(rng)
        self._clock = clock
        self._changed = asyncio.Event()

    def add(self, key: Key, priority: Priority = Priority.LIVE) -> None:
        self.schedule.add(key, self._clock(), priority)
        self._changed.set()

    def add_after(self, key: Key, seconds: float) -> None:
        self.schedule.add_at(key, self._clock() + seconds)
        self._changed.set()

    async def get(self) -> tuple[Key, float]:
        """Wait for work; returns the key and how long it waited, in seconds."""
        while (taken := self.schedule.take(self._clock())) is None:
            self._changed.clear()
            due = self.schedule.next_time()
            pause = None if due is None else max(0.0, due - self._clock())
            try:
                async with asyncio.timeout(pause):
                    await self._changed.wait()
            except TimeoutError:
                continue
        return taken

    def done(self, key: Key, look_again: float | None = None) -> None:
        self.schedule.done(key, self._clock(), look_again)
        self._changed.set()

    def failed(self, key: Key, after: float | None = None) -> float:
        pause = self.schedule.failed(key, self._clock(), after)
        self._changed.set()
        return pause

    def hold(self, seconds: float) -> None:
        self.schedule.hold(self._clock() + seconds)

    def longest_run(self) -> float:
        """Return for how long the oldest piece of work has been running, in seconds."""
        return max((self._clock() - since for since in self.schedule.running.values()), default=0.0)
