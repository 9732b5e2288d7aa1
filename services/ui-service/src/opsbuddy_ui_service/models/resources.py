"""OpsBuddyServices as the API server tells them, and who changed them. No I/O, no clock.

Only what a page shows is read, and nothing else is looked at: the CRD may be older or newer than this service.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

MOST_FIELDS = 3  # of a change that are named; who owns more of them wrote the whole of it
RECENT = timedelta(days=1)
AT_ONCE = timedelta(seconds=2)
SPEC = "f:spec"


class Told(BaseModel):
    """Part of what the API server tells; what is not shown is left out."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="ignore", frozen=True)


class Condition(Told):
    """One aspect of the state."""

    type: str
    status: Literal["True", "False", "Unknown"]
    reason: str = ""
    message: str = ""
    observed_generation: int | None = None
    last_transition_time: AwareDatetime | None = None


class ManagedFields(Told):
    """Which fields somebody set, and when last. `fields_v1` is a tree of `f:name`."""

    manager: str = ""
    subresource: str = ""
    time: AwareDatetime | None = None
    fields_v1: Mapping[str, Any] = {}


class Metadata(Told):
    """What the API server keeps of every object."""

    name: str
    generation: int | None = None
    creation_timestamp: AwareDatetime | None = None
    deletion_timestamp: AwareDatetime | None = None
    managed_fields: tuple[ManagedFields, ...] = ()


class Image(Told):
    """Which image runs."""

    repository: str = ""
    tag: str | None = None
    digest: str | None = None

    @property
    def reference(self) -> str:
        return f"{self.repository}@{self.digest}" if self.digest else f"{self.repository}:{self.tag or 'latest'}"


class Route(Told):
    """Where the gateway takes requests."""

    prefix: str
    rewrite: str = "/"


class Autoscaling(Told):
    """Between how many pods an autoscaler chooses."""

    min_replicas: int = 1
    max_replicas: int = 1
    cpu: Any = None
    memory: Any = None


class Spec(Told):
    """What is asked for."""

    image: Image = Image()
    port: int | None = None
    protocol: str = "HTTP"
    role: str = "Service"
    replicas: int | None = None
    autoscaling: Autoscaling | None = None
    route: Route | None = None
    suspend: bool = False


class Status(Told):
    """What the operator saw."""

    observed_generation: int | None = None
    conditions: tuple[Condition, ...] = ()
    replicas: int | None = None
    ready_replicas: int | None = None
    updated_replicas: int | None = None
    url: str | None = None
    image: str | None = None
    routes: tuple[str, ...] = ()


class Resource(Told):
    """One OpsBuddyService."""

    metadata: Metadata
    spec: Spec = Spec()
    status: Status = Status()

    @property
    def name(self) -> str:
        return self.metadata.name

    def condition(self, kind: str) -> Condition | None:
        return next((each for each in self.status.conditions if each.type == kind), None)


@dataclass(frozen=True, slots=True)
class Change:
    """Something that somebody did to a resource: when, who, and what as far as it is known."""

    at: datetime
    by: str
    what: str


def read(items: Sequence[Any]) -> tuple[tuple[Resource, ...], tuple[str, ...]]:
    """Return the resources, and in words which of the items cannot be read and why."""
    found: list[Resource] = []
    unclear: list[str] = []
    for number, item in enumerate(items, start=1):
        try:
            found.append(Resource.model_validate(item))
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            where = ".".join(str(step) for step in first["loc"])
            unclear.append(f"{_name(item) or f'number {number}'} ({where or 'the whole'}: {first['msg']})")
    return tuple(found), tuple(unclear)


def changes(resource: Resource) -> Iterator[Change]:
    """Yield what is known of who changed the description, and that it was created; in no order. Of each writer the API server keeps the last time alone."""
    created = resource.metadata.creation_timestamp
    if created:
        yield Change(created, _creator(resource, created), "created")
    for entry in resource.metadata.managed_fields:
        if not entry.time or entry.subresource not in ("", "scale") or SPEC not in entry.fields_v1:
            continue
        if created and entry.time - created <= AT_ONCE:
            continue
        yield Change(entry.time, entry.manager, "scaled" if entry.subresource == "scale" else _set(entry))


def last_change(resource: Resource) -> Change | None:
    """Return the newest change of the description."""
    return max(changes(resource), key=lambda change: change.at, default=None)


def change_before(resource: Resource, moment: datetime) -> Change | None:
    """Return the newest change in the day before a moment."""
    earlier = (change for change in changes(resource) if moment - RECENT <= change.at <= moment)
    return max(earlier, key=lambda change: change.at, default=None)


def _creator(resource: Resource, created: datetime) -> str:
    entries = (each for each in resource.metadata.managed_fields if not each.subresource and SPEC in each.fields_v1)
    return next((each.manager for each in entries if each.time and each.time - created <= AT_ONCE), "")


def _set(entry: ManagedFields) -> str:
    """Return which fields a writer set where they are few: then they are likely those of its last change."""
    tree = entry.fields_v1[SPEC]
    named = list(islice(_paths(tree), MOST_FIELDS + 1)) if isinstance(tree, Mapping) else []
    return f"changed ({', '.join(named)})" if 0 < len(named) <= MOST_FIELDS else "changed"


def _paths(tree: Mapping[str, Any], above: str = "") -> Iterator[str]:
    """Yield the fields of a tree, to the list that an entry is in."""
    inner = [(key.removeprefix("f:"), below) for key, below in tree.items() if key.startswith("f:")]
    if not inner and above:
        yield above
    for name, below in inner:
        path = f"{above}.{name}" if above else name
        if isinstance(below, Mapping):
            yield from _paths(below, path)


def _name(item: Any) -> str:
    metadata = item.get("metadata") if isinstance(item, Mapping) else None
    name = metadata.get("name") if isinstance(metadata, Mapping) else None
    return name if isinstance(name, str) else ""
