"""Which points are taken."""

from collections import Counter
from dataclasses import replace

from opsbuddy_core.errors import InvalidRequestError
from opsbuddy_timeseries_service.intake import SHOWN_ERRORS, Intake
from opsbuddy_timeseries_service.metrics import POINTS, REASONS
from opsbuddy_timeseries_service.models.points import ItemError, WriteResult
from opsbuddy_timeseries_service.storage import PointStore


class Writing:
    """Writes points to a store."""

    def __init__(self, store: PointStore) -> None:
        self._store = store

    async def write(self, intake: Intake) -> WriteResult:
        """Store what is valid, and name what is not. Raises InvalidRequestError when nothing was stored though something was sent."""
        refused = await self._store.write(intake.points) if intake.points else []
        errors = [*intake.errors, *(replace(each, index=intake.positions[each.index]) for each in refused)]
        errors.sort(key=lambda each: each.index)
        accepted = len(intake.points) - len({each.index for each in refused})
        rejected = len({each.index for each in errors})
        POINTS.labels("stored").inc(accepted)
        POINTS.labels("rejected").inc(rejected)
        for code, number in Counter(each.code for each in errors).items():
            REASONS.labels(code).inc(number)
        if rejected and not accepted:
            raise InvalidRequestError(
                f"None of the {rejected} points can be stored. See errors for the reasons.",
                errors=errors[:SHOWN_ERRORS],
                accepted=0,
                rejected=rejected,
            )
        shown = [ItemError(**each.as_dict()) for each in errors[:SHOWN_ERRORS]]
        return WriteResult(accepted=accepted, rejected=rejected, errors=shown)
