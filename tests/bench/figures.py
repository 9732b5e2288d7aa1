"""What a bench finds: our figures beside those of a baseline from the same run. The ratios are what counts: machines differ, and are noisy."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Figure:
    """`ours` and `baseline` are medians of the rounds; `ratio` is the median of ours / baseline of each round, `spread` its extremes.

    `floor`: what has to be reached, by the ratio where there is a baseline, by our own figure otherwise. `ceiling`: what must not be exceeded.
    """

    what: str
    unit: str
    ours: float
    against: str = ""
    baseline: float | None = None
    ratio: float | None = None
    spread: tuple[float, float] | None = None
    floor: float | None = None
    ceiling: float | None = None

    @property
    def holds(self) -> bool | None:
        """Whether the limit is kept; None without one."""
        judged = self.ours if self.baseline is None else self.ratio
        if judged is None or (self.floor is None and self.ceiling is None):
            return None
        return (self.floor is None or judged >= self.floor) and (self.ceiling is None or judged < self.ceiling)

    def as_row(self) -> dict[str, str | float | bool | None]:
        """Return what programs read; a ceiling is a floor to stay below, which `what` says."""
        what = f"{self.what}, baseline {self.against}" if self.against else self.what
        return {
            "what": what if self.ceiling is None else f"{what} (below the floor holds)",
            "value": round(self.ours, 4),
            "unit": self.unit,
            "baseline": None if self.baseline is None else round(self.baseline, 4),
            "ratio": None if self.ratio is None else round(self.ratio, 4),
            "floor": self.floor if self.ceiling is None else self.ceiling,
            "holds": self.holds,
        }


def figure(  # noqa: PLR0913 - a limit is one of two kinds
    what: str,
    unit: str,
    ours: Sequence[float],
    against: str = "",
    baseline: Sequence[float] = (),
    *,
    floor: float | None = None,
    ceiling: float | None = None,
) -> Figure:
    """Return the figure of some rounds. There is no ratio to a baseline that is nothing or less, as a difference of latencies may be."""
    ratios: list[float] = []
    if baseline and min(baseline) > 0:
        ratios = [mine / other for mine, other in zip(ours, baseline, strict=True)]
    return Figure(
        what,
        unit,
        median(ours),
        against,
        median(baseline) if baseline else None,
        median(ratios) if ratios else None,
        (min(ratios), max(ratios)) if ratios else None,
        floor,
        ceiling,
    )
