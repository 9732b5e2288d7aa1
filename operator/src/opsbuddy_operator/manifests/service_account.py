from opsbuddy_operator.manifests.identity import Identity
from opsbuddy_operator.models import Object


def build(identity: Identity) -> Object:
    """Account of the pods, without a token; the pods of a role with rights ask for theirs."""
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": identity.metadata(),
        "automountServiceAccountToken": False,
    }
