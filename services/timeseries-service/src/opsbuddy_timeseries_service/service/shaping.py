"""Buckets into the shape that was asked for: empty ones filled, changes and averages over them, the largest series. Pure."""

import itertools
import math
from collections.abc import Callable, Iterable

from opsbuddy_core import timestamps
from opsbuddy_timeseries_service.models.query import Fill, Ranking
from opsbuddy_timeseries_service.models.values import Value

Values = list[Value | None]
SMALLEST = 1074  # 2 to the power of minus so much
RANKINGS: dict[Ranking, Callable[[list[float]], float]] = {
    "mean": lambda values: _mean(values) if all(map(math.isfinite, values)) else sum(values),
    "min": min,
    "max": max,
    "sum": sum,
    "last": lambda values: values[-1],
}


def filled(values: Values, fill: Fill, before: Value | None) -> Values:
    """Return the buckets without gaps where `fill` says how; `before` is the value of the last bucket before the first one."""
    match fill:
        case "previous":
            return _previous(values, before)
        case "linear":
            return _linear(values)
        case "zero":
            return [0.0 if value is None else value for value in values]
        case "null" | "none":
            return values


def _previous(values: Values, before: Value | None) -> Values:
    result: Values = []
    for value in values:
        before = before if value is None else value
        result.append(before)
    return result


def _linear(values: Values) -> Values:
    result = list(values)
    known = [place for place, value in enumerate(values) if isinstance(value, float)]
    for left, right in itertools.pairwise(known):
        low, high = values[left], values[right]
        for place in range(left + 1, right):
            share = (place - left) / (right - left)
            result[place] = float(low or 0) * (1 - share) + float(high or 0) * share
    return result


def derivative(values: Values, every: int) -> Values:
    """Return the change per second from each bucket to the next; null where one of them is."""
    seconds = every / timestamps.SECOND
    changes: Values = [None] if values else []
    for before, value in itertools.pairwise(values):
        both = isinstance(before, float) and isinstance(value, float)
        changes.append((float(value) - float(before)) / seconds if both else None)  # type: ignore[arg-type]
    return changes


def moving_average(values: Values, window: int) -> Values:
    """Return the mean of each bucket and those before it, `window` in all as far as they are there; null where none has a value.

    A sum that goes along, of whole numbers so that nothing is lost in it: to add up each window anew takes minutes for long ones.
    """
    result: Values = []
    total = there = infinite = 0
    for place, value in enumerate(values):
        for each, sign in ((value, 1), (values[place - window] if place >= window else None, -1)):
            if not isinstance(each, float):
                continue
            there += sign
            if math.isfinite(each):
                total += sign * _whole(each)
            else:
                infinite += sign
        result.append(total / (there << SMALLEST) if there and not infinite else None)
    return result


def _mean(values: list[float]) -> float:
    return sum(map(_whole, values)) / (len(values) << SMALLEST)


def _whole(value: float) -> int:
    """Return a number in units of the smallest one that there is, of which each is a multiple."""
    above, below = value.as_integer_ratio()
    return above << (SMALLEST - below.bit_length() + 1)


def top(rows: list[tuple[dict[str, str], Values]], number: int, by: Ranking) -> list[tuple[dict[str, str], Values]]:
    """Return the rows with the largest values, largest first; of equal ones those whose tags come first."""

    def rank(row: tuple[dict[str, str], Values]) -> float:
        numbers = [value for value in row[1] if isinstance(value, float) and not math.isnan(value)]
        return RANKINGS[by](numbers) if numbers else -math.inf

    return sorted(rows, key=rank, reverse=True)[:number]


def shown(values: Iterable[Value | None]) -> Values:
    """Return the values as JSON has them: what is not finite is null."""
    return [None if isinstance(value, float) and not math.isfinite(value) else value for value in values]
