"""Functions of the samples of a window, as Prometheus computes them."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Window:
    """Samples after `start` and up to `end` (milliseconds); at least one."""

    times: list[int]
    values: list[float]
    start: int
    end: int


Function = Callable[[Window], float | None]


def _extrapolated(window: Window, *, counter: bool, rate: bool) -> float | None:
    """The change between the samples, stretched to the edges of the window where those are near, but not below zero of a counter."""
    times, values = window.times, window.values
    if len(values) < 2:  # noqa: PLR2004 - a change has two ends
        return None
    change = values[-1] - values[0]
    if counter:
        change += sum(before for before, value in pairwise(values) if value < before)
    sampled = times[-1] - times[0]
    between = sampled / (len(times) - 1)
    to_start: float = times[0] - window.start
    to_end: float = window.end - times[-1]
    if to_start >= between * 1.1:
        to_start = between / 2
    if counter and change > 0 and values[0] >= 0:
        to_start = min(to_start, sampled * values[0] / change)
    if to_end >= between * 1.1:
        to_end = between / 2
    change *= (sampled + to_start + to_end) / sampled
    return change / ((window.end - window.start) / 1000) if rate else change


def _instant(window: Window, *, rate: bool) -> float | None:
    if len(window.values) < 2:  # noqa: PLR2004 - likewise
        return None
    before, value = window.values[-2:]
    change = value if rate and value < before else value - before
    return change / ((window.times[-1] - window.times[-2]) / 1000) if rate else change


def _slope(window: Window) -> float | None:
    if len(window.values) < 2:  # noqa: PLR2004 - likewise
        return None
    seconds = [(time - window.times[0]) / 1000 for time in window.times]
    mean_x, mean_y = sum(seconds) / len(seconds), sum(window.values) / len(seconds)
    spread = sum((x - mean_x) * (x - mean_x) for x in seconds)
    return sum((x - mean_x) * (y - mean_y) for x, y in zip(seconds, window.values, strict=True)) / spread


def mean(values: list[float]) -> float:
    """Return the mean."""
    return sum(values) / len(values)


def variance(values: list[float]) -> float:
    """Return the variance of the whole population."""
    middle = mean(values)
    apart = [value - middle for value in values]
    return sum(each * each for each in apart) / len(values)  # a power would fail where a product is infinite


def least(values: list[float]) -> float:
    """Return the smallest number, NaN only where there is nothing else."""
    return min((value for value in values if not math.isnan(value)), default=math.nan)


def most(values: list[float]) -> float:
    """Return the largest number, NaN only where there is nothing else."""
    return max((value for value in values if not math.isnan(value)), default=math.nan)


def quantile(fraction: float, values: list[float]) -> float:
    """Return the quantile, between two values in proportion; beyond 0 and 1 it is infinite."""
    if math.isnan(fraction) or not values:
        return math.nan
    if not 0 <= fraction <= 1:
        return math.copysign(math.inf, fraction)
    ordered = sorted(values, key=lambda value: -math.inf if math.isnan(value) else value)
    place = fraction * (len(ordered) - 1)
    low, high = ordered[math.floor(place)], ordered[math.ceil(place)]
    share = place - math.floor(place)
    return min(max(low * (1 - share) + high * share, low), high) if share else low  # rounding may lead past an end


def changes(values: list[float]) -> float:
    """Return how often the value changed."""
    return float(sum(a != b and not (math.isnan(a) and math.isnan(b)) for a, b in pairwise(values)))


FUNCTIONS: dict[str, Function] = {
    "rate": lambda window: _extrapolated(window, counter=True, rate=True),
    "increase": lambda window: _extrapolated(window, counter=True, rate=False),
    "delta": lambda window: _extrapolated(window, counter=False, rate=False),
    "irate": lambda window: _instant(window, rate=True),
    "idelta": lambda window: _instant(window, rate=False),
    "deriv": _slope,
    "changes": lambda window: changes(window.values),
    "resets": lambda window: float(sum(value < before for before, value in pairwise(window.values))),
    "avg_over_time": lambda window: mean(window.values),
    "min_over_time": lambda window: least(window.values),
    "max_over_time": lambda window: most(window.values),
    "sum_over_time": lambda window: sum(window.values),
    "count_over_time": lambda window: float(len(window.values)),
    "last_over_time": lambda window: window.values[-1],
    "present_over_time": lambda _: 1.0,
    "stddev_over_time": lambda window: math.sqrt(variance(window.values)),
    "stdvar_over_time": lambda window: variance(window.values),
}
