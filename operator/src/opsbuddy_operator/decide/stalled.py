"""What in the spec, or around it, cannot work: said at once and together, so that it can be mended together."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from opsbuddy_core.resource import ConditionType, OpsBuddyServiceSpec, Reason
from opsbuddy_core.resource.types import quantity
from opsbuddy_operator.decide import claim
from opsbuddy_operator.decide.desired import is_autoscaled, live
from opsbuddy_operator.decide.finding import Finding
from opsbuddy_operator.decide.references import required
from opsbuddy_operator.manifests import pod_template
from opsbuddy_operator.manifests.identity import Identity
from opsbuddy_operator.models import Fault, Observed


def stalled(observed: Observed, spec: OpsBuddyServiceSpec, now: datetime) -> Finding:
    """Find what cannot work."""
    blind, look_again = _blind(observed, spec, now)
    faults = [
        *_names(observed),
        *_missing(observed),
        *_lacking(observed),
        *_storage(observed, spec),
        *_refused(observed),
        *([observed.table_fault] if observed.table_fault and spec.role == "Gateway" else []),
        *_absent(observed, spec),
        *_scaled_by_others(observed),
        *_unmeasurable(spec),
        *_unsupported(spec),
        *_ignored(observed, spec),
        *blind,
    ]
    if not faults:
        return Finding(
            ConditionType.STALLED,
            holds=False,
            reason=Reason.NOT_STALLED,
            message="The spec can work.",
            look_again=look_again,
        )
    return found(faults)


def found(faults: list[Fault]) -> Finding:
    """Put faults together; the first gives the reason."""
    return Finding(
        ConditionType.STALLED,
        holds=True,
        reason=faults[0][0],
        message="; ".join(text for _, text in faults),
        failing=True,
    )


def _names(observed: Observed) -> Iterator[Fault]:
    for ref in sorted(observed.taken):
        yield (
            Reason.NAME_TAKEN,
            f"{ref.kind} {ref.name} exists and is not ours, so it is left alone: delete or rename it, or choose another name for this resource",
        )


def _missing(observed: Observed) -> Iterator[Fault]:
    for ref in sorted(
        required(observed.resource) - observed.failures.keys()
    ):  # whether one exists that may not be read is not known
        if ref in observed.references and observed.references[ref] is None:
            yield (
                Reason.REFERENCE_MISSING,
                f"{ref.kind} {ref.name} does not exist in namespace {ref.namespace}: create it, or take it out of the spec",
            )


def _lacking(observed: Observed) -> Iterator[Fault]:
    for ref, keys in sorted(observed.lacking.items()):
        names = " and ".join(sorted(keys))
        words = (
            f"{ref.kind} {ref.name} in namespace {ref.namespace} has no key {names}: add it, or take it out of the spec"
        )
        yield Reason.REFERENCE_MISSING, words


def _storage(observed: Observed, spec: OpsBuddyServiceSpec) -> Iterator[Fault]:
    present = live(observed, "PersistentVolumeClaim")
    if fault := claim.fault(spec.storage, present):
        yield Reason.STORAGE_IMMUTABLE, fault
    for ref, words in sorted(observed.failures.items()):
        if ref.kind == "PersistentVolumeClaim" and present is not None:
            grows = spec.storage and claim.grows(spec.storage, present)
            wish = f"grow to storage.size {spec.storage.size}" if grows and spec.storage else "be changed"
            advice = "; set storage.size back" if grows else ""
            yield Reason.STORAGE_IMMUTABLE, f"the claim {ref.name} cannot {wish}: {words}{advice}"


def _refused(observed: Observed) -> Iterator[Fault]:
    for ref, words in sorted(observed.failures.items()):
        if ref.kind != "PersistentVolumeClaim" or live(observed, ref.kind) is None:
            yield Reason.API_REFUSED, f"the API server refused {ref.kind} {ref.name}: {words}"


def _absent(observed: Observed, spec: OpsBuddyServiceSpec) -> Iterator[Fault]:
    if spec.service_monitor and (words := observed.absent.get("ServiceMonitor")):
        yield Reason.API_MISSING, f"serviceMonitor: {words}, or remove serviceMonitor; everything else runs"


def _scaled_by_others(observed: Observed) -> Iterator[Fault]:
    if name := observed.foreign_autoscaler:
        words = (
            f"HorizontalPodAutoscaler {name} scales the Deployment of this service, so the number of pods is left to it"
        )
        yield Reason.FOREIGN_AUTOSCALER, f"{words}: let it aim at the OpsBuddyService, or delete it and set autoscaling"


def _unmeasurable(spec: OpsBuddyServiceSpec) -> Iterator[Fault]:
    """A rule of the CRD asks for the request; of one that is nothing no share can be measured."""
    if not spec.autoscaling or not spec.resources:
        return
    requests = {**(spec.resources.limits or {}), **(spec.resources.requests or {})}
    for name, metric in (("cpu", spec.autoscaling.cpu), ("memory", spec.autoscaling.memory)):
        if metric and not quantity(requests.get(name, 1)):
            words = f"autoscaling.{name} measures in percent of resources.requests.{name}, which is {requests[name]}: set it higher"
            yield Reason.AUTOSCALER_INACTIVE, words


def _unsupported(spec: OpsBuddyServiceSpec) -> Iterator[Fault]:
    unsupported: dict[str, Any] = {
        "canary": spec.canary,
        "autoscaling.requests": spec.autoscaling and spec.autoscaling.requests,
    }
    for field, value in unsupported.items():
        if value:
            yield (
                Reason.UNSUPPORTED_FIELD,
                f"{field} is not supported by this version of the operator: remove it; everything else runs",
            )


def _ignored(observed: Observed, spec: OpsBuddyServiceSpec) -> Iterator[Fault]:
    for place in pod_template.ignored(Identity.of(observed.resource), spec):
        yield (
            Reason.INVALID_SPEC,
            f"{place} is left out: a pod has something of another shape there, and each entry of a list its name; mend it or take it out",
        )


def _blind(observed: Observed, spec: OpsBuddyServiceSpec, now: datetime) -> tuple[list[Fault], float | None]:
    """Tell of an autoscaler that has been without metrics for long, and when it would be."""
    autoscaler = live(observed, "HorizontalPodAutoscaler")
    if autoscaler is None or not is_autoscaled(spec):
        return [], None
    for condition in autoscaler.get("status", {}).get("conditions", ()):
        if condition["type"] == "ScalingActive" and condition["status"] == "False":
            since = condition.get("lastTransitionTime") or autoscaler["metadata"]["creationTimestamp"]
            left = observed.metrics_patience - (now - datetime.fromisoformat(since)).total_seconds()
            if left > 0:
                return [], left
            words = (
                f"the autoscaler has not worked since {since}: {condition.get('message') or condition.get('reason')}"
            )
            return [
                (
                    Reason.AUTOSCALER_INACTIVE,
                    f"{words}; see that the cluster has a metrics server, or set replicas instead",
                )
            ], None
    return [], None
