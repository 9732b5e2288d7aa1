"""Which changes of the conditions are worth an Event."""

from collections.abc import Mapping, Sequence

from opsbuddy_core.resource import Condition, ConditionType, Reason
from opsbuddy_operator.models import Event

_NORMAL = frozenset({Reason.ROLLED_OUT, Reason.PROGRAMMED, Reason.SUSPENDED, Reason.SCALED_TO_ZERO, Reason.ALL_READY})
_WARNING = frozenset(
    {
        Reason.POD_FAILING,
        Reason.DEADLINE_EXCEEDED,
        Reason.NO_GATEWAY,
        Reason.ROUTE_CONFLICT,
        Reason.ROUTES_TOO_LARGE,
        Reason.NAME_TAKEN,
        Reason.INVALID_SPEC,
        Reason.REFERENCE_MISSING,
        Reason.STORAGE_IMMUTABLE,
        Reason.UNSUPPORTED_FIELD,
        Reason.AUTOSCALER_INACTIVE,
        Reason.FOREIGN_AUTOSCALER,
        Reason.API_REFUSED,
        Reason.API_MISSING,
    }
)


def events(previous: Mapping[ConditionType, Condition], conditions: Sequence[Condition]) -> tuple[Event, ...]:
    """Return one Event for each reason that is new, however many conditions have it."""
    told: dict[str, Event] = {}
    for condition in conditions:
        before = previous.get(ConditionType(condition.type))
        if before and _same(before, condition):
            continue
        if condition.reason in _WARNING:
            told.setdefault(condition.reason, Event("Warning", condition.reason, condition.message))
        elif condition.reason in _NORMAL:
            told.setdefault(condition.reason, Event("Normal", condition.reason, condition.message))
    if resumed := previous.get(ConditionType.SUSPENDED):
        now = next((condition for condition in conditions if condition.type == ConditionType.SUSPENDED), resumed)
        if resumed.status == "True" and now.status == "False":
            told.setdefault("Resumed", Event("Normal", "Resumed", now.message))
    return tuple(told.values())


def _same(before: Condition, after: Condition) -> bool:
    return (before.status, before.reason) == (after.status, after.reason)
