from opsbuddy_core.resource.pod import DisruptionBudget
from opsbuddy_operator.manifests.identity import Identity
from opsbuddy_operator.models import Object


def build(identity: Identity, budget: DisruptionBudget) -> Object:
    """How many pods a drain may take. Pods that are not ready never hold a drain up."""
    limit = (
        {"minAvailable": budget.min_available}
        if budget.min_available is not None
        else {"maxUnavailable": budget.max_unavailable}
    )
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": identity.metadata(),
        "spec": {
            "selector": {"matchLabels": identity.selector},
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
            **limit,
        },
    }
