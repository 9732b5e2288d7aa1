"""Brings one resource to what its spec says: gather, decide, apply, judge, tell."""

import asyncio
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from uuid import uuid4

from opsbuddy_core.logs import get_logger
from opsbuddy_core.routes import CONFIG_MAP
from opsbuddy_operator.cluster import kinds
from opsbuddy_operator.cluster.api import AbsentError, Api, ApiError, ConflictError
from opsbuddy_operator.cluster.kinds import EVENT, POD
from opsbuddy_operator.cluster.store import Store, deleting, uid_of
from opsbuddy_operator.decide.decision import decide
from opsbuddy_operator.decide.desired import desired, is_scaled_behind
from opsbuddy_operator.decide.ownership import is_ours
from opsbuddy_operator.decide.references import keys, references
from opsbuddy_operator.decide.verdict import is_told, judge
from opsbuddy_operator.manifests.difference import deviation, differences
from opsbuddy_operator.models import Decision, Event, Key, Object, Observed, Ref, Terms, Verdict, ref
from opsbuddy_operator.reconcile.apply import Applier
from opsbuddy_operator.reconcile.references import References
from opsbuddy_operator.reconcile.routes import Routes

STRANGER_SECONDS = 10.0  # no event tells that a stranger's object is gone
LONGEST_LOOK = 15.0
COMPONENT = "opsbuddy-operator"
log = get_logger("reconcile")


