"""Volumes of the pod and where the container sees them."""

import hashlib
from collections.abc import Iterator
from typing import Any

from opsbuddy_core.resource import OpsBuddyServiceSpec
from opsbuddy_core.resource.pod import SecretReference
from opsbuddy_core.routes import CONFIG_MAP

ROUTES_PATH = "/etc/opsbuddy-routes"  # beside the default folder of spec.config: no mount fits into a read-only one
_READ_BY_GROUP = 0o440


def build(name: str, spec: OpsBuddyServiceSpec) -> list[dict[str, Any]]:
    """Return the volumes; `name` is that of the resource, and so of its ConfigMap and its claim."""
    volumes: list[dict[str, Any]] = [{"name": "tmp", "emptyDir": {}}]
    if spec.storage:
        volumes.append({"name": "data", "persistentVolumeClaim": {"claimName": name}})
    if spec.config and spec.config.files:
        items = [{"key": file, "path": file} for file in sorted(spec.config.files)]
        volumes.append({"name": "config", "configMap": {"name": name, "items": items}})
    if spec.role == "Gateway":  # what the gateway falls back to; it may start before there is a table
        volumes.append({"name": "routes", "configMap": {"name": CONFIG_MAP, "optional": True}})
    volumes += [{"name": _volume(secret), "secret": _source(secret)} for secret, _ in _mounted(spec)]
    return volumes


def _source(secret: SecretReference) -> dict[str, Any]:
    source: dict[str, Any] = {"secretName": secret.name, "defaultMode": _READ_BY_GROUP}
    if secret.keys:
        source["items"] = [{"key": key, "path": key} for key in sorted(secret.keys)]
    return source


def mounts(spec: OpsBuddyServiceSpec) -> list[dict[str, Any]]:
    """Return where the container sees the volumes."""
    mounts: list[dict[str, Any]] = [{"name": "tmp", "mountPath": "/tmp"}]  # noqa: S108 - the one place that can be written
    if spec.storage:
        mounts.append({"name": "data", "mountPath": spec.storage.mount_path})
    if spec.config and spec.config.files:
        mounts.append({"name": "config", "mountPath": spec.config.mount_path, "readOnly": True})
    if spec.role == "Gateway":
        mounts.append({"name": "routes", "mountPath": ROUTES_PATH, "readOnly": True})
    mounts += [{"name": _volume(secret), "mountPath": path, "readOnly": True} for secret, path in _mounted(spec)]
    return mounts


def _mounted(spec: OpsBuddyServiceSpec) -> Iterator[tuple[SecretReference, str]]:
    for secret in spec.secrets or []:
        if secret.mount_path:
            yield secret, secret.mount_path


def _volume(secret: SecretReference) -> str:
    """A volume's name is shorter than a Secret's may be, and without dots."""
    return f"secret-{hashlib.sha256(secret.name.encode()).hexdigest()[:10]}"
