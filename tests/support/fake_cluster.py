"""An API server in memory, as far as the operator sees one: versions, ownership of names, refusals, and every request in a list."""

import copy
import itertools
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from opsbuddy_operator.cluster.api import AbsentError, ApiError, ConflictError
from opsbuddy_operator.cluster.kinds import Kind
from opsbuddy_operator.models import FIELD_MANAGER, Object, Ref, ref

Fault = Callable[[str, Ref], ApiError | None]


class FakeCluster:
    """Implements Api. `fault` may answer a request with an error; `requests` holds verb and reference of each."""

    def __init__(self) -> None:
        self.objects: dict[Ref, dict[str, Any]] = {}
        self.requests: list[tuple[str, Ref]] = []
        self.fault: Fault = lambda *_: None
        self._versions = itertools.count(1)

    @property
    def writes(self) -> list[tuple[str, str, str]]:
        return [(verb, where.kind, where.name) for verb, where in self.requests if verb not in {"get", "list"}]

    def put(self, obj: Object) -> dict[str, Any]:
        """Store an object as somebody else would; returns it as the server answers."""
        live = copy.deepcopy(dict(obj))
        before = self.objects.get(ref(obj))
        live["metadata"] = {"uid": before["metadata"]["uid"] if before else str(uuid4())} | live["metadata"]
        live["metadata"].setdefault("creationTimestamp", "2026-01-01T00:00:00Z")
        live["metadata"].setdefault("generation", 1)
        live["metadata"]["resourceVersion"] = str(next(self._versions))
        self.objects[ref(obj)] = live
        return copy.deepcopy(live)

    async def get(self, where: Ref) -> Object | None:
        self._ask("get", where)
        return copy.deepcopy(self.objects.get(where))

    async def list(self, kind: Kind, namespace: str | None, *, metadata_only: bool = False) -> list[Object]:  # noqa: ARG002 - of the protocol
        self._ask("list", kind.ref(namespace or "", ""))
        return [
            copy.deepcopy(obj)
            for where, obj in self.objects.items()
            if (where.api_version, where.kind) == (kind.api_version, kind.kind) and namespace in {None, where.namespace}
        ]

    async def apply(self, obj: Object, *, manager: str = FIELD_MANAGER, force: bool = True) -> Object:  # noqa: ARG002
        self._ask("apply", ref(obj))
        if not force and ref(obj) in self.objects:
            raise ConflictError(f"{ref(obj).name} has another owner")
        if (uid := obj["metadata"].get("uid")) and self.objects.get(ref(obj), {"metadata": {}})["metadata"].get(
            "uid"
        ) != uid:
            raise ConflictError(f"{ref(obj).name} is not {uid}")
        return self.put(_merged(self.objects.get(ref(obj), {}), obj))

    async def patch(self, obj: Object) -> Object:
        self._ask("patch", ref(obj))
        return self.put(_merged(self.objects[ref(obj)], obj))

    async def apply_status(self, obj: Object) -> Object:
        self._ask("status", ref(obj))
        if ref(obj) not in self.objects:
            raise AbsentError(f"{ref(obj).name} not found")
        return self.put({**self.objects[ref(obj)], "status": obj["status"]})

    async def delete(self, where: Ref, uid: str) -> None:
        self._ask("delete", where)
        if (live := self.objects.get(where)) and live["metadata"]["uid"] == uid:
            del self.objects[where]

    async def create(self, obj: Object) -> Object:
        self._ask("create", ref(obj))
        if ref(obj) in self.objects:
            raise ConflictError(f"{ref(obj).name} exists")
        return self.put(obj)

    async def replace(self, obj: Object) -> Object:
        self._ask("replace", ref(obj))
        live = self.objects.get(ref(obj))
        if live is None:
            raise AbsentError(f"{ref(obj).name} not found")
        if live["metadata"]["resourceVersion"] != obj["metadata"]["resourceVersion"]:
            raise ConflictError("the object has been modified")
        return self.put(obj)

    def _ask(self, verb: str, where: Ref) -> None:
        self.requests.append((verb, where))
        if error := self.fault(verb, where):
            raise error


def _merged(live: Any, applied: Any) -> Any:
    if not isinstance(live, dict) or not isinstance(applied, dict):
        return applied
    return live | {name: _merged(live.get(name), value) for name, value in applied.items()}
