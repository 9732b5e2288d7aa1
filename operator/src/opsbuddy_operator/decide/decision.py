from collections.abc import Iterator, Mapping

from opsbuddy_core.resource import OpsBuddyServiceSpec
from opsbuddy_operator.decide import alternatives, ports
from opsbuddy_operator.decide.desired import desired, is_autoscaled
from opsbuddy_operator.decide.ownership import applied_by_us, controller, is_leaving
from opsbuddy_operator.decide.parsing import InvalidSpecError, spec_of
from opsbuddy_operator.decide.references import required
from opsbuddy_operator.manifests.difference import holds, needs_apply
from opsbuddy_operator.models import MANIFEST_HASH, Decision, Object, Observed, Ref, ref

_NEEDS = {
    # A taken name must not lend its object to us: a foreign account's rights, a foreign claim's data, a foreign Deployment to scale.
    "Deployment": ("ServiceAccount", "ConfigMap", "PersistentVolumeClaim"),
    "RoleBinding": ("ServiceAccount", "Role"),
    "HorizontalPodAutoscaler": ("Deployment",),
    "Ingress": ("Service",),
    "ServiceMonitor": ("Service",),
}


def decide(observed: Observed) -> Decision:
    """Return what to do to the children so that they become what the spec says; nothing where it cannot be read, or says hands off."""
    try:
        spec = spec_of(observed.resource)
    except InvalidSpecError:
        return Decision()
    if spec.suspend or "deletionTimestamp" in observed.resource["metadata"]:
        return Decision()
    present = {ref(child): child for child in observed.children}
    wanted = desired(observed)
    awaited = tuple(
        name for name, child in present.items() if is_leaving(child, observed.resource) and name in map(ref, wanted)
    )
    possible = [manifest for manifest in _free(wanted, observed) if ref(manifest) not in awaited]
    pending = [
        manifest
        for manifest in possible
        if needs_apply(manifest, present.get(ref(manifest)), observed.tolerated.get(ref(manifest)))
    ]
    withheld = [manifest for manifest in pending if _ends_what_runs(manifest, present.get(ref(manifest)), observed)]
    pending = [manifest for manifest in pending if manifest not in withheld]
    changed = [(manifest, present[ref(manifest)]) for manifest in pending if ref(manifest) in present]
    return Decision(
        apply=tuple(pending),
        handover=tuple(_handovers(spec, possible, present, pending)),
        repair=tuple(
            patch
            for manifest, live in changed
            for rule in (ports, alternatives)
            if (patch := rule.repair(manifest, live))
        ),
        delete=_superfluous(wanted, present, observed),
        awaited=awaited,
        withheld=tuple(map(ref, withheld)),
    )


def _free(wanted: tuple[Object, ...], observed: Observed) -> list[Object]:
    """Leave out what cannot be had in this cluster, what has a taken name, and what would rest on that."""
    blocked = {taken.kind for taken in observed.taken} | observed.absent.keys()
    for kind, needs in _NEEDS.items():
        if blocked.intersection(needs):
            blocked.add(kind)
    return [manifest for manifest in wanted if manifest["kind"] not in blocked]


def _ends_what_runs(manifest: Object, live: Object | None, observed: Observed) -> bool:
    """Tell whether a change would end the only pod of a service with a disk for one that cannot start: what it refers to is missing."""
    if manifest["kind"] != "Deployment" or live is None or manifest["spec"]["strategy"]["type"] != "Recreate":
        return False
    missing = {name for name in required(observed.resource) if observed.references.get(name, "") is None}
    stops = manifest["spec"].get("replicas") == 0
    return (
        bool(missing or observed.lacking)
        and not stops
        and not holds(manifest["spec"]["template"], live["spec"]["template"])
    )


def _handovers(
    spec: OpsBuddyServiceSpec, possible: list[Object], present: Mapping[Ref, Object], pending: list[Object]
) -> Iterator[Object]:
    """Give spec.replicas to the autoscaler: letting go of what we own would set it to 1, and at 0 no autoscaler begins to work."""
    if not (spec.autoscaling and is_autoscaled(spec)):
        return
    for manifest in possible:
        if manifest["kind"] == "Deployment" and (live := present.get(ref(manifest))):
            number = live["spec"].get("replicas", 1)
            if number == 0 or (manifest in pending and applied_by_us(live, "spec", "replicas")):
                replicas = max(number, spec.autoscaling.min_replicas, 1)
                metadata = {name: manifest["metadata"][name] for name in ("name", "namespace")}
                yield {
                    "apiVersion": "apps/v1",
                    "kind": "Deployment",
                    "metadata": metadata,
                    "spec": {"replicas": replicas},
                }


def _superfluous(wanted: tuple[Object, ...], present: Mapping[Ref, Object], observed: Observed) -> tuple[Ref, ...]:
    """Name the children that the spec no longer asks for. Never a claim: data are not removed by leaving something out."""
    kept = {ref(manifest) for manifest in wanted}
    return tuple(
        sorted(
            name
            for name, child in present.items()
            if name not in kept
            and name.kind != "PersistentVolumeClaim"
            and _made_for(child, observed.resource)
            and "deletionTimestamp" not in child["metadata"]
        )
    )


def _made_for(child: Object, resource: Object) -> bool:
    """Tell whether we made the object for this resource, or for one of its name that was deleted without it; not a copy that somebody made."""
    metadata = child["metadata"]
    if owner := controller(child):
        return bool(owner.get("uid") == resource["metadata"]["uid"])
    return metadata["name"] == resource["metadata"]["name"] and MANIFEST_HASH in (metadata.get("annotations") or {})
