"""What people get wrong, typed as they would, and what they are told."""

import asyncio
from typing import Any

import pytest
import yaml

from tests.contract.apiserver import refusal
from tests.e2e.resources import gateway, service

pytestmark = [pytest.mark.e2e, pytest.mark.namespaced]
STARTED = 60
SOON = 15
SMALL = """
apiVersion: opsbuddy.dev/v1alpha1
kind: OpsBuddyService
metadata: {name: web}
spec:
  image: {repository: opsbuddy-utility-service, tag: 0.1.0}
  port: 8002
"""


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"replicas": -1}, "spec.replicas"),
        ({"replicas": "two"}, "spec.replicas"),
        ({"port": 70000}, "spec.port"),
        ({"replica": 2}, "spec.replica"),
        ({"route": {"prefix": "api/web"}}, "spec.route.prefix"),
        ({"route": {"prefix": "/health"}}, "route.prefix is one of the gateway's own paths"),
        ({"image": {"repository": "web"}}, "image needs exactly one of tag and digest"),
        ({"replicas": 2, "storage": {"size": "1Gi"}}, "storage is mounted by one pod only"),
        ({"replicas": 2, "autoscaling": {"maxReplicas": 3, "cpu": {}}}, "replicas and autoscaling exclude each other"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_manifest_that_cannot_work_is_refused_by_a_message_that_names(cluster, kubeconfig, more, named):
    body: dict[str, Any] = yaml.safe_load(SMALL)
    body["spec"] |= more
    said = await asyncio.to_thread(refusal, kubeconfig, "-n", cluster.namespace, "apply", "-f", "-", document=body)
    assert named in said
    assert await cluster.list("obs") == []


async def test_a_missing_secret_is_named_and_creating_it_is_enough(cluster):
    await cluster.apply(service(secrets=[{"name": "credentials"}]))
    told = await cluster.until("web", "Ready", "False", "ReferenceMissing", within=SOON)
    assert "Secret credentials" in told["message"]
    await cluster.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "credentials"}})
    await cluster.until("web", within=STARTED)


async def test_an_image_that_does_not_exist_is_named_and_mending_it_is_enough(cluster):
    right = service()["spec"]["image"]
    await cluster.apply(service(image=right | {"repository": "127.0.0.1:9/no-such-image"}))  # refused without a wait
    told = await cluster.until("web", "Ready", "False", "PodFailing", within=STARTED)
    assert "cannot pull its image" in told["message"]
    assert "127.0.0.1:9/no-such-image" in told["message"]
    await cluster.patch("obs", "web", {"spec": {"image": right}})
    await cluster.until("web", within=STARTED)


async def test_a_crash_loop_tells_the_last_words_and_mending_it_is_enough(cluster):
    body = service()
    env = body["spec"]["env"]
    await cluster.apply(service(env=[*env, {"name": "LOG_LEVEL", "value": "LOUD"}]))
    told = await cluster.until("web", "Ready", "False", "PodFailing", within=STARTED)
    assert "LOG_LEVEL" in told["message"]
    await cluster.patch("obs", "web", {"spec": {"env": env}})
    await cluster.until("web", within=STARTED)


async def test_a_new_version_that_crashes_leaves_the_old_one_serving(cluster):
    await cluster.apply(gateway())
    await cluster.apply(service(route={"prefix": "/api/web"}))
    await cluster.until("web", within=STARTED)
    env = [*service()["spec"]["env"], {"name": "LOG_LEVEL", "value": "LOUD"}]
    await cluster.patch("obs", "web", {"spec": {"env": env}})
    await cluster.until("web", "Progressing", "True", "PodFailing", within=STARTED)
    door = f"api/v1/namespaces/{cluster.namespace}/services/gateway:8000/proxy/api/web/health"
    assert (await cluster.session.get(door)).json()["status"] == "healthy"
