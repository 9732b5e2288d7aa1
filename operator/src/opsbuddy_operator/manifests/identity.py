"""Whose object it is: names, labels, selector and owner of everything that is made for one resource."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from opsbuddy_core.resource import API_VERSION, KIND
from opsbuddy_operator.models import MANAGED_BY, SERVICE_LABEL, Object


@dataclass(frozen=True, slots=True)
class Identity:
    """The resource that the objects belong to."""

    name: str
    namespace: str
    uid: str
    component: str

    @classmethod
    def of(cls, resource: Object) -> Self:
        metadata = resource["metadata"]
        role = str(resource["spec"].get("role", "Service")).lower()
        return cls(metadata["name"], metadata["namespace"], metadata["uid"], role)

    @property
    def selector(self) -> dict[str, str]:
        """Labels that tell the pods; immutable in a Deployment, so only what never changes."""
        return {SERVICE_LABEL: self.name}

    @property
    def labels(self) -> dict[str, str]:
        """Labels of every object. None of the resource's own: tools that prune by label would take the objects for theirs."""
        managed_by, operator = MANAGED_BY
        return {
            "app.kubernetes.io/name": self.name,
            "app.kubernetes.io/instance": self.name,
            "app.kubernetes.io/component": self.component,
            "app.kubernetes.io/part-of": "opsbuddy",
            managed_by: operator,
            SERVICE_LABEL: self.name,
        }

    @property
    def owner(self) -> dict[str, Any]:
        """Owner reference: deletion of the resource takes the object with it, and never waits for it."""
        return {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "name": self.name,
            "uid": self.uid,
            "controller": True,
            "blockOwnerDeletion": False,
        }

    def metadata(self, *, owned: bool = True, annotations: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Return the metadata of an object of this resource."""
        metadata: dict[str, Any] = {"name": self.name, "namespace": self.namespace, "labels": self.labels}
        if annotations:
            metadata["annotations"] = dict(annotations)
        if owned:
            metadata["ownerReferences"] = [self.owner]
        return metadata
