"""Port entries that server-side apply cannot remove, because somebody else owns them, and beside which ours is refused.

They carry our name; or none, in a Service, where each of several ports must be named.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from opsbuddy_operator.decide.ownership import entries_of_others
from opsbuddy_operator.manifests.lists import by_key, key
from opsbuddy_operator.models import Object


def repair(desired: Object, live: Object) -> Object | None:
    """Return a strategic merge patch that puts our port entries in the place of foreign ones of the same name; None where there are none."""
    identity = {name: desired["metadata"][name] for name in ("name", "namespace")}
    patch = {"apiVersion": desired["apiVersion"], "kind": desired["kind"], "metadata": identity}
    if desired["kind"] == "Service":
        ports = _replacement(desired["spec"], live["spec"], entries_of_others(live, "spec", "ports"), unnamed=True)
        return {**patch, "spec": {"ports": ports}} if ports else None
    if desired["kind"] == "Deployment" and (containers := list(_containers(desired, live))):
        return {**patch, "spec": {"template": {"spec": {"containers": containers}}}}
    return None


def _containers(desired: Object, live: Object) -> Iterator[dict[str, Any]]:
    path = ("spec", "template", "spec", "containers")
    present = by_key("containers", live["spec"]["template"]["spec"]["containers"]) or {}
    for container in desired["spec"]["template"]["spec"]["containers"]:
        name = container["name"]
        others = entries_of_others(live, *path, f'{{"name":"{name}"}}', "ports")
        if ports := _replacement(container, present.get((name,), {}), others):
            yield {"name": name, "ports": ports}


def _replacement(
    desired: Mapping[str, Any], live: Mapping[str, Any], others: list[dict[str, Any]], *, unnamed: bool = False
) -> list[Any]:
    wanted, present = by_key("ports", desired.get("ports", [])) or {}, by_key("ports", live.get("ports", [])) or {}
    names = {entry.get("name") for entry in wanted.values()} | ({None} if unnamed else set())
    foreign = {key("ports", entry) for entry in others}
    stale = [
        entry
        for number, entry in present.items()
        if number not in wanted and number in foreign and entry.get("name") in names
    ]
    field = "port" if any("port" in entry for entry in stale) else "containerPort"
    removed = [{"$patch": "delete", field: entry[field]} for entry in stale]
    return [*removed, *wanted.values()] if removed else []
