from collections.abc import Mapping
from typing import Any

from opsbuddy_core.resource import GROUP, PLURAL
from opsbuddy_core.routes import CONFIG_MAP
from opsbuddy_operator.manifests.identity import Identity
from opsbuddy_operator.models import Object

RIGHTS: Mapping[str, tuple[dict[str, Any], ...]] = {
    "Gateway": (  # the routing table, by name, and the endpoints of its namespace
        {
            "apiGroups": [""],
            "resources": ["configmaps"],
            "resourceNames": [CONFIG_MAP],
            "verbs": ["get", "list", "watch"],
        },
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["get", "list", "watch"]},
    ),
    "Console": ({"apiGroups": [GROUP], "resources": [PLURAL], "verbs": ["get", "list"]},),
}
"""What the pods of a role may read in their namespace. The other roles have no rights, and so no token."""


def build(identity: Identity, role: str) -> Object:
    """What the pods of a resource with this role may read."""
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": identity.metadata(),
        "rules": list(RIGHTS[role]),
    }
