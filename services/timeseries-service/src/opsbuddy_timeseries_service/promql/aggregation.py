"""Several series into one, or the largest of them."""

import math
from collections import defaultdict
from collections.abc import Callable

from opsbuddy_timeseries_service.promql import ranges
from opsbuddy_timeseries_service.promql.nodes import Aggregation
from opsbuddy_timeseries_service.promql.values import Key, Labels, Row, Scalar, Series, Vector, key, only, without

FUNCTIONS: dict[str, Callable[[list[float]], float]] = {
    "sum": sum,
    "avg": ranges.mean,
    "min": ranges.least,
    "max": ranges.most,
    "count": lambda values: float(len(values)),
    "group": lambda _: 1.0,
    "stddev": lambda values: math.sqrt(ranges.variance(values)),
    "stdvar": ranges.variance,
}


def aggregate(node: Aggregation, vector: Vector, parameter: Scalar, steps: int) -> Vector:
    """Return one series for each group, or for topk and bottomk those of the group that count."""
    groups: defaultdict[Key, Vector] = defaultdict(list)
    for each in vector:
        groups[key(_grouped(node, each.labels))].append(each)
    if node.name in {"topk", "bottomk"}:
        return [each for group in groups.values() for each in _extreme(group, parameter, largest=node.name == "topk")]
    return [Series(dict(labels), _row(node, group, parameter, steps)) for labels, group in groups.items()]


def _grouped(node: Aggregation, labels: Labels) -> Labels:
    return without(labels, node.labels) if node.without else only(labels, node.labels)


def _row(node: Aggregation, group: Vector, parameter: Scalar, steps: int) -> Row:
    row: Row = []
    for step in range(steps):
        values = [value for each in group if (value := each.row[step]) is not None]
        if not values:
            row.append(None)
        elif node.name == "quantile":
            row.append(ranges.quantile(parameter[step], values))
        else:
            row.append(float(FUNCTIONS[node.name](values)))
    return row


def _extreme(group: Vector, parameter: Scalar, *, largest: bool) -> Vector:
    kept: list[Row] = [[None] * len(parameter) for _ in group]
    for step, number in enumerate(parameter):
        there = [place for place, each in enumerate(group) if each.row[step] is not None]

        def rank(place: int, step: int = step) -> float:
            value = group[place].row[step]
            if value is None or math.isnan(value):
                return math.inf
            return -value if largest else value

        wanted = 0 if math.isnan(number) or number < 1 else int(min(number, len(there)))
        for place in sorted(there, key=rank)[:wanted]:
            kept[place][step] = group[place].row[step]
    found = [Series(each.labels, row) for each, row in zip(group, kept, strict=True) if any(v is not None for v in row)]
    if len(parameter) == 1:  # an instant: in the order of the values, as tables show it
        found.sort(key=lambda each: _order(each.row[0], largest=largest))
    return found


def _order(value: float | None, *, largest: bool) -> float:
    if value is None or math.isnan(value):
        return math.inf
    return -value if largest else value
