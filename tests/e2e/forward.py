"""kubectl port-forward, as a person on call uses it."""

import select
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.contract.description.installation import PORTS
from tests.support.programs import BIN


@contextmanager
def port_forward(kubeconfig: Path, namespace: str, target: str, port: int) -> Iterator[str]:
    """Yield the address on loopback behind which `target`, such as service/gateway, answers."""
    command = [BIN / "kubectl", "--kubeconfig", kubeconfig, "-n", namespace, "port-forward", target, f":{port}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            assert process.stdout
            ready, _, _ = select.select([process.stdout], [], [], 20)
            said = process.stdout.readline() if ready else "nothing within 20 s"
            assert said.startswith("Forwarding from 127.0.0.1:"), said
            yield f"http://{said.split()[2]}"
        finally:
            process.terminate()


@contextmanager
def port_forwards(kubeconfig: Path, namespace: str) -> Iterator[dict[str, str]]:
    """Yield an address for every service of the platform."""
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(port_forward(kubeconfig, namespace, f"service/{name}", port))
            for name, port in PORTS.items()
        }
