from opsbuddy_core.resource.exposure import NetworkPolicy
from opsbuddy_operator.manifests.identity import Identity
from opsbuddy_operator.models import Object


def build(identity: Identity, policy: NetworkPolicy) -> Object:
    """Who may connect to the pods: those of the namespace, and the peers that the spec adds.

    It names no port: during a change of the port old and new pods listen on different ones.
    """
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": identity.metadata(),
        "spec": {
            "podSelector": {"matchLabels": identity.selector},
            "policyTypes": ["Ingress"],
            "ingress": [{"from": [{"podSelector": {}}, *(policy.ingress_from or [])]}],
        },
    }
