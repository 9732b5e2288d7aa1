"""Whether a live object is what it should be. What others added to it is left alone."""

from collections.abc import Mapping
from typing import Any

from opsbuddy_core.resource.types import quantity
from opsbuddy_operator.manifests.lists import by_key
from opsbuddy_operator.models import MANIFEST_HASH, Object

_QUANTITIES = frozenset({"requests", "limits", "sizeLimit"})
_NEVER_ASSUMED = frozenset({"automountServiceAccountToken", "allowPrivilegeEscalation"})  # absent means true


def needs_apply(desired: Object, live: Object | None) -> bool:
    """Tell whether to apply: the manifest is another than the last applied one, or somebody changed a field of it."""
    if live is None:
        return True
    applied = live["metadata"].get("annotations", {}).get(MANIFEST_HASH)
    return applied != desired["metadata"]["annotations"][MANIFEST_HASH] or not holds(desired, live)


def holds(desired: Any, live: Any, field: str = "") -> bool:
    """Tell whether everything in `desired` is in `live`.

    The API server leaves zero values out and writes quantities its own way, so nothing equals absent, and 1024Mi equals 1Gi.
    """
    if not desired and live is None:
        return field not in _NEVER_ASSUMED
    if isinstance(desired, Mapping) and isinstance(live, Mapping):
        if field in _QUANTITIES:
            return all(_same_quantity(value, live.get(name)) for name, value in desired.items())
        return all(holds(value, live.get(name), name) for name, value in desired.items())
    if isinstance(desired, list) and isinstance(live, list):
        return _holds_list(desired, live, field)
    return bool(desired == live) or (field in _QUANTITIES and _same_quantity(desired, live))


def _holds_list(desired: list[Any], live: list[Any], field: str) -> bool:
    wanted, present = by_key(field, desired), by_key(field, live)
    if wanted is not None and present is not None:
        return all(holds(entry, present.get(name)) for name, entry in wanted.items())
    return len(desired) == len(live) and all(holds(one, other) for one, other in zip(desired, live, strict=True))


def _same_quantity(desired: Any, live: Any) -> bool:
    try:
        return quantity(desired) == quantity(live)
    except ValueError:
        return bool(desired == live)
