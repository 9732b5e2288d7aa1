"""What a restore asks of docker and kubectl, in which order, and that whatever refuses it leaves things as they were."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from backup.archives import restore
from backup.cluster import PODS, Cluster, stand_in
from backup.compose import Compose
from backup.installation import KEEPING, MARK
from opsbuddy_core.backup.archive import BackupError, Writer

pytestmark = pytest.mark.process
Program = Callable[[str], list[str]]


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return written(tmp_path)


def written(folder: Path, *services: str, inside: str = "", mark: bytes = b"{}") -> Path:
    """Return an archive with these services, all of them if none is named; each has one of `inside`, or of its own."""
    path = folder / "all.tar"
    with path.open("wb") as out, Writer(out, "opsbuddy", "0.1.0") as whole:
        for service in services or KEEPING:
            with (folder / "part").open("wb") as part, Writer(part, inside or service, "0.1.0") as content:
                content.add_bytes("content", service.encode())
            whole.add_file(f"{service}.tar", folder / "part")
        whole.add_bytes(MARK, mark)
    return path


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], Callable[[], list[str]]]:
    """Put a program on PATH that notes what it is asked, and does what the given lines of shell say; returns what was noted."""

    def make(name: str, does: str) -> Callable[[], list[str]]:
        folder, noted = tmp_path / "bin", tmp_path / "noted"
        folder.mkdir()
        noted.touch()
        (folder / name).write_text(f'#!/bin/sh\necho "$*" >>{noted}\n{does}\n')
        (folder / name).chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
        return lambda: [line for line in noted.read_text().splitlines() if line != "compose version"]

    return make


REFUSING = 'case "$*" in *--check*) echo "file-service: There are data already" >&2; exit 1;; esac'
RUNNING, STOPPED = 'case "$*" in "compose ps -q"*) echo id;; esac', 'case "$*" in *"ps -q -a") echo id;; esac'


@pytest.mark.parametrize(
    ("project", "force", "last"),
    [("", False, "compose down"), (STOPPED, False, "compose stop"), (RUNNING, True, "compose up -d")],
    ids=["fresh", "stopped", "running"],
)
def test_a_refused_restore_leaves_a_compose_project_as_it_was(
    project: str, force: bool, last: str, tmp_path: Path, archive: Path, program
) -> None:
    asked = program("docker", f"{project}\n{REFUSING}")
    with pytest.raises(BackupError, match="There are data already"):
        restore(Compose(tmp_path), archive, print, force=force)
    assert asked()[-1] == last
    assert ("compose up -d" in asked()) == (project == RUNNING)


def test_a_restored_compose_project_runs(tmp_path: Path, archive: Path, program) -> None:
    asked = program("docker", "cat >/dev/null")
    restore(Compose(tmp_path), archive, print, force=False)
    assert asked()[-1] == "compose up -d"


def deployment(name: str) -> dict[str, object]:
    service = {"name": name, "image": "i", "env": [{"name": "DATA_DIR", "value": "/d"}], "readinessProbe": {"exec": {}}}
    service |= {"volumeMounts": [{"name": "data", "mountPath": "/d"}], "ports": [{"containerPort": 1}]}
    spec = {"serviceAccountName": name, "containers": [{"name": "sidecar"}, service], "volumes": [{"name": "data"}]}
    return {"metadata": {"name": name}, "spec": {"replicas": 1, "template": {"metadata": {"labels": {"a": "b"}}, "spec": spec}}}  # fmt: skip


def cluster(tmp_path: Path, **of_resources: object) -> str:
    """Return the lines of shell of a kubectl that finds all services."""
    found = {
        "deployments": [deployment(name) for name in KEEPING],
        "resources": [{"metadata": {"name": name}, "spec": {}} | of_resources for name in KEEPING],
    }
    for name, items in found.items():
        (tmp_path / name).write_text(json.dumps({"items": items}))
    answers = f'case "$*" in *"get deploy"*) cat {tmp_path}/deployments;; *"get opsb"*) cat {tmp_path}/resources;;'
    return f'{answers} *" create "*|*"exec -i"*) cat >/dev/null;; esac'


def test_on_a_cluster_services_are_stopped_restored_and_brought_back(tmp_path: Path, archive: Path, program) -> None:
    asked = program("kubectl", cluster(tmp_path))
    restore(Cluster(tmp_path, "ours"), archive, print, force=True)
    assert all(line.startswith("-n ours ") for line in asked())
    did = [line.removeprefix("-n ours ") for line in asked() if " get " not in line]
    steps = [" ".join(word for word in line.split()[:2] if not word.startswith("opsb")) for line in did]
    started = ["patch"] * 4 + ["wait --for=condition=Suspended=False", "wait --for=condition=Ready", *["rollout status"] * 4]  # fmt: skip
    assert steps == [
        *["patch"] * 4,
        "wait --for=condition=Suspended=True",
        "scale --replicas=0",
        "wait --for=delete",
        "delete --ignore-not-found",
        "create -f",
        "wait --for=condition=Ready",
        *[f"exec {pod}" for pod in PODS],
        *["exec -i"] * 4,
        "delete --ignore-not-found",
        *started,
    ]
    assert '"suspend": true' in did[0]
    assert '"suspend": null' in did[-7]


def test_a_refused_restore_brings_a_clusters_services_back(tmp_path: Path, archive: Path, program) -> None:
    asked = program("kubectl", f"{cluster(tmp_path)}\n{REFUSING}")
    with pytest.raises(BackupError, match=r"^file-service: There are data already$"):
        restore(Cluster(tmp_path, "ours"), archive, print, force=True)
    assert not any("exec -i" in line for line in asked())
    assert '"suspend": null' in asked()[-7]
    assert "rollout status" in asked()[-1]


def test_services_that_run_are_stopped_only_when_told_so(tmp_path: Path, archive: Path, program) -> None:
    asked = program("kubectl", cluster(tmp_path))
    with pytest.raises(BackupError, match="--force stops them"):
        restore(Cluster(tmp_path, "ours"), archive, print, force=False)
    assert [line.split()[2] for line in asked()] == ["get", "get"]


def test_what_its_owner_suspended_is_not_touched(tmp_path: Path, archive: Path, program) -> None:
    asked = program("kubectl", cluster(tmp_path, spec={"suspend": True}))
    with pytest.raises(BackupError, match="analytics-service is suspended"):
        restore(Cluster(tmp_path, "ours"), archive, print, force=True)
    assert [line.split()[2] for line in asked()] == ["get", "get"]


def test_a_second_run_mends_what_a_killed_one_left(tmp_path: Path, archive: Path, program) -> None:
    noted = {"name": "analytics-service", "annotations": {"opsbuddy.dev/stopped-for-restore": "true"}}
    asked = program("kubectl", cluster(tmp_path, spec={"suspend": True}, metadata=noted))
    restore(Cluster(tmp_path, "ours"), archive, print, force=True)
    assert "rollout status" in asked()[-1]


def test_what_stands_in_for_a_service_has_its_settings_and_volumes_and_serves_nothing() -> None:
    pod = stand_in(deployment("file-service"))
    (container,) = pod["spec"]["containers"]
    assert pod["metadata"] == {"name": "file-service-restore"}, "labels would let a Service find it"
    assert container == {
        "name": "file-service",
        "image": "i",
        "command": ["sleep", "21600"],
        "env": [{"name": "DATA_DIR", "value": "/d"}],
        "volumeMounts": [{"name": "data", "mountPath": "/d"}],
    }
    assert (pod["spec"]["volumes"], pod["spec"]["serviceAccountName"]) == ([{"name": "data"}], "file-service")
    assert pod["spec"]["restartPolicy"] == "Never"


@pytest.mark.parametrize(
    ("services", "inside", "mark", "said"),
    [
        (KEEPING[:-1], "", b"{}", r"nothing of file-service"),
        (KEEPING, "file-service", b"{}", r"should be the archive of analytics-service is one of file-service"),
        (KEEPING, "", "{}".encode("utf-16"), r"day\.json .* cannot be read"),
    ],
    ids=["a service is missing", "another service's", "no mark"],
)
def test_an_archive_that_was_put_together_otherwise_is_refused_before_anything_is_asked(
    services: tuple[str, ...], inside: str, mark: bytes, said: str, tmp_path: Path, program
) -> None:
    asked = program("docker", "")
    with pytest.raises(BackupError, match=said):
        restore(Compose(tmp_path), written(tmp_path, *services, inside=inside, mark=mark), print, force=True)
    assert asked() == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("save", "demo", "all.tar", "--data", "nothing"), "Nothing is kept in {folder}/nothing: the demo has not run"),
        (("save", "demo", "nowhere/all.tar"), "{folder}/nowhere/.all.tar.draft: No such file or directory\n"),
        (("restore", "demo", "nowhere.tar"), "nowhere.tar: No such file or directory\n"),
        (("save", "compose", "all.tar"), "docker is missing: install it"),
        (("save", "cluster", "all.tar"), "kubectl is missing: install it"),
    ],
    ids=["no demo", "no folder", "no file", "no docker", "no kubectl"],
)
def test_what_is_not_there_is_named(arguments: tuple[str, ...], says: str, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    environment = {"PATH": str(tmp_path / "bin"), "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, "-m", "backup", *arguments],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith(says.format(folder=tmp_path)), done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bin"]
