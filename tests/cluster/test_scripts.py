"""What the cluster's scripts say to whoever runs them, without a cluster."""

import os
import re
import subprocess
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parent


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
    for name in ("dirname", "sed", "head", "mkdir", "id", "uname", "date", "timeout", "cat"):
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
        ("browser", "chromium", "chromium"),
        ("build", "gcc", "gcc"),
    ],
)
def test_a_missing_program_is_named_with_the_package_that_brings_it(
    bare: dict[str, str], what: str, program: str, package: str
) -> None:
    done = run("prerequisites.sh", what, **bare)
    assert done.returncode == 1
    assert program in done.stderr.partition("Install")[0]
    assert package in done.stderr.partition("Install")[2]


@pytest.mark.parametrize(
    ("script", "usage"),
    [
        ("prerequisites.sh", "usage: prerequisites.sh"),
        ("docker-daemon.sh", "usage: docker-daemon.sh start|host|sweep|stop"),
    ],
)
def test_an_unknown_word_is_answered_with_the_usage(tmp_path: Path, script: str, usage: str) -> None:
    done = run(script, "fly", CLUSTER_CACHE=str(tmp_path), CLUSTER_STATE=str(tmp_path / "state"))
    assert done.returncode == 2
    assert usage in done.stderr


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
