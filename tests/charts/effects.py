"""What a value of a chart does to the objects that Helm makes of it: one row for each value of values.yaml."""

import json
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from tests.charts import helm
from tests.charts.helm import Object

Look = Callable[[list[Object]], Any]


@dataclass(frozen=True)
class Effect:
    """Set to `value`, `look` finds `expected` in the objects, and something else without it. `given` are other values that it needs."""

    value: Any
    look: Look
    expected: Any
    given: Mapping[str, Any] = field(default_factory=dict)


def assert_effect(chart: Path, path: str, effect: Effect) -> None:
    """Check one row."""
    assert effect.look(rendered(chart, {**effect.given, path: effect.value})) == effect.expected
    assert effect.look(rendered(chart, effect.given)) != effect.expected, "it is so without the value too"


def rendered(chart: Path, given: Mapping[str, Any] | None = None) -> list[Object]:
    """Return the objects for values that are given by their paths, in a cluster with the API of the Prometheus operator."""
    return deepcopy(_rendered(chart, json.dumps(given or {}, sort_keys=True)))


@cache
def _rendered(chart: Path, given: str) -> list[Object]:
    return helm.render(chart, nested(json.loads(given)), *helm.MONITORING)


def nested(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return values by their paths as values.yaml would hold them."""
    whole: dict[str, Any] = {}
    for path, value in given.items():
        *groups, name = path.split(".")
        level = whole
        for group in groups:
            level = level.setdefault(group, {})
        level[name] = value
    return whole


def at(kind: str, name: str, *path: str | int) -> Look:
    """Return how to look at one place of an object; None where there is no such place."""

    def look(objects: list[Object]) -> Any:
        place = helm.one(objects, kind, name)
        for step in path:
            try:
                place = place[step]
            except (KeyError, IndexError):
                return None
        return place

    return look


def among(kind: str, name: str, *path: str | int, part: Any) -> Look:
    """Return how to look for an entry of a list."""
    return lambda objects: part in (at(kind, name, *path)(objects) or ())


def exists(kind: str, name: str) -> Look:
    """Return how to see whether there is an object of this name."""
    return lambda objects: any(obj["metadata"]["name"] == name for obj in helm.of_kind(objects, kind))
