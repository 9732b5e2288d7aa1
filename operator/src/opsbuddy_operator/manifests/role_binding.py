from opsbuddy_operator.manifests.identity import Identity
from opsbuddy_operator.models import Object


def build(identity: Identity) -> Object:
    """Gives the account of the pods its role."""
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": identity.metadata(),
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": identity.name},
        "subjects": [{"kind": "ServiceAccount", "name": identity.name, "namespace": identity.namespace}],
    }
