import hashlib
import json
from typing import Any

from opsbuddy_operator.models import MANIFEST_HASH, Object


def stamped(manifest: Object) -> Object:
    """Return the manifest with the hash of itself as an annotation, by which a later pass tells that nothing changed.

    The spec of a claim is left out: it follows the live one, which may grow by hand.
    """
    content = {**manifest, "spec": None} if manifest["kind"] == "PersistentVolumeClaim" else manifest
    annotations = {**manifest["metadata"].get("annotations", {}), MANIFEST_HASH: digest(content)}
    return {**manifest, "metadata": {**manifest["metadata"], "annotations": annotations}}


def digest(value: Any) -> str:
    """Return a short hash of JSON data, the same for the same content."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()[:32]
