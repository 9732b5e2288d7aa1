"""A query as a tree."""

from dataclasses import dataclass
from typing import Literal

from opsbuddy_timeseries_service.models.filters import TagFilter

Kind = Literal["scalar", "vector", "matrix", "string"]


@dataclass(frozen=True, slots=True, eq=False)
class Number:
    """A part of the tree."""

    value: float
    kind: Kind = "scalar"


@dataclass(frozen=True, slots=True, eq=False)
class Text:
    """A part of the tree."""

    value: str
    kind: Kind = "string"


@dataclass(frozen=True, slots=True, eq=False)
class Selector:
    """Series by matchers; `range` and `offset` in milliseconds, a range makes it a matrix."""

    matchers: tuple[TagFilter, ...]
    range: int = 0
    offset: int = 0

    @property
    def kind(self) -> Kind:
        return "matrix" if self.range else "vector"


@dataclass(frozen=True, slots=True, eq=False)
class Negation:
    """A part of the tree."""

    operand: "Node"

    @property
    def kind(self) -> Kind:
        return self.operand.kind


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """A part of the tree."""

    name: str
    arguments: tuple["Node", ...]
    kind: Kind


@dataclass(frozen=True, slots=True, eq=False)
class Aggregation:
    """`labels` are those that are kept, or with `without` those that are dropped."""

    name: str
    operand: "Node"
    parameter: "Node | None"
    labels: tuple[str, ...]
    without: bool
    kind: Kind = "vector"


@dataclass(frozen=True, slots=True, eq=False)
class Matching:
    """Which labels have to be equal: those `on`, or all but these."""

    labels: tuple[str, ...] = ()
    on: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Binary:
    """A part of the tree."""

    operator: str
    left: "Node"
    right: "Node"
    bool_: bool
    matching: Matching

    @property
    def kind(self) -> Kind:
        return "scalar" if self.left.kind == self.right.kind == "scalar" else "vector"


Node = Number | Text | Selector | Negation | Call | Aggregation | Binary


def selectors(node: Node) -> list[Selector]:
    """Return every selector of the tree."""
    match node:
        case Selector():
            return [node]
        case Negation(operand=operand):
            return selectors(operand)
        case Call(arguments=arguments):
            return [each for argument in arguments for each in selectors(argument)]
        case Aggregation(operand=operand, parameter=parameter):
            return selectors(operand) + (selectors(parameter) if parameter else [])
        case Binary(left=left, right=right):
            return selectors(left) + selectors(right)
        case Number() | Text():
            return []
