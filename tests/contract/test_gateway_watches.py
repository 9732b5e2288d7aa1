"""The gateway's sources against a real API server, with the rights that it has in a cluster and no more."""

import asyncio
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from opsbuddy_core.routes import CONFIG_MAP, KEY, digest
from tests.contract.apiserver import kill, kubectl, running, start_again
from tests.services.gateway import process
from tests.services.gateway.conftest import session
from tests.services.gateway.process import Gateway, route, table
from tests.services.gateway.upstream import Upstream
from tests.support.wait import eventually

pytestmark = [pytest.mark.contract, pytest.mark.timeout(120)]


def config_map(text: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": CONFIG_MAP}, "data": {KEY: text}}


def endpoint_slice(name: str, port: int, *, ready: bool = True) -> dict[str, Any]:
    # The API server takes no loopback address for an endpoint, so these upstreams listen on the machine's own one.
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": name, "labels": {"kubernetes.io/service-name": "file-service"}},
        "addressType": "IPv4",
        "ports": [{"name": "http", "port": port, "protocol": "TCP"}],
        "endpoints": [{"addresses": [own_address()], "conditions": {"ready": ready}}],
    }


def own_address() -> str:
    found = subprocess.run(["hostname", "-I"], capture_output=True, text=True, check=True).stdout.split()
    return found[0]


RIGHTS = [
    {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": [CONFIG_MAP], "verbs": ["get", "list", "watch"]},
    {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["get", "list", "watch"]},
]


def with_rights(admin: Path, namespace: str, file: Path) -> Path:
    """Return the kubeconfig of a service account that may what the gateway may."""
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": {"name": "gateway"},
        "rules": RIGHTS,
    }
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "gateway"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "gateway"},
        "subjects": [{"kind": "ServiceAccount", "name": "gateway", "namespace": namespace}],
    }
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "gateway"}}
    kubectl(admin, "apply", "-n", namespace, "-f", "-", document=[account, role, binding])
    content = yaml.safe_load(admin.read_text())
    content["users"][0]["user"] = {"token": kubectl(admin, "create", "token", "gateway", "-n", namespace).strip()}
    file.write_text(yaml.safe_dump(content))
    return file


def apply(admin: Path, namespace: str, *documents: dict[str, Any]) -> None:
    kubectl(admin, "apply", "-n", namespace, "-f", "-", document=list(documents))


def watching(folder: Path, admin: Path, namespace: str) -> Any:
    kubeconfig = with_rights(admin, namespace, folder / "kubeconfig")
    return process.running(
        folder,
        {},
        routes_from="kubernetes",
        endpoints_from="kubernetes",
        kubeconfig=kubeconfig,
        pod_namespace=namespace,
    )


async def serves(gateway: Gateway, text: str) -> bool:
    return (await gateway.status())["routes"]["sha256"] == digest(text)


@pytest.fixture
async def reachable() -> AsyncIterator[Upstream]:
    upstream = Upstream(host=own_address())
    await upstream.start()
    yield upstream
    await upstream.stop()


async def test_a_gateway_without_a_table_is_ready_and_takes_one_over_when_it_appears(tmp_path, apiserver, namespace):
    async with watching(tmp_path, apiserver, namespace) as gateway:
        status = (await gateway.status())["routes"]
        assert (status["count"], status["source"], status["error"]) == (0, "kubernetes", None)
        for number in (1, 2, 3):
            text = table(*(route(f"/api/{n}") for n in range(number)))
            apply(apiserver, namespace, config_map(text))
            await eventually(lambda text=text: serves(gateway, text), within=5)
        apply(apiserver, namespace, config_map("{}}"))

        async def refused() -> bool:
            return bool((await gateway.status())["routes"]["error"])

        await eventually(refused, within=5)
        assert await serves(gateway, text)
        kubectl(apiserver, "delete", "configmap", CONFIG_MAP, "-n", namespace)

        async def removed() -> bool:
            return "removed" in (await gateway.status())["routes"]["error"]

        await eventually(removed, within=5)
        assert await serves(gateway, text)


async def test_requests_follow_the_ready_endpoints(tmp_path, apiserver, namespace, reachable: Upstream):
    text = table(route())
    apply(apiserver, namespace, config_map(text), endpoint_slice("one", reachable.port, ready=False))
    async with watching(tmp_path, apiserver, namespace) as gateway, session(gateway) as http:
        await eventually(lambda: serves(gateway, text), within=5)

        async def answers(status: int) -> bool:
            async with http.get("/api/files/x") as answer:
                return answer.status == status

        assert await answers(503)
        apply(apiserver, namespace, endpoint_slice("one", reachable.port))
        await eventually(lambda: answers(200), within=5)
        second = Upstream(host=own_address())
        await second.start()
        apply(apiserver, namespace, endpoint_slice("two", second.port))

        async def both_are_asked() -> bool:
            await answers(200)
            return bool(second.requests)

        await eventually(both_are_asked, within=5)
        kubectl(apiserver, "delete", "endpointslice", "one", "-n", namespace)

        async def only_the_second_is_left() -> bool:
            return len((await gateway.service())["endpoints"]) == 1

        await eventually(only_the_second_is_left, within=5)
        before = len(reachable.requests)
        for _ in range(6):
            assert await answers(200)
        assert len(reachable.requests) == before
        await second.stop()


async def test_the_mounted_file_serves_while_the_api_server_was_never_reached(tmp_path):
    broken = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:9"}}],
        "users": [{"name": "u", "user": {}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    (tmp_path / "broken").write_text(yaml.safe_dump(broken))
    settings = {"routes_from": "kubernetes", "kubeconfig": tmp_path / "broken", "pod_namespace": "ops"}
    async with process.running(tmp_path, {}, route(), **settings) as gateway:
        status = (await gateway.status())["routes"]
        assert (status["count"], status["source"]) == (1, "file")


@pytest.mark.timeout(240)
async def test_watches_go_on_after_the_api_server_restarts(tmp_path, reachable: Upstream):
    with running() as admin:
        kubectl(admin, "create", "namespace", "ops")
        text = table(route())
        apply(admin, "ops", config_map(text), endpoint_slice("one", reachable.port))
        async with watching(tmp_path, admin, "ops") as gateway, session(gateway) as http:
            await eventually(lambda: serves(gateway, text), within=5)

            async def answers() -> bool:
                async with http.get("/api/files/x") as answer:
                    return answer.status == 200

            await eventually(answers, within=5)
            command = await kill(admin)
            for _ in range(5):
                assert await answers(), "requests go on without an API server"
            start_again(admin, command)

            async def ready() -> bool:
                try:
                    return await asyncio.to_thread(kubectl, admin, "get", "--raw", "/readyz") == "ok"
                except RuntimeError:
                    return False

            await eventually(ready, within=60, what=f"the API server is back; its log is beside {admin}")
            newer = table(route(), route("/api/new"))
            await asyncio.to_thread(
                apply, admin, "ops", config_map(newer), endpoint_slice("one", reachable.port, ready=False)
            )
            await eventually(lambda: serves(gateway, newer), within=45)

            async def moved() -> bool:
                return not (await gateway.service())["endpoints"]

            await eventually(moved, within=45)
