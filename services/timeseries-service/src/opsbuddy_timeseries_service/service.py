"""What the timeseries service decides: which points are taken, which range is asked for, how empty buckets look."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from opsbuddy_core import timestamps
from opsbuddy_core.errors import FieldError, InvalidRequestError
from opsbuddy_timeseries_service.intake import Intake
from opsbuddy_timeseries_service.metrics import POINTS, REASONS
from opsbuddy_timeseries_service.models import (
    Aggregate,
    ItemError,
    MeasurementList,
    Sample,
    Selection,
    Series,
    SeriesAnswer,
    SeriesList,
    SeriesQuery,
    Value,
    WriteResult,
)
from opsbuddy_timeseries_service.storage import PointStore

HOUR = 3600 * timestamps.SECOND
MAX_BUCKETS = 11_000
MAX_SAMPLES = 500_000
SHOWN_ERRORS = 1000


class Timeseries:
    """Writes points to a store and reads series from it."""

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

    async def query(self, query: SeriesQuery) -> SeriesAnswer:
        """Return series. Raises InvalidRequestError for what does not go together."""
        selection = _selection(query)
        if (query.aggregate is None) != (query.every is None):
            lacking = "every" if query.every is None else "aggregate"
            raise _invalid(lacking, "is missing: aggregate and every go together")
        if query.aggregate is None or query.every is None:
            series, truncated = await self._raw(selection, query.limit)
        else:
            series, truncated = await self._buckets(query.aggregate, query.every, query.fill, selection), False
        return SeriesAnswer(
            measurement=query.measurement,
            field=query.field,
            start=timestamps.render(selection.start),
            end=timestamps.render(selection.end),
            aggregate=query.aggregate,
            every=query.model_dump(mode="json")["every"],
            truncated=truncated,
            series=series,
        )

    async def measurements(self) -> MeasurementList:
        """Return the names of all measurements."""
        return MeasurementList(measurements=await self._store.measurements())

    async def series(self, measurement: str | None, limit: int) -> SeriesList:
        """Return what series there are."""
        found = await self._store.series(measurement, limit + 1)
        return SeriesList(series=found[:limit], truncated=len(found) > limit)

    async def _raw(self, selection: Selection, limit: int) -> tuple[list[Series], bool]:
        lines = await self._store.raw(selection, limit + 1)
        truncated = sum(len(line.points) for line in lines) > limit
        if truncated:
            lines[-1].points.pop()
        return [_series(line.tags, line.points) for line in lines if line.points], truncated

    async def _buckets(self, aggregate: Aggregate, every: int, fill: str, selection: Selection) -> list[Series]:
        now = timestamps.now()
        grid = _grid(selection, every, now)
        selection = replace(selection, end=min(selection.end, now))
        if selection.start >= selection.end:
            return []
        lines = await self._store.buckets(selection, aggregate, every)
        if len(lines) * len(grid) > MAX_SAMPLES:
            raise _invalid("every", f"gives {len(lines)} series of {len(grid)} buckets; ask for fewer or longer ones")
        empty = 0.0 if aggregate == "count" else None
        return [_series(line.tags, _filled(dict(line.points), grid, fill, empty)) for line in lines]


def _selection(query: SeriesQuery) -> Selection:
    end = query.end if query.end is not None else timestamps.now()
    start = query.start if query.start is not None else end - HOUR
    if start >= end:
        raise _invalid("start", "does not lie before end")
    group_by = tuple(query.group_by) if query.group_by is not None else None
    return Selection(query.measurement, query.field, query.tags, start, end, group_by)


def _grid(selection: Selection, every: int, now: int) -> range:
    """Return the starts of all buckets that hold a part of the range; none of them lies after now."""
    first = selection.start // every * every
    grid = range(first, min(selection.end, now + 1), every)
    if len(grid) > MAX_BUCKETS:
        raise _invalid("every", f"gives {len(grid)} buckets; at most {MAX_BUCKETS} are answered. Ask for longer ones")
    return grid


def _filled(values: dict[int, Value], grid: range, fill: str, empty: float | None) -> list[tuple[int, Value | None]]:
    points: list[tuple[int, Value | None]] = []
    before: Value | None = None
    for bucket in grid:
        value = values.get(bucket)
        if value is None and fill == "none":
            continue
        if value is None:
            value = empty if empty is not None else {"previous": before, "zero": 0.0}.get(fill)
        before = value
        points.append((bucket, value))
    return points


def _series(tags: dict[str, str], points: Iterable[tuple[int, Value | None]]) -> Series:
    return Series(tags=tags, points=[Sample(timestamp=timestamps.render(time), value=value) for time, value in points])


def _invalid(field: str, reason: str) -> InvalidRequestError:
    return InvalidRequestError(f"The query cannot be answered: {field} {reason}.", errors=[FieldError(field, reason)])
