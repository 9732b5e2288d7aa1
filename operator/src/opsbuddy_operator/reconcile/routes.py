"""Writes the routing table of a namespace, and follows which gateway serves it."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from opsbuddy_core.logs import get_logger
from opsbuddy_core.resource import Reason
from opsbuddy_core.routes import CONFIG_MAP, RoutingTable
from opsbuddy_operator.cluster import kinds
from opsbuddy_operator.cluster.api import Api
from opsbuddy_operator.cluster.store import Store, deleting, pod_ready, uid_of
from opsbuddy_operator.decide.routing import table
from opsbuddy_operator.models import Decision, Fault, Gateway, Key, Object, Ref, Subject, ref
from opsbuddy_operator.reconcile import config_map
from opsbuddy_operator.reconcile.apply import Applier
from opsbuddy_operator.reconcile.gateways import GatewayProbe

DEBOUNCE, LONGEST_DEBOUNCE = 0.2, 5.0
LIMIT = 1_000_000  # bytes; the API server takes no object over 1 MiB, all of it counted
LONGEST_PAUSE = 15.0
STRANGER_SECONDS = 10.0  # no event tells that a stranger's object is gone
log = get_logger("routes")


@dataclass(slots=True)
class Routing:
    """What is known of one namespace."""

    table: RoutingTable | None = None  # as it is in the ConfigMap
    table_hash: str | None = None
    conflicts: Mapping[str, str] = field(default_factory=dict)
    has_gateway: bool = False
    served: dict[str, Gateway] = field(default_factory=dict)  # uid of a ready pod to what it says
    asked: int = 0  # times in a row without that all serve the table
    fault: Fault | None = None  # why the table is not in the ConfigMap
    next_attempt: float | None = None  # seconds after which it may be written after all
    cost: float = 0.0  # seconds that the last pass took


class Routes:
    """The reconcile of the subject ROUTES."""

    def __init__(
        self,
        api: Api,
        store: Store,
        probe: GatewayProbe,
        changed: Callable[[Key], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._api, self._store, self._probe, self._changed, self._clock = api, store, probe, changed, clock
        self._applier = Applier(api, store, clock)
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
        return {
            "table": known.table,
            "table_hash": known.table_hash,
            "table_fault": known.fault,
            "gateways": tuple(known.served.values()),
            "has_gateway": known.has_gateway,
            "route_conflict": known.conflicts.get(name),
        }

    def pause(self, namespace: str) -> float:
        """Return how long to collect changes before the next pass, in seconds: passes take at most a tenth of the time."""
        known = self._known.get(namespace)
        return min(LONGEST_DEBOUNCE, max(DEBOUNCE, 9 * known.cost if known else 0.0))

    async def _run(self, namespace: str) -> float | None:
        begun = self._clock()
        services = self._store.services(namespace)
        if not services:
            self._known.pop(namespace, None)
            self._locks.pop(namespace, None)
            return None
        known = self._known.get(namespace, Routing())
        before = replace(known, served=dict(known.served), conflicts=dict(known.conflicts))
        live, gateways = await self._live(namespace), self._gateways(namespace)
        ours = live if live and config_map.is_ours(live, gateways) else None
        wanted, known.conflicts = table(services, self._ready(services), config_map.parse(ours) or known.table)
        fault, again = self._impossible(wanted, live, ours)
        if not fault:
            fault, again = await self._write(namespace, wanted, ours)
        known.fault, known.next_attempt = (
            fault,
            again,
        )  # at the end: resources are judged by it while the table is written
        known.table, known.table_hash = self._there(namespace, gateways)
        known.has_gateway = bool(gateways)
        known.cost = self._clock() - begun
        if known.table_hash != before.table_hash:
            known.asked = 0
        if known.fault and known.fault != before.fault:
            log.warning(known.fault[1], operation="routes", namespace=namespace)
        look_again = await self._ask(namespace, known)
        if namespace in self._known:
            self._bring_back(services, before, known)
        self._known[namespace] = known
        return min((wait for wait in (look_again, known.next_attempt) if wait is not None), default=None)

    def _ready(self, services: list[Object]) -> set[str]:
        names = [(service["metadata"]["namespace"], service["metadata"]["name"]) for service in services]
        return {name for namespace, name in names if any(map(pod_ready, self._store.pods(namespace, name)))}

    async def _live(self, namespace: str) -> Object | None:
        """Return the ConfigMap, ours or not."""
        live = self._store.get(_where(namespace))
        return live if live or not self._gateways(namespace) else await self._api.get(_where(namespace))

    def _impossible(
        self, wanted: RoutingTable, live: Object | None, ours: Object | None
    ) -> tuple[Fault | None, float | None]:
        """Say why the table cannot be written, and after how many seconds to look again where no event would tell of a change."""
        if live is not None and ours is None:
            words = f"ConfigMap {CONFIG_MAP} exists and is not ours, so it is left alone: delete it, so that services can be routed"
            return (Reason.NAME_TAKEN, words), STRANGER_SECONDS
        if (size := len(wanted.text().encode())) > LIMIT:
            words = f"the routing table has {size} bytes, more than the {LIMIT} that fit, so the last one stays: use fewer or shorter routes"
            return (Reason.ROUTES_TOO_LARGE, words), None
        return None, None

    async def _write(
        self, namespace: str, wanted: RoutingTable, ours: Object | None
    ) -> tuple[Fault | None, float | None]:
        """Write the table if it differs; that it is refused is told as `_impossible` does, and stops nothing: services run without routes, too."""
        decision = self._decide(self._gateways(namespace), wanted.text(), ours)
        failures = await self._applier.run(decision, {ref(ours): uid_of(ours)} if ours else {})
        for words in failures.values():
            fault = Reason.API_REFUSED, f"the API server refused ConfigMap {CONFIG_MAP}: {words}"
            return fault, self._applier.next_attempt(failures)
        if decision.apply:
            log.info("Routing table written", operation="routes", namespace=namespace, routes=len(wanted.routes))
        return None, None

    def _decide(self, gateways: list[Object], text: str, ours: Object | None) -> Decision:
        if not gateways:  # the resource that owns it is no Gateway any more
            return Decision(delete=(ref(ours),)) if ours else Decision()
        if all(gateway["spec"].get("suspend") for gateway in gateways):
            return Decision()
        manifest = config_map.manifest(gateways, text)
        return Decision(apply=(manifest,)) if ours is None or config_map.differs(manifest, ours) else Decision()

    def _there(self, namespace: str, gateways: list[Object]) -> tuple[RoutingTable | None, str | None]:
        """Return the table that is in the ConfigMap now, and its hash."""
        live = self._store.get(_where(namespace))
        return config_map.served(live) if live and gateways and config_map.is_ours(live, gateways) else (None, None)

    async def _ask(self, namespace: str, known: Routing) -> float | None:
        """Ask the gateways that do not serve the table yet, as far as is known."""
        pods = {uid_of(pod): (pod, gateway) for gateway, pod in self._gateway_pods(namespace)}
        known.served = {uid: gateway for uid, gateway in known.served.items() if uid in pods}
        late = [uid for uid in pods if known.table_hash and not _serves(known, uid)]
        answers = await asyncio.gather(
            *(
                self._probe.serves(_scheme(gateway), pod["status"]["podIP"], gateway["spec"]["port"])
                for pod, gateway in map(pods.__getitem__, late)
            )
        )
        for uid, serves in zip(late, answers, strict=True):
            known.served[uid] = Gateway(pods[uid][0]["metadata"]["name"], serves)
        if all(_serves(known, uid) for uid in known.served):
            known.asked = 0
            return None
        known.asked += 1
        return float(min(LONGEST_PAUSE, 1.5 ** min(known.asked - 1, 10)))

    def _bring_back(self, services: list[Object], before: Routing, known: Routing) -> None:
        """Bring back the resources that this concerns: whose route changed, who waits, or all."""
        if replace(before, cost=0, asked=0) == replace(known, cost=0, asked=0):
            return
        had, has = _routes(before.table), _routes(known.table)
        everybody = _reach(before) != _reach(known)
        for service in services:
            namespace, name = service["metadata"]["namespace"], service["metadata"]["name"]
            if everybody or had.get(name) != has.get(name) or name in known.conflicts or _waits(service):
                self._changed(Key(Subject.SERVICE, namespace, name))

    def _gateways(self, namespace: str) -> list[Object]:
        return [s for s in self._store.services(namespace) if s["spec"].get("role") == "Gateway" and not deleting(s)]

    def _gateway_pods(self, namespace: str) -> list[tuple[Object, Object]]:
        return [
            (gateway, pod)
            for gateway in self._gateways(namespace)
            for pod in self._store.pods(namespace, gateway["metadata"]["name"])
            if "port" in gateway["spec"]  # one made before the CRD asked for it cannot be asked anything
            and pod_ready(pod)
            and pod.get("status", {}).get("podIP")
        ]


def _scheme(gateway: Object) -> str:
    return "https" if gateway["spec"].get("protocol") == "HTTPS" else "http"


def _where(namespace: str) -> Ref:
    return kinds.CONFIG_MAP.ref(namespace, CONFIG_MAP)


def _reach(known: Routing) -> tuple[bool, bool, Fault | None]:
    """What makes a difference to every resource of the namespace."""
    return known.has_gateway, bool(known.served), known.fault


def _routes(routing: RoutingTable | None) -> dict[str, Any]:
    return {backend.service: route for route in (routing.routes if routing else ()) for backend in route.backends}


def _serves(known: Routing, uid: str) -> bool:
    return uid in known.served and known.served[uid].serves == known.table_hash


def _waits(service: Object) -> bool:
    conditions = (service.get("status") or {}).get("conditions") or ()
    return not any(c["type"] == "RoutesProgrammed" and c["status"] == "True" for c in conditions)
