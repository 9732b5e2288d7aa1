"""The kinds of objects that the operator touches. A fixed table: no discovery, no discovery cache, no rights for it."""

from dataclasses import dataclass

from opsbuddy_core import resource
from opsbuddy_operator.models import MANAGED_BY, SERVICE_LABEL, Ref

OURS = f"{MANAGED_BY[0]}={MANAGED_BY[1]}"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of the API."""

    api_version: str
    kind: str
    plural: str
    selector: str | None = None  # of the objects that concern us

    @property
    def group(self) -> str:
        return self.api_version.rpartition("/")[0]

    @property
    def version(self) -> str:
        return self.api_version.rpartition("/")[2]

    def ref(self, namespace: str, name: str) -> Ref:
        return Ref(self.api_version, self.kind, namespace, name)


SERVICE = Kind(resource.API_VERSION, resource.KIND, resource.PLURAL)
POD = Kind("v1", "Pod", "pods", SERVICE_LABEL)
CONFIG_MAP = Kind("v1", "ConfigMap", "configmaps", OURS)
CHILDREN = (
    Kind("apps/v1", "Deployment", "deployments", OURS),
    Kind("v1", "Service", "services", OURS),
    Kind("v1", "ServiceAccount", "serviceaccounts", OURS),
    CONFIG_MAP,
    Kind("v1", "PersistentVolumeClaim", "persistentvolumeclaims", OURS),
    Kind("autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", OURS),
    Kind("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets", OURS),
    Kind("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies", OURS),
    Kind("networking.k8s.io/v1", "Ingress", "ingresses", OURS),
    Kind("rbac.authorization.k8s.io/v1", "Role", "roles", OURS),
    Kind("rbac.authorization.k8s.io/v1", "RoleBinding", "rolebindings", OURS),
)
WATCHED = (SERVICE, POD, *CHILDREN)
SERVICE_MONITOR = Kind("monitoring.coreos.com/v1", "ServiceMonitor", "servicemonitors", OURS)
OPTIONAL = (SERVICE_MONITOR,)  # of APIs that a cluster may lack
ANY_AUTOSCALER = Kind("autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers")  # of whomever
SECRET = Kind("v1", "Secret", "secrets")
LEASE = Kind("coordination.k8s.io/v1", "Lease", "leases")
EVENT = Kind("events.k8s.io/v1", "Event", "events")

KINDS = {(kind.api_version, kind.kind): kind for kind in (*WATCHED, *OPTIONAL, SECRET, LEASE, EVENT)}


def kind_of(ref: Ref) -> Kind:
    """Return the kind of a reference; KeyError for one that the operator has no business with."""
    return KINDS[ref.api_version, ref.kind]
