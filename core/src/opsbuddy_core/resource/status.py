from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from opsbuddy_core.resource.types import LIST_MAP_KEYS, LIST_TYPE, ResourceModel


class ConditionType(StrEnum):
    """What the conditions of a resource tell."""

    READY = "Ready"
    AVAILABLE = "Available"
    PROGRESSING = "Progressing"
    ROUTES_PROGRAMMED = "RoutesProgrammed"
    STALLED = "Stalled"
    SUSPENDED = "Suspended"


class Reason(StrEnum):
    """Why a condition has its status. Stable: alerts and scripts may match on them."""

    # Ready and Available
    RECONCILING = "Reconciling"  # seen, not judged yet
    ALL_READY = "AllReady"
    SCALED_TO_ZERO = "ScaledToZero"
    PODS_NOT_READY = "PodsNotReady"
    POD_FAILING = "PodFailing"  # a container crashes, or its image cannot be pulled; the message has its words
    # Progressing
    ROLLING_OUT = "RollingOut"
    ROLLED_OUT = "RolledOut"
    DEADLINE_EXCEEDED = "ProgressDeadlineExceeded"
    # RoutesProgrammed
    NO_ROUTE = "NoRoute"  # the resource asks for none
    NO_GATEWAY = "NoGateway"  # none in the namespace
    WAITING_FOR_ENDPOINT = "WaitingForEndpoint"  # not routed before the first pod is ready
    WAITING_FOR_GATEWAY = "WaitingForGateway"  # not every ready gateway serves the table yet
    PROGRAMMED = "Programmed"
    ROUTE_CONFLICT = "RouteConflict"  # another resource has the prefix
    ROUTES_TOO_LARGE = "RoutesTooLarge"  # the routing table of the namespace does not fit into its ConfigMap
    # Stalled: the spec cannot work as it is
    NAME_TAKEN = "NameTaken"  # an object of that name exists and is not ours
    INVALID_SPEC = "InvalidSpec"
    REFERENCE_MISSING = "ReferenceMissing"  # a Secret or ConfigMap that the spec names does not exist
    STORAGE_IMMUTABLE = "StorageImmutable"  # smaller than the claim, or the class cannot grow it
    UNSUPPORTED_FIELD = "UnsupportedField"
    AUTOSCALER_INACTIVE = "AutoscalerInactive"  # the autoscaler gets no metrics
    FOREIGN_AUTOSCALER = "ForeignAutoscaler"  # one that the spec does not ask for scales the Deployment
    API_REFUSED = "ApiRefused"  # the API server refused an object; the message has its words
    API_MISSING = "ApiMissing"  # the cluster does not serve the API of an object that the spec asks for
    NOT_STALLED = "NotStalled"
    # Suspended
    SUSPENDED = "Suspended"
    NOT_SUSPENDED = "NotSuspended"


class Condition(ResourceModel):
    """One aspect of the state, by the Kubernetes API conventions."""

    type: Annotated[
        str,
        Field(
            max_length=316, description="Aspect: Ready, Available, Progressing, RoutesProgrammed, Stalled or Suspended."
        ),
    ]
    status: Annotated[Literal["True", "False", "Unknown"], Field(description="Whether it holds.")]
    reason: Annotated[str, Field(min_length=1, max_length=1024, description="Why, in one stable word.")]
    message: Annotated[str, Field(max_length=32768, description="Why, in a sentence that says what to do.")]
    observed_generation: Annotated[int | None, Field(ge=0, description="Generation of the spec that this judges.")] = (
        None
    )
    last_transition_time: Annotated[
        str, Field(json_schema_extra={"format": "date-time"}, description="When status last changed.")
    ]


class OpsBuddyServiceStatus(ResourceModel):
    """What the operator observed; written only when it differs."""

    observed_generation: Annotated[
        int | None, Field(description="Generation of the spec that this status describes.")
    ] = None
    conditions: Annotated[
        list[Condition] | None,
        Field(
            json_schema_extra={LIST_TYPE: "map", LIST_MAP_KEYS: ["type"]},
            description="Ready sums up the others: where it is not True, its reason is the first that failed.",
        ),
    ] = None
    replicas: Annotated[int | None, Field(description="Pods that exist.")] = None
    ready_replicas: Annotated[int | None, Field(description="Pods that are ready.")] = None
    updated_replicas: Annotated[int | None, Field(description="Pods of the newest template.")] = None
    selector: Annotated[str | None, Field(description="Label selector of the pods, for the scale subresource.")] = None
    url: Annotated[str | None, Field(description="Address of the service inside the cluster.")] = None
    image: Annotated[str | None, Field(description="Image that is being run.")] = None
    config_hash: Annotated[
        str | None,
        Field(description="Hash over the configuration, ConfigMaps and Secrets that the pods were started with."),
    ] = None
    routes: Annotated[
        list[str] | None,
        Field(json_schema_extra={LIST_TYPE: "atomic"}, description="Path prefixes that the gateway serves for it."),
    ] = None
