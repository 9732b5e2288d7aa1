"""Files that are generated and kept in the repository: `python -m tests.generated check` compares them, `write` brings them up to date."""

import difflib
import sys
from collections.abc import Callable
from pathlib import Path

from opsbuddy_operator import crd

ROOT = Path(__file__).parents[1]

FILES: dict[str, Callable[[], str]] = {
    "crds/opsbuddyservices.opsbuddy.dev.yaml": crd.text,
}
"""Path in the repository to the function that returns its text. Order matters where one reads another: earlier entries are written first."""


def check() -> int:
    """Print how the files differ from what would be generated; returns the exit code."""
    differences = [line for path, make in FILES.items() for line in _difference(path, make())]
    if not differences:
        return 0
    sys.stderr.write("".join(differences) + "\ngenerated files are out of step: run make generate\n")
    return 1


def write() -> int:
    """Write what differs and say what was written; returns the exit code."""
    for path, make in FILES.items():
        text = make()
        if _difference(path, text):
            target = ROOT / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
            sys.stdout.write(f"wrote {path}\n")
    return 0


def _difference(path: str, text: str) -> list[str]:
    target = ROOT / path
    present = target.read_text() if target.exists() else ""
    return list(
        difflib.unified_diff(present.splitlines(keepends=True), text.splitlines(keepends=True), path, f"{path} (new)")
    )


if __name__ == "__main__":
    commands = {"check": check, "write": write}
    if len(sys.argv) != 2 or sys.argv[1] not in commands:
        sys.exit("usage: python -m tests.generated check|write")
    sys.exit(commands[sys.argv[1]]())
