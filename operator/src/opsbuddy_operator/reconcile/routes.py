"""Writes the routing table of a namespace, and follows which gateway serves it."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from opsbuddy_core.logs import get_logger
from opsbuddy_core.routes import CONFIG_MAP, HASH_ANNOTATION, KEY, RoutingTable, digest
from opsbuddy_operator.cluster import kinds
from opsbuddy_operator.cluster.api import Api
from opsbuddy_operator.cluster.store import Store, deleting, pod_ready, uid_of
from opsbuddy_operator.decide.routing import table
from opsbuddy_operator.manifests.identity import Identity
from opsbuddy_operator.models import MANAGED_BY, Event, Gateway, Key, Object, Subject
from opsbuddy_operator.reconcile.gateways import GatewayProbe

DEBOUNCE = 0.2
LIMIT = 1_000_000  # bytes; the API server takes no object over 1 MiB, all of it counted
LONGEST_PAUSE = 15.0
log = get_logger("routes")


@dataclass(slots=True)
class Routing:
    """What is known of one namespace."""

    table: RoutingTable | None = None  # as it is in the ConfigMap
    table_hash: str | None = None
    conflicts: Mapping[str, str] = field(default_factory=dict)
    served: dict[str, str | None] = field(
        default_factory=dict
    )  # uid of a ready gateway pod to the hash that it says it serves
    asked: int = 0  # times in a row without that all serve the table
    complaint: str | None = None  # what was told last of a table that could not be written
    cost: float = 0.0  # seconds that the last pass took


class Routes:
    """The reconcile of the subject ROUTES."""

    def __init__(
        self,
        api: Api,
        store: Store,
        probe: GatewayProbe,
        changed: Callable[[Key], None],
        warn: Callable[[Object, Event], Any],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._api, self._store, self._probe, self._changed, self._warn, self._clock = (
            api,
            store,
            probe,
            changed,
            warn,
            clock,
        )
        self._known: dict[str, Routing] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def __call__(self, key: Key) -> float | None:
        """Write the table where it differs and ask the gateways; returns after how many seconds to ask again."""
        async with self._locks.setdefault(key.namespace, asyncio.Lock()):
            return await self._run(key.namespace)

    async def ensure(self, namespace: str) -> None:
        """See to it that the namespace is known, so that no resource is judged by what was not looked at yet."""
        if namespace not in self._known:
            async with self._locks.setdefault(namespace, asyncio.Lock()):
                if namespace not in self._known:
                    await self._run(namespace)

    def seen_by(self, resource: Object) -> dict[str, Any]:
        """Return what concerns one resource, as the fields of Observed."""
        namespace, name = resource["metadata"]["namespace"], resource["metadata"]["name"]
        known = self._known.get(namespace, Routing())
        pods = {uid_of(pod): pod["metadata"]["name"] for _, pod in self._gateway_pods(namespace)}
        return {
            "table": known.table,
            "table_hash": known.table_hash,
            "gateways": tuple(
                Gateway(pods[uid], serves) for uid, serves in sorted(known.served.items()) if uid in pods
            ),
            "has_gateway": bool(self._gateways(namespace)),
            "route_conflict": known.conflicts.get(name),
        }

    def pause(self, namespace: str) -> float:
        """Return how long to collect changes before the next pass, in seconds: passes take at most a tenth of the time."""
        known = self._known.get(namespace)
        return max(DEBOUNCE, 9 * known.cost if known else 0.0)

    def forget(self, namespace: str) -> None:
        self._known.pop(namespace, None)
        self._locks.pop(namespace, None)

    async def _run(self, namespace: str) -> float | None:
        begun = self._clock()
        services = self._store.services(namespace)
        if not services:
            self._known.pop(namespace, None)
            return None
        known = self._known.get(namespace, Routing())
        before = (known.table_hash, dict(known.served), dict(known.conflicts))
        live = await self._live(namespace)
        previous = _parse(live)
        ready = {
            s["metadata"]["name"]
            for s in services
            if any(map(pod_ready, self._store.pods(namespace, s["metadata"]["name"])))
        }
        wanted, known.conflicts = table(services, ready, previous)
        known.table, known.table_hash = await self._write(namespace, known, wanted, live)
        known.cost = self._clock() - begun
        look_again = await self._ask(namespace, known)
        first = namespace not in self._known
        self._known[namespace] = known
        if not first and before != (known.table_hash, known.served, dict(known.conflicts)):
            self._bring_back(services, previous, known)
        return look_again

    async def _live(self, namespace: str) -> Object | None:
        """Return the ConfigMap, ours or not."""
        where = kinds.CONFIG_MAP.ref(namespace, CONFIG_MAP)
        if (live := self._store.get(where)) or not self._gateways(namespace):
            return live
        return await self._api.get(where)

    async def _write(
        self, namespace: str, known: Routing, wanted: RoutingTable, live: Object | None
    ) -> tuple[RoutingTable | None, str | None]:
        """Write the table if it differs; returns the one that is there afterwards, and its hash."""
        gateways = self._gateways(namespace)
        if not gateways:
            return None, None
        if live is not None and not _ours(live):
            self._complain(
                gateways[0],
                "NameTaken",
                f"ConfigMap {CONFIG_MAP} exists and is not ours: delete it, so that services can be routed",
                known,
            )
            return None, None
        text = wanted.text()
        if all(gateway["spec"].get("suspend") for gateway in gateways):
            return _served(live)
        if len(text.encode()) > LIMIT:
            message = f"the routing table has {len(text.encode())} bytes, more than the {LIMIT} that fit: the last one stays; use fewer or shorter routes"
            self._complain(gateways[0], "RoutesTooLarge", message, known)
            return _served(live)
        known.complaint = None
        manifest = _manifest(gateways, text)
        if live is None or _differs(manifest, live):
            self._store.put(await self._api.apply(manifest, force=live is not None))
            log.info(
                "Routing table written",
                operation="routes",
                namespace=namespace,
                routes=len(wanted.routes),
                sha256=digest(text),
            )
        return wanted, digest(text)

    async def _ask(self, namespace: str, known: Routing) -> float | None:
        """Ask the gateways that do not serve the table yet, as far as is known."""
        pods = {uid_of(pod): (pod, gateway) for gateway, pod in self._gateway_pods(namespace)}
        late = [uid for uid in pods if known.served.get(uid) != known.table_hash or known.table_hash is None]
        answers = await asyncio.gather(
            *(self._probe.serves(p["status"]["podIP"], g["spec"]["port"]) for p, g in map(pods.__getitem__, late))
        )
        known.served = {uid: serves for uid, serves in known.served.items() if uid in pods} | dict(
            zip(late, answers, strict=True)
        )
        if known.table_hash is None or all(serves == known.table_hash for serves in known.served.values()):
            known.asked = 0
            return None
        known.asked += 1
        return float(min(LONGEST_PAUSE, 1.5 ** min(known.asked - 1, 10)))

    def _bring_back(self, services: list[Object], previous: RoutingTable | None, known: Routing) -> None:
        """Bring back the resources that this may concern: those whose route changed, and those that wait for it."""
        before, now = _routes(previous), _routes(known.table)
        for service in services:
            metadata = service["metadata"]
            if (
                before.get(metadata["name"]) != now.get(metadata["name"])
                or _waits(service)
                or metadata["name"] in known.conflicts
            ):
                self._changed(Key(Subject.SERVICE, metadata["namespace"], metadata["name"]))

    def _gateways(self, namespace: str) -> list[Object]:
        return [s for s in self._store.services(namespace) if s["spec"].get("role") == "Gateway" and not deleting(s)]

    def _gateway_pods(self, namespace: str) -> list[tuple[Object, Object]]:
        return [
            (gateway, pod)
            for gateway in self._gateways(namespace)
            for pod in self._store.pods(namespace, gateway["metadata"]["name"])
            if pod_ready(pod) and pod.get("status", {}).get("podIP")
        ]

    def _complain(self, gateway: Object, reason: str, message: str, known: Routing) -> None:
        if known.complaint != message:
            known.complaint = message
            log.error(message, operation="routes", namespace=gateway["metadata"]["namespace"])
            self._warn(gateway, Event("Warning", reason, message))


def _manifest(gateways: list[Object], text: str) -> Object:
    first = Identity.of(gateways[0])
    owners = [
        Identity.of(gateway).owner | {"controller": False} for gateway in gateways
    ]  # it goes when the last of them goes
    metadata = first.metadata(owned=False, annotations={HASH_ANNOTATION: digest(text)})
    metadata |= {"name": CONFIG_MAP, "ownerReferences": owners}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {KEY: text}}


def _differs(manifest: Object, live: Object) -> bool:
    wanted, there = manifest["metadata"], live["metadata"]
    return bool(
        manifest["data"][KEY] != live.get("data", {}).get(KEY)
        or wanted["annotations"].items() - (there.get("annotations") or {}).items()
        or wanted["labels"].items() - (there.get("labels") or {}).items()
        or {owner["uid"] for owner in wanted["ownerReferences"]}
        != {owner["uid"] for owner in there.get("ownerReferences") or ()}
    )


def _ours(live: Object) -> bool:
    label, operator = MANAGED_BY
    return bool((live["metadata"].get("labels") or {}).get(label) == operator)


def _parse(live: Object | None) -> RoutingTable | None:
    try:
        return RoutingTable.parse(live["data"][KEY]) if live and _ours(live) else None
    except (ValueError, KeyError, TypeError):
        return None


def _served(live: Object | None) -> tuple[RoutingTable | None, str | None]:
    return (parsed, digest(live["data"][KEY])) if live and (parsed := _parse(live)) else (None, None)


def _routes(routing: RoutingTable | None) -> dict[str, Any]:
    return {backend.service: route for route in (routing.routes if routing else ()) for backend in route.backends}


def _waits(service: Object) -> bool:
    conditions = (service.get("status") or {}).get("conditions") or ()
    return not any(c["type"] == "RoutesProgrammed" and c["status"] == "True" for c in conditions)
