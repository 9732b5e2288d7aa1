"""The custom resource `OpsBuddyService`: one set of models, from which the CRD is generated and with which the operator reads."""

from opsbuddy_core.resource.service import OpsBuddyServiceSpec
from opsbuddy_core.resource.status import Condition, ConditionType, OpsBuddyServiceStatus, Reason

GROUP = "opsbuddy.dev"
VERSION = "v1alpha1"
KIND = "OpsBuddyService"
PLURAL = "opsbuddyservices"
API_VERSION = f"{GROUP}/{VERSION}"

__all__ = [
    "API_VERSION",
    "GROUP",
    "KIND",
    "PLURAL",
    "VERSION",
    "Condition",
    "ConditionType",
    "OpsBuddyServiceSpec",
    "OpsBuddyServiceStatus",
    "Reason",
]
