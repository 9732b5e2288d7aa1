import hashlib
import json
from typing import Any

from opsbuddy_operator.models import MANIFEST_HASH, Object


def stamped(manifest: Object) -> Object:
    """Return the manifest with the hash of itself as an annotation, by which a later pass tells that nothing changed."""
    annotations = {**manifest["metadata"].get("annotations", {}), MANIFEST_HASH: digest(manifest)}
    return {**manifest, "metadata": {**manifest["metadata"], "annotations": annotations}}


def digest(value: Any) -> str:
    """Return a short hash of JSON data, the same for the same content."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()[:32]
