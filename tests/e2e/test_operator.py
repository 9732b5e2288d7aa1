"""The operator is killed in the middle of its work."""

import asyncio

import pytest

from tests.contract.apiserver import kubectl
from tests.e2e.release import STACK
from tests.e2e.resources import gateway, service
from tests.support.wait import eventually

pytestmark = pytest.mark.e2e


async def test_killed_in_the_middle_of_a_rollout_another_operator_completes_it(cluster, operator, kubeconfig):
    await cluster.apply(gateway())
    await cluster.apply(service(replicas=3, route={"prefix": "/api/web"}))
    await asyncio.gather(*(cluster.until(name, within=60) for name in ("gateway", "web")))
    (killed,) = await operator.ready()
    env = [*service()["spec"]["env"], {"name": "LOG_LEVEL", "value": "WARNING"}]
    await cluster.patch("obs", "web", {"spec": {"env": env}})

    async def begun() -> bool:
        status = (await cluster.get("deployments", "web"))["status"]
        return 0 < status.get("updatedReplicas", 0) < 3

    await eventually(begun, within=20, what="the rollout has begun and not ended")
    await asyncio.to_thread(kubectl, kubeconfig, "-n", STACK, "delete", "pod", killed, "--grace-period=0", "--force")
    assert await operator.ready() == []
    await cluster.patch("obs", "web", {"spec": {"replicas": 2}})  # nobody is there to see it
    await cluster.apply(service("late", route={"prefix": "/api/late"}))

    async def converged() -> bool:
        for name in ("gateway", "web", "late"):
            await cluster.until(name, within=0)
            await cluster.until(name, "Progressing", "False", "RolledOut", within=0)
        pods = await cluster.list("pods", "opsbuddy.dev/service=web")
        return len([pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]) == 2

    await eventually(converged, within=90, every=0.3, what="all is as it was asked for")
    (live,) = await operator.ready()
    assert live != killed


async def test_its_own_logs_are_found_in_analytics(stack, cluster):
    """What it did a moment ago: it wrote the routing table of a namespace that is new."""
    await cluster.apply(gateway())
    query = {"service": "operator", "operation": "routes", "limit": 1000}
    path = f"api/v1/namespaces/{STACK}/services/analytics-service:8003/proxy/logs/query"

    async def told() -> bool:
        answer = await stack.session.post(path, json=query)
        assert answer.is_success, answer.text
        return cluster.namespace in {log["data"].get("namespace") for log in answer.json()["logs"]}

    await eventually(told, within=30, every=0.5, what="the operator's log is stored")
