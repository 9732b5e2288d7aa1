"""Operators between numbers and series."""

import math
from collections.abc import Callable

from opsbuddy_timeseries_service.promql.errors import PromError
from opsbuddy_timeseries_service.promql.nodes import Binary, Matching
from opsbuddy_timeseries_service.promql.values import (
    Key,
    Labels,
    Row,
    Scalar,
    Series,
    Vector,
    key,
    nameless,
    only,
    without,
)


def _divided(left: float, right: float) -> float:
    if right != 0 or math.isnan(right):
        return left / right
    return math.nan if left == 0 or math.isnan(left) else math.copysign(math.inf, left) * math.copysign(1, right)


def _rest(left: float, right: float) -> float:
    return math.nan if right == 0 or not math.isfinite(left) or math.isnan(right) else math.fmod(left, right)


def _power(left: float, right: float) -> float:
    try:
        return math.pow(left, right)
    except OverflowError:
        return -math.inf if left < 0 and right % 2 == 1 else math.inf
    except ValueError:
        return math.inf if left == 0 else math.nan


ARITHMETIC: dict[str, Callable[[float, float], float]] = {
    "+": lambda left, right: left + right,
    "-": lambda left, right: left - right,
    "*": lambda left, right: left * right,
    "/": _divided,
    "%": _rest,
    "^": _power,
}
COMPARISON: dict[str, Callable[[float, float], bool]] = {
    "==": lambda left, right: left == right,
    "!=": lambda left, right: left != right,
    ">": lambda left, right: left > right,
    "<": lambda left, right: left < right,
    ">=": lambda left, right: left >= right,
    "<=": lambda left, right: left <= right,
}


def scalars(node: Binary, left: Scalar, right: Scalar) -> Scalar:
    """Return the operator of two numbers at each step."""
    if node.operator in COMPARISON:
        return [float(COMPARISON[node.operator](a, b)) for a, b in zip(left, right, strict=True)]
    return [ARITHMETIC[node.operator](a, b) for a, b in zip(left, right, strict=True)]


def with_scalar(node: Binary, vector: Vector, scalar: Scalar, *, swapped: bool) -> Vector:
    """Return the operator of every series and a number, which stands on the left when `swapped`."""
    other: Row = list(scalar)
    result = []
    for each in vector:
        row = _row(node, other, each.row, each.row) if swapped else _row(node, each.row, other, each.row)
        result.append(Series(_kept(node, each.labels), row))
    return result


def vectors(node: Binary, left: Vector, right: Vector) -> Vector:
    """Return the operator of the series with equal labels. Raises PromError where one has several partners."""
    if not left:
        return []
    partners: dict[Key, Row] = {}
    for each in right:
        _merge(partners, key(_signature(node.matching, each.labels)), each.row, "right")
    used: dict[Key, Row] = {}
    result = []
    for each in left:
        signature = key(_signature(node.matching, each.labels))
        partner = partners.get(signature)
        if partner is None:
            continue
        both: Row = [a if b is not None else None for a, b in zip(each.row, partner, strict=True)]
        _merge(used, signature, both, "left")
        labels = _signature(node.matching, each.labels)
        if node.operator in COMPARISON and not node.bool_ and not node.matching.on:  # the name stays
            labels = {name: value for name, value in each.labels.items() if name not in node.matching.labels}
        result.append(Series(labels, _row(node, each.row, partner, each.row)))
    return result


def sets(node: Binary, left: Vector, right: Vector) -> Vector:
    """Return and, or, unless by the labels that have to be equal."""
    mine, theirs = _presence(node.matching, left), _presence(node.matching, right)
    nothing: list[bool] = []

    def masked(vector: Vector, other: dict[Key, list[bool]], *, present: bool) -> Vector:
        found = []
        for each in vector:
            there = other.get(key(_signature(node.matching, each.labels)), nothing) or [False] * len(each.row)
            row: Row = [value if here is present else None for value, here in zip(each.row, there, strict=True)]
            found.append(Series(each.labels, row))
        return found

    match node.operator:
        case "and":
            return masked(left, theirs, present=True)
        case "unless":
            return masked(left, theirs, present=False)
        case _:
            return left + masked(right, mine, present=False)


def _presence(matching: Matching, vector: Vector) -> dict[Key, list[bool]]:
    found: dict[Key, list[bool]] = {}
    for each in vector:
        signature = key(_signature(matching, each.labels))
        before = found.get(signature, [False] * len(each.row))
        found[signature] = [a or b is not None for a, b in zip(before, each.row, strict=True)]
    return found


def _signature(matching: Matching, labels: Labels) -> Labels:
    return only(labels, matching.labels) if matching.on else without(labels, matching.labels)


def _kept(node: Binary, labels: Labels) -> Labels:
    return labels if node.operator in COMPARISON and not node.bool_ else nameless(labels)


def _merge(rows: dict[Key, Row], signature: Key, row: Row, side: str) -> None:
    if signature not in rows:
        rows[signature] = row
        return
    merged: Row = []
    for a, b in zip(rows[signature], row, strict=True):
        if a is not None and b is not None:
            raise PromError(f"found duplicate series on the {side} side of the operator for {dict(signature)}")
        merged.append(b if a is None else a)
    rows[signature] = merged


def _row(node: Binary, left: Row, right: Row, shown: Row) -> Row:
    row: Row = []
    for a, b, value in zip(left, right, shown, strict=True):
        if a is None or b is None:
            row.append(None)
        elif node.operator in ARITHMETIC:
            row.append(ARITHMETIC[node.operator](a, b))
        else:
            holds = COMPARISON[node.operator](a, b)
            row.append(float(holds) if node.bool_ else value if holds else None)
    return row
