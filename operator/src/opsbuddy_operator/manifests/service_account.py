from opsbuddy_operator.manifests.identity import Identity
from opsbuddy_operator.models import Object


def build(identity: Identity) -> Object:
    """Account of the pods, without rights and without a token; a gateway's pods ask for theirs."""
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": identity.metadata(),
        "automountServiceAccountToken": False,
    }
