"""What one needs to understand a failed test of the cluster."""

import subprocess
from pathlib import Path

from tests.support.programs import BIN

PATIENCE = 20  # seconds for an answer
STATES = "{range .items[*]}{.metadata.name}: {range .status.conditions[*]}{.type}={.status} {.reason}: {.message} | {end}{'\\n'}{end}"


def report(kubeconfig: Path, namespace: str) -> str:
    """Return the state of a namespace, and what its pods and the operator said last."""

    def say(*arguments: str) -> str:
        command = [BIN / "kubectl", "--kubeconfig", kubeconfig, "-n", namespace, *arguments]
        asked = f"$ kubectl -n {namespace} {' '.join(arguments)}\n"
        try:  # the test has failed already, and what else can be told shall be
            done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"{asked}{error}\n"
        return f"{asked}{done.stdout}{done.stderr}"

    pods = [line for line in say("get", "pods", "-o", "name").splitlines() if line.startswith("pod/")]
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
