"""Whether enough pods take requests, and whether the newest version is everywhere."""

from opsbuddy_core.resource import ConditionType, Reason
from opsbuddy_operator.decide import pods
from opsbuddy_operator.decide.finding import Finding
from opsbuddy_operator.decide.workload import Workload
from opsbuddy_operator.models import Observed


def available(observed: Observed, workload: Workload | None) -> Finding:
    """Find whether enough pods take requests."""
    if workload is None:
        return _lacks(Reason.RECONCILING, "The Deployment does not exist yet.")
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
    if words := workload.refused or pods.trouble(observed.pods):
        return _lacks(Reason.POD_FAILING, f"{count}: {words}")
    waits_for = pods.waiting(observed.pods)
    return _lacks(Reason.PODS_NOT_READY, f"{count}: {waits_for}" if waits_for else f"{count}.")


def progressing(observed: Observed, workload: Workload | None, unapplied: list[str]) -> Finding:
    """Find whether the newest version is on its way; `unapplied` names what has not been written yet."""
    if unapplied:
        return _rolling(Reason.ROLLING_OUT, f"Still to be written: {', '.join(unapplied)}.")
    if workload is None:
        return _rolling(Reason.ROLLING_OUT, "The Deployment does not exist yet.")
    if workload.rolled_out:
        return Finding(
            ConditionType.PROGRESSING,
            holds=False,
            reason=Reason.ROLLED_OUT,
            message="Every pod has the newest version.",
        )
    words = workload.refused or pods.trouble(observed.pods)
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


def _lacks(reason: Reason, message: str) -> Finding:
    return Finding(ConditionType.AVAILABLE, holds=False, reason=reason, message=message, failing=True)


def _rolling(reason: Reason, message: str) -> Finding:
    return Finding(ConditionType.PROGRESSING, holds=True, reason=reason, message=message, failing=True)
