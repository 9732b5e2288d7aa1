"""Whose a live object is, and who set a field of it."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from opsbuddy_core.resource import KIND
from opsbuddy_operator.models import FIELD_MANAGER, MANAGED_BY, SERVICE_LABEL, Object


def is_ours(live: Object, resource: Object) -> bool:
    """Tell whether a live object was made for this resource: it owns it, or the labels say so and nobody else owns it.

    The labels alone decide for a claim that outlived an earlier resource of this name, and for objects left by a deletion that orphaned them.
    """
    owner = controller(live)
    if owner is None:
        return _labelled(live, resource)
    return bool(owner.get("uid") == resource["metadata"]["uid"]) or (
        _labelled(live, resource) and _of_namesake(owner, resource)
    )


def is_leaving(live: Object, resource: Object) -> bool:
    """Tell whether the object is about to go: being deleted, or owned by an earlier resource of this name."""
    owner = controller(live)
    return "deletionTimestamp" in live["metadata"] or (
        owner is not None and owner.get("uid") != resource["metadata"]["uid"]
    )


def controller(live: Object) -> Mapping[str, Any] | None:
    """Return the owner reference of the object's controller."""
    owners = live["metadata"].get("ownerReferences", ())
    return next((owner for owner in owners if owner.get("controller")), None)


def _labelled(live: Object, resource: Object) -> bool:
    labels = live["metadata"].get("labels", {})
    label, operator = MANAGED_BY
    return bool(labels.get(SERVICE_LABEL) == resource["metadata"]["name"] and labels.get(label) == operator)


def _of_namesake(owner: Mapping[str, Any], resource: Object) -> bool:
    return owner.get("kind") == KIND and owner.get("name") == resource["metadata"]["name"]


def applied_by_us(live: Object, *path: str) -> bool:
    """Tell whether our server-side apply owns a field, such as `spec`, `replicas`."""
    return any(_fields(entry, path) is not None for entry in _managers(live, ours=True))


def scaled_by_autoscaler(live: Object) -> bool:
    """Tell whether an autoscaler of Kubernetes set the number of pods last, whoever's it is."""
    return any(
        entry.get("subresource") == "scale"
        and entry.get("manager") == "kube-controller-manager"
        and _fields(entry.get("fieldsV1"), ("spec", "replicas")) is not None
        for entry in live["metadata"].get("managedFields", ())
    )


def is_of_others(live: Object, *path: str) -> bool:
    """Tell whether others than our server-side apply own a field, wholly or in part."""
    return any(_fields(entry, path) is not None for entry in _managers(live, ours=False))


def entries_of_others(live: Object, *path: str) -> list[dict[str, Any]]:
    """Return the keys of those entries of a list that others than our server-side apply own, wholly or in part."""
    found = [_fields(entry, path) or {} for entry in _managers(live, ours=False)]
    return [json.loads(name[2:]) for fields in found for name in fields if name.startswith("k:")]


def _managers(live: Object, *, ours: bool) -> Iterator[Mapping[str, Any]]:
    for entry in live["metadata"].get("managedFields", ()):
        is_us = entry.get("manager") == FIELD_MANAGER and entry.get("operation") == "Apply"
        if is_us == ours:
            yield entry.get("fieldsV1", {})


def _fields(fields: Mapping[str, Any] | None, path: tuple[str, ...]) -> Mapping[str, Any] | None:
    """Follow a path; a part that is JSON already names an entry of a list by its key."""
    for part in path:
        if fields is None:
            return None
        fields = fields.get(f"k:{part}" if part.startswith("{") else f"f:{part}")
    return fields
