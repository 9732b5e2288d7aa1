from typing import Any

from opsbuddy_core.resource.exposure import Ingress
from opsbuddy_operator.manifests.container import PORT_NAME
from opsbuddy_operator.manifests.identity import Identity
from opsbuddy_operator.models import Object


def build(identity: Identity, ingress: Ingress) -> Object:
    """Takes a host name of the outside world to the service."""
    backend = {"service": {"name": identity.name, "port": {"name": PORT_NAME}}}
    spec: dict[str, Any] = {
        "rules": [
            {
                "host": ingress.host,
                "http": {"paths": [{"path": ingress.path, "pathType": "Prefix", "backend": backend}]},
            }
        ]
    }
    if ingress.class_name:
        spec["ingressClassName"] = ingress.class_name
    if ingress.tls_secret:
        spec["tls"] = [{"hosts": [ingress.host], "secretName": ingress.tls_secret}]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": identity.metadata(annotations=ingress.annotations),
        "spec": spec,
    }
