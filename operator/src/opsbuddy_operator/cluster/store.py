"""What is known of the cluster: the newest state that was seen of each object, whoever brought it (a watch, an own write, a list)."""

from collections.abc import Iterator, Mapping
from typing import Any

from opsbuddy_core.resource import KIND
from opsbuddy_operator.cluster.kinds import POD, SERVICE, Kind
from opsbuddy_operator.models import SERVICE_LABEL, Object, Ref, ref

# Who owns spec.replicas, one of two alternatives, a port.
FIELD_OWNERS_MATTER = ("Deployment", "PodDisruptionBudget", "Service")
REMEMBERED = 4096  # removed objects, so that a late answer does not bring one back
POD_STATUS = ("phase", "podIP", "reason", "message", "conditions", "containerStatuses", "initContainerStatuses")
POD_METADATA = (
    "name",
    "namespace",
    "uid",
    "labels",
    "resourceVersion",
    "creationTimestamp",
    "deletionTimestamp",
    "ownerReferences",
)


class Store:
    """Objects by reference. Resource versions order what different sources bring: an older state never replaces a newer one."""

    def __init__(self) -> None:
        self._objects: dict[Ref, Object] = {}
        self._kinds: dict[str, dict[Ref, None]] = {}
        self._labelled: dict[tuple[str, str], dict[Ref, None]] = {}  # namespace and name of the resource
        self._services: dict[str, dict[str, Ref]] = {}  # namespace and name
        self._removed: dict[Ref, int] = {}  # what is older than this was before the removal

    def put(self, obj: Object) -> bool:
        """Take an object; False when something at least as new is here already."""
        where, version = ref(obj), version_of(obj)
        known = self._objects.get(where)
        if version <= (version_of(known) if known else 0) or version < self._removed.get(where, 0):
            return False
        if known:
            self._unlink(where, known)
        self._objects[where] = slim(obj)
        self._link(where, obj)
        self._removed.pop(where, None)
        return True

    def remove(self, obj: Object) -> bool:
        """Forget an object that was deleted; False when a newer one has its name, or it was not here.

        A watch calls deleted, too, what lost the label that it selects by. That object lives on, in the very version of the event.
        """
        where, version = ref(obj), version_of(obj)
        known = self._objects.get(where)
        if known and uid_of(known) != uid_of(obj) and version_of(known) > version:
            return False
        self._removed[where] = max(version, self._removed.get(where, 0), version_of(known) + 1 if known else 0)
        if len(self._removed) > REMEMBERED:
            del self._removed[next(iter(self._removed))]
        if not known:
            return False
        self._unlink(where, known)
        del self._objects[where]
        return True

    def get(self, where: Ref) -> Object | None:
        return self._objects.get(where)

    def service(self, namespace: str, name: str) -> Object | None:
        """Return a resource."""
        return self._objects.get(SERVICE.ref(namespace, name))

    def services(self, namespace: str) -> list[Object]:
        """Return the resources of a namespace, by name."""
        return [self._objects[where] for _, where in sorted(self._services.get(namespace, {}).items())]

    def labelled(self, namespace: str, name: str) -> list[Object]:
        """Return the objects that belong to this resource, pods too."""
        return [self._objects[where] for where in self._labelled.get((namespace, name), ())]

    def pods(self, namespace: str, name: str) -> list[Object]:
        return [obj for obj in self.labelled(namespace, name) if obj["kind"] == POD.kind]

    def namespaces(self) -> list[str]:
        """Return the namespaces that have resources."""
        return list(self._services)

    def of_kind(self, kind: Kind) -> Iterator[Object]:
        return (self._objects[where] for where in self._kinds.get(kind.kind, ()))

    def __len__(self) -> int:
        return len(self._objects)

    def _link(self, where: Ref, obj: Object) -> None:
        self._kinds.setdefault(where.kind, {})[where] = None
        if where.kind == SERVICE.kind:
            self._services.setdefault(where.namespace, {})[where.name] = where
        elif owner := service_of(obj):
            self._labelled.setdefault((where.namespace, owner), {})[where] = None

    def _unlink(self, where: Ref, obj: Object) -> None:
        _drop(self._kinds, where.kind, where)
        if where.kind == SERVICE.kind:
            _drop(self._services, where.namespace, where.name)
        elif owner := service_of(obj):
            _drop(self._labelled, (where.namespace, owner), where)


def service_of(obj: Object) -> str | None:
    """Return the name of the resource that an object belongs to, by its owner, which an edit of the labels leaves as it is, or its label."""
    for owner in obj["metadata"].get("ownerReferences") or ():
        if owner.get("controller") and owner.get("kind") == KIND:
            return str(owner["name"])
    name: str | None = (obj["metadata"].get("labels") or {}).get(SERVICE_LABEL)
    return name


def version_of(obj: Object) -> int:
    """Return the resource version; they grow with every write (KEP-5504 makes it a promise)."""
    text = obj["metadata"].get("resourceVersion", "")
    return int(text) if text.isdigit() else 0


def uid_of(obj: Object) -> str:
    """Return what tells an object from another one of the same name."""
    uid: str = obj["metadata"]["uid"]
    return uid


def deleting(obj: Object) -> bool:
    """Whether somebody has asked for the object's deletion."""
    return bool(obj["metadata"].get("deletionTimestamp"))


def pod_ready(pod: Object) -> bool:
    """Whether a pod takes requests."""
    conditions = pod.get("status", {}).get("conditions") or ()
    return not deleting(pod) and any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def slim(obj: Object) -> Object:
    """Leave out what no decision needs: of a pod nearly everything, of most others the owners of their fields."""
    metadata = obj["metadata"]
    if obj["kind"] == POD.kind:
        status = obj.get("status") or {}
        return {
            "apiVersion": obj["apiVersion"],
            "kind": obj["kind"],
            "metadata": {key: metadata[key] for key in POD_METADATA if key in metadata},
            "status": {key: status[key] for key in POD_STATUS if key in status},
        }
    if obj["kind"] in FIELD_OWNERS_MATTER:
        return obj
    if obj["kind"] == SERVICE.kind and not isinstance(obj.get("spec"), Mapping):  # made before the CRD asked for one
        obj = {**obj, "spec": {}}
    return {**obj, "metadata": {key: value for key, value in metadata.items() if key != "managedFields"}}


def _drop(index: dict[Any, dict[Any, Any]], key: Any, entry: Any) -> None:
    entries = index.get(key, {})
    entries.pop(entry, None)
    if not entries:
        index.pop(key, None)
