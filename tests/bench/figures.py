"""What a bench finds: our figures beside those of a baseline from the same run. The ratios are what counts: machines differ, and are noisy."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Figure:
    """`ours` and `baseline` are medians of the rounds; `ratio` is the median of ours / baseline of each round, `spread` its extremes."""

    what: str
    unit: str
    ours: float
    against: str = ""
    baseline: float | None = None
    ratio: float | None = None
    spread: tuple[float, float] | None = None


def figure(what: str, unit: str, ours: Sequence[float], against: str = "", baseline: Sequence[float] = ()) -> Figure:
    """Return the figure of some rounds. There is no ratio to a baseline that is nothing or less, as a difference of latencies may be."""
    if not baseline:
        return Figure(what, unit, median(ours), against)
    if min(baseline) <= 0:
        return Figure(what, unit, median(ours), against, median(baseline))
    ratios = [mine / other for mine, other in zip(ours, baseline, strict=True)]
    return Figure(what, unit, median(ours), against, median(baseline), median(ratios), (min(ratios), max(ratios)))
