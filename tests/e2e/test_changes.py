"""What a change of a resource, or a hand, does to what runs."""

import asyncio
import subprocess
from typing import Any

import pytest

from tests.contract.apiserver import kubectl
from tests.contract.cluster import Cluster
from tests.e2e.resources import sample, service
from tests.support.wait import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.namespaced]
STARTED = 60  # seconds within which pods start on a machine that has much to do
SOON = 10  # seconds for what the operator does by itself
IMAGE = sample("utility-service")["spec"]["image"]


async def pods(cluster: Cluster, name: str = "web") -> dict[str, dict[str, Any]]:
    """Return the pods of a service that are not on their way out, by their uid."""
    found = await cluster.list("pods", f"opsbuddy.dev/service={name}")
    return {pod["metadata"]["uid"]: pod for pod in found if "deletionTimestamp" not in pod["metadata"]}


async def settled(cluster: Cluster, name: str = "web") -> None:
    """Wait until the newest spec runs, and nothing else."""
    await cluster.until(name, within=STARTED)
    await cluster.until(name, "Progressing", "False", "RolledOut", within=STARTED)


async def replicas(cluster: Cluster, wanted: int, name: str = "web") -> None:
    async def run() -> bool:
        status = (await cluster.get("obs", name)).get("status", {})
        return status.get("readyReplicas") == wanted == len(await pods(cluster, name))

    await eventually(run, within=STARTED, every=0.2, what=f"{wanted} pods of {name} are ready, and no more are there")


@pytest.fixture(scope="module")
def second_tag(kubeconfig) -> str:
    """A second tag for the image of the tests' service, on every node; no registry is asked for it."""
    tag = f"{IMAGE['tag']}-again"
    images = [f"docker.io/library/{IMAGE['repository']}:{each}" for each in (IMAGE["tag"], tag)]
    nodes = kubectl(kubeconfig, "get", "nodes", "-o", "jsonpath={.items[*].metadata.name}").split()
    for node in nodes:
        command = ["docker", "exec", node, "ctr", "--namespace", "k8s.io", "images", "tag", "--force", *images]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 0, f'{done.stderr}\nis DOCKER_HOST set? eval "$(tests/cluster/env.sh)"'
    return tag


async def test_a_change_of_tag_replicas_and_environment_changes_what_runs(cluster, second_tag):
    await cluster.apply(service())
    await settled(cluster)
    env = [{"name": "DATA_DIR", "value": "/tmp"}, {"name": "LOG_LEVEL", "value": "ERROR"}]  # noqa: S108 - of the pod
    await cluster.patch("obs", "web", {"spec": {"image": {"tag": second_tag}}})
    await settled(cluster)
    (pod,) = (await pods(cluster)).values()
    assert pod["spec"]["containers"][0]["image"] == f"{IMAGE['repository']}:{second_tag}"
    assert (await cluster.get("obs", "web"))["status"]["image"].endswith(f":{second_tag}")
    await cluster.patch("obs", "web", {"spec": {"replicas": 2, "env": env}})
    await settled(cluster)
    await replicas(cluster, 2)
    for pod in (await pods(cluster)).values():
        assert {"name": "LOG_LEVEL", "value": "ERROR"} in pod["spec"]["containers"][0]["env"]
        assert pod["status"]["containerStatuses"][0]["ready"]


async def test_a_hand_edit_is_undone_and_foreign_labels_and_annotations_stay(cluster):
    await cluster.apply(service())
    await settled(cluster)
    before = await pods(cluster)
    foreign = {"labels": {"team": "blue"}, "annotations": {"example.com/note": "kept"}}
    await cluster.patch("deployments", "web", {"spec": {"replicas": 3}, "metadata": foreign})
    await cluster.patch("services", "web", {"spec": {"ports": [{"port": 99}]}, "metadata": foreign})
    await cluster.delete("serviceaccounts", "web")

    async def undone() -> bool:
        deployment, door = await cluster.get("deployments", "web"), await cluster.get("services", "web")
        assert deployment["spec"]["replicas"] == 1
        assert [port["port"] for port in door["spec"]["ports"]] == [sample("utility-service")["spec"]["port"]]
        for live in (deployment, door):
            assert live["metadata"]["labels"]["team"] == "blue"
            assert live["metadata"]["annotations"]["example.com/note"] == "kept"
        return await cluster.get("serviceaccounts", "web") is not None

    await eventually(undone, within=SOON)
    await replicas(cluster, 1)
    assert set(await pods(cluster)) == set(before)


async def test_a_resource_scales_by_its_field_and_by_kubectl_scale(cluster, kubeconfig):
    await cluster.apply(service())
    await replicas(cluster, 1)
    await cluster.patch("obs", "web", {"spec": {"replicas": 2}})
    await replicas(cluster, 2)
    kubectl(kubeconfig, "-n", cluster.namespace, "scale", "opsbuddyservice/web", "--replicas=3")
    await replicas(cluster, 3)
    kubectl(kubeconfig, "-n", cluster.namespace, "scale", "opsbuddyservice/web", "--replicas=0")
    await replicas(cluster, 0)
    await cluster.until("web", reason="ScaledToZero", within=SOON)


def secret(name: str, value: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": {"token": value}}


async def test_a_rotated_secret_rolls_the_pods_that_refer_to_it_and_nothing_else(cluster):
    await cluster.apply(secret("mine", "old"))
    await cluster.apply(secret("another", "old"))
    reference = {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "mine", "key": "token"}}}
    base = service()["spec"]["env"]
    await cluster.apply(service("by-env", env=[*base, reference]))
    await cluster.apply(service("by-list", secrets=[{"name": "mine"}]))
    await cluster.apply(service("of-another", secrets=[{"name": "another"}]))
    await cluster.apply(service("without"))
    names = ("by-env", "by-list", "of-another", "without")
    await asyncio.gather(*(settled(cluster, name) for name in names))
    before = {name: set(await pods(cluster, name)) for name in names}
    await cluster.apply(secret("mine", "new"))

    async def rolled() -> bool:
        now = {name: set(await pods(cluster, name)) for name in names}
        assert all(now[name] and not now[name] & before[name] for name in ("by-env", "by-list")), now
        return True

    await eventually(rolled, within=STARTED, every=0.3, what="both pods that refer to the Secret are new")
    await asyncio.gather(*(settled(cluster, name) for name in names))
    assert {name: set(await pods(cluster, name)) for name in names[2:]} == {name: before[name] for name in names[2:]}


async def test_suspend_takes_the_hands_off_and_resuming_catches_up(cluster):
    await cluster.apply(service())
    await settled(cluster)
    await cluster.patch("obs", "web", {"spec": {"suspend": True, "replicas": 2}})
    await cluster.until("web", "Suspended", within=SOON)
    await cluster.patch("deployments", "web", {"spec": {"revisionHistoryLimit": 7}})
    await cluster.apply(service("other"))  # by the time that it runs, the edit has long been seen
    await settled(cluster, "other")
    live = await cluster.get("deployments", "web")
    assert (live["spec"]["replicas"], live["spec"]["revisionHistoryLimit"]) == (1, 7)
    await cluster.patch("obs", "web", {"spec": {"suspend": False}})
    await cluster.until("web", "Suspended", "False", within=SOON)
    await replicas(cluster, 2)
    assert (await cluster.get("deployments", "web"))["spec"]["revisionHistoryLimit"] == 3
