"""Works a query off, for all steps at once. Pure: the samples are there already."""

import math
import time
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field

from opsbuddy_timeseries_service.models.values import STALE
from opsbuddy_timeseries_service.promql import aggregation, binary, functions, ranges
from opsbuddy_timeseries_service.promql.errors import PromError
from opsbuddy_timeseries_service.promql.nodes import Aggregation, Binary, Call, Negation, Node, Number, Selector, Text
from opsbuddy_timeseries_service.promql.values import NAME, Key, Row, Samples, Scalar, Series, Vector, key, nameless

LOOKBACK = 300_000  # milliseconds for which a sample is the current one
MAX_CELLS = 2_000_000  # series times steps of a selector


class TooLongError(PromError):
    """It took too long."""

    kind = "timeout"
    status = 503


@dataclass(frozen=True, slots=True)
class Engine:
    """A query's steps (milliseconds), the samples of its selectors, and when to give up (monotonic seconds)."""

    steps: list[int]
    data: Mapping[Selector, list[Samples]]
    deadline: float = field(default=math.inf)

    def vector(self, node: Node) -> Vector:
        """Return the series of a vector, those without a value left out. Raises PromError when two have the same labels at one step."""
        found: dict[Key, Series] = {}
        for each in self._vector(node):
            if any(value is not None for value in each.row):
                labels = key(each.labels)
                found[labels] = _joined(found[labels], each) if labels in found else each
        return list(found.values())

    def scalar(self, node: Node) -> Scalar:
        """Return the number at each step."""
        match node:
            case Number(value=value):
                return [value] * len(self.steps)
            case Negation(operand=operand):
                return [-value for value in self.scalar(operand)]
            case Binary():
                return binary.scalars(node, self.scalar(node.left), self.scalar(node.right))
            case Call(name="time"):
                return [step / 1000 for step in self.steps]
            case Call(name="scalar", arguments=(argument,)):
                return self._only(self._vector(argument))
            case _:
                raise PromError(f"{node.kind} where a number belongs")

    def _vector(self, node: Node) -> Vector:
        self._check_time()
        match node:
            case Selector():
                return self._selected(node)
            case Negation(operand=operand):
                return functions.mapped(self._vector(operand), lambda value, _: -value)
            case Aggregation(parameter=parameter):
                numbers = self.scalar(parameter) if parameter else [0.0] * len(self.steps)
                return aggregation.aggregate(node, self._vector(node.operand), numbers, len(self.steps))
            case Binary():
                return self._binary(node)
            case Call():
                return self._call(node)
            case Number() | Text():
                raise PromError(f"{node.kind} where a vector belongs")

    def _check_time(self) -> None:
        if time.monotonic() > self.deadline:
            raise TooLongError("the query took too long; ask for a shorter range or fewer series")

    def _binary(self, node: Binary) -> Vector:
        if node.left.kind == "scalar":
            return binary.with_scalar(node, self._vector(node.right), self.scalar(node.left), swapped=True)
        if node.right.kind == "scalar":
            return binary.with_scalar(node, self._vector(node.left), self.scalar(node.right), swapped=False)
        work = binary.sets if node.operator in {"and", "or", "unless"} else binary.vectors
        return work(node, self._vector(node.left), self._vector(node.right))

    def _call(self, node: Call) -> Vector:  # noqa: PLR0911 - one for each sort of function
        name, arguments = node.name, node.arguments
        if isinstance(arguments[-1], Selector) and arguments[-1].range:
            return self._ranged(name, arguments[-1], arguments[0])
        if name == "vector":
            return [Series({}, [*self.scalar(arguments[0])])]
        if name == "histogram_quantile":
            return functions.histogram_quantile(self.scalar(arguments[0]), self._vector(arguments[1]))
        if name == "timestamp" and isinstance(arguments[0], Selector):
            return [Series(nameless(each.labels), each.row) for each in self._selected(arguments[0], times=True)]
        vector = self._vector(arguments[0])
        if name in functions.MATH:
            return functions.mapped(vector, lambda value, _: functions.MATH[name](value))
        if name == "timestamp":
            return functions.mapped(vector, lambda _, step: self.steps[step] / 1000)
        if name == "absent":
            return self._absent(arguments[0], vector)
        if name in {"sort", "sort_desc"}:
            return self._sorted(vector, descending=name == "sort_desc")
        return self._bounded(name, vector, [self.scalar(each) for each in arguments[1:]])

    def _bounded(self, name: str, vector: Vector, numbers: list[Scalar]) -> Vector:
        nothing = [math.inf] * len(self.steps)
        if name == "round":
            to = numbers[0] if numbers else [1.0] * len(self.steps)
            return functions.mapped(vector, lambda value, step: functions.rounded(value, to[step]))
        low = [-each for each in nothing] if name == "clamp_max" else numbers[0]
        high = nothing if name == "clamp_min" else numbers[-1]
        return functions.mapped(
            vector,
            lambda value, step: None if low[step] > high[step] else functions.clamped(value, low[step], high[step]),
        )

    def _selected(self, node: Selector, *, times: bool = False) -> Vector:
        found = []
        for each in self._samples(node):
            row: Row = []
            for step in self.steps:
                at = step - node.offset
                place = bisect_right(each.times, at) - 1
                fresh = place >= 0 and each.times[place] > at - LOOKBACK and each.values[place] is not STALE
                row.append((each.times[place] / 1000 if times else each.values[place]) if fresh else None)
            found.append(Series(each.labels, row))
        return found

    def _ranged(self, name: str, node: Selector, first: Node) -> Vector:
        function = ranges.FUNCTIONS.get(name)
        fractions = self.scalar(first) if function is None else []
        found = []
        for each in self._samples(node):
            there = [(at, value) for at, value in zip(each.times, each.values, strict=True) if value is not STALE]
            times, values = [at for at, _ in there], [value for _, value in there]
            row: Row = []
            for step, now in enumerate(self.steps):
                self._check_time()  # long windows of many steps are the one thing here that can take hours
                end = now - node.offset
                left, right = bisect_right(times, end - node.range), bisect_right(times, end)
                if left == right:
                    row.append(None)
                elif function is None:
                    row.append(ranges.quantile(fractions[step], values[left:right]))
                else:
                    row.append(function(ranges.Window(times[left:right], values[left:right], end - node.range, end)))
            found.append(Series(each.labels if name == "last_over_time" else nameless(each.labels), row))
        return found

    def _samples(self, node: Selector) -> list[Samples]:
        found = self.data.get(node, [])
        if len(found) * len(self.steps) > MAX_CELLS:
            raise PromError(
                f"{len(found)} series of {len(self.steps)} steps are too many; ask for fewer or longer steps"
            )
        return found

    def _only(self, vector: Vector) -> Scalar:
        result = []
        for step in range(len(self.steps)):
            values = [value for each in vector if (value := each.row[step]) is not None]
            result.append(values[0] if len(values) == 1 else math.nan)
        return result

    def _absent(self, argument: Node, vector: Vector) -> Vector:
        labels = {}
        if isinstance(argument, Selector):
            labels = {
                each.tag: each.values[0] for each in argument.matchers if each.operator == "=" and each.tag != NAME
            }
        steps = range(len(self.steps))
        return [Series(labels, [None if any(each.row[step] is not None for each in vector) else 1.0 for step in steps])]

    def _sorted(self, vector: Vector, *, descending: bool) -> Vector:
        def rank(each: Series) -> float:
            value = each.row[-1]
            if value is None or math.isnan(value):
                return math.inf
            return -value if descending else value

        return sorted(vector, key=rank) if len(self.steps) == 1 else vector


def _joined(before: Series, after: Series) -> Series:
    row: Row = []
    for a, b in zip(before.row, after.row, strict=True):
        if a is not None and b is not None:
            raise PromError("vector cannot contain metrics with the same labelset")
        row.append(b if a is None else a)
    return Series(before.labels, row)
