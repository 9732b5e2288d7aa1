from opsbuddy_core.resource.pod import Config
from opsbuddy_operator.manifests.identity import Identity
from opsbuddy_operator.models import Object


def build(identity: Identity, config: Config) -> Object:
    """Settings of the service: its files and its environment under their own names (a rule of the CRD keeps those apart)."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": identity.metadata(),
        "data": dict(sorted({**(config.environment or {}), **(config.files or {})}.items())),
    }
