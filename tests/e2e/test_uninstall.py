"""The release is uninstalled, and installed again: without Helm and with it. It ends as it was."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from tests.charts import helm
from tests.contract.apiserver import ROOT, kubectl
from tests.contract.description.installation import SERVICES, installation
from tests.contract.description.table import PROMISES
from tests.e2e.conftest import RESTRICTED
from tests.e2e.forward import port_forward, port_forwards
from tests.e2e.release import READY, STACK, Release
from tests.e2e.resources import SAMPLES

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]
INSTALL = ROOT / "manifests/install.yaml"
CRD = "customresourcedefinition/opsbuddyservices.opsbuddy.dev"


@dataclass
class Seen:
    """What was there at each step of an uninstall and the installs after it."""

    message: str
    secret: dict[str, str]
    claims: dict[str, str]
    left: dict[str, Any] = field(default_factory=dict)
    without_helm: tuple[str, ...] = ()
    again: dict[str, Any] = field(default_factory=dict)


@pytest.fixture(scope="module")
def seen(release: Release) -> Seen:
    """Uninstall the stack, install it from manifests, remove that, and install it by Helm again as it was."""
    values, message = release.values(), f"kept-{uuid4().hex[:8]}"
    send(release, message)
    seen = Seen(message, release.get("secrets")["influxdb-auth"]["data"], release.uids("pvc"))
    try:
        release.helm("uninstall", STACK, "--wait", "--timeout=100s")
        release.kubectl("wait", "--for=delete", "pods", "-l", "opsbuddy.dev/service", "--timeout=60s")
        seen.left = left(release)
        seen.without_helm = install_without_helm(release.kubeconfig)
    finally:
        chart = ("upgrade", "--install", STACK, str(helm.STACK), "--wait", "--timeout=110s")
        release.helm(*chart, values=values or {})
        release.kubectl(*READY)
    seen.again = {"claims": release.uids("pvc"), "logs": logs(release, message), "services": set(release.get("obs"))}
    return seen


def send(release: Release, message: str) -> None:
    now = datetime.now(UTC).isoformat()
    entry = {"timestamp": now, "level": "INFO", "logger": "test", "message": message, "service": message}
    with port_forward(release.kubeconfig, STACK, "service/gateway", 8000) as url:
        httpx2.post(f"{url}/api/analytics/logs/single", json=entry, timeout=20).raise_for_status()


def logs(release: Release, service: str) -> list[str]:
    with port_forward(release.kubeconfig, STACK, "service/gateway", 8000) as url:
        answer = httpx2.post(f"{url}/api/analytics/logs/query", json={"service": service, "limit": 10}, timeout=20)
        return [log["message"] for log in answer.raise_for_status().json()["logs"]]


def left(release: Release) -> dict[str, Any]:
    kinds = "deployments,services,serviceaccounts,horizontalpodautoscalers,roles,rolebindings,configmaps,jobs"
    ours = ("-l", "app.kubernetes.io/part-of=opsbuddy")
    return {
        "objects": [*release.uids(kinds, *ours), *release.uids("clusterroles,clusterrolebindings", *ours)],
        "resources": list(release.uids("opsbuddyservices")),
        "crd": release.kubectl("get", CRD, "-o", "name").strip(),
        "secret": release.get("secrets")["influxdb-auth"]["data"],
        "claims": release.uids("pvc"),
    }


def install_without_helm(kubeconfig: Path) -> tuple[str, ...]:
    """Install by manifests into namespaces of their own, and remove all of it; returns the promises that it kept."""
    namespace = ("-n", "e2e-samples")
    try:
        kubectl(kubeconfig, "apply", "--server-side", "-f", str(INSTALL))
        kubectl(kubeconfig, "create", "namespace", "e2e-samples")
        kubectl(
            kubeconfig, "label", "namespace", "e2e-samples", *(f"{name}={level}" for name, level in RESTRICTED.items())
        )
        kubectl(kubeconfig, *namespace, "apply", "-f", str(SAMPLES))
        kubectl(kubeconfig, *namespace, *READY)
        with port_forwards(kubeconfig, "e2e-samples") as urls:
            kept = asyncio.run(keep_all(urls))
        kubectl(kubeconfig, *namespace, "delete", "-f", str(SAMPLES), "--timeout=30s")
        kubectl(kubeconfig, *namespace, "wait", "--for=delete", "deployments", "--all", "--timeout=30s")
    finally:
        kubectl(kubeconfig, "delete", "namespace", "e2e-samples", "--wait=false", "--ignore-not-found")
        kubectl(kubeconfig, "delete", "-f", str(INSTALL), "--ignore-not-found", "--timeout=80s")
    return kept


async def keep_all(urls: dict[str, str]) -> tuple[str, ...]:
    async with installation(urls) as at:
        for promise in PROMISES:
            await promise.keep(at)
    return tuple(promise.words for promise in PROMISES)


def test_uninstall_removes_all_but_the_crd_and_the_data(seen: Seen):
    assert seen.left["objects"] == []
    assert seen.left["resources"] == []
    assert seen.left["crd"].endswith("opsbuddyservices.opsbuddy.dev")
    assert seen.left["secret"] == seen.secret
    assert seen.left["claims"] == seen.claims
    assert "influxdb" in seen.claims


def test_manifests_install_the_same_without_helm(seen: Seen):
    assert seen.without_helm == tuple(promise.words for promise in PROMISES)


def test_an_install_after_an_uninstall_finds_the_old_logs(seen: Seen):
    assert seen.again["services"] == SERVICES
    assert seen.again["claims"] == seen.claims
    assert seen.again["logs"] == [seen.message]
