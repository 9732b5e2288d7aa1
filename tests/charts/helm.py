"""Helm as a program: the charts rendered with values, as objects."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.charts.values import CHARTS
from tests.support.programs import BIN

OPERATOR, STACK = CHARTS / "opsbuddy-operator", CHARTS / "opsbuddy"
MONITORING = tuple(
    part
    for kind in ("ServiceMonitor", "PrometheusRule")
    for part in ("--api-versions", f"monitoring.coreos.com/v1/{kind}")
)
MISSING = "helm is missing: make it with tests/cluster/build.sh helm, or install Helm 3.17 or newer"

Object = dict[str, Any]


class HelmError(Exception):
    """What Helm complained of."""


def binary() -> str | None:
    """Return helm's path: the one of the cluster's programs, else that on PATH."""
    built = BIN / "helm"
    return str(built) if built.exists() else shutil.which("helm")


def run(*arguments: str, values: Any = None) -> str:
    """Return what helm printed; `values` go to it as a file."""
    program = binary()
    if program is None:
        raise HelmError(MISSING)
    command = [program, *arguments, *(("-f", "-") if values is not None else ())]
    done = subprocess.run(
        command, input=yaml.safe_dump(values), capture_output=True, text=True, timeout=120, check=False
    )
    if done.returncode:
        raise HelmError(done.stderr)
    return done.stdout


def render(
    chart: Path, values: dict[str, Any] | None = None, *arguments: str, namespace: str = "test", release: str = "test"
) -> list[Object]:
    """Return the objects, hooks among them, that the chart makes with these values on top of its own."""
    text = run("template", release, str(chart), "-n", namespace, *arguments, values=values or {})
    return [document for document in yaml.safe_load_all(text) if document]


def of_kind(objects: list[Object], kind: str) -> list[Object]:
    return [obj for obj in objects if obj["kind"] == kind]


def one(objects: list[Object], kind: str, name: str) -> Any:
    found = [obj for obj in of_kind(objects, kind) if obj["metadata"]["name"] == name]
    assert len(found) == 1, f"{len(found)} objects are {kind} {name}, of {[obj['metadata']['name'] for obj in objects]}"
    return found[0]


def name_of(obj: Object) -> str:
    return f"{obj['kind']} {obj['metadata']['name']}"


def pods(objects: list[Object]) -> Iterator[tuple[str, Any, Any]]:
    """Yield name, metadata and spec of each pod that the chart itself makes."""
    for obj in objects:
        if obj["kind"] in {"Deployment", "Job"}:
            yield name_of(obj), obj["spec"]["template"]["metadata"], obj["spec"]["template"]["spec"]
        if obj["kind"] == "Pod":
            yield name_of(obj), obj["metadata"], obj["spec"]
