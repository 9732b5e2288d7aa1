"""The operator: `opsbuddy-operator`, or `kopf run -m opsbuddy_operator`."""

import sys

if "kopf" in sys.modules:  # kopf imports us; whoever wants a pure part of this package does not pay for the framework
    import kopf

    from opsbuddy_operator.handlers import register

    register(kopf.get_default_registry())
