"""One run of a bench: how long, where, in which order."""

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Run:
    """`seconds`: how long one side of one round is measured. `folder`: on the disk that stores are measured on."""

    seconds: float
    folder: Path

    def interleaved(self, sides: Mapping[str, Callable[[], T]]) -> dict[str, list[T]]:
        """Measure every side once a round, each second round in the opposite order: what slows the machine for a while slows all of them."""
        found: dict[str, list[T]] = {side: [] for side in sides}
        for number in range(ROUNDS):
            for side in list(sides) if number % 2 == 0 else reversed(list(sides)):
                say(f"  round {number + 1} of {ROUNDS}: {side}")
                found[side].append(sides[side]())
        return found

    def rates(self, works: Mapping[str, Callable[[], float]]) -> dict[str, list[float]]:
        """Return how often a second each work can be done; a work returns the seconds that it took, without what it had to prepare."""
        return self.interleaved({name: partial(self._rate, work) for name, work in works.items()})

    def _rate(self, work: Callable[[], float]) -> float:
        spent, done = 0.0, 0
        while not done or spent < self.seconds:
            spent += work()
            done += 1
        return done / spent


def timed(work: Callable[[], object]) -> float:
    """Do the work; return the seconds that it took."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def say(text: str) -> None:
    """Tell of progress; not on stdout, which has the table."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
