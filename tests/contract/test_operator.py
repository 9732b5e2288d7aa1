"""What the operator promises, seen from outside: a real API server and its controllers, the operator as a process of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.apiserver import get, kubectl
from tests.contract.operator_process import OperatorProcess, operator
from tests.support.wait import eventually

pytestmark = pytest.mark.contract


@pytest.fixture(scope="module")
def running(apiserver: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OperatorProcess]:
    with operator(apiserver, tmp_path_factory.mktemp("operator"), LEADER_ELECTION="false") as process:
        yield process


def resource(name: str = "web", **spec):
    return {
        "apiVersion": "opsbuddy.dev/v1alpha1",
        "kind": "OpsBuddyService",
        "metadata": {"name": name},
        "spec": {"image": {"repository": "example.com/web", "tag": "1"}, "port": 8001} | spec,
    }


async def test_a_resource_gets_its_objects_and_a_status_and_is_not_touched_itself(apiserver, namespace, running):
    await running.ready()
    kubectl(apiserver, "apply", "-n", namespace, "-f", "-", document=resource())

    async def judged():
        live = get(apiserver, "obs", "web", "-n", namespace)
        return live if live.get("status", {}).get("replicas") == 1 else None

    live = await eventually(judged, within=20)
    children = get(apiserver, "deployments,services,serviceaccounts", "-n", namespace, "-l", "opsbuddy.dev/service=web")
    assert sorted(child["kind"] for child in children["items"]) == ["Deployment", "Service", "ServiceAccount"]
    assert all(child["metadata"]["ownerReferences"][0]["uid"] == live["metadata"]["uid"] for child in children["items"])
    assert "finalizers" not in live["metadata"]
    assert list(live["metadata"]["annotations"]) == ["kubectl.kubernetes.io/last-applied-configuration"]
