"""What a chart's values.yaml says: each value with its default and the comment above it. From it come the schema and the table of the README."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

CHARTS = Path(__file__).parents[2] / "charts"
NAMES = ("opsbuddy-operator", "opsbuddy")
WHOLE = {"services", "resources"}
"""The values that count as one, whatever is in them."""
START, END = "<!-- values -->\n", "<!-- end of values -->"


@dataclass(frozen=True, slots=True)
class Value:
    """One value of a chart, or a group of them."""

    path: str
    default: Any
    description: str
    group: bool


def read(chart: str) -> list[Value]:
    """Return the values in the order of values.yaml, groups before what is in them."""
    text = (CHARTS / chart / "values.yaml").read_text()
    return list(_walk(yaml.compose(text, yaml.SafeLoader), yaml.safe_load(text), text.splitlines()))


def leaves(chart: str) -> list[Value]:
    """Return the values without the groups."""
    return [value for value in read(chart) if not value.group]


def _walk(node: Any, defaults: Any, lines: list[str], prefix: str = "") -> Iterator[Value]:
    for key, below in node.value:
        path, default = prefix + key.value, defaults[key.value]
        group = isinstance(default, dict) and bool(default) and key.value not in WHOLE
        yield Value(path, default, _comment_above(lines, key.start_mark.line), group)
        if group:
            yield from _walk(below, default, lines, f"{path}.")


def _comment_above(lines: list[str], line: int) -> str:
    found = []
    while line and (match := re.fullmatch(r"\s*# ?(.*)", lines[line - 1])):
        found.append(match[1])
        line -= 1
    return " ".join(reversed(found))


def readme(chart: str) -> str:
    """Return the chart's README with the table of its values between the two marks."""
    text = (CHARTS / chart / "README.md").read_text()
    before, _, rest = text.partition(START)
    _, mark, after = rest.partition(END)
    if not mark:
        raise ValueError(
            f"charts/{chart}/README.md needs the lines {START.strip()} and {END}, between which the table is put"
        )
    rows = (
        f"| `{value.path}` | {_default(value.default)} | {value.description.replace('|', chr(92) + '|')} |"
        for value in leaves(chart)
    )
    table = "\n".join(["| Value | Default | Meaning |", "|---|---|---|", *rows])
    return before + START + table + "\n" + END + after


def _default(default: Any) -> str:
    text = json.dumps(default)
    return f"`{text}`" if len(text) <= 90 else "see values.yaml"
