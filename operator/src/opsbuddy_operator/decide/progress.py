"""Whether enough pods take requests, and whether the newest version is everywhere."""

from opsbuddy_core.resource import ConditionType, Reason
from opsbuddy_operator.decide import pods
from opsbuddy_operator.decide.desired import live
from opsbuddy_operator.decide.finding import Finding
from opsbuddy_operator.decide.workload import Workload
from opsbuddy_operator.models import Observed

_NONE_WHILE_SUSPENDED = "There is no Deployment, and none is made while suspend is true: set it to false."


def available(observed: Observed, workload: Workload | None, unapplied: list[str], *, suspended: bool) -> Finding:
    """Find whether enough pods take requests; `unapplied` names what has not been written yet."""
    if workload is None and suspended:
        return _lacks(Reason.SUSPENDED, _NONE_WHILE_SUSPENDED)
    if workload is None:
        return _lacks(Reason.RECONCILING, f"The Deployment does not exist yet. {_still(unapplied)}".strip())
    if workload.wanted == 0:
        return Finding(
            ConditionType.AVAILABLE,
            holds=True,
            reason=Reason.SCALED_TO_ZERO,
            message="No pods are asked for: replicas is 0.",
        )
    count = f"{workload.available} of {workload.wanted} pods are ready"
    if workload.available >= workload.needed:
        return Finding(ConditionType.AVAILABLE, holds=True, reason=Reason.ALL_READY, message=f"{count}.")
    if words := _trouble(observed, workload):
        return _lacks(Reason.POD_FAILING, f"{count}: {words}")
    waits_for = pods.waiting(observed.pods)
    return _lacks(Reason.PODS_NOT_READY, f"{count}: {waits_for}" if waits_for else f"{count}.")


def progressing(observed: Observed, workload: Workload | None, unapplied: list[str], *, suspended: bool) -> Finding:
    """Find whether the newest version is on its way; `unapplied` names what has not been written yet."""
    if unapplied:
        return _rolling(Reason.ROLLING_OUT, _still(unapplied))
    if workload is None and suspended:
        return Finding(
            ConditionType.PROGRESSING, holds=False, reason=Reason.SUSPENDED, message=_NONE_WHILE_SUSPENDED, failing=True
        )
    if workload is None:
        return _rolling(Reason.ROLLING_OUT, "The Deployment does not exist yet.")
    if workload.rolled_out:
        return Finding(
            ConditionType.PROGRESSING,
            holds=False,
            reason=Reason.ROLLED_OUT,
            message="Every pod has the newest version.",
        )
    words = _trouble(observed, workload)
    count = f"{workload.updated} of {workload.wanted} pods have the newest version"
    if workload.late:
        return Finding(
            ConditionType.PROGRESSING,
            holds=False,
            reason=Reason.DEADLINE_EXCEEDED,
            message=f"The rollout has made no progress for two minutes, {count}: {words or pods.waiting(observed.pods) or 'see its pods'}",
            failing=True,
        )
    return _rolling(Reason.POD_FAILING, f"{count}: {words}") if words else _rolling(Reason.ROLLING_OUT, f"{count}.")


def _trouble(observed: Observed, workload: Workload) -> str | None:
    """Say why pods do not come up; the scheduler tells that a claim has no volume, but not of which class."""
    words = workload.refused or pods.trouble(observed.pods)
    claim = live(observed, "PersistentVolumeClaim")
    if words and claim and "PersistentVolumeClaim" in words and claim.get("status", {}).get("phase") == "Pending":
        storage_class = claim["spec"].get("storageClassName")
        of_class = (
            f"storage class {storage_class} exists and"
            if storage_class
            else "the cluster has a default storage class which"
        )
        return f"{words}; the claim {claim['metadata']['name']} has no volume yet: see that {of_class} makes volumes"
    return words


def _still(unapplied: list[str]) -> str:
    return f"Still to be written: {', '.join(unapplied)}." if unapplied else ""


def _lacks(reason: Reason, message: str) -> Finding:
    return Finding(ConditionType.AVAILABLE, holds=False, reason=reason, message=message, failing=True)


def _rolling(reason: Reason, message: str) -> Finding:
    return Finding(ConditionType.PROGRESSING, holds=True, reason=reason, message=message, failing=True)
