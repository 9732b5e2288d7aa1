from typing import Any

from opsbuddy_core.resource import OpsBuddyServiceSpec
from opsbuddy_operator.manifests import pod_template
from opsbuddy_operator.manifests.identity import Identity
from opsbuddy_operator.models import Object


def build(identity: Identity, spec: OpsBuddyServiceSpec, replicas: int | None, config_hash: str | None) -> Object:
    """Run the pods. `replicas` is None where an autoscaler decides, and then left out."""
    deployment: dict[str, Any] = {
        "selector": {"matchLabels": identity.selector},
        "strategy": _strategy(spec),
        "minReadySeconds": 0,
        "paused": False,  # a rollout that somebody pauses would wait for ever: suspend is for that
        "revisionHistoryLimit": 3,
        "progressDeadlineSeconds": 120,
        "template": pod_template.build(identity, spec, config_hash),
    }
    if replicas is not None:
        deployment["replicas"] = replicas
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": identity.metadata(), "spec": deployment}


def _strategy(spec: OpsBuddyServiceSpec) -> dict[str, Any]:
    if spec.storage:  # the volume is on one node: the old pod has to let go of it first
        return {"type": "Recreate", "rollingUpdate": None}
    return {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": "25%"}}
