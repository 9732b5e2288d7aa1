from opsbuddy_operator.manifests.container import PORT_NAME
from opsbuddy_operator.manifests.identity import Identity
from opsbuddy_operator.models import Object


def build(identity: Identity, port: int, protocol: str) -> Object:
    """Service of the pods, on the port of the container.

    Entries of `ports` are keyed by port and protocol under server-side apply: with both given and one owner, a new port replaces the old entry.
    The target is the port's name, not its number, so that during such a change old pods are reached on the old port and new ones on the new.
    """
    entry = {"name": PORT_NAME, "port": port, "protocol": "TCP", "targetPort": PORT_NAME}
    if protocol == "HTTPS":
        entry["appProtocol"] = "https"  # for an Ingress controller or a mesh that would try plain text otherwise
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": identity.metadata(),
        "spec": {
            "type": "ClusterIP",
            "selector": identity.selector,
            "ports": [entry],
        },
    }
