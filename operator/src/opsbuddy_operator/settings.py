import os
import re
import socket
from pathlib import Path

from pydantic import Field, field_validator

from opsbuddy_core.settings import Settings
from opsbuddy_operator.models import METRICS_PATIENCE

NAMESPACE = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
NAMESPACE_FILE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


class OperatorSettings(Settings):
    """What the operator can be told by its environment. How to reach the API server: from inside a cluster by itself, else KUBECONFIG."""

    service_name: str = Field("operator", validation_alias="OPSBUDDY_SERVICE", description="Name in logs and metrics")
    title: str = Field("OpsBuddy operator", validation_alias="OPSBUDDY_TITLE", description="Name that people read")
    service_port: int = Field(8080, ge=0, le=65535, description="Port of health and metrics")
    watch_namespaces: str = Field(
        "", description="Namespaces to serve, with commas between them; all of the cluster without it"
    )
    leader_election: bool = Field(
        default=True, description="Write only while holding the Lease, so that several replicas can run"
    )
    lease_name: str = Field("opsbuddy-operator", description="Name of the Lease")
    pod_namespace: str = Field("", description="Namespace of the Lease; that of the pod without it")
    pod_name: str = Field("", description="Name of this replica in the Lease; the host's name without it")
    workers: int = Field(8, ge=1, le=64, description="Resources that are worked on at the same time")
    reference_seconds: float = Field(
        5, gt=0, le=300, description="How often referenced Secrets and ConfigMaps are read again"
    )
    resync_seconds: float = Field(600, ge=10, description="How often everything is looked at again, changed or not")
    audit_seconds: float = Field(
        120, ge=1, description="How often what the watches told is compared with what there is"
    )
    metrics_patience_seconds: float = Field(
        METRICS_PATIENCE,
        gt=0,
        le=3600,
        description="How long an autoscaler may be without metrics until its service is called stalled",
    )
    request_seconds: float = Field(10, gt=0, le=60, description="Time limit of one request to the API server")

    @field_validator("watch_namespaces")
    @classmethod
    def _of_names(cls, text: str) -> str:
        for name in filter(None, map(str.strip, text.split(","))):
            if not re.fullmatch(NAMESPACE, name):
                raise ValueError(
                    f"{name!r} is no name of a namespace; give names with commas between them, no patterns"
                )
        return text

    @property
    def namespaces(self) -> tuple[str, ...]:
        """The namespaces to serve; empty for all."""
        return tuple(dict.fromkeys(name for part in self.watch_namespaces.split(",") if (name := part.strip())))

    @property
    def lease_namespace(self) -> str:
        if self.pod_namespace:
            return self.pod_namespace
        return NAMESPACE_FILE.read_text().strip() if NAMESPACE_FILE.exists() else "default"

    @property
    def identity(self) -> str:
        """What tells this replica from the others, and from itself before a restart."""
        return f"{self.pod_name or socket.gethostname()}_{os.getpid()}"
