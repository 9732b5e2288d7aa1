"""The autoscaler of Kubernetes on real CPU load, measured by the cluster's metrics server."""

import pytest

from tests.e2e.load import load
from tests.e2e.resources import service
from tests.support.wait import eventually

pytestmark = pytest.mark.e2e


async def test_cpu_load_brings_more_pods_and_the_operator_leaves_their_number_alone(cluster):
    scaling = {"minReplicas": 1, "maxReplicas": 2, "cpu": {"targetUtilization": 50}}
    await cluster.apply(service(replicas=None, autoscaling=scaling, resources={"requests": {"cpu": "50m"}}))
    await cluster.until("web", within=60)

    async def two() -> bool:
        live = await cluster.get("obs", "web")
        assert live["status"].get("readyReplicas") == 2, live["status"]
        return True

    async with load(cluster, ("GET", "/system/info", None), at="http://web:8002", pause=0.005) as running:
        await eventually(two, within=110, every=0.5, what="the autoscaler brings a second pod")
        await cluster.patch(
            "obs", "web", {"spec": {"env": [*service()["spec"]["env"], {"name": "LOG_LEVEL", "value": "WARNING"}]}}
        )
        await cluster.until("web", "Progressing", "False", "RolledOut", within=60)
        await running.goes_on()
    assert (await cluster.get("deployments", "web"))["spec"]["replicas"] == 2
    assert (await cluster.get("horizontalpodautoscalers", "web"))["status"]["desiredReplicas"] == 2
