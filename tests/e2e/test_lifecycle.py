"""What goes and what stays when a resource is deleted."""

import asyncio

import pytest

from tests.contract.apiserver import kubectl
from tests.contract.cluster import CHILDREN, Cluster
from tests.e2e.resources import gateway, sample, service
from tests.support.wait import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.namespaced]
STARTED = 60
CLAIMS = "persistentvolumeclaims"
KINDS = {
    "configmap",
    "deployment",
    "horizontalpodautoscaler",
    "ingress",
    "networkpolicy",
    "poddisruptionbudget",
    "role",
    "rolebinding",
    "service",
    "serviceaccount",
}
EVERYTHING = {
    "route": {"prefix": "/api/web"},
    "replicas": None,
    "autoscaling": {"minReplicas": 1, "maxReplicas": 2, "cpu": {}},
    "config": {"environment": {"LOG_LEVEL": "DEBUG"}},
    "disruptionBudget": {"maxUnavailable": 1},
    "networkPolicy": {"ingressFrom": []},
    "ingress": {"host": "web.example.com"},
}


async def through_the_api_server(cluster: Cluster, method: str, path: str, **more) -> dict:
    """Ask file-service by way of the API server."""
    door = f"api/v1/namespaces/{cluster.namespace}/services/file-service:8001/proxy"
    answer = await cluster.session.request(method, f"{door}{path}", **more)
    assert answer.is_success, answer.text
    return answer.json()


def with_disk(**storage: str) -> dict:
    body = sample("file-service")
    without = {field: value for field, value in body["spec"].items() if field != "route"}
    body["spec"] = without | {"storage": body["spec"]["storage"] | storage}
    body["spec"]["env"] = [entry for entry in body["spec"]["env"] if entry["name"] != "ANALYTICS_URL"]
    return body


async def test_deletion_removes_all_but_the_claim_unless_asked_and_the_same_name_finds_its_data_again(cluster):
    temporary = with_disk(onDelete="Delete")
    temporary["metadata"]["name"] = "temporary"
    await cluster.apply(with_disk())
    await cluster.apply(temporary)
    await asyncio.gather(*(cluster.until(name, within=STARTED) for name in ("file-service", "temporary")))
    assert {claim["metadata"]["name"] for claim in await cluster.list(CLAIMS)} == {"file-service", "temporary"}
    sent = await through_the_api_server(cluster, "POST", "/files/upload", files={"file": ("kept.txt", b"kept")})
    await cluster.delete("obs", "file-service")
    await cluster.delete("obs", "temporary")

    async def gone() -> bool:
        for plural in (*CHILDREN, "pods"):
            left = [obj["metadata"]["name"] for obj in await cluster.list(plural, "opsbuddy.dev/service")]
            assert left == (["file-service"] if plural == CLAIMS else []), plural
        return True

    await eventually(gone, within=STARTED, every=0.3, what="all is gone but one claim")
    await cluster.apply(with_disk())
    await cluster.until("file-service", within=STARTED)
    found = await through_the_api_server(cluster, "GET", f"/files/{sent['id']}")
    assert found["filename"] == "kept.txt"


async def test_deletion_removes_objects_of_every_kind(cluster, kubeconfig):
    async def objects(*kinds: str) -> list[str]:
        get = ("get", ",".join(kinds), "-n", cluster.namespace, "-l", "opsbuddy.dev/service", "-o", "name")
        return (await asyncio.to_thread(kubectl, kubeconfig, *get)).split()

    async def all_are_there() -> bool:
        assert {name.partition("/")[0].partition(".")[0] for name in await objects(*KINDS)} == KINDS
        return True

    await cluster.apply(gateway())
    await cluster.apply(service(**EVERYTHING))
    await eventually(all_are_there, within=STARTED, every=0.3)
    for name in ("gateway", "web"):
        await cluster.delete("obs", name)

    async def gone() -> bool:
        assert await objects(*KINDS, "pod") == []
        assert [left["metadata"]["name"] for left in await cluster.list("configmaps")] == ["kube-root-ca.crt"]
        return True

    await eventually(gone, within=STARTED, every=0.3, what="all is gone")
