from typing import Annotated

from pydantic import Field

from opsbuddy_core.resource.types import Kubernetes, ResourceModel, rule, rules


class Utilization(ResourceModel):
    """Target of one resource metric."""

    target_utilization: Annotated[
        int, Field(ge=1, le=1000, description="Average use over all pods, in percent of what their containers request.")
    ] = 70


class Concurrency(ResourceModel):
    """Target of the requests that are in flight."""

    target_concurrency: Annotated[
        int,
        Field(ge=1, le=100000, description="Requests in flight that one pod should carry, as the gateway counts them."),
    ]


class Autoscaling(ResourceModel):
    """How many pods run under load; leave out `replicas` when this is set."""

    model_config = rules(
        rule(
            "self.minReplicas <= self.maxReplicas",
            "autoscaling.minReplicas must not exceed autoscaling.maxReplicas; lower one or raise the other",
        ),
        rule(
            "has(self.cpu) || has(self.memory) || has(self.requests)",
            "autoscaling needs a metric; set at least one of cpu, memory and requests",
        ),
        rule(
            "self.minReplicas > 0 || has(self.requests)",
            "autoscaling.minReplicas 0 needs autoscaling.requests: nothing would start the first pod on cpu or memory alone; set it to 1",
        ),
    )

    min_replicas: Annotated[int, Field(ge=0, le=1000, description="Fewest pods.")] = 1
    max_replicas: Annotated[int, Field(ge=1, le=1000, description="Most pods.")]
    cpu: Annotated[
        Utilization | None, Field(description="Scale on CPU; the container must request CPU (resources.requests.cpu).")
    ] = None
    memory: Annotated[
        Utilization | None,
        Field(description="Scale on memory; the container must request memory (resources.requests.memory)."),
    ] = None
    requests: Annotated[Concurrency | None, Field(description="Scale on the requests in flight at the gateway.")] = None
    behavior: Annotated[
        Kubernetes | None,
        Field(
            description="How fast to scale up and down; as in spec.behavior of a HorizontalPodAutoscaler (autoscaling/v2)."
        ),
    ] = None
