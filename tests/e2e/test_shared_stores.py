"""The file service on PostgreSQL and S3, by the values of the chart: two pods, no volume, one truth."""

import os
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.charts import helm
from tests.charts.effects import nested
from tests.compose.project import run
from tests.contract.cluster import Cluster
from tests.e2e.forward import port_forward
from tests.e2e.resources import TIGHT, secret
from tests.support import store_images
from tests.support.programs import BIN
from tests.support.wait import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.namespaced, pytest.mark.timeout(500)]
CLUSTER = os.environ.get("CLUSTER_NAME", "opsbuddy")
STARTED = 200  # seconds within which the stores, and then the pods, start on a machine that has much to do
PASSWORD, KEY = "password-of-this-test", "key-of-this-test"
OF_FILES = "services.file-service."
VALUES = {
    "influxdb.enabled": False,
    OF_FILES + "database.existingSecret": "stores",
    OF_FILES + "objectStore.url": "s3://opsbuddy/files",
    OF_FILES + "objectStore.endpoint": "http://stores:7070",
    OF_FILES + "objectStore.region": "us-east-1",
    OF_FILES + "objectStore.existingSecret": "stores",
    OF_FILES + "spec.replicas": 2,
    OF_FILES + "env.ANALYTICS_URL": None,
}


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> None:
    store_images.build(tmp_path_factory.mktemp("images"))
    run(str(BIN / "kind"), "load", "docker-image", "--name", CLUSTER, store_images.POSTGRES, store_images.S3)


def stores() -> dict[str, Any]:
    """Return a pod with both stores."""
    user = int(run("docker", "run", "--rm", "--entrypoint", "id", store_images.POSTGRES, "-u"))
    data = {"name": "data", "mountPath": "/data"}
    alike = {"imagePullPolicy": "Never", "securityContext": {**TIGHT, "readOnlyRootFilesystem": False}}
    postgres = {
        "name": "postgres",
        "image": store_images.POSTGRES,
        "env": [
            {"name": "POSTGRES_USER", "value": "opsbuddy"},
            {"name": "POSTGRES_DB", "value": "opsbuddy"},
            {"name": "POSTGRES_PASSWORD", "value": PASSWORD},
            {"name": "PGDATA", "value": "/data/postgres"},
        ],
    }
    s3 = {
        "name": "s3",
        "image": store_images.S3,
        "command": ["sh", "-c", "mkdir -p /data/s3/opsbuddy && exec versitygw --port :7070 posix /data/s3"],
        "workingDir": "/data",
        "env": [{"name": "ROOT_ACCESS_KEY", "value": KEY}, {"name": "ROOT_SECRET_KEY", "value": PASSWORD}],
    }
    listening = {postgres["name"]: 5432, s3["name"]: 7070}
    containers = [
        {**each, **alike, "volumeMounts": [data], "readinessProbe": {"tcpSocket": {"port": listening[each["name"]]}}}
        for each in (postgres, s3)
    ]
    return {
        "metadata": {"name": "stores", "labels": {"app": "stores"}},
        "spec": {
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": user,
                "fsGroup": user,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": containers,
            "volumes": [{"name": "data", "emptyDir": {}}],
        },
    }


async def started(cluster: Cluster) -> None:
    ports = [{"name": name, "port": port} for name, port in (("postgres", 5432), ("s3", 7070))]
    await cluster.create("pods", stores())
    await cluster.create(
        "services", {"metadata": {"name": "stores"}, "spec": {"selector": {"app": "stores"}, "ports": ports}}
    )
    url = f"postgresql://opsbuddy:{PASSWORD}@stores/opsbuddy"
    await cluster.create("secrets", secret("stores", url=url, access_key_id=KEY, secret_access_key=PASSWORD))

    async def ready() -> bool:
        states = (await cluster.get("pods", "stores"))["status"].get("containerStatuses", ())
        assert [each["ready"] for each in states] == [True, True], states
        return True

    await eventually(ready, within=STARTED, every=0.5, what="both stores are ready")


async def ready_pods(cluster: Cluster) -> list[str]:
    found = await cluster.list("pods", "opsbuddy.dev/service=file-service")
    return [
        each["metadata"]["name"]
        for each in found
        if "deletionTimestamp" not in each["metadata"]
        and all(c["ready"] for c in each["status"].get("containerStatuses", [{"ready": False}]))
    ]


async def test_what_one_pod_stores_each_other_serves_and_one_that_comes_later(
    cluster: Cluster, kubeconfig: Path, images: None
) -> None:
    await started(cluster)
    made = helm.one(helm.render(helm.STACK, nested(VALUES)), "OpsBuddyService", "file-service")
    await cluster.apply({**made, "metadata": {"name": "file-service"}})
    await cluster.until("file-service", "Available", within=STARTED)
    assert await cluster.list("persistentvolumeclaims") == []
    first, _ = await ready_pods(cluster)
    content = b"kept outside of the pods" * 10_000

    with port_forward(kubeconfig, cluster.namespace, f"pod/{first}", 8001) as url:
        sent = httpx2.post(f"{url}/files/upload", files={"file": ("kept.bin", content)}, timeout=20)
        assert sent.status_code == 201, sent.text
    await cluster.delete("pods", first)

    async def replaced() -> list[str]:
        now = await ready_pods(cluster)
        assert first not in now, now
        assert len(now) == 2, now
        return now

    for name in await eventually(replaced, within=STARTED, every=0.5, what="another pod is ready in its place"):
        with port_forward(kubeconfig, cluster.namespace, f"pod/{name}", 8001) as url:
            read = httpx2.get(f"{url}/files/{sent.json()['id']}/download", timeout=20)
            assert (read.status_code, read.content == content) == (200, True), name
