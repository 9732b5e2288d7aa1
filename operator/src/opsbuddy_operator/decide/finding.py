from dataclasses import dataclass

from opsbuddy_core.resource import ConditionType, Reason


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found out about one aspect; `failing` keeps the resource from being ready."""

    type: ConditionType
    holds: bool
    reason: Reason
    message: str
    failing: bool = False
    look_again: float | None = None  # seconds, where only time or somebody who sends no event changes it
