"""Quick requests to the API server, and stand-ins for what a bare one lacks: a kubelet, and a gateway."""

import asyncio
import base64
import json
import ssl
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import uvicorn
import yaml

from tests.support.wait import eventually

PATHS = {
    "obs": "apis/opsbuddy.dev/v1alpha1/{}opsbuddyservices",
    "deployments": "apis/apps/v1/{}deployments",
    "services": "api/v1/{}services",
    "serviceaccounts": "api/v1/{}serviceaccounts",
    "configmaps": "api/v1/{}configmaps",
    "secrets": "api/v1/{}secrets",
    "pods": "api/v1/{}pods",
    "persistentvolumeclaims": "api/v1/{}persistentvolumeclaims",
    "horizontalpodautoscalers": "apis/autoscaling/v2/{}horizontalpodautoscalers",
    "leases": "apis/coordination.k8s.io/v1/{}leases",
    "events": "apis/events.k8s.io/v1/{}events",
    "namespaces": "api/v1/namespaces",
}
CHILDREN = (
    "deployments",
    "services",
    "serviceaccounts",
    "configmaps",
    "persistentvolumeclaims",
    "horizontalpodautoscalers",
)
SOON = 20  # seconds; the machine may be busy
MERGE = {"content-type": "application/merge-patch+json"}
APPLY = {"content-type": "application/apply-patch+yaml"}


class Cluster:
    """One namespace of the API server. A missing object is None; anything else that fails raises with the server's words."""

    def __init__(self, session: httpx2.AsyncClient, namespace: str) -> None:
        self.session, self.namespace = session, namespace

    async def get(self, plural: str, name: str) -> Any:
        return await self._send("GET", plural, name)

    async def list(self, plural: str, selector: str = "") -> list[Any]:
        return (await self._send("GET", plural, params={"labelSelector": selector}))["items"]

    async def create(self, plural: str, body: Any) -> Any:
        return await self._send("POST", plural, json=body)

    async def apply(self, body: Any) -> Any:
        """Server-side apply, as `kubectl apply --server-side` does."""
        plural = "obs" if body["kind"] == "OpsBuddyService" else body["kind"].lower() + "s"
        params = {"fieldManager": "test", "force": "true"}
        return await self._send("PATCH", plural, body["metadata"]["name"], json=body, params=params, headers=APPLY)

    async def patch(self, plural: str, name: str, body: Any, part: str = "") -> Any:
        return await self._send("PATCH", plural, f"{name}{part}", json=body, headers=MERGE)

    async def delete(self, plural: str, name: str) -> Any:
        return await self._send("DELETE", plural, name)

    async def condition(self, name: str, kind: str = "Ready") -> dict[str, Any]:
        """Return a condition of a resource, empty where it has none; fails for one that judges an older spec."""
        live = await self.get("obs", name)
        found = next((c for c in (live.get("status") or {}).get("conditions", ()) if c["type"] == kind), {})
        assert not found or found["observedGeneration"] == live["metadata"]["generation"], found
        return found

    async def until(
        self, name: str, kind: str = "Ready", status: str = "True", reason: str = "", within: float = SOON
    ) -> dict[str, Any]:
        """Wait for a condition of a resource and return it."""

        async def holds() -> dict[str, Any]:
            found = await self.condition(name, kind)
            assert found.get("status") == status, found
            assert not reason or found["reason"] == reason, found
            return found

        return await eventually(holds, within=within, what=f"{name} is {kind}={status} {reason}")

    async def log(self, pod: str, lines: int = 1) -> str:
        """Return the last lines that a pod printed."""
        path = f"{PATHS['pods'].format(f'namespaces/{self.namespace}/')}/{pod}/log"
        answer = await self.session.get(path, params={"tailLines": lines})
        return answer.text if answer.is_success else ""

    async def versions(self) -> dict[tuple[str, str], str]:
        """Return the resource version of everything that the operator writes here."""
        return {
            (plural, obj["metadata"]["name"]): obj["metadata"]["resourceVersion"]
            for plural in (*CHILDREN, "obs")
            for obj in await self.list(plural)
        }

    async def _send(self, method: str, plural: str, name: str = "", **more: Any) -> Any:
        path = PATHS[plural].format(f"namespaces/{self.namespace}/") + (f"/{name}" if name else "")
        answer = await self.session.request(method, path, **more)
        if answer.status_code == 404 and name:
            return None
        if answer.is_error:
            raise RuntimeError(f"{method} {path}: {answer.json().get('message')}")
        return answer.json()


@asynccontextmanager
async def session(kubeconfig: Path) -> AsyncIterator[httpx2.AsyncClient]:
    config = yaml.safe_load(await asyncio.to_thread(kubeconfig.read_text))
    server, user = config["clusters"][0]["cluster"]["server"], config["users"][0]["user"]
    headers = {"authorization": f"Bearer {user['token']}"} if "token" in user else {}
    verify = certificate(user) if "client-certificate-data" in user else False
    async with httpx2.AsyncClient(base_url=server, headers=headers, verify=verify, timeout=10) as opened:
        yield opened


def certificate(user: dict[str, str]) -> ssl.SSLContext:
    """Return how to show the client certificate of a kubeconfig's user; the server of a test is not verified."""
    context = ssl._create_unverified_context()  # noqa: S323 - on loopback
    with tempfile.NamedTemporaryFile() as pem:  # the module reads files only
        pem.write(base64.b64decode(user["client-certificate-data"]) + base64.b64decode(user["client-key-data"]))
        pem.flush()
        context.load_cert_chain(pem.name)
    return context


@asynccontextmanager
async def kubelet(cluster: Cluster, unready: set[str] | None = None) -> AsyncIterator[None]:
    """Make every pod of the namespace ready at 127.0.0.1, but not those of the resources in `unready`."""

    async def run() -> None:
        while True:
            for pod in await cluster.list("pods"):
                name, labels = pod["metadata"]["name"], pod["metadata"].get("labels", {})
                wanted = "False" if labels.get("opsbuddy.dev/service") in (unready or ()) else "True"
                known = {c["type"]: c["status"] for c in pod["status"].get("conditions", ())}
                if "deletionTimestamp" not in pod["metadata"] and known.get("Ready") != wanted:
                    conditions = [{"type": "Ready", "status": wanted}, {"type": "PodScheduled", "status": "True"}]
                    status = {
                        "phase": "Running",
                        "podIP": "127.0.0.1",
                        "podIPs": [{"ip": "127.0.0.1"}],
                        "conditions": conditions,
                    }
                    await cluster.patch("pods", name, {"status": status}, "/status")
            await asyncio.sleep(0.1)

    task = asyncio.create_task(run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class GatewayStatus:
    """Answers GET /status as a gateway does; the test says which table it serves."""

    def __init__(self) -> None:
        self.serves: str | None = None
        self.asked = 0
        self.port = 0

    async def __call__(self, scope: Any, _receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        self.asked += 1
        body = json.dumps({"routes": {"sha256": self.serves}}).encode()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})


@asynccontextmanager
async def gateway() -> AsyncIterator[GatewayStatus]:
    app = GatewayStatus()
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, lifespan="off", log_config=None))
    task = asyncio.create_task(server.serve())

    async def started() -> bool:
        return server.started

    await eventually(started)
    app.port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield app
    finally:
        server.should_exit = True
        await task
