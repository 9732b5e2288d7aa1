from typing import Any

from opsbuddy_core.resource.scaling import Autoscaling
from opsbuddy_operator.manifests.container import container_name
from opsbuddy_operator.manifests.identity import Identity
from opsbuddy_operator.models import Object


def build(identity: Identity, autoscaling: Autoscaling) -> Object:
    """Scales the Deployment. It measures the service's own container alone: a sidecar without a request would blind it."""
    spec: dict[str, Any] = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": identity.name},
        "minReplicas": max(autoscaling.min_replicas, 1),
        "maxReplicas": autoscaling.max_replicas,
        "metrics": [
            {
                "type": "ContainerResource",
                "containerResource": {
                    "name": resource,
                    "container": container_name(identity),
                    "target": {"type": "Utilization", "averageUtilization": target.target_utilization},
                },
            }
            for resource, target in (("cpu", autoscaling.cpu), ("memory", autoscaling.memory))
            if target
        ],
    }
    if autoscaling.behavior:
        spec["behavior"] = autoscaling.behavior
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": identity.metadata(),
        "spec": spec,
    }
