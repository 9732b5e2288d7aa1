"""The ConfigMap that holds the routing table of a namespace."""

from opsbuddy_core.resource import KIND
from opsbuddy_core.routes import CONFIG_MAP, HASH_ANNOTATION, KEY, RoutingTable, digest
from opsbuddy_operator.manifests.identity import Identity
from opsbuddy_operator.models import MANAGED_BY, Object


def manifest(gateways: list[Object], text: str) -> Object:
    """Return the ConfigMap for a table. It belongs to all gateways, and goes when the last of them goes."""
    first = Identity.of(gateways[0])
    owners = [Identity.of(gateway).owner | {"controller": False} for gateway in gateways]
    metadata = first.metadata(owned=False, annotations={HASH_ANNOTATION: digest(text)})
    metadata |= {"name": CONFIG_MAP, "ownerReferences": owners}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {KEY: text}}


def differs(wanted: Object, live: Object) -> bool:
    """Tell whether it has to be written; what others added to its metadata does not count."""
    expected, present = wanted["metadata"], live["metadata"]
    return bool(
        wanted["data"][KEY] != live.get("data", {}).get(KEY)
        or expected["annotations"].items() - (present.get("annotations") or {}).items()
        or expected["labels"].items() - (present.get("labels") or {}).items()
        or _owners(wanted) != _owners(live)
    )


def is_ours(live: Object, gateways: list[Object]) -> bool:
    """Tell whether the operator made it, by its label or its owners."""
    label, operator = MANAGED_BY
    owners = {gateway["metadata"]["uid"] for gateway in gateways}
    return (live["metadata"].get("labels") or {}).get(label) == operator or not owners.isdisjoint(_owners(live))


def parse(live: Object | None) -> RoutingTable | None:
    """Return the table in it; None where there is none that can be read."""
    try:
        return RoutingTable.parse(live["data"][KEY]) if live else None
    except (ValueError, KeyError, TypeError):
        return None


def served(live: Object | None) -> tuple[RoutingTable | None, str | None]:
    """Return the table in it and its hash."""
    return (parsed, digest(live["data"][KEY])) if live and (parsed := parse(live)) else (None, None)


def _owners(obj: Object) -> set[str]:
    return {owner["uid"] for owner in obj["metadata"].get("ownerReferences") or () if owner["kind"] == KIND}
