"""A gateway with TLS and an API key, both from Secrets, as the values of the chart make it."""

import asyncio
import base64
import hashlib
import ssl
import time
from typing import Any

import pytest

from tests.charts import helm
from tests.charts.effects import nested
from tests.contract.apiserver import kubectl
from tests.contract.cluster import Cluster
from tests.e2e.forward import port_forward
from tests.e2e.resources import secret, service
from tests.support.certificates import self_signed, serial
from tests.support.wait import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.namespaced, pytest.mark.timeout(400)]
STARTED = 150  # seconds within which pods start on a machine that has much to do
KEY = "a-key-of-this-test-alone"
VALUES = {
    "influxdb.enabled": False,
    "gateway.tls.existingSecret": "gateway-tls",
    "gateway.apiKeys.existingSecret": "gateway-access",
    "gateway.authentication.required": True,
    "services.gateway.env.ANALYTICS_URL": None,
    "services.gateway.env.EXTRA_CHECKS": None,
    "services.ui-service.env.ANALYTICS_URL": None,
}


def certificate() -> dict[str, Any]:
    chain, key = self_signed("gateway")
    made = secret("gateway-tls", "kubernetes.io/tls")
    files = {"tls.crt": chain, "tls.key": key, "ca.crt": chain}
    made["data"] = {name: base64.b64encode(text.encode()).decode() for name, text in files.items()}
    return made


def of_the_chart(name: str) -> dict[str, Any]:
    made = helm.one(helm.render(helm.STACK, nested(VALUES)), "OpsBuddyService", name)
    return {**made, "metadata": {"name": name}}


async def answer(cluster: Cluster, path: str, **headers: str) -> int:
    """Return the status with which the gateway answers, asked by TLS through the API server."""
    base = f"api/v1/namespaces/{cluster.namespace}/services/https:gateway:8000/proxy"
    return (
        await cluster.session.get(f"{base}{path}", headers={k.replace("_", "-"): v for k, v in headers.items()})
    ).status_code


@pytest.fixture
async def closed(cluster: Cluster) -> Cluster:
    """A namespace with such a gateway."""
    digest = hashlib.sha256(KEY.encode()).hexdigest()
    await cluster.create("secrets", certificate())
    await cluster.create("secrets", secret("gateway-access", api_keys=f"robot:{digest}:oncall\n"))
    await cluster.apply(of_the_chart("gateway"))
    return cluster


async def test_nobody_gets_in_without_the_key_and_the_ui_calls_by_tls(closed):
    await closed.apply(of_the_chart("ui-service"))
    await closed.apply(service("web", route={"prefix": "/api/web"}))
    await asyncio.gather(*(closed.until(name, within=STARTED) for name in ("gateway", "ui-service", "web")))
    assert (await closed.get("obs", "gateway"))["status"]["url"].startswith("https://gateway.")
    assert await answer(closed, "/health/ready") == 200
    assert await answer(closed, "/api/web/health") == 401
    assert await answer(closed, "/api/web/health", X_API_Key="another") == 401
    assert await answer(closed, "/api/web/health", X_API_Key=KEY) == 200

    async def the_ui_sees_it() -> bool:
        path = f"api/v1/namespaces/{closed.namespace}/services/ui-service:3000/proxy/api/services/status"
        answered = await closed.session.get(path)
        assert answered.is_success, answered.text
        states = {each["name"]: each["status"] for each in answered.json()["services"]}
        assert states["gateway"] == "healthy", answered.text
        return True

    await eventually(the_ui_sees_it, within=30, every=0.5, what="the UI has an answer of the gateway")


async def test_a_renewed_certificate_is_served_by_the_same_pods(closed, kubeconfig):
    await closed.until("gateway", within=STARTED)
    (pod,) = await closed.list("pods", "opsbuddy.dev/service=gateway")
    renewed = certificate()
    await closed.patch("secrets", "gateway-tls", {"data": renewed["data"]})
    wanted = serial(base64.b64decode(renewed["data"]["tls.crt"]))
    name = pod["metadata"]["name"]

    with port_forward(kubeconfig, closed.namespace, f"pod/{name}", 8000) as url:
        host, port = url.removeprefix("http://").split(":")

        async def served() -> bool:
            # a change of the pod has the kubelet look at its volumes now rather than within a minute
            kubectl(
                kubeconfig,
                "-n",
                closed.namespace,
                "annotate",
                "pod",
                name,
                "--overwrite",
                f"looked={time.monotonic_ns()}",
            )
            shown = serial(await asyncio.to_thread(ssl.get_server_certificate, (host, int(port))))
            assert shown == wanted
            return True

        await eventually(served, within=150, every=2, what="the new certificate is served")
    (after,) = await closed.list("pods", "opsbuddy.dev/service=gateway")
    assert after["metadata"]["uid"] == pod["metadata"]["uid"]
    assert after["status"]["containerStatuses"][0]["restartCount"] == 0
