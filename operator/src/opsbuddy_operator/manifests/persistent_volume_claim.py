from typing import Any

from opsbuddy_core.resource.pod import Storage
from opsbuddy_operator.manifests.identity import Identity
from opsbuddy_operator.models import Object

SIZE_ANNOTATION = "opsbuddy.dev/storage-size"
"""On the claim: the size that the spec asked for when it was last applied, which tells growth by hand from a spec that shrank."""


def build(identity: Identity, storage: Storage) -> Object:
    """Claim of the service's disk. It has no owner, so that it outlives the resource, unless the spec says Delete."""
    spec: dict[str, Any] = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": str(storage.size)}},
    }
    if storage.storage_class:
        spec["storageClassName"] = storage.storage_class
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": identity.metadata(
            owned=storage.on_delete == "Delete", annotations={SIZE_ANNOTATION: str(storage.size)}
        ),
        "spec": spec,
    }
