"""Turns what was heard of an object into the keys that it concerns."""

from collections.abc import Iterator

from opsbuddy_core.routes import CONFIG_MAP
from opsbuddy_operator.cluster.kinds import POD, SERVICE
from opsbuddy_operator.cluster.store import Store, pod_ready, service_of
from opsbuddy_operator.models import Key, Object, Subject, ref
from opsbuddy_operator.queue import Priority, Queue
from opsbuddy_operator.reconcile.routes import Routes


class News:
    """Between whoever hears of changes, the store and the queue."""

    def __init__(self, store: Store, queue: Queue, routes: Routes) -> None:
        self._store, self._queue, self._routes = store, queue, routes

    def put(self, obj: Object) -> frozenset[Key]:
        """Store an object; returns the keys that it concerns, none where it is known already, as after a write of ours."""
        before = self._store.get(ref(obj))
        return frozenset(concerned(before, obj)) if self._store.put(obj) else frozenset()

    def remove(self, obj: Object) -> frozenset[Key]:
        """Forget an object; returns the keys that this concerns."""
        before = self._store.get(ref(obj))
        return frozenset(concerned(before, None)) if before and self._store.remove(obj) else frozenset()

    def tell(self, keys: frozenset[Key], priority: Priority = Priority.LIVE) -> None:
        """Put keys into the queue; the routing table waits a moment for further changes."""
        for key in sorted(keys):
            if key.subject is Subject.ROUTES:
                self._queue.add_after(key, self._routes.pause(key.namespace))
            else:
                self._queue.add(key, priority)

    def everything(self) -> frozenset[Key]:
        """Return all keys that there are."""
        namespaces = self._store.namespaces()
        services = (
            Key(Subject.SERVICE, namespace, service["metadata"]["name"])
            for namespace in namespaces
            for service in self._store.services(namespace)
        )
        return frozenset((*services, *(Key(Subject.ROUTES, namespace) for namespace in namespaces)))


def concerned(before: Object | None, after: Object | None) -> Iterator[Key]:
    """Say whom a change concerns; at least one of the states is there."""
    some = after or before
    assert some is not None  # noqa: S101 - see above
    namespace, name = some["metadata"]["namespace"], some["metadata"]["name"]
    if some["kind"] == SERVICE.kind:
        yield Key(Subject.SERVICE, namespace, name)
        if before is None or after is None or _generation(before) != _generation(after):
            yield Key(Subject.ROUTES, namespace)
        return
    if name == CONFIG_MAP:
        yield Key(Subject.ROUTES, namespace)
        return
    for owner in {service_of(obj) for obj in (before, after) if obj} - {None}:
        yield Key(Subject.SERVICE, namespace, str(owner))
    if some["kind"] == POD.kind and _ready(before) != _ready(after):
        yield Key(Subject.ROUTES, namespace)


def _generation(service: Object) -> tuple[int, str]:
    metadata = service["metadata"]
    return metadata.get("generation", 0), metadata.get("deletionTimestamp", "")


def _ready(pod: Object | None) -> bool:
    return pod is not None and pod_ready(pod)
