"""The figures as a table for people and as JSON for programs."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tests.bench.figures import Figure

HEADINGS = ("bench", "what", "ours", "baseline", "", "ratio", "rounds", "floor", "")


@dataclass(frozen=True, slots=True)
class Report:
    """What one bench found. `peak_memory`: of its own process, in MiB. `others`: the share of the machine that other programs took meanwhile."""

    figures: list[Figure]
    peak_memory: float
    others: float
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def summary(self, name: str, machine: Mapping[str, Any]) -> dict[str, Any]:
        """Return the figures as programs read them."""
        return {"name": name, "machine": machine, "rows": [figure.as_row() for figure in self.figures]}


def table(reports: Mapping[str, Report]) -> str:
    """Return the figures in columns; the ratio is ours to the baseline."""
    rows: list[tuple[str, ...]] = [HEADINGS]
    for name, report in reports.items():
        rows += [_row(name, figure) for figure in report.figures]
        rows.append((name, "memory of the bench's own process", f"{report.peak_memory:.0f} MiB", *[""] * 6))
        rows.append((name, "processor time of other programs", f"{report.others:.0%}", *[""] * 6))
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    return "\n".join(_line(row, widths) for row in rows)


def _row(name: str, figure: Figure) -> tuple[str, ...]:
    unit = figure.unit if figure.unit.startswith("/") else f" {figure.unit}"
    baseline = "" if figure.baseline is None else f"{_number(figure.baseline)}{unit}"
    ratio = "" if figure.ratio is None else _number(figure.ratio)
    spread = "" if figure.spread is None else " - ".join(map(_number, figure.spread))
    limit = "" if figure.floor is None else f">= {_number(figure.floor)}"
    limit = limit if figure.ceiling is None else f"< {_number(figure.ceiling)}"
    holds = {True: "holds", False: "DOES NOT HOLD", None: ""}[figure.holds]
    return name, figure.what, f"{_number(figure.ours)}{unit}", baseline, figure.against, ratio, spread, limit, holds


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = [
        cell.rjust(width) if column in (2, 3, 5, 7) else cell.ljust(width)
        for column, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
    return "  ".join(cells).rstrip()


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
