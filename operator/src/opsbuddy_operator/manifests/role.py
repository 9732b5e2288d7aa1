from opsbuddy_core.routes import CONFIG_MAP
from opsbuddy_operator.manifests.identity import Identity
from opsbuddy_operator.models import Object


def build(identity: Identity) -> Object:
    """What a gateway may read: the routing table, by name, and the endpoints of its namespace."""
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": identity.metadata(),
        "rules": [
            {
                "apiGroups": [""],
                "resources": ["configmaps"],
                "resourceNames": [CONFIG_MAP],
                "verbs": ["get", "list", "watch"],
            },
            {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["get", "list", "watch"]},
        ],
    }
