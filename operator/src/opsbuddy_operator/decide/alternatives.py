"""Fields of which only one may be set. Where somebody else set another one, server-side apply leaves that beside ours, and is refused."""

from collections.abc import Mapping
from typing import Any

from opsbuddy_operator.decide.ownership import is_of_others
from opsbuddy_operator.manifests.lists import by_key
from opsbuddy_operator.models import Object

_PROBE = frozenset({"exec", "grpc", "httpGet", "tcpSocket"})
_ALTERNATIVES = {
    "disruptions": frozenset({"maxUnavailable", "minAvailable"}),
    "env": frozenset({"value", "valueFrom"}),
    "livenessProbe": _PROBE,
    "readinessProbe": _PROBE,
    "startupProbe": _PROBE,
    "valueFrom": frozenset({"configMapKeyRef", "fieldRef", "fileKeyRef", "resourceFieldRef", "secretKeyRef"}),
}
# Lists whose entries a patch knows by their names.
_NAMED = frozenset({"containers", "env", "initContainers", "volumes"})


def repair(desired: Object, live: Object) -> Object | None:
    """Return a strategic merge patch that takes out what others set and what excludes ours; None where there is nothing of that."""
    if desired["kind"] not in {"Deployment", "PodDisruptionBudget"}:
        return None
    field = "disruptions" if desired["kind"] == "PodDisruptionBudget" else ""
    if not (spec := _patch(desired["spec"], live["spec"], field, live, ("spec",))):
        return None
    identity = {name: desired["metadata"][name] for name in ("name", "namespace")}
    return {"apiVersion": desired["apiVersion"], "kind": desired["kind"], "metadata": identity, "spec": spec}


def _patch(desired: Any, live: Any, field: str, whole: Object, path: tuple[str, ...]) -> Any:
    if isinstance(desired, Mapping) and isinstance(live, Mapping):
        others = [name for name in live if name not in desired and _excludes(field, name)]
        if any(is_of_others(whole, *path, name) for name in others):  # ours goes with them: there is one at each moment
            return {name: value for name, value in desired.items() if _excludes(field, name)} | dict.fromkeys(others)
        parts = {
            name: _patch(value, live.get(name), name, whole, (*path, name))
            for name, value in desired.items()
            if name not in _NAMED
        }
        parts |= {
            name: _entries(desired[name], live.get(name), name, whole, (*path, name))
            for name in sorted(_NAMED & desired.keys())
        }
        return {name: part for name, part in parts.items() if part}
    return None


def _entries(desired: Any, live: Any, field: str, whole: Object, path: tuple[str, ...]) -> list[Any]:
    wanted, present = by_key(field, desired), by_key(field, live or [])
    patches = []
    for (name,), entry in (wanted or {}).items():
        if part := _patch(entry, (present or {}).get((name,)), field, whole, (*path, f'{{"name":"{name}"}}')):
            patches.append({"name": name, **part})
    return patches


def _excludes(field: str, name: str) -> bool:
    return name in _ALTERNATIVES.get(field, ()) or (field == "volumes" and name != "name")
