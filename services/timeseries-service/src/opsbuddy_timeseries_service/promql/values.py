"""What a query is worked off into: a number for each step, or series with a value or none for each step."""

from collections.abc import Iterable
from dataclasses import dataclass

NAME = "__name__"
Labels = dict[str, str]
Key = tuple[tuple[str, str], ...]
Row = list[float | None]
Scalar = list[float]


@dataclass(frozen=True, slots=True)
class Samples:
    """What a store has of a series: times in milliseconds, in order."""

    labels: Labels
    times: list[int]
    values: list[float]


@dataclass(frozen=True, slots=True)
class Series:
    """A series of a result, a value or none for each step."""

    labels: Labels
    row: Row


Vector = list[Series]


def key(labels: Labels) -> Key:
    """Return labels as something to compare."""
    return tuple(sorted(labels.items()))


def nameless(labels: Labels) -> Labels:
    """Return the labels without the metric's name, which a computed value no longer has."""
    return {name: value for name, value in labels.items() if name != NAME}


def only(labels: Labels, names: Iterable[str]) -> Labels:
    """Return the labels of these names."""
    return {name: labels[name] for name in names if name in labels}


def without(labels: Labels, names: Iterable[str]) -> Labels:
    """Return the labels but these, and but the metric's name."""
    dropped = {*names, NAME}
    return {name: value for name, value in labels.items() if name not in dropped}
