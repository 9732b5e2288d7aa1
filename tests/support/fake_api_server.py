"""An API server on loopback that knows the OpsBuddyServices a test tells it, over TLS with its own authority: for what reads them in a cluster."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

from aiohttp import web

from opsbuddy_core.resource import API_VERSION, KIND
from tests.support.certificates import self_signed
from tests.support.closing import close

HOST, NAMESPACE = "localhost", "opsbuddy"
CREATED = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
TRUE = {
    "Ready": ("AllReady", "1 of 1 pods are ready."),
    "Available": ("AllReady", "1 of 1 pods are ready."),
    "RoutesProgrammed": ("Programmed", "1 of 1 gateways route to it."),
}
FALSE = {
    "Progressing": ("RolledOut", "Every pod has the newest version."),
    "Stalled": ("NotStalled", "Nothing is in the way."),
    "Suspended": ("NotSuspended", "The operator acts on changes."),
}


def stamp(at: datetime) -> str:
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")


def condition(kind: str, status: str, reason: str, message: str, **more: Any) -> dict[str, Any]:
    made = {"type": kind, "status": status, "reason": reason, "message": message, "observedGeneration": 1}
    return made | {"lastTransitionTime": stamp(CREATED + timedelta(minutes=1))} | more


def written(by: str, at: datetime, fields: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """Return an entry of managedFields: who set these fields of the spec, and when last."""
    tree = {"f:spec": fields or {f"f:{name}": {} for name in ("image", "port", "route", "env", "resources")}}
    return {"manager": by, "operation": "Apply", "time": stamp(at), "fieldsType": "FieldsV1", "fieldsV1": tree} | more


def resource(
    name: str, *conditions: dict[str, Any], status: dict[str, Any] | None = None, **spec: Any
) -> dict[str, Any]:
    """Return a resource of which everything is well; conditions replace those of their type."""
    held = {kind: condition(kind, "True", *words) for kind, words in TRUE.items()}
    held |= {kind: condition(kind, "False", *words) for kind, words in FALSE.items()}
    held |= {each["type"]: each for each in conditions}
    image = {"repository": f"opsbuddy-{name}", "tag": "0.1.0"}
    metadata = {
        "name": name,
        "namespace": NAMESPACE,
        "generation": 1,
        "creationTimestamp": stamp(CREATED),
        "managedFields": [
            written("helm", CREATED),
            written("opsbuddy-operator", CREATED, subresource="status") | {"fieldsV1": {"f:status": {}}},
        ],
    }
    told = {"observedGeneration": 1, "conditions": list(held.values()), "replicas": 1, "readyReplicas": 1}
    told |= {"image": f"opsbuddy-{name}:0.1.0", **(status or {})}
    asked = {"image": image, "port": 8001, "role": "Service", **spec}
    if "route" in asked:
        told.setdefault("routes", [asked["route"]["prefix"]])
    return {"apiVersion": API_VERSION, "kind": KIND, "metadata": metadata, "spec": asked, "status": told}


def failing(name: str, message: str, since: datetime, **spec: Any) -> dict[str, Any]:
    """Return a resource whose only pod crashes."""
    told = {"lastTransitionTime": stamp(since)}
    kinds = ("Ready", "Available")
    conditions = [condition(kind, "False", "PodFailing", message, **told) for kind in kinds]
    return resource(name, *conditions, status={"readyReplicas": 0}, **spec)


@dataclass
class FakeApiServer:
    """`resources` is what it lists, in pages; `answer` replaces that by a status and a body. `asked` has the query of each request."""

    account: Path
    token: str = "first"
    resources: list[Any] = field(default_factory=list)
    answer: tuple[int, bytes] | None = None
    expire: int = 0  # so many pages after the first are refused as too old
    silent: bool = False
    asked: list[dict[str, str]] = field(default_factory=list)
    port: int = 0

    @classmethod
    @asynccontextmanager
    async def running(cls, folder: Path) -> AsyncIterator[Self]:
        """Listen; `folder` becomes what Kubernetes mounts into a pod: the token and the authority."""
        server = cls(folder)
        context = server._mount()
        app = web.Application()
        app.router.add_get(f"/apis/{API_VERSION}/namespaces/{NAMESPACE}/opsbuddyservices", server._list)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
        await site.start()
        server.port = runner.addresses[0][1]
        try:
            yield server
        finally:
            await close(runner)

    def _mount(self) -> ssl.SSLContext:
        certificate, key = self_signed(HOST)
        self.account.mkdir(exist_ok=True)
        for name, text in (("ca.crt", certificate), ("key.pem", key), ("token", self.token)):
            (self.account / name).write_text(text)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.account / "ca.crt", self.account / "key.pem")
        return context

    @property
    def environment(self) -> dict[str, str]:
        """What a process in a pod is told."""
        return {
            "KUBERNETES_SERVICE_HOST": HOST,
            "KUBERNETES_SERVICE_PORT": str(self.port),
            "KUBERNETES_ACCOUNT": str(self.account),
            "POD_NAMESPACE": NAMESPACE,
        }

    def put(self, *changed: dict[str, Any]) -> None:
        """Have these resources in place of those of the same name."""
        names = {each["metadata"]["name"]: each for each in changed}
        kept = [names.pop(each["metadata"]["name"], each) for each in self.resources]
        self.resources = kept + list(names.values())

    async def _list(self, request: web.Request) -> web.Response:
        self.asked.append(dict(request.query))
        if self.silent:
            await asyncio.sleep(60)  # longer than anybody waits for it
        if self.answer:
            return web.Response(status=self.answer[0], body=self.answer[1], content_type="application/json")
        if request.headers.get("authorization") != f"Bearer {self.token}":
            return self._refused(401, "Unauthorized")
        start, limit = int(request.query.get("continue", "0")), int(request.query["limit"])
        if start and self.expire:
            self.expire -= 1
            return self._refused(410, "The provided continue parameter is too old")
        end = start + limit
        metadata = {"continue": str(end)} if end < len(self.resources) else {}
        return web.json_response({"kind": f"{KIND}List", "metadata": metadata, "items": self.resources[start:end]})

    @staticmethod
    def _refused(status: int, words: str) -> web.Response:
        return web.json_response(
            {"kind": "Status", "status": "Failure", "message": words, "code": status}, status=status
        )
