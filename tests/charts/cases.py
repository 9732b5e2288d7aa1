"""The sets of values with which the charts are tried: those in the charts' folders ci/, and none at all."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.charts.helm import OPERATOR, STACK

SUFFIX = "-values"


@dataclass(frozen=True)
class Case:
    """A chart with the values of a file, or with its own only."""

    chart: Path
    file: Path | None = None

    def __str__(self) -> str:
        return f"{self.chart.name}-{self.file.stem.removesuffix(SUFFIX) if self.file else 'defaults'}"

    @property
    def values(self) -> dict[str, Any]:
        return yaml.safe_load(self.file.read_text()) if self.file else {}


CASES = [Case(chart, file) for chart in (OPERATOR, STACK) for file in (None, *sorted(chart.glob(f"ci/*{SUFFIX}.yaml")))]
