"""What one needs to understand a failed test of the cluster."""

import subprocess
from pathlib import Path

from tests.contract.apiserver import BIN

STATES = "{range .items[*]}{.metadata.name}: {range .status.conditions[*]}{.type}={.status} {.reason}: {.message} | {end}{'\\n'}{end}"


def report(kubeconfig: Path, namespace: str) -> str:
    """Return the state of a namespace, and what its pods and the operator said last."""

    def say(*arguments: str) -> str:
        command = [BIN / "kubectl", "--kubeconfig", kubeconfig, "-n", namespace, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
        return f"$ kubectl -n {namespace} {' '.join(arguments)}\n{done.stdout}{done.stderr}"

    pods = say("get", "pods", "-o", "name").splitlines()[1:]
    return "\n".join(
        [
            say(
                "get", "opsbuddyservices,deployments,pods,persistentvolumeclaims,horizontalpodautoscalers", "-o", "wide"
            ),
            say("get", "opsbuddyservices", "-o", f"jsonpath={STATES}"),
            "\n".join(say("get", "events", "--sort-by=.lastTimestamp").splitlines()[-40:]),
            *(say("logs", pod, "--all-containers", "--tail=20") for pod in pods),
            say("logs", "-n", "opsbuddy", "deployment/opsbuddy-operator", "--tail=40"),
        ]
    )
