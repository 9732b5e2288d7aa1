"""Resources, and live objects as an API server would hold them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from opsbuddy_core.resource import API_VERSION, KIND
from opsbuddy_core.routes import RoutingTable, digest
from opsbuddy_operator.decide.desired import desired
from opsbuddy_operator.decide.routing import table
from opsbuddy_operator.decide.verdict import judge
from opsbuddy_operator.models import FIELD_MANAGER, Gateway, Object, Observed

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
NAMESPACE = "t"


def resource(name: str = "web", *, created: str = "2026-01-01T00:00:00Z", **spec: Any) -> dict[str, Any]:
    """Return a resource; a field of the spec that is None is left out."""
    whole = {
        "image": {"repository": "example.com/web", "tag": "1"},
        "port": 8001,
        "role": "Service",
        "route": {"prefix": f"/api/{name}"},
        **spec,
    }
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {
            "name": name,
            "namespace": NAMESPACE,
            "uid": f"uid-{name}",
            "generation": 1,
            "creationTimestamp": created,
        },
        "spec": {field: value for field, value in whole.items() if value is not None},
    }


def with_status(owner: Mapping[str, Any], status: Object) -> dict[str, Any]:
    return {**owner, "status": status}


def alive(manifest: Object, status: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return a manifest as the API server would after it was applied."""
    return {**manifest, "metadata": {**manifest["metadata"], "uid": "x", "generation": 1}, "status": dict(status or {})}


def deployment_status(wanted: int, **changes: Any) -> dict[str, Any]:
    """Return the status of a Deployment that has rolled out; `changes` makes it another."""
    status = {
        "observedGeneration": 1,
        "replicas": wanted,
        "updatedReplicas": wanted,
        "readyReplicas": wanted,
        "availableReplicas": wanted,
        "conditions": [{"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"}],
    }
    return {**status, **changes}


def applied(observed: Observed, **deployment: Any) -> Observed:
    """Return what would be observed when everything is applied; `deployment` changes the status of a rolled out Deployment."""
    children = tuple(
        alive(manifest, deployment_status(manifest["spec"].get("replicas", 1), **deployment))
        if manifest["kind"] == "Deployment"
        else alive(manifest)
        for manifest in desired(observed)
    )
    return replace(observed, children=children)


def settled(owner: Mapping[str, Any], others: Sequence[Object] = (), **deployment: Any) -> Observed:
    """Return what is observed when the resource runs, is routed and was judged so."""
    routes, _ = table([owner, *others], {owner["metadata"]["name"]}, None)
    observed = replace(applied(Observed(owner), **deployment), **gateway_serving(routes))
    return replace(observed, resource=with_status(owner, judge(observed, NOW).status))


def gateway_serving(routes: RoutingTable) -> dict[str, Any]:
    """Return the fields of Observed that tell of a gateway which serves the table."""
    found = digest(routes.text())
    return {"table": routes, "table_hash": found, "has_gateway": True, "gateways": (Gateway("gateway-1", found),)}


def changed(observed: Observed, **spec: Any) -> Observed:
    """Return the same with another spec, of the next generation."""
    owner = observed.resource
    metadata = {**owner["metadata"], "generation": owner["metadata"]["generation"] + 1}
    whole = {field: value for field, value in {**owner["spec"], **spec}.items() if value is not None}
    return replace(observed, resource={**owner, "metadata": metadata, "spec": whole})


def managed(
    live: Object, fields: Mapping[str, Any], manager: str = FIELD_MANAGER, operation: str = "Apply"
) -> dict[str, Any]:
    """Return the object with one more owner of fields."""
    entry = {"manager": manager, "operation": operation, "fieldsV1": dict(fields)}
    return {
        **live,
        "metadata": {**live["metadata"], "managedFields": [*live["metadata"].get("managedFields", []), entry]},
    }


def child(observed: Observed, kind: str) -> Object:
    return next(each for each in observed.children if each["kind"] == kind)


def with_child(observed: Observed, live: Object) -> Observed:
    """Return the same with the child of this kind replaced."""
    return replace(observed, children=(*(each for each in observed.children if each["kind"] != live["kind"]), live))


def pod(name: str = "web-1", created: str = "2026-01-01T00:00:00Z", **status: Any) -> dict[str, Any]:
    return {
        "kind": "Pod",
        "metadata": {"name": name, "namespace": NAMESPACE, "creationTimestamp": created},
        "status": status,
    }


def condition(status: Object, kind: str) -> Mapping[str, Any]:
    """Return one condition of a status."""
    found: Mapping[str, Any] = next(each for each in status["conditions"] if each["type"] == kind)
    return found