class ServiceReconciler:
    """Level-triggered: what has happened does not matter, only what is."""

    def __init__(self, api: Api, store: Store, references: References, routes: Routes, terms: Terms) -> None:
        self._api, self._store, self._references, self._routes = api, store, references, routes
        self._terms = terms
        self._applier = Applier(api, store)
        self._deviations: dict[Ref, str] = {}
        self._looks: dict[Key, int] = {}  # how often in a row there was nothing new

    async def __call__(self, key: Key) -> float | None:
        """Do the work for one key; returns after how many seconds to look again, if nothing happens before."""
        resource = self._store.service(key.namespace, key.name)
        if resource is None or deleting(resource):  # the garbage collector takes the children
            self._forget(key)
            return None
        await self._routes.ensure(key.namespace)
        observed = await self._gather(key, resource)
        present = {ref(child): uid_of(child) for child in observed.children}
        decision = decide(observed)
        failures = await self._applier.run(decision, present)
        self._learn(decision, failures)
        observed = self._after(observed, failures)
        verdict = judge(observed, datetime.now(UTC))
        changed = await self._tell(resource, verdict)
        return self._look_again(key, observed, verdict, changed=changed)

    async def _gather(self, key: Key, resource: Object) -> Observed:
        digests, refused = await self._references.digests(key, references(resource))
        observed = Observed(
            resource=resource,
            children=self._children(resource),
            pods=tuple(self._store.pods(key.namespace, key.name)),
            references=digests,
            lacking=self._references.lacking(keys(resource)),
            failures=refused,
            tolerated=self._deviations,
            absent=self._terms.absent,
            metrics_patience=self._terms.metrics_patience,
            **self._routes.seen_by(resource),
        )
        observed = replace(observed, foreign_autoscaler=await self._foreign_autoscaler(observed))
        return replace(observed, taken=await self._strangers(observed), children=self._children(resource))

    async def _foreign_autoscaler(self, observed: Observed) -> str | None:
        """Name the autoscaler that scales the Deployment although the spec asks for none; who aims where is asked only when one did so last."""
        if not is_scaled_behind(observed):
            return None
        name, namespace = observed.resource["metadata"]["name"], observed.resource["metadata"]["namespace"]
        for autoscaler in await self._api.list(kinds.ANY_AUTOSCALER, namespace):
            target = autoscaler["spec"]["scaleTargetRef"]
            if (target["kind"], target["name"]) == ("Deployment", name) and not is_ours(autoscaler, observed.resource):
                return str(autoscaler["metadata"]["name"])
        return None

    def _children(self, resource: Object) -> tuple[Object, ...]:
        namespace, name = resource["metadata"]["namespace"], resource["metadata"]["name"]
        table = kinds.CONFIG_MAP.ref(namespace, CONFIG_MAP)
        return tuple(
            obj
            for obj in self._store.labelled(namespace, name)
            if obj["kind"] != POD.kind and ref(obj) != table and is_ours(obj, resource)
        )

    async def _strangers(self, observed: Observed) -> Mapping[Ref, Object]:
        """Look up the names that we need and do not have. One that is there after all, and ours, goes into the store."""
        present = {ref(child) for child in observed.children}
        possible = [ref(obj) for obj in desired(observed) if obj["kind"] not in observed.absent]
        needed = [where for where in possible if where not in present]
        taken: dict[Ref, Object] = {}
        for where, live in zip(needed, await asyncio.gather(*(self._api.get(where) for where in needed)), strict=True):
            if live is None:
                continue
            if is_ours(live, observed.resource):
                self._store.put(live)
            else:
                taken[where] = live
        return taken

    def _learn(self, decision: Decision, failures: Mapping[Ref, str]) -> None:
        """Remember what came out otherwise than it was applied: something admits objects in its own way, and would do so again."""
        for manifest in decision.apply:
            where = ref(manifest)
            live = self._store.get(where)
            found = deviation(manifest, live) if live and where not in failures else None
            if found is None:
                self._deviations.pop(where, None)
            elif self._deviations.get(where) != found:
                self._deviations[where] = found
                fields = [path for path, _ in differences(manifest, live)]
                log.warning("Applied, but kept otherwise", operation="apply", **asdict(where), fields=fields)

    def _after(self, observed: Observed, failures: Mapping[Ref, str]) -> Observed:
        """Observe anew what came of it, from the answers of the API server."""
        return replace(
            observed,
            children=self._children(observed.resource),
            failures={**observed.failures, **failures},
            tolerated=self._deviations,
        )

    async def _tell(self, resource: Object, verdict: Verdict) -> bool:
        """Write the status where it differs, and then the Events; returns whether it differed."""
        if is_told(verdict.status, resource.get("status")):
            return False
        metadata = {name: resource["metadata"][name] for name in ("name", "namespace", "uid")}
        body = {
            "apiVersion": resource["apiVersion"],
            "kind": resource["kind"],
            "metadata": metadata,
            "status": verdict.status,
        }
        try:
            answer = await self._api.apply_status(body)
        except (AbsentError, ConflictError):  # it was deleted, or made anew, meanwhile; its own event brings it back
            return False
        if answer["metadata"]["generation"] == resource["metadata"]["generation"]:
            self._store.put(
                answer
            )  # else it holds a change that the watch has yet to tell: known already, it would be no news
        for event in verdict.events:
            await record(self._api, resource, event, self._terms.identity)
        return True

    def _look_again(self, key: Key, observed: Observed, verdict: Verdict, *, changed: bool) -> float | None:
        looks = self._looks[key] = 0 if changed else self._looks.get(key, 0) + 1
        waits = []
        if verdict.look_again is not None:  # what stays as it is, is looked at less and less often
            waits.append(max(verdict.look_again, min(LONGEST_LOOK, 1.5 ** min(looks, 10) - 1)))
        if observed.taken or observed.foreign_autoscaler:
            waits.append(STRANGER_SECONDS)
        if (attempt := self._applier.next_attempt(observed.failures)) is not None:
            waits.append(attempt)
        return min(waits, default=None)

    def _forget(self, key: Key) -> None:
        self._references.forget(key)
        self._looks.pop(key, None)
        self._applier.forget(key.namespace, key.name)
        for where in [
            where for where in self._deviations if (where.namespace, where.name) == (key.namespace, key.name)
        ]:
            del self._deviations[where]


async def record(api: Api, about: Object, event: Event, identity: str) -> None:
    """Record an Event; that it cannot be recorded stops nothing."""
    metadata = about["metadata"]
    regarding = {
        "apiVersion": about["apiVersion"],
        "kind": about["kind"],
        "name": metadata["name"],
        "namespace": metadata["namespace"],
    }
    try:
        await api.create(
            {
                "apiVersion": EVENT.api_version,
                "kind": EVENT.kind,
                "metadata": {"name": f"{metadata['name']}.{uuid4().hex[:16]}", "namespace": metadata["namespace"]},
                "regarding": regarding | {"uid": metadata["uid"]},
                "type": event.type,
                "reason": event.reason,
                "note": event.message.encode()[:1024].decode(errors="ignore"),  # the limit counts bytes
                "action": "Reconcile",
                "reportingController": COMPONENT,
                "reportingInstance": identity[:128],
                "eventTime": datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
            }
        )
    except ApiError as error:
        log.warning("An Event could not be recorded", operation="event", name=metadata["name"], reason=str(error))
