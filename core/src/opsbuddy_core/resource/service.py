from typing import Annotated, Literal

from pydantic import Field

from opsbuddy_core.resource.exposure import Canary, Ingress, NetworkPolicy, ServiceMonitor
from opsbuddy_core.resource.image import Image
from opsbuddy_core.resource.pod import (
    Config,
    DisruptionBudget,
    EnvVar,
    Probes,
    Resources,
    Scheduling,
    SecretReference,
    Storage,
)
from opsbuddy_core.resource.route import Route
from opsbuddy_core.resource.scaling import Autoscaling
from opsbuddy_core.resource.types import LIST_MAP_KEYS, LIST_TYPE, Kubernetes, Port, ResourceModel, rule, rules


class OpsBuddyServiceSpec(ResourceModel):
    """What should run, how many of it, and how it is reached."""

    model_config = rules(
        rule(
            "!(has(self.replicas) && has(self.autoscaling))",
            "replicas and autoscaling exclude each other; remove replicas to let the autoscaler decide (replicas: null, where kubectl scale set "
            "them), or autoscaling to fix the number",
        ),
        rule(
            "self.role != 'Gateway' || !has(self.route)",
            "a Gateway is not routed itself; remove route, or set role to Service",
        ),
        rule(
            "!has(self.protocol) || self.protocol != 'HTTPS' || !has(self.route)",
            "the gateway asks services by HTTP; remove protocol or route",
        ),
        rule("self.role != 'Gateway' || !has(self.canary)", "a Gateway has no canary; remove canary"),
        rule(
            "!has(self.canary) || has(self.route)",
            "canary needs a route: the gateway splits its requests; add route or remove canary",
        ),
        rule(
            "!has(self.storage) || !has(self.autoscaling)",
            "storage is mounted by one pod only; remove autoscaling, or keep state in a shared database and object store",
        ),
        rule(
            "!has(self.storage) || !has(self.replicas) || self.replicas <= 1",
            "storage is mounted by one pod only; set replicas to 0 or 1, or keep state in a shared database and object store",
        ),
        rule("!has(self.storage) || !has(self.canary)", "storage is mounted by one pod only; remove canary or storage"),
        rule(
            "!has(self.autoscaling) || !has(self.autoscaling.cpu) || (has(self.resources) && "
            "((has(self.resources.requests) && 'cpu' in self.resources.requests) || (has(self.resources.limits) && 'cpu' in self.resources.limits)))",
            "autoscaling.cpu measures in percent of the request; set resources.requests.cpu",
        ),
        rule(
            "!has(self.autoscaling) || !has(self.autoscaling.memory) || (has(self.resources) && "
            "((has(self.resources.requests) && 'memory' in self.resources.requests) || (has(self.resources.limits) && 'memory' in self.resources.limits)))",
            "autoscaling.memory measures in percent of the request; set resources.requests.memory",
        ),
    )

    image: Annotated[Image, Field(description="Which container image runs.")]
    port: Annotated[Port, Field(description="Port on which the container serves; the Service has the same one.")]
    protocol: Annotated[
        Literal["HTTP", "HTTPS"],
        Field(
            description="What the container speaks on its port; probes and scrapes of metrics speak it too, and check no certificate."
        ),
    ] = "HTTP"
    role: Annotated[
        Literal["Service", "Gateway", "Console"],
        Field(
            description="Service: may be routed by the gateway. Gateway: reads the routing table of its namespace and is not routed itself. "
            "Console: a Service whose pods may read the OpsBuddyServices of its namespace, as the web UI does."
        ),
    ] = "Service"
    replicas: Annotated[
        int | None,
        Field(
            ge=0,
            le=1000,
            description="Number of pods; without it one. kubectl scale sets it; an autoscaler of your own "
            "that targets this resource needs it set first. Excludes autoscaling.",
        ),
    ] = None
    autoscaling: Annotated[
        Autoscaling | None, Field(description="Let load decide how many pods run. Excludes replicas.")
    ] = None
    route: Annotated[
        Route | None, Field(description="Where the gateway takes requests for this service; without it none.")
    ] = None
    canary: Annotated[
        Canary | None, Field(description="A second version beside the first; the gateway splits the requests.")
    ] = None
    env: Annotated[
        list[EnvVar] | None,
        Field(
            max_length=256,
            json_schema_extra={LIST_TYPE: "map", LIST_MAP_KEYS: ["name"]},
            description="Environment variables, in this order, after those of the operator; one of the same name replaces the operator's.",
        ),
    ] = None
    env_from: Annotated[
        list[Kubernetes] | None,
        Field(
            max_length=32,
            json_schema_extra={LIST_TYPE: "atomic"},
            description="ConfigMaps and Secrets whose keys become environment variables, as in a pod; a change of them rolls the pods.",
        ),
    ] = None
    config: Annotated[
        Config | None,
        Field(description="Settings that the operator renders into a ConfigMap; a change rolls the pods."),
    ] = None
    secrets: Annotated[
        list[SecretReference] | None,
        Field(
            max_length=32,
            json_schema_extra={LIST_TYPE: "map", LIST_MAP_KEYS: ["name"]},
            description="Secrets that the pods depend on; a change of one rolls the pods.",
        ),
    ] = None
    storage: Annotated[
        Storage | None,
        Field(
            description="Disk of the service (ReadWriteOnce, so at most one pod). The claim and its data outlive this field, and the "
            "resource too unless storage.onDelete is Delete."
        ),
    ] = None
    resources: Annotated[Resources | None, Field(description="Compute resources of the container.")] = None
    probes: Annotated[Probes | None, Field(description="Health probes; by default /health/live and /health/ready.")] = (
        None
    )
    disruption_budget: Annotated[
        DisruptionBudget | None, Field(description="How many pods a drain may take at once.")
    ] = None
    network_policy: Annotated[
        NetworkPolicy | None,
        Field(description="Restrict who may connect to the pods; without it everybody in the cluster."),
    ] = None
    service_monitor: Annotated[
        ServiceMonitor | None, Field(description="A ServiceMonitor for the Prometheus operator.")
    ] = None
    ingress: Annotated[Ingress | None, Field(description="An Ingress in front of the service.")] = None
    scheduling: Annotated[Scheduling | None, Field(description="Where the pods may run.")] = None
    suspend: Annotated[
        bool,
        Field(
            description="Hands off: the operator leaves everything of this service as it is until this is false again."
        ),
    ] = False
    pod_template: Annotated[
        Kubernetes | None,
        Field(description="Last resort: a pod template (metadata, spec) that is merged under what the operator sets."),
    ] = None
