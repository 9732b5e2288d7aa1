"""A real API server with controllers for contract tests, and kubectl against it."""

import json
import os
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psutil

from tests.support.processes import has_ended
from tests.support.programs import BIN
from tests.support.wait import eventually

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "tests/cluster/apiserver.sh"
CRD = ROOT / "crds/opsbuddyservices.opsbuddy.dev.yaml"


def _free_ports(count: int) -> list[int]:
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


@contextmanager
def running() -> Iterator[Path]:
    """Yield the kubeconfig of a fresh API server (with the controller manager) that knows the CRD."""
    with tempfile.TemporaryDirectory(prefix="apiserver-") as state:
        port, etcd, peer = _free_ports(3)
        environment = os.environ | {
            "STATE": state,
            "BIN": str(BIN),
            "PORT": str(port),
            "ETCD_PORT": str(etcd),
            "PEER_PORT": str(peer),
        }
        kubeconfig = Path(state) / "kubeconfig"
        try:
            _run([str(SCRIPT), "start", "controllers"], environment)
            install_crd(kubeconfig)
            yield kubeconfig
        finally:
            _run([str(SCRIPT), "stop"], environment)


async def kill(kubeconfig: Path) -> list[str]:
    """Kill the API server, which is gone when this returns, and return the command that starts it again."""
    server = psutil.Process(int((kubeconfig.parent / "apiserver.pid").read_text()))
    command = server.cmdline()
    server.kill()

    async def ended() -> bool:
        return has_ended(server)

    await eventually(ended, what="the API server is gone")
    return command


def start_again(kubeconfig: Path, command: list[str]) -> None:
    """Start it as it was; whoever made it ends it as if nothing had been."""
    script = 'setsid "$@" >>apiserver.log 2>&1 </dev/null & echo $! >apiserver.pid'
    subprocess.run(["bash", "-c", script, "--", *command], cwd=kubeconfig.parent, check=True)


def install_crd(kubeconfig: Path) -> None:
    kubectl(kubeconfig, "apply", "--server-side", "-f", str(CRD))
    # a condition can only be waited for once there is a status
    for what in ("jsonpath={.status.acceptedNames.kind}=OpsBuddyService", "condition=Established"):
        kubectl(kubeconfig, "wait", f"--for={what}", "--timeout=60s", "-f", str(CRD))


def kubectl(kubeconfig: Path, *arguments: str, document: Any = None) -> str:
    """Run kubectl, with the document (or list of documents) on its standard input; returns what it printed, raises with what it complained of."""
    documents = document if isinstance(document, list) else [document]
    text = None if document is None else "\n---\n".join(json.dumps(each) for each in documents)
    return _run(
        [
            str(BIN / "kubectl"),
            "--kubeconfig",
            str(kubeconfig),
            "--cache-dir",
            str(kubeconfig.parent / "discovery"),
            *arguments,
        ],
        dict(os.environ),
        text,
    )


def refusal(kubeconfig: Path, *arguments: str, document: Any = None) -> str:
    """Run kubectl, which has to fail, and return its complaint."""
    try:
        printed = kubectl(kubeconfig, *arguments, document=document)
    except RuntimeError as error:
        return str(error)
    raise AssertionError(f"kubectl {' '.join(arguments)} was to be refused, but printed: {printed}")


def get(kubeconfig: Path, *arguments: str) -> Any:
    """Return what `kubectl get ... -o json` answers."""
    return json.loads(kubectl(kubeconfig, "get", *arguments, "-o", "json", "--show-managed-fields"))


def _run(command: list[str], environment: dict[str, str], text: str | None = None) -> str:
    done = subprocess.run(command, env=environment, input=text, capture_output=True, text=True, timeout=90, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}: {done.stderr or done.stdout}")
    return done.stdout
