"""What flows through a reconcile: a key in, what was observed, what was decided. Plain data; no client, no clock, no framework."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from opsbuddy_core.resource import Reason
from opsbuddy_core.routes import RoutingTable

Object = Mapping[str, Any]
"""A Kubernetes object as the API server returns it, or as it should be."""

Fault = tuple[Reason, str]
"""Something that somebody has to mend: in one word, and in a sentence that says what to do."""

FIELD_MANAGER = "opsbuddy"
HANDOVER_MANAGER = (
    "opsbuddy-handover"  # owns spec.replicas beside the autoscaler, so that letting go of it does not reset it to 1
)
SERVICE_LABEL = "opsbuddy.dev/service"  # on every child: the name of its resource
MANAGED_BY = ("app.kubernetes.io/managed-by", "opsbuddy-operator")
MANIFEST_HASH = "opsbuddy.dev/manifest-sha256"  # annotation of a child: hash of what was applied
CONFIG_HASH = "opsbuddy.dev/config-sha256"  # annotation of the pod template: a change rolls the pods


METRICS_PATIENCE = 90.0  # seconds that an autoscaler may be without metrics: new pods have none yet


class Subject(StrEnum):
    """What a key stands for."""

    SERVICE = "service"
    ROUTES = "routes"  # the routing table of a namespace; name is empty


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """One unit of work in the queue."""

    subject: Subject
    namespace: str
    name: str = ""


@dataclass(frozen=True, slots=True, order=True)
class Ref:
    """One Kubernetes object by name."""

    api_version: str
    kind: str
    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class Gateway:
    """A ready pod of a Gateway resource, and the hash of the table that it says it serves (None: it did not answer)."""

    pod: str
    serves: str | None


@dataclass(frozen=True, slots=True)
class Observed:
    """Everything a decision about one resource rests on."""

    resource: Object
    # Live objects that are ours (decide.is_ours), among them a retained claim; after an apply, as the API server answered it.
    # With managedFields: whether the autoscaler or we own spec.replicas, and who owns a port, stands nowhere else.
    children: tuple[Object, ...] = ()
    pods: tuple[Object, ...] = ()
    references: Mapping[Ref, str | None] = field(
        default_factory=dict
    )  # ConfigMaps and Secrets: hash of the data; None: missing
    lacking: Mapping[Ref, frozenset[str]] = field(
        default_factory=dict
    )  # keys that the spec names and these do not have
    taken: Mapping[Ref, Object] = field(default_factory=dict)  # live objects that have a name we need and are not ours
    failures: Mapping[Ref, str] = field(default_factory=dict)  # what the API server refused in this pass, in its words
    tolerated: Mapping[Ref, str] = field(
        default_factory=dict
    )  # how what was applied came out otherwise, as something that admits objects wants it
    foreign_autoscaler: str | None = None  # name of one that scales our Deployment, which the spec does not ask for
    metrics_patience: float = METRICS_PATIENCE  # seconds
    absent: Mapping[str, str] = field(default_factory=dict)  # kinds that cannot be had in this cluster, and why
    table_hash: str | None = None  # of the routing table as it is in the namespace
    table: RoutingTable | None = None  # the routing table as it is in the namespace
    table_fault: Fault | None = None  # why it is not as it should be
    gateways: tuple[Gateway, ...] = ()  # ready pods of the namespace's Gateway resources
    has_gateway: bool = False  # the namespace has a resource with role Gateway
    route_conflict: str | None = None  # name of the resource that has this one's prefix


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for every resource that this process looks at."""

    identity: str  # of the process, in Events
    absent: Mapping[str, str] = field(default_factory=dict)  # as in Observed; it changes while the process runs
    metrics_patience: float = METRICS_PATIENCE


@dataclass(frozen=True, slots=True)
class Event:
    """A Kubernetes Event to be recorded once per transition."""

    type: str  # Normal or Warning
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do to the children; the status is decided afterwards, from what came of it."""

    apply: tuple[Object, ...] = ()  # in order; only what differs from the live object
    handover: tuple[
        Object, ...
    ] = ()  # applied first, by HANDOVER_MANAGER: minimal Deployments that hold the live replicas
    # Sent after the hand-over and before the apply, as strategic merge patches by FIELD_MANAGER: they take out what somebody else owns and
    # what cannot be beside ours, which server-side apply cannot.
    repair: tuple[Object, ...] = ()
    delete: tuple[Ref, ...] = ()
    withheld: tuple[Ref, ...] = ()  # until what they refer to is there
    awaited: tuple[Ref, ...] = ()  # still being deleted; to be made anew when they are gone


@dataclass(frozen=True, slots=True)
class Verdict:
    """The status to write, and what to tell about the change."""

    status: Object
    events: tuple[Event, ...] = ()
    look_again: float | None = None  # seconds, when only time or somebody who sends no event can change the verdict


def ref(obj: Object) -> Ref:
    """Return the reference of an object."""
    metadata = obj["metadata"]
    return Ref(obj["apiVersion"], obj["kind"], metadata.get("namespace", ""), metadata["name"])
