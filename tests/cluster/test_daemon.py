"""The Docker daemon that is started where none runs, and that it goes without a trace."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.machine import SCRIPTS, Place, place
from tests.support.wait import eventually

pytestmark = [pytest.mark.docker, pytest.mark.timeout(180)]


@pytest.fixture
def here() -> Iterator[Place]:
    with place("trace") as made:
        yield made


def run_a_container(here: Place, folder: Path) -> None:
    """One with a volume, a network and a published port: each leaves something of its own."""
    subprocess.run(["cc", "-Os", "-static", "-o", str(folder / "pause"), str(SCRIPTS / "node/pause.c")], check=True)
    subprocess.run(["tar", "-C", str(folder), "-cf", str(folder / "pause.tar"), "pause"], check=True)
    here.docker("import", "--change", 'ENTRYPOINT ["/pause"]', str(folder / "pause.tar"), "pause:1")
    here.docker("network", "create", "apart")
    here.docker(
        "run", "-d", "--network", "apart", "--volume", "kept:/data", "--publish", "127.0.0.1:18080:80", "pause:1"
    )


async def kill_the_daemon(here: Place) -> None:
    """As a crash or the end of a machine's session does it: the daemon and its containerd at once, containers left alone."""
    daemons = [
        line
        for line in here.traces()["processes"]
        if "/dockerd " in f"/{line.partition(' ')[2]} " or "containerd --config" in line
    ]
    assert daemons, f"no daemon runs: {here.traces()['processes']}"
    for line in daemons:
        os.kill(int(line.split()[0]), signal.SIGKILL)

    async def gone() -> bool:
        left = here.traces()["processes"]
        return not any(line in left for line in daemons)

    await eventually(gone)


@pytest.mark.parametrize("end", ["orderly", "killed", "killed and swept"])
async def test_down_leaves_nothing_on_the_machine(here: Place, tmp_path: Path, end: str) -> None:
    before = here.traces()
    here.script("docker-daemon.sh", "start")
    run_a_container(here, tmp_path)
    during = here.traces()
    assert all(during[kind] != before[kind] for kind in ("processes", "mounts", "links", "rules")), during
    here.script("docker-daemon.sh", "sweep")
    assert here.traces() == during, "a daemon that runs is not swept away"
    if end != "orderly":
        await kill_the_daemon(here)
    here.script(*(["docker-daemon.sh", "sweep"] if end == "killed and swept" else ["down.sh"]))
    assert here.traces() == before
    assert not list((here.state / "data/containers").iterdir())
    assert not [volume for volume in (here.state / "data/volumes").iterdir() if volume.is_dir()]


async def test_a_killed_daemon_comes_back_with_its_images(here: Place, tmp_path: Path) -> None:
    here.script("docker-daemon.sh", "start")
    run_a_container(here, tmp_path)
    await kill_the_daemon(here)
    here.script("docker-daemon.sh", "start")
    assert here.docker("image", "ls", "-q", "pause:1")


def test_start_finds_the_daemon_that_runs(here: Place) -> None:
    here.script("docker-daemon.sh", "start")
    daemon = (here.state / "docker.pid").read_text()
    here.script("docker-daemon.sh", "start")
    assert (here.state / "docker.pid").read_text() == daemon
    assert here.script("docker-daemon.sh", "host").stdout.strip() == f"unix://{here.state}/docker.sock"


def test_down_without_anything_says_so_and_succeeds(here: Place) -> None:
    done = here.script("down.sh")
    assert "the cluster trace is gone" in done.stderr
    assert here.traces()["processes"] == []


def test_down_with_everything_removes_what_was_built(here: Place) -> None:
    here.script("docker-daemon.sh", "start")
    here.script("down.sh", "--everything")
    assert not here.state.exists()
    assert not Path(here.environment["CLUSTER_CACHE"]).exists()


def test_a_daemon_that_does_not_come_up_says_why(here: Place) -> None:
    here.state.mkdir(parents=True)
    (here.state / "data").write_text("a file where a folder should be")
    done = here.script("docker-daemon.sh", "start", check=False)
    assert done.returncode
    assert "starting a Docker daemon: failed" in done.stderr
    assert "File exists" in done.stderr or "Not a directory" in done.stderr
