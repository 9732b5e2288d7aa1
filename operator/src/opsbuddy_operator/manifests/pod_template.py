from typing import Any

from opsbuddy_core.resource import OpsBuddyServiceSpec
from opsbuddy_core.resource.pod import Scheduling
from opsbuddy_operator.manifests import container, role, volumes
from opsbuddy_operator.manifests.identity import Identity
from opsbuddy_operator.manifests.merge import distinct, left_out, merge
from opsbuddy_operator.models import CONFIG_HASH

_USER = 1000


def build(identity: Identity, spec: OpsBuddyServiceSpec, config_hash: str | None) -> dict[str, Any]:
    """Return the pod template: the spec's podTemplate, and over it what the operator sets."""
    template: dict[str, Any] = merge(distinct(spec.pod_template or {}), _ours(identity, spec, config_hash))
    return template


def ignored(identity: Identity, spec: OpsBuddyServiceSpec) -> list[str]:
    """Name what of the spec's podTemplate cannot be taken over, because nothing of that shape is there in a pod."""
    return [f"podTemplate{path}" for path in left_out(spec.pod_template or {}, _ours(identity, spec, None))]


def _ours(identity: Identity, spec: OpsBuddyServiceSpec, config_hash: str | None) -> dict[str, Any]:
    metadata: dict[str, Any] = {"labels": identity.labels}
    if config_hash:
        metadata["annotations"] = {CONFIG_HASH: config_hash}
    return {"metadata": metadata, "spec": _pod(identity, spec)}


def _pod(identity: Identity, spec: OpsBuddyServiceSpec) -> dict[str, Any]:
    pod: dict[str, Any] = {
        "serviceAccountName": identity.name,
        "automountServiceAccountToken": spec.role in role.RIGHTS,
        "enableServiceLinks": False,  # a Service named gateway would set GATEWAY_PORT=tcp://...
        "terminationGracePeriodSeconds": 45,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "runAsGroup": _USER,
            "fsGroup": _USER,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container.build(identity, spec)],
        "volumes": volumes.build(identity.name, spec),
        **_scheduling(identity, spec.scheduling or Scheduling()),
    }
    if spec.image.pull_secrets:
        pod["imagePullSecrets"] = [{"name": name} for name in spec.image.pull_secrets]
    return pod


def _scheduling(identity: Identity, scheduling: Scheduling) -> dict[str, Any]:
    spread = scheduling.topology_spread
    if spread is None:
        spread = [
            {
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": identity.selector},
            }
        ]
    wished = {
        "nodeSelector": scheduling.node_selector,
        "tolerations": scheduling.tolerations,
        "affinity": scheduling.affinity,
        "topologySpreadConstraints": spread,
        "priorityClassName": scheduling.priority_class_name,
    }
    return {name: value for name, value in wished.items() if value}
