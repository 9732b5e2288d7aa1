"""Points as InfluxDB's line protocol, and back from its answers.

A float of InfluxDB is finite. NaN, the infinities and the end of a series are a word in a companion field, which no sender can name: it begins
with an underscore.
"""

import math
import re
from collections import defaultdict
from typing import Any

from opsbuddy_core import timestamps
from opsbuddy_core.influx import key, string
from opsbuddy_timeseries_service.models.points import Point, PointError, conflict
from opsbuddy_timeseries_service.models.query import Line
from opsbuddy_timeseries_service.models.values import STALE, Value

COMPANION = "_"
ODD = {"NaN": math.nan, "+Inf": math.inf, "-Inf": -math.inf, "stale": STALE}
CONFLICT = re.compile(r'input field "(?P<field>.*?)" on measurement .* already exists as type (?P<kind>\w+)')
SYSTEM = frozenset({"_start", "_stop", "_time", "_value", "_field", "_measurement"})
Tags = tuple[tuple[str, str], ...]


def line(point: Point) -> str:
    """Return a point as a line of line protocol."""
    tags = "".join(f",{key(name)}={key(value)}" for name, value in sorted(point.tags.items()))
    fields = ",".join(_field(name, value) for name, value in point.fields.items())
    head = point.measurement.replace(",", "\\,").replace(" ", "\\ ")  # an equals sign needs no escape here
    return f"{head}{tags} {fields} {point.timestamp}"


def refusal(position: int, point: Point, reason: str) -> PointError:
    """Return why the line of a point was refused, in our words where they are known: the reason may be that of another point beside it."""
    match = CONFLICT.search(reason)
    if match and match["field"].removeprefix(COMPANION) in point.fields:
        kind = "text" if match["kind"] == "string" else "number"
        return PointError(f"fields.{match['field'].removeprefix(COMPANION)}", conflict(kind), "type_conflict", position)
    return PointError("point", reason, "refused", position)


def tags_of(row: dict[str, Any]) -> dict[str, str]:
    """Return the tags among the columns of a row."""
    return {name: value for name, value in row.items() if name not in SYSTEM and isinstance(value, str) and value}


def lines(rows: list[dict[str, Any]], group_by: tuple[str, ...] | None) -> list[Line]:
    """Put the rows of one set of tags together, in the order of the tags, their points in the order of time."""
    found: defaultdict[Tags, list[tuple[int, Value]]] = defaultdict(list)
    for row in rows:
        tags = tags_of(row)
        if group_by is not None:
            tags = {name: tags[name] for name in group_by if name in tags}
        found[tuple(sorted(tags.items()))].append((timestamps.instant(row["_time"]), _value(row)))
    return [Line(dict(tags), sorted(found[tags], key=lambda each: each[0])) for tags in sorted(found)]


def _field(name: str, value: Value) -> str:
    if isinstance(value, str):
        return f"{key(name)}={string(value)}"
    if math.isfinite(value):
        return f"{key(name)}={value!r}"
    word = "stale" if value is STALE else next(word for word, odd in ODD.items() if repr(odd) == repr(value))
    return f"{key(COMPANION + name)}={string(word)}"


def _value(row: dict[str, Any]) -> Value:
    value = row["_value"]
    if str(row.get("_field", "")).startswith(COMPANION):
        return ODD[value]
    if value is None:
        return 0.0  # the growth at a first sample
    return float(value) if isinstance(value, int) else value
