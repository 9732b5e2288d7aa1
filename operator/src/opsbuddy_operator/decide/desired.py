from collections.abc import Iterator

from opsbuddy_core.resource import OpsBuddyServiceSpec
from opsbuddy_operator.decide import claim
from opsbuddy_operator.decide.ownership import is_leaving, scaled_by_autoscaler
from opsbuddy_operator.decide.parsing import InvalidSpecError, spec_of
from opsbuddy_operator.decide.references import rolling
from opsbuddy_operator.manifests import (
    config_map,
    deployment,
    horizontal_pod_autoscaler,
    ingress,
    network_policy,
    pod_disruption_budget,
    role,
    role_binding,
    service,
    service_account,
    service_monitor,
)
from opsbuddy_operator.manifests.identity import Identity
from opsbuddy_operator.manifests.stamp import digest, stamped
from opsbuddy_operator.models import CONFIG_HASH, Object, Observed


def desired(observed: Observed) -> tuple[Object, ...]:
    """Return all objects that should exist for a resource, in the order in which they are applied; none where the spec cannot be read."""
    try:
        spec = spec_of(observed.resource)
    except InvalidSpecError:
        return ()
    return tuple(stamped(manifest) for manifest in _manifests(observed, spec))


def _manifests(observed: Observed, spec: OpsBuddyServiceSpec) -> Iterator[Object]:
    identity = Identity.of(observed.resource)
    yield service_account.build(identity)
    if spec.config:
        yield config_map.build(identity, spec.config)
    if disk := claim.desired(identity, spec.storage, live(observed, "PersistentVolumeClaim")):
        yield disk
    if spec.role in role.RIGHTS:
        yield role.build(identity, spec.role)
        yield role_binding.build(identity)
    if spec.network_policy:
        yield network_policy.build(identity, spec.network_policy)
    yield service.build(identity, spec.port, spec.protocol)
    replicas = None if observed.foreign_autoscaler else fixed_replicas(spec)
    yield deployment.build(identity, spec, replicas, _config_hash(observed, spec))
    if spec.disruption_budget:
        yield pod_disruption_budget.build(identity, spec.disruption_budget)
    if spec.autoscaling and is_autoscaled(spec):
        yield horizontal_pod_autoscaler.build(identity, spec.autoscaling)
    if spec.ingress:
        yield ingress.build(identity, spec.ingress)
    if spec.service_monitor:
        yield service_monitor.build(identity, spec.service_monitor, spec.protocol)


def live(observed: Observed, kind: str) -> Object | None:
    """Return the live child of a kind; there is one of each at most. What is about to go does not count."""
    children = (child for child in observed.children if child["kind"] == kind)
    return next((child for child in children if not is_leaving(child, observed.resource)), None)


def is_autoscaled(spec: OpsBuddyServiceSpec) -> bool:
    """Tell whether an autoscaler decides how many pods run."""
    return spec.autoscaling is not None and bool(spec.autoscaling.cpu or spec.autoscaling.memory)


def is_scaled_behind(observed: Observed) -> bool:
    """Tell whether an autoscaler set the number of pods last, although the spec asks for none."""
    deployment = live(observed, "Deployment")
    try:
        spec = spec_of(observed.resource)
    except InvalidSpecError:
        return False
    return deployment is not None and not spec.suspend and not is_autoscaled(spec) and scaled_by_autoscaler(deployment)


def fixed_replicas(spec: OpsBuddyServiceSpec) -> int | None:
    """Return how many pods the spec asks for; None where an autoscaler decides."""
    if is_autoscaled(spec):
        return None
    if spec.autoscaling:
        return max(spec.autoscaling.min_replicas, 1)
    return 1 if spec.replicas is None else spec.replicas


def _config_hash(observed: Observed, spec: OpsBuddyServiceSpec) -> str | None:
    """Return a hash over all configuration of the pods. While something of it is missing the live one is kept: a roll would end running pods."""
    if (observed.lacking or None in observed.references.values()) and (present := live_config_hash(observed)):
        return present
    of_pods = rolling(observed.resource)
    references = {ref: content for ref, content in observed.references.items() if ref in of_pods}
    config = spec.config.model_dump(mode="json", exclude_none=True) if spec.config else None
    if not config and not references:
        return None
    return digest([config, sorted([ref.kind, ref.name, content or ""] for ref, content in references.items())])


def live_config_hash(observed: Observed) -> str | None:
    """Return the hash that the live pod template carries."""
    present = live(observed, "Deployment")
    annotations = present["spec"]["template"].get("metadata", {}).get("annotations", {}) if present else {}
    return annotations.get(CONFIG_HASH)
