from typing import Annotated, Literal

from pydantic import Field

from opsbuddy_core.resource.types import (
    LIST_TYPE,
    IntOrString,
    Kubernetes,
    ObjectName,
    Quantity,
    ResourceModel,
    Size,
    rule,
    rules,
)

SecretKey = Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[-._a-zA-Z0-9]+$")]


class EnvVar(ResourceModel):
    """One environment variable of the container."""

    model_config = rules(
        rule(
            "!(has(self.value) && has(self.valueFrom))",
            "an env entry has either value or valueFrom; remove one of them",
        )
    )

    name: Annotated[
        str,
        Field(
            min_length=1, max_length=128, pattern=r"^[-._a-zA-Z][-._a-zA-Z0-9]*$", description="Name of the variable."
        ),
    ]
    value: Annotated[
        str | None, Field(max_length=32768, description="Its value; may use $(NAME) of variables before it.")
    ] = None
    value_from: Annotated[
        Kubernetes | None,
        Field(
            description="Where the value comes from: configMapKeyRef, secretKeyRef, fieldRef or resourceFieldRef, as in a pod."
        ),
    ] = None


class Config(ResourceModel):
    """Settings that the operator renders into a ConfigMap; a change of them rolls the pods."""

    model_config = rules(
        rule(
            "!has(self.environment) || !has(self.files) || self.environment.all(name, !(name in self.files))",
            "config.environment and config.files share a ConfigMap and cannot have the same key; rename one",
        )
    )

    environment: Annotated[
        dict[str, Annotated[str, Field(max_length=32768)]] | None,
        Field(
            max_length=256,
            description="Environment variables, name to value. No secrets here: a ConfigMap is readable.",
        ),
    ] = None
    files: Annotated[
        dict[str, Annotated[str, Field(max_length=262144)]] | None,
        Field(max_length=64, description="Files, name to content."),
    ] = None
    mount_path: Annotated[
        str, Field(pattern=r"^/[^:]+$", max_length=255, description="Folder in which the files appear.")
    ] = "/etc/opsbuddy"


class SecretReference(ResourceModel):
    """A Secret that the pods depend on; a change of it rolls them, unless they read its files again themselves."""

    model_config = rules(
        rule(
            "has(self.mountPath) || (!has(self.keys) && (!has(self.onChange) || self.onChange == 'Roll'))",
            "keys and onChange: Keep are about files; set mountPath, or remove them",
        )
    )

    name: Annotated[ObjectName, Field(description="Name of the Secret in the same namespace.")]
    mount_path: Annotated[
        str | None,
        Field(
            pattern=r"^/[^:]+$",
            max_length=255,
            description="Folder in which its keys appear as files; without it the Secret is only watched.",
        ),
    ] = None
    keys: Annotated[
        list[SecretKey] | None,
        Field(
            min_length=1,
            max_length=32,
            json_schema_extra={LIST_TYPE: "set"},
            description="Keys that appear; all of them without it.",
        ),
    ] = None
    on_change: Annotated[
        Literal["Roll", "Keep"],
        Field(
            description="What a change of the Secret does. Roll: the pods are replaced. Keep: they run on, and find the new content "
            "in the files within a minute or two; for programs that read them again."
        ),
    ] = "Roll"


class Storage(ResourceModel):
    """Disk of the service. The claim outlives the resource and this field unless onDelete says Delete: data are never removed silently."""

    size: Annotated[
        Size, Field(description="Size of the volume. It can grow where the storage class allows; it cannot shrink.")
    ]
    mount_path: Annotated[
        str, Field(pattern=r"^/[^:]+$", max_length=255, description="Where the container sees the volume.")
    ] = "/var/lib/opsbuddy"
    storage_class: Annotated[
        ObjectName | None, Field(description="Storage class; without it the cluster's default.")
    ] = None
    on_delete: Annotated[
        Literal["Retain", "Delete"],
        Field(
            description="What happens to the claim and its data when the resource is deleted. Retain keeps both, and a resource "
            "of the same name takes them up again. Removing this whole field never deletes data.",
        ),
    ] = "Retain"


class Resources(ResourceModel):
    """Compute resources of the container."""

    requests: Annotated[
        dict[str, Quantity] | None, Field(max_length=16, description="What the scheduler sets aside, by resource.")
    ] = None
    limits: Annotated[
        dict[str, Quantity] | None, Field(max_length=16, description="What the container may not exceed, by resource.")
    ] = None


class Probe(ResourceModel):
    """One HTTP probe; what is left out keeps the operator's value."""

    path: Annotated[
        str | None, Field(pattern=r"^/", max_length=255, description="Path that is asked on the service's port.")
    ] = None
    initial_delay_seconds: Annotated[
        int | None, Field(ge=0, le=3600, description="Wait before the first try, in seconds.")
    ] = None
    period_seconds: Annotated[int | None, Field(ge=1, le=3600, description="Time between tries, in seconds.")] = None
    timeout_seconds: Annotated[int | None, Field(ge=1, le=300, description="Time limit of one try, in seconds.")] = None
    failure_threshold: Annotated[
        int | None, Field(ge=1, le=1000, description="Failed tries in a row that count as failed.")
    ] = None
    disabled: Annotated[bool, Field(description="No such probe.")] = False


class Probes(ResourceModel):
    """Health probes; by default /health/live and /health/ready."""

    startup: Annotated[Probe | None, Field(description="Gives a slow start its time; asks /health/live.")] = None
    liveness: Annotated[Probe | None, Field(description="Restarts a container that hangs; asks /health/live.")] = None
    readiness: Annotated[Probe | None, Field(description="Takes a pod out of the endpoints; asks /health/ready.")] = (
        None
    )


class DisruptionBudget(ResourceModel):
    """How many pods a drain may take at once."""

    model_config = rules(
        rule(
            "has(self.minAvailable) != has(self.maxUnavailable)",
            "disruptionBudget needs exactly one of minAvailable and maxUnavailable",
        )
    )

    min_available: Annotated[
        IntOrString | None, Field(description="Pods that must stay, as a number or in percent.")
    ] = None
    max_unavailable: Annotated[
        IntOrString | None, Field(description="Pods that may go, as a number or in percent.")
    ] = None


class Scheduling(ResourceModel):
    """Where the pods may run."""

    node_selector: Annotated[
        dict[str, Annotated[str, Field(max_length=63)]] | None,
        Field(max_length=32, description="Labels that a node must have."),
    ] = None
    tolerations: Annotated[
        list[Kubernetes] | None,
        Field(max_length=32, json_schema_extra={LIST_TYPE: "atomic"}, description="As in a pod."),
    ] = None
    affinity: Annotated[Kubernetes | None, Field(description="As in a pod.")] = None
    topology_spread: Annotated[
        list[Kubernetes] | None,
        Field(
            max_length=8,
            json_schema_extra={LIST_TYPE: "atomic"},
            description="topologySpreadConstraints as in a pod; without it the pods are spread over the nodes where possible.",
        ),
    ] = None
    priority_class_name: Annotated[ObjectName | None, Field(description="Priority of the pods.")] = None
