"""What kopf calls. It is the watch engine and nothing else: no handler of ours makes it write to a resource."""

import kopf

from opsbuddy_operator.handlers import login, process, watch


def register(registry: kopf.OperatorRegistry) -> None:
    """Put all handlers into a registry."""
    login.register(registry)
    process.register(registry)
    watch.register(registry)
