"""What is answered to a query for series: the range, the buckets, the bounds."""

import asyncio
from dataclasses import replace

from opsbuddy_core import timestamps
from opsbuddy_core.errors import FieldError, InvalidRequestError
from opsbuddy_timeseries_service.models.answers import MeasurementList, Series, SeriesAnswer, SeriesList
from opsbuddy_timeseries_service.models.filters import TagFilter, matcher
from opsbuddy_timeseries_service.models.query import HOUR, Buckets, Condition, Line, Selection, SeriesQuery
from opsbuddy_timeseries_service.models.values import Value
from opsbuddy_timeseries_service.service import shaping
from opsbuddy_timeseries_service.storage import PointStore

MAX_BUCKETS = 11_000
MAX_SAMPLES = 500_000


class SeriesReading:
    """Reads series from a store."""

    def __init__(self, store: PointStore) -> None:
        self._store = store

    async def query(self, query: SeriesQuery) -> SeriesAnswer:
        """Return series. Raises InvalidRequestError for what does not go together."""
        selection = _selection(query)
        _check(query)
        if query.every is None:
            series, truncated = await self._raw(selection, query.limit)
        else:
            series, truncated = await self._buckets(query, query.every, selection), False
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
            lines = _first(lines, limit)
        return [
            Series(
                tags=line.tags,
                timestamps=[timestamps.render(time) for time, _ in line.points],
                values=shaping.shown(value for _, value in line.points),
            )
            for line in lines
            if line.points
        ], truncated

    async def _buckets(self, query: SeriesQuery, every: int, selection: Selection) -> list[Series]:
        now = timestamps.now()
        grid = _grid(selection, every, now)
        selection = replace(selection, end=min(selection.end, now + 1))
        if selection.start >= selection.end:
            return []
        how = _how(query, every, selection)
        lines = await self._store.buckets(selection, how)
        if len(lines) * len(grid) > MAX_SAMPLES or sum(len(line.points) for line in lines) > MAX_SAMPLES:
            raise _invalid("every", f"gives {len(lines)} series of {len(grid)} buckets; ask for fewer or longer ones")
        before = await self._before(query, how, selection) if query.fill == "previous" else {}
        return await asyncio.to_thread(_shaped, query, lines, grid, before)  # others are to be answered meanwhile

    async def _before(self, query: SeriesQuery, how: Buckets, selection: Selection) -> dict[tuple[str, ...], Line]:
        """Return the last buckets before the range, for series that have any within the look-back."""
        start = max(0, selection.start - query.lookback)
        earlier = replace(selection, start=start, end=selection.start)
        if start >= earlier.end:
            return {}
        lines = await self._store.buckets(earlier, replace(how, since=max(0, start - query.lookback)))
        return {_key(line.tags): line for line in lines}


def _shaped(query: SeriesQuery, lines: list[Line], grid: range, before: dict[tuple[str, ...], Line]) -> list[Series]:
    rows = _rows(query, lines, grid, before)
    if query.top is not None:
        rows = shaping.top(rows, query.top, query.top_by)
    stamps = [timestamps.render(bucket) for bucket in grid]
    return [_series(tags, stamps, values, skip_empty=query.fill == "none") for tags, values in rows]


def _first(lines: list[Line], limit: int) -> list[Line]:
    """Return the first points in time, `limit` at most: all of each time that is there, so that whoever asks on after the last one misses none."""
    times = sorted(time for line in lines for time, _ in line.points)
    end = times[limit] if times[0] < times[limit] else times[limit] + 1  # so many of one time: some of them
    found, left = [], limit
    for line in lines:
        points = [each for each in line.points if each[0] < end][:left]
        found.append(Line(line.tags, points))
        left -= len(points)
    return found


def _rows(
    query: SeriesQuery, lines: list[Line], grid: range, before: dict[tuple[str, ...], Line]
) -> list[tuple[dict[str, str], shaping.Values]]:
    there = {_key(line.tags) for line in lines}
    lines = lines + [Line(line.tags, []) for key, line in before.items() if key not in there]
    lines.sort(key=lambda line: sorted(line.tags.items()))
    every = query.every or 0
    rows = []
    for line in lines:
        earlier = before.get(_key(line.tags))
        points = _counted(query, line, every)
        last = _counted(query, earlier, every)[-1][1] if earlier else None
        known = dict(points)
        values: shaping.Values = [known.get(bucket) for bucket in grid]
        if query.aggregate == "count":
            values = shaping.filled(values, "zero", None)
        values = shaping.filled(values, query.fill, last)
        if query.transform == "derivative":
            values = shaping.derivative(values, every)
        elif query.transform == "moving_average":
            values = shaping.moving_average(values, query.window or 1)
        rows.append((line.tags, values))
    return rows


