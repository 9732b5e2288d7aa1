import json
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import bench
from tests.bench.__main__ import main
from tests.bench.figures import figure
from tests.bench.registry import BENCHES

ROOT = Path(__file__).parents[2]


@pytest.mark.process
def test_a_bench_runs_from_the_command_line_to_the_table_and_the_file(tmp_path):
    file = tmp_path / "bench.json"
    command = [sys.executable, "-m", "tests.bench", "--only", "log-lines", "--seconds", "0.001", "--output", str(file)]
    command += ["--results", str(tmp_path / "results")]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=25)
    assert ended.returncode == 0, ended.stderr
    document = json.loads(file.read_text())
    assert list(document["benches"]) == ["log-lines"]
    figures = document["benches"]["log-lines"]["figures"]
    for found in figures:
        low, high = found["spread"]
        assert 0 < low <= found["ratio"] <= high, found
        assert found["what"] in ended.stdout
        assert found["against"] in ended.stdout
    assert len(figures) == 3
    assert document["benches"]["log-lines"]["peak_memory"] > 1
    assert 0 <= document["benches"]["log-lines"]["others"] <= 1
    assert document["machine"]["cpus"] >= 1
    assert "round 3 of 3: ours" in ended.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"bench.json", "results"}, "what a bench stored is gone"
    summary = json.loads(ended.stdout.splitlines()[-1])
    assert summary == json.loads((tmp_path / "results" / "log-lines.json").read_text())
    assert (summary["name"], len(summary["rows"])) == ("log-lines", 3)
    assert list(summary["rows"][0]) == ["what", "value", "unit", "baseline", "ratio", "floor", "holds"]


@pytest.mark.parametrize(
    ("limits", "holds"), [({}, None), ({"floor": 2}, True), ({"floor": 2.1}, False), ({"ceiling": 2}, False)]
)
def test_a_limit_is_held_against_the_ratio_or_without_a_baseline_against_the_figure(limits, holds):
    assert figure("x", "/s", [20, 20, 20], "y", [10, 10, 10], **limits).holds is holds
    assert figure("x", "/s", [2, 2, 2], **limits).as_row()["holds"] is holds


def test_a_bench_that_is_not_there_is_refused_with_those_that_are(capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["--only", "nonsense"])
    told = capsys.readouterr().err
    assert all(name in told for name in BENCHES)


def test_every_module_that_measures_is_in_the_registry():
    folder = Path(bench.__file__).parent
    measuring = {
        module.name
        for module in pkgutil.iter_modules([str(folder)])
        if "\ndef measure(" in (folder / f"{module.name}.py").read_text()
    }
    assert measuring == {name.replace("-", "_") for name in BENCHES}


def test_the_ratio_is_the_median_of_the_rounds_ratios_not_the_ratio_of_medians():
    found = figure("x", "/s", [10, 20, 90], "y", [10, 10, 10])
    assert (found.ours, found.baseline, found.ratio, found.spread) == (20, 10, 2, (1, 9))
    noisy = figure("x", "/s", [1, 8, 3], "y", [1, 2, 3])
    assert (noisy.ratio, noisy.spread) == (1, (1, 4))


@pytest.mark.parametrize("baseline", [[], [0, 1, 1], [-1, 1, 1]])
def test_there_is_no_ratio_to_nothing(baseline: list[float]):
    found = figure("x", "ms", [1, 2, 3], "y", baseline)
    assert (found.ours, found.ratio, found.spread) == (2, None, None)
