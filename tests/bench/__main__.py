"""Measures what OpsBuddy costs, each time beside a baseline in the same run: `make bench`, or `python -m tests.bench --help`."""

import argparse
import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from tests.bench.isolated import report
from tests.bench.machine import description
from tests.bench.registry import BENCHES
from tests.bench.report import Report, table
from tests.bench.run import ROUNDS, say

ARTIFACTS = Path(__file__).parents[1] / ".artifacts"
RESULTS = Path(__file__).parent / "results"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benches, print the table, write the file; exit code 1 when a bench failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    names = ", ".join(BENCHES)
    parser.add_argument(
        "--only",
        action="append",
        choices=BENCHES,
        metavar="NAME",
        help=f"run this one alone (may be repeated): {names}",
    )
    parser.add_argument(
        "--seconds",
        type=float,
        default=2,
        help="how long each side of a comparison is measured, in each of the rounds (default: 2)",
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=ARTIFACTS / "bench.json",
        help="the file for the figures (default: tests/.artifacts/bench.json)",
    )
    parser.add_argument(
        "--results",
        type=Path,
        default=RESULTS,
        help="the folder for one summary of each bench, which is printed too (default: tests/bench/results)",
    )
    arguments = parser.parse_args(argv)
    chosen = [name for name in BENCHES if not arguments.only or name in arguments.only]
    reports: dict[str, Report] = {}
    for number, name in enumerate(chosen, 1):
        say(f"[{number}/{len(chosen)}] {name}")
        try:
            reports[name] = report(name, arguments.seconds, arguments.output.parent)
        except KeyboardInterrupt:
            say("stopped")
            return 130
        except Exception as error:  # noqa: BLE001 - the others are measured all the same
            say(f"{name} failed: {type(error).__name__}: {error}\n{error.__cause__ or ''}")
    _write(arguments.output, reports, arguments.seconds)
    sys.stdout.write(
        f"{table(reports)}\n\nratio: ours / baseline, the median of {ROUNDS} rounds; rounds: its extremes. {arguments.output}\n"
    )
    machine = description()
    arguments.results.mkdir(parents=True, exist_ok=True)
    for name, report_ in reports.items():
        line = json.dumps(report_.summary(name, machine))
        (arguments.results / f"{name}.json").write_text(line + "\n")
        sys.stdout.write(line + "\n")
    return int(len(reports) < len(chosen))


def _write(path: Path, reports: dict[str, Report], seconds: float) -> None:
    document = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": description(),
        "rounds": ROUNDS,
        "seconds": seconds,
        "benches": {name: report.as_dict() for name, report in reports.items()},
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
