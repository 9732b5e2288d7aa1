import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from opsbuddy_gateway.models import Address
from opsbuddy_gateway.storage.kubernetes_watch import Object, api_class, connected, watch

SERVICE = "kubernetes.io/service-name"
LINGER_SECONDS = 5.0
"""How long the pods of a slice that is gone are asked: as long as the operator lets a pod serve on that was told to end."""
Conditions = dict[str, bool | None]


class KubernetesEndpoints:
    """Watches the EndpointSlices of the namespace: ready pods by their addresses, so that a request can go to another one.

    Where none is ready, those that are ending but still serve: the last pods of a service that is deleted or replaced take requests until
    their readiness probe fails. With a Service its slices go at once, before its pods and before its route: then those that were in them.
    """

    def __init__(self, namespace: str, kubeconfig: Path | None, linger: float = LINGER_SECONDS) -> None:
        self._namespace, self._kubeconfig, self._linger = namespace, kubeconfig, linger
        self._slices: dict[str, Object] = {}
        self._gone: dict[str, Object] = {}
        self._changed: Callable[[], None] = lambda: None
        self._listed = False

    @property
    def ready(self) -> bool:
        return self._listed

    def addresses(self, service: str, port: int) -> tuple[Address, ...]:
        for slices, chosen in ((self._slices, _ready), (self._slices, _ending), (self._gone, _serving)):
            of_service = (
                item for item in slices.values() if (item["metadata"].get("labels") or {}).get(SERVICE) == service
            )
            if found := {address for item in of_service for address in _addresses(item, port, chosen)}:
                return tuple(sorted(found, key=str))
        return ()

    async def run(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        discovery = await api_class("DiscoveryV1Api")
        async with connected(self._kubeconfig) as api:
            await watch(
                discovery(api).list_namespaced_endpoint_slice_without_preload_content,
                self,
                namespace=self._namespace,
            )

    def listed(self, objects: list[Object]) -> None:
        self._slices, self._gone = {item["metadata"]["name"]: item for item in objects}, {}
        self._listed = True
        self._changed()

    def changed(self, item: Object) -> None:
        self._slices[item["metadata"]["name"]] = item
        self._changed()

    def deleted(self, item: Object) -> None:
        name = item["metadata"]["name"]
        if last := self._slices.pop(name, None):
            self._gone[name] = last
            asyncio.get_running_loop().call_later(self._linger, self._forget, name, last)
        self._changed()

    def _forget(self, name: str, item: Object) -> None:
        if self._gone.get(name) is item:
            del self._gone[name]
            self._changed()

    def unreachable(self) -> None:
        """Nothing to do: the last endpoints are better than none, and failing ones are set aside."""


def _addresses(item: Object, port: int, chosen: Callable[[Conditions], bool]) -> list[Address]:
    """Return the chosen addresses of an EndpointSlice. FQDN slices have no addresses to use."""
    target = _target_port(item.get("ports") or [], port)
    if target is None or item.get("addressType") == "FQDN":
        return []
    return [
        Address(address, target)
        for endpoint in item.get("endpoints") or []
        if chosen(endpoint.get("conditions") or {})
        for address in endpoint.get("addresses") or []
    ]


def _ready(conditions: Conditions) -> bool:
    return conditions.get("ready") is not False  # absent means ready, as the API says


def _ending(conditions: Conditions) -> bool:
    return bool(conditions.get("terminating") and conditions.get("serving"))


def _serving(conditions: Conditions) -> bool:
    return _ready(conditions) or _ending(conditions)


def _target_port(ports: list[dict[str, Any]], port: int) -> int | None:
    """Return the port of the pods for the port of the Service, which a slice does not hold: the only one, the equal one, or the one named http."""
    numbered = [entry for entry in ports if entry.get("port")]
    if len(numbered) == 1:
        return int(numbered[0]["port"])
    for entry in numbered:
        if entry["port"] == port:
            return port
    for entry in numbered:
        if entry.get("name") == "http":
            return int(entry["port"])
    return None
