from typing import Annotated

from pydantic import Field

from opsbuddy_core.resource.image import Image
from opsbuddy_core.resource.types import LIST_TYPE, Duration, Kubernetes, ObjectName, ResourceModel


class NetworkPolicy(ResourceModel):
    """Who may connect to the pods: those of the same namespace, and what is added here. Everybody else is refused."""

    ingress_from: Annotated[
        list[Kubernetes] | None,
        Field(
            max_length=32,
            json_schema_extra={LIST_TYPE: "atomic"},
            description="Further peers (podSelector, namespaceSelector, ipBlock), as in a NetworkPolicy.",
        ),
    ] = None


class ServiceMonitor(ResourceModel):
    """A ServiceMonitor for the Prometheus operator."""

    interval: Annotated[Duration, Field(description="Time between scrapes.")] = "30s"
    path: Annotated[str, Field(pattern=r"^/", max_length=255, description="Path of the metrics.")] = "/metrics"
    labels: Annotated[
        dict[str, Annotated[str, Field(max_length=63)]] | None,
        Field(max_length=32, description="Labels by which a Prometheus chooses its monitors."),
    ] = None


class Ingress(ResourceModel):
    """An Ingress in front of the service."""

    host: Annotated[str, Field(min_length=1, max_length=253, description="Host name.")]
    path: Annotated[str, Field(pattern=r"^/", max_length=255, description="Path prefix.")] = "/"
    class_name: Annotated[ObjectName | None, Field(description="Ingress class; without it the cluster's default.")] = (
        None
    )
    tls_secret: Annotated[
        ObjectName | None, Field(description="Secret with the certificate of the host; without it no TLS.")
    ] = None
    annotations: Annotated[
        dict[str, Annotated[str, Field(max_length=4096)]] | None,
        Field(max_length=64, description="Annotations for the ingress controller."),
    ] = None


class Canary(ResourceModel):
    """A second version beside the first; the gateway splits the requests."""

    image: Annotated[Image, Field(description="Image of the second version.")]
    weight: Annotated[int, Field(ge=0, le=100, description="Share of the requests that it takes, in percent.")]
    replicas: Annotated[int, Field(ge=0, le=1000, description="Pods of the second version.")] = 1
