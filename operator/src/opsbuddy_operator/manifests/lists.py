"""Lists that Kubernetes treats as maps: which fields of an entry are its key."""

from collections.abc import Mapping, Sequence
from typing import Any

_KEYS: dict[str, tuple[str, ...]] = {
    "containers": ("name",),
    "env": ("name",),
    "ephemeralContainers": ("name",),
    "hostAliases": ("ip",),
    "imagePullSecrets": ("name",),
    "initContainers": ("name",),
    "ownerReferences": ("uid",),
    "resizePolicy": ("resourceName",),
    "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
    "volumeDevices": ("devicePath",),
    "volumeMounts": ("mountPath",),
    "volumes": ("name",),
}

Key = tuple[Any, ...]


def key(field: str, entry: Any) -> Key | None:
    """Return the key of an entry of the list `field`; None where the list is no map, or the entry lacks its key."""
    if not isinstance(entry, Mapping):
        return None
    if field == "ports":
        number = entry.get("containerPort", entry.get("port"))
        return None if number is None else (str(number), entry.get("protocol", "TCP"))
    names = _KEYS.get(field)
    if names is None or any(name not in entry for name in names):
        return None
    return tuple(str(entry[name]) for name in names)


def by_key(field: str, entries: Sequence[Any]) -> dict[Key, Any] | None:
    """Return the entries by key, the last of each key; None where the list is no map."""
    keyed = {key(field, entry): entry for entry in entries}
    return None if None in keyed else {name: entry for name, entry in keyed.items() if name is not None}
