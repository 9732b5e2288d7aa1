"""Every test is run by `make test`: some stage of tests/run.sh selects it."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
VARIABLES = dict(re.findall(r"^(\w+) := (.*)", (ROOT / "Makefile").read_text(), re.MULTILINE))
SLOW_MARKERS = set(re.findall(r"not (\w+)", VARIABLES["FAST"]))
SLOW_FOLDERS = re.findall(r"tests/[\w/*]+", VARIABLES["SLOW_FOLDERS"])
STAGES = re.findall(r'^pytest .*-m "?([^"\n]+)', (ROOT / "tests/run.sh").read_text(), re.MULTILINE)


def test_what_is_not_fast_by_its_marker_has_a_stage() -> None:
    selected = set(re.findall(r"(?<!not )\b(\w+)", " or ".join(STAGES))) - {"and", "or", "not"}
    assert SLOW_MARKERS - selected == set()


@pytest.mark.process
@pytest.mark.timeout(120)
def test_where_fast_tests_are_not_looked_for_there_are_none() -> None:
    folders = [str(path) for pattern in SLOW_FOLDERS for path in ROOT.glob(pattern)]
    fast = ["--collect-only", "-q", "-n0", "-m", VARIABLES["FAST"]]
    command = [sys.executable, "-m", "pytest", *fast, *folders]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == pytest.ExitCode.NO_TESTS_COLLECTED, done.stdout + done.stderr
