"""What tests/cluster/stack.sh does with the release that a run before left behind."""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.charts import helm
from tests.charts.helm import STACK
from tests.contract.apiserver import ROOT, get, kubectl
from tests.support.programs import BIN

pytestmark = pytest.mark.contract
OPTIONS = ("--no-hooks", "--set", "operator.enabled=false")  # nothing runs here that could complete a Job


@pytest.fixture
def in_here(apiserver: Path, namespace: str) -> Iterator[tuple[str, ...]]:
    options = ("-n", namespace, "--kubeconfig", str(apiserver))
    yield options
    helm.run("uninstall", "opsbuddy", "--no-hooks", *options)


def kill_in_the_middle(apiserver: Path, namespace: str, *arguments: str) -> None:
    """Start Helm, which waits for pods that never come, and kill it when it has begun."""
    pending = ("secrets", "-n", namespace, "-l", "owner=helm,status in (pending-install,pending-upgrade)")
    command = [helm.binary(), "upgrade", "--install", "opsbuddy", str(STACK), "--wait", *OPTIONS, *arguments]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
        deadline = time.monotonic() + 25
        while not get(apiserver, *pending)["items"] and time.monotonic() < deadline:
            assert running.poll() is None, "helm ended by itself"
        running.kill()
    assert get(apiserver, *pending)["items"]


@pytest.mark.parametrize("before", ["nothing", "a release"])
def test_a_run_that_was_killed_in_the_middle_is_no_reason_to_refuse_the_next(apiserver, namespace, in_here, before):
    if before == "a release":
        helm.run("install", "opsbuddy", str(STACK), *OPTIONS, *in_here)
    kill_in_the_middle(apiserver, namespace, *in_here)
    with pytest.raises(helm.HelmError, match="another operation"):
        helm.run("upgrade", "--install", "opsbuddy", str(STACK), *OPTIONS, *in_here)
    environment = {"CLUSTER_KUBECONFIG": str(apiserver), "CLUSTER_NAMESPACE": namespace, "CLUSTER_BIN": str(BIN)}
    done = subprocess.run(
        [ROOT / "tests/cluster/stack.sh", "--wait=false", *OPTIONS],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(helm.run("status", "opsbuddy", "-o", "json", *in_here))["info"]["status"] == "deployed"
    assert "influxdb" in kubectl(apiserver, "-n", namespace, "get", "deployments", "-o", "name")