def _counted(query: SeriesQuery, line: Line, every: int) -> list[tuple[int, Value]]:
    """The store answers rate as increase: this makes it one a second."""
    if query.aggregate != "rate":
        return line.points
    seconds = every / timestamps.SECOND
    return [(time, float(value) / seconds) for time, value in line.points]


def _series(tags: dict[str, str], stamps: list[str], values: shaping.Values, *, skip_empty: bool) -> Series:
    values = shaping.shown(values)
    if skip_empty:
        kept = [(stamp, value) for stamp, value in zip(stamps, values, strict=True) if value is not None]
        return Series(tags=tags, timestamps=[stamp for stamp, _ in kept], values=[value for _, value in kept])
    return Series(tags=tags, timestamps=stamps, values=values)


def _selection(query: SeriesQuery) -> Selection:
    end = query.end if query.end is not None else timestamps.now() + 1
    start = query.start if query.start is not None else end - HOUR
    if start >= end:
        raise _invalid("start", "does not lie before end")
    group_by = tuple(query.group_by) if query.group_by is not None else None
    filters = [TagFilter(tag, "=", (value,)) for tag, value in query.tags.items()]
    filters += [_filter(position, condition) for position, condition in enumerate(query.filters)]
    return Selection(query.measurement, query.field, tuple(filters), start, end, group_by)


def _filter(position: int, condition: Condition) -> TagFilter:
    values = (condition.value,) if isinstance(condition.value, str) else tuple(condition.value)
    if condition.operator in {"=~", "!~"}:
        if len(values) > 1:
            raise _invalid(f"filters.{position}.value", "has several expressions; join them with | in one")
        try:
            matcher(values[0])
        except ValueError as error:
            raise _invalid(f"filters.{position}.value", f"is no regular expression of RE2: {error}") from None
    return TagFilter(condition.tag, condition.operator, values)


def _check(query: SeriesQuery) -> None:
    """Refuse what does not go together."""
    if (query.aggregate is None) != (query.every is None):
        lacking = "every" if query.every is None else "aggregate"
        raise _invalid(lacking, "is missing: aggregate and every go together")
    if (query.aggregate == "percentile") != (query.percentile is not None):
        raise _invalid("percentile", "goes with the aggregate percentile: a number from 0 to 100, such as 95")
    if (query.transform == "moving_average") != (query.window is not None):
        raise _invalid("window", "goes with the transform moving_average: a number of buckets, such as 5")
    if query.every is None:
        for name, value in (("transform", query.transform), ("top", query.top)):
            if value is not None:
                raise _invalid(name, "works on buckets: it needs aggregate and every")
    elif query.fill == "previous" and query.lookback // query.every > MAX_BUCKETS:
        length = f"{query.every / timestamps.SECOND:g} s"
        raise _invalid("lookback", f"holds more than {MAX_BUCKETS} buckets of {length}; ask for a shorter one")


def _how(query: SeriesQuery, every: int, selection: Selection) -> Buckets:
    aggregate = query.aggregate or "mean"
    return Buckets(
        "increase" if aggregate == "rate" else aggregate,
        every,
        MAX_SAMPLES + 1,
        (query.percentile or 0) / 100,
        max(0, selection.start - query.lookback),
    )


def _grid(selection: Selection, every: int, now: int) -> range:
    """Return the starts of all buckets that hold a part of the range; none of them lies after now."""
    first = selection.start // every * every
    grid = range(first, min(selection.end, now + 1), every)
    if len(grid) > MAX_BUCKETS:
        raise _invalid("every", f"gives {len(grid)} buckets; at most {MAX_BUCKETS} are answered. Ask for longer ones")
    return grid


def _key(tags: dict[str, str]) -> tuple[str, ...]:
    return tuple(part for pair in sorted(tags.items()) for part in pair)


def _invalid(field: str, reason: str) -> InvalidRequestError:
    return InvalidRequestError(f"The query cannot be answered: {field} {reason}.", errors=[FieldError(field, reason)])
