"""Functions of single values, and of the buckets of a histogram."""

import math
from collections import defaultdict
from collections.abc import Callable

from opsbuddy_timeseries_service.promql.values import Key, Row, Scalar, Series, Vector, key, nameless, without


def _guarded(function: Callable[[float], float]) -> Callable[[float], float]:
    def guarded(value: float) -> float:
        return function(value) if math.isfinite(value) else value

    return guarded


def _logarithm(function: Callable[[float], float]) -> Callable[[float], float]:
    def logarithm(value: float) -> float:
        if value == 0:
            return -math.inf
        return math.nan if value < 0 or math.isnan(value) else function(value)

    return logarithm


def _exponential(value: float) -> float:
    try:
        return math.exp(value)
    except OverflowError:
        return math.inf


MATH: dict[str, Callable[[float], float]] = {
    "abs": abs,
    "ceil": _guarded(math.ceil),
    "floor": _guarded(math.floor),
    "sqrt": lambda value: math.nan if value < 0 else math.sqrt(value),
    "exp": _exponential,
    "ln": _logarithm(math.log),
    "log2": _logarithm(math.log2),
    "log10": _logarithm(math.log10),
    "sgn": lambda value: value if math.isnan(value) or value == 0 else math.copysign(1, value),
}


def mapped(vector: Vector, function: Callable[[float, int], float | None]) -> Vector:
    """Return `function(value, step)` of every value; None is none."""
    return [
        Series(
            nameless(each.labels),
            [None if value is None else _float(function(value, step)) for step, value in enumerate(each.row)],
        )
        for each in vector
    ]


def _float(value: float | None) -> float | None:
    return None if value is None else float(value)


def rounded(value: float, to: float) -> float:
    """Return the nearest multiple of `to`, of two the larger one."""
    if not math.isfinite(value) or not math.isfinite(to) or to == 0:
        return math.nan if to == 0 else value
    nearest = value / to + 0.5
    return (math.floor(nearest) if math.isfinite(nearest) else nearest) * to


def clamped(value: float, low: float, high: float) -> float:
    """Return the value within the bounds; NaN where one of the three is."""
    return math.nan if any(map(math.isnan, (value, low, high))) else max(low, min(high, value))


def histogram_quantile(fractions: Scalar, vector: Vector) -> Vector:
    """Return the quantile of each histogram of classic buckets: series that differ in `le` alone."""
    histograms: defaultdict[Key, list[tuple[float, Row]]] = defaultdict(list)
    for each in vector:
        try:
            bound = float(each.labels.get("le", ""))
        except ValueError:
            continue
        histograms[key(without(each.labels, ("le",)))].append((bound, each.row))
    return [
        Series(
            dict(labels),
            [
                _of_buckets(fraction, [(bound, value) for bound, row in rows if (value := row[step]) is not None])
                for step, fraction in enumerate(fractions)
            ],
        )
        for labels, rows in histograms.items()
    ]


def _of_buckets(fraction: float, buckets: list[tuple[float, float]]) -> float | None:
    if not buckets:
        return None
    buckets.sort()
    if len(buckets) < 2 or buckets[-1][0] != math.inf or not buckets[-1][1] > 0 or math.isnan(fraction):  # noqa: PLR2004 - one bound and infinity
        return math.nan
    if not 0 <= fraction <= 1:
        return math.copysign(math.inf, fraction)
    rank = fraction * buckets[-1][1]
    place = next((at for at, (_, count) in enumerate(buckets) if count >= rank), len(buckets) - 1)
    if place == len(buckets) - 1:
        return buckets[-2][0]
    bound, count = buckets[place]
    if place == 0 and bound <= 0:
        return bound
    start, below = buckets[place - 1] if place else (0.0, 0.0)
    return bound if count == below else start + (bound - start) * (rank - below) / (count - below)
