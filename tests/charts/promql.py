"""The metrics, labels and values that expressions of Prometheus name, as far as rules and dashboards here use the language; and promtool as a program."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from tests.charts.helm import STACK

RULES, DASHBOARDS = STACK / "rules" / "opsbuddy.yaml", sorted((STACK / "dashboards").glob("*.json"))
GROUPING = re.compile(r"\b(?:by|on|without|ignoring)\s*\(([^)]*)\)")
SELECTOR = re.compile(r"\b(opsbuddy_\w+|ALERTS)\b(?:\{([^}]*)\})?")
MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"')


@dataclass(frozen=True)
class Selector:
    """What one selector names: the metric, and each label with the values that it compares with."""

    metric: str
    values: dict[str, list[str]]


def selectors(expression: str) -> list[Selector]:
    return [
        Selector(name, {label: value.split("|") for label, _, value in MATCHER.findall(matchers)})
        for name, matchers in SELECTOR.findall(expression)
    ]


def grouped(expression: str) -> set[str]:
    """Return the labels by which results are put together."""
    return {label.strip() for labels in GROUPING.findall(expression) for label in labels.split(",")}


def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def panels() -> Iterator[dict[str, Any]]:
    """Yield the panels of all dashboards, without the rows."""
    for path in DASHBOARDS:
        yield from (panel for panel in json.loads(path.read_text())["panels"] if panel["type"] != "row")


def expressions() -> list[str]:
    """Return all of rules and dashboards, with Grafana's variables as it would fill them in."""
    shown = [target["expr"].replace("$__rate_interval", "2m") for panel in panels() for target in panel["targets"]]
    return [
        *(rule["expr"] for rule in rules()),
        *(each.replace("$namespace", ".*").replace("$service", ".*") for each in shown),
    ]


def promtool(*arguments: str) -> str:
    """Return what promtool complained of; empty when it found nothing."""
    program = shutil.which("promtool")
    assert program, "promtool is missing: tests/cluster/prerequisites.sh prometheus installs it"
    done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=60, check=False)
    return f"{done.stdout}{done.stderr}" if done.returncode else ""
