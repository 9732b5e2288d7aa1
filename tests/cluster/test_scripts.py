"""What the cluster's scripts say to whoever runs them, without a cluster."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parent
ROOT = SCRIPTS.parents[1]


def run(script: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("CLUSTER_", "DOCKER_"))}
    return subprocess.run(
        ["/bin/bash", str(SCRIPTS / script), *arguments],
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        timeout=25,
        check=False,
    )


@pytest.fixture
def bare(tmp_path: Path) -> dict[str, str]:
    """An environment whose PATH has bash and coreutils' few that the scripts use before they check anything."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("basename", "dirname", "sed", "head", "mkdir", "id", "uname", "date", "timeout", "cat"):
        (programs / name).symlink_to(f"/usr/bin/{name}")
    return {
        "PATH": str(programs),
        "CLUSTER_CACHE": str(tmp_path / "cache"),
        "CLUSTER_STATE": str(tmp_path / "state"),
        "HOME": str(tmp_path),
    }


@pytest.mark.parametrize(
    ("what", "program", "package"),
    [
        ("docker", "docker", "docker.io"),
        ("images", "debootstrap", "debootstrap"),
        ("archive", "zstd", "zstd"),
        ("browser", "chromium-headless-shell", "chromium-headless-shell"),
        ("browser", "curl", "curl"),
        ("build", "gcc", "gcc"),
        ("build", "openssl", "openssl"),
    ],
)
def test_a_missing_program_is_named_with_the_package_that_brings_it(
    bare: dict[str, str], what: str, program: str, package: str
) -> None:
    done = run("prerequisites.sh", what, **bare)
    assert done.returncode == 1
    assert program in done.stderr.partition("Install")[0]
    assert package in done.stderr.partition("Install")[2]


SCRIPT_NAMES = sorted(path.name for path in SCRIPTS.glob("*.sh"))
SOURCED = {"settings.sh", "progress.sh", "lock.sh"}
NOT_FOR_PEOPLE = {"runc-within-limits.sh"}  # dockerd calls it, with the words of runc
OF_HELM = {"install.sh", "stack.sh"}  # what follows is helm's
FOR_PEOPLE = ["../run.sh", *(name for name in SCRIPT_NAMES if name not in SOURCED | NOT_FOR_PEOPLE)]


@pytest.mark.parametrize("script", FOR_PEOPLE)
def test_help_says_what_a_script_does_and_does_nothing_else(bare: dict[str, str], script: str) -> None:
    """In an environment in which nothing else would succeed."""
    done = run(script, "--help", **bare)
    assert (done.returncode, done.stderr) == (0, "")
    head = (SCRIPTS / script).read_text().partition("\n")[2].partition("\nset -euo")[0]
    assert done.stdout == re.sub(r"^# ?", "", head, flags=re.MULTILINE) + "\n"


@pytest.mark.parametrize("script", [name for name in FOR_PEOPLE if name not in OF_HELM])
def test_an_unknown_word_is_refused_with_the_help_before_anything_is_done(bare: dict[str, str], script: str) -> None:
    done = run(script, "--fly", **bare)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"{Path(script).name} does not take '--fly'.\n")
    assert len(done.stderr.splitlines()) > 1


@pytest.mark.process  # it imports what the slow tests import
@pytest.mark.parametrize("setting", [{"CLUSTER_CACHE": "elsewhere"}, {"CLUSTER_BIN": "elsewhere/programs"}])
def test_tests_look_for_programs_where_they_are_built(tmp_path: Path, setting: dict[str, str]) -> None:
    folders = {name: f"{tmp_path}/{folder}" for name, folder in setting.items()}
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **folders}
    built = ["bash", "-c", 'source "$0"; echo "$CLUSTER_BIN"', SCRIPTS / "settings.sh"]
    imports = "from tests.charts import helm; from tests.contract import apiserver; from tests.support import influxdb"
    found = [sys.executable, "-c", f"{imports}; print(*{{helm.BIN, apiserver.BIN, influxdb.BINARY.parent}})"]
    said = [
        subprocess.run(each, env=environment, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        for each in (built, found)
    ]
    assert said[0] == said[1]


def test_a_failed_step_shows_the_end_of_its_output_and_its_status(tmp_path: Path) -> None:
    script = tmp_path / "try.sh"
    script.write_text(
        f'set -euo pipefail; source {SCRIPTS}/progress.sh\nwork() {{ echo "disk full"; return 7; }}\nstep "writing" work\necho not reached\n'
    )
    done = subprocess.run(["/bin/bash", str(script)], capture_output=True, text=True, timeout=25, check=False)
    assert done.returncode == 7
    assert re.search(r"writing: failed after \d+ s with status 7", done.stderr)
    assert "    disk full" in done.stderr
    assert "not reached" not in done.stdout


def test_a_second_run_waits_and_says_who_holds_the_cluster(tmp_path: Path) -> None:
    lines = f"set -euo pipefail; source {SCRIPTS}/settings.sh; source $HERE/progress.sh; source $HERE/lock.sh"
    environment = {**os.environ, "CLUSTER_CACHE": str(tmp_path), "CLUSTER_NAME": "shared"}
    environment.pop("CLUSTER_LOCK_HELD", None)
    start = {
        "env": environment,
        "stdin": subprocess.PIPE,
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
        "text": True,
    }
    first = subprocess.Popen(["/bin/bash", "-c", f"{lines}; take_lock up.sh; echo mine; read -r"], **start)
    assert first.stdout.readline() == "mine\n"
    second = subprocess.Popen(["/bin/bash", "-c", f"{lines}; take_lock down.sh; echo mine"], **start)
    assert f"held by up.sh (process {first.pid} of" in second.stderr.readline()
    first.communicate("\n", timeout=10)
    assert second.communicate(timeout=10)[0] == "mine\n"
