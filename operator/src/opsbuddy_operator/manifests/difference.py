"""Whether a live object is what it should be. What others added to it is left alone, but for what has one owner as a whole."""

from collections.abc import Iterator, Mapping
from typing import Any

from opsbuddy_core.resource.types import quantity
from opsbuddy_operator.manifests.lists import by_key
from opsbuddy_operator.manifests.stamp import digest
from opsbuddy_operator.models import MANIFEST_HASH, Object

_QUANTITIES = frozenset({"requests", "limits", "sizeLimit"})
# Absent means something else.
_NEVER_ASSUMED = frozenset({"automountServiceAccountToken", "allowPrivilegeEscalation", "emptyDir"})
# Under server-side apply one owner has all of these: a label that somebody adds to a selector changes what is selected.
_WHOLE = frozenset(
    {
        "from",
        "ingress",
        "labelSelector",
        "matchLabels",
        "namespaceSelector",
        "nodeSelector",
        "podSelector",
        "rules",
        "selector",
    }
)
Difference = tuple[str, Any]
"""Where it is, and what is there instead."""


def needs_apply(desired: Object, live: Object | None, tolerated: str | None = None) -> bool:
    """Tell whether to apply: the manifest is another than the last applied one, or somebody changed a field of it.

    `tolerated`: the `deviation` that an apply of this very manifest has led to, so that another one would lead to it again.
    """
    if live is None:
        return True
    applied = live["metadata"].get("annotations", {}).get(MANIFEST_HASH)
    if applied != desired["metadata"]["annotations"][MANIFEST_HASH]:
        return True
    found = deviation(desired, live)
    return found is not None and found != tolerated


def deviation(desired: Object, live: Object) -> str | None:
    """Return a hash of how the live object differs from the manifest; None where it does not."""
    found = list(differences(desired, live))
    return digest([desired["metadata"]["annotations"][MANIFEST_HASH], found]) if found else None


def holds(desired: Any, live: Any, field: str = "") -> bool:
    """Tell whether everything in `desired` is in `live`."""
    return next(differences(desired, live, field), None) is None


def differences(desired: Any, live: Any, field: str = "", path: str = "") -> Iterator[Difference]:
    """Find what of `desired` is not in `live`.

    The API server leaves zero values out and writes quantities its own way, so nothing equals absent, and 1024Mi equals 1Gi.
    """
    if not desired and live is None:
        if field in _NEVER_ASSUMED:
            yield path, live
    elif isinstance(desired, Mapping) and isinstance(live, Mapping):
        for name, value in desired.items():
            if field not in _QUANTITIES:
                yield from differences(value, live.get(name), name, f"{path}.{name}")
            elif not _same_quantity(value, live.get(name)):
                yield f"{path}.{name}", live.get(name)
        if field in _WHOLE:
            yield from ((f"{path}.{name}", live[name]) for name in live if name not in desired)
    elif isinstance(desired, list) and isinstance(live, list):
        yield from _differences_of_lists(desired, live, field, path)
    elif desired != live and not (field in _QUANTITIES and _same_quantity(desired, live)):
        yield path, live


def _differences_of_lists(desired: list[Any], live: list[Any], field: str, path: str) -> Iterator[Difference]:
    wanted, present = by_key(field, desired), by_key(field, live)
    if wanted is not None and present is not None:
        for name, entry in wanted.items():
            yield from differences(entry, present.get(name), path=f"{path}{list(name)}")
    elif len(desired) != len(live):
        yield path, live
    else:
        for number, (one, other) in enumerate(zip(desired, live, strict=True)):
            yield from differences(one, other, field if field in _WHOLE else "", f"{path}[{number}]")


def _same_quantity(desired: Any, live: Any) -> bool:
    try:
        return quantity(desired) == quantity(live)
    except ValueError:
        return bool(desired == live)
