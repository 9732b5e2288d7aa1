from typing import Any

from opsbuddy_core.resource.exposure import ServiceMonitor
from opsbuddy_operator.manifests.container import PORT_NAME
from opsbuddy_operator.manifests.identity import Identity
from opsbuddy_operator.models import SERVICE_LABEL, Object


def build(identity: Identity, monitor: ServiceMonitor, protocol: str) -> Object:
    """Lets a Prometheus of the Prometheus operator read the metrics of the pods."""
    metadata: dict[str, Any] = identity.metadata()
    metadata["labels"] = {**(monitor.labels or {}), **metadata["labels"]}
    endpoint: dict[str, Any] = {"port": PORT_NAME, "path": monitor.path, "interval": monitor.interval}
    # A target's label service would take the place of the gateway's own, which says what service a figure is of. The job says it of the target.
    endpoint["relabelings"] = [{"action": "labeldrop", "regex": "service"}]
    if protocol == "HTTPS":  # pods are asked by their addresses, which are in no certificate
        endpoint |= {"scheme": "https", "tlsConfig": {"insecureSkipVerify": True}}
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "ServiceMonitor",
        "metadata": metadata,
        "spec": {
            "selector": {"matchLabels": identity.selector},
            "jobLabel": SERVICE_LABEL,
            "endpoints": [endpoint],
        },
    }
