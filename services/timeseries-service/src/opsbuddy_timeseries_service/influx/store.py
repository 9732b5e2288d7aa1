"""Points in InfluxDB, which holds them durably when it says so; this process keeps nothing."""

import asyncio
import itertools
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace

import orjson

from opsbuddy_core import timestamps
from opsbuddy_core.errors import OpsBuddyError
from opsbuddy_core.flux import Flux
from opsbuddy_core.influx import Influx, Row
from opsbuddy_timeseries_service.influx.lines import COMPANION, Tags, line, lines, refusal, tags_of
from opsbuddy_timeseries_service.models.answers import SeriesInfo
from opsbuddy_timeseries_service.models.filters import TagFilter
from opsbuddy_timeseries_service.models.points import Point, PointError
from opsbuddy_timeseries_service.models.query import Buckets, Column, Entry, Line, Selection, needs_numbers
from opsbuddy_timeseries_service.models.values import RESERVED

EVER = (0, 2**62)  # 1970 to 2116
WINDOWS = 1000  # that a range is counted in, to find where its first points end


class InfluxPoints:
    """A point store in `influx`."""

    kind = "influxdb"

    def __init__(self, influx: Influx) -> None:
        self._influx = influx

    async def start(self) -> None:
        await self._influx.start()

    async def stop(self) -> None:
        await self._influx.stop()

    async def probe(self) -> None:
        await self._influx.probe()

    async def write(self, points: list[Point]) -> list[PointError]:
        refused = await self._influx.write([line(each) for each in points])
        return [refusal(position, points[position], reason) for position, reason in refused]

    async def raw(self, selection: Selection, limit: int) -> list[Line]:
        rows = await self._rows(selection, limit, limit)
        if len(rows) >= limit:
            rows = await self._rows(replace(selection, end=await self._end_of(selection, limit)), limit)
        return lines(rows, selection.group_by)

    async def buckets(self, selection: Selection, how: Buckets) -> list[Line]:
        flux = self._buckets(selection, how)
        try:
            rows = await self._influx.query(flux.group().limit(how.limit))
        except OpsBuddyError:  # of a text InfluxDB's min and max are a crash inside, the others a bad request
            if not await self._is_text(replace(selection, start=_start(selection, how))):
                raise
            raise needs_numbers(how.aggregate) from None
        return [
            Line(each.tags, [(time // how.every * how.every, value) for time, value in each.points])
            for each in lines(rows, selection.group_by)
        ]

    async def measurements(self) -> list[str]:
        flux = Flux(self._influx.bucket, *EVER).last().keep("_measurement").group().distinct("_measurement")
        names = {str(row["_value"]) for row in await self._influx.query(flux)}
        return sorted(names - RESERVED)

    async def series(self, measurement: str | None, limit: int) -> list[SeriesInfo]:
        flux = Flux(self._influx.bucket, *EVER)
        if measurement is not None:
            flux.where("_measurement", measurement)
        found: defaultdict[tuple[str, Tags], set[str]] = defaultdict(set)
        for row in await self._influx.query(flux.last()):
            if row["_measurement"] not in RESERVED:
                fields = found[row["_measurement"], tuple(sorted(tags_of(row).items()))]
                fields.add(row["_field"].removeprefix(COMPANION))
        return [
            SeriesInfo(measurement=name, tags=dict(tags), fields=sorted(found[name, tags]))
            for name, tags in sorted(found, key=lambda each: (each[0], orjson.dumps(dict(each[1]))))[:limit]
        ]

    async def columns(self) -> list[Column]:
        rows = await self._influx.query(Flux(self._influx.bucket, *EVER).last())
        return sorted({_column(row) for row in rows if _is_number(row)})

    async def entries(
        self, columns: Sequence[Column], filters: Sequence[TagFilter], start: int, end: int, limit: int
    ) -> list[Entry]:
        wanted = set(columns)
        if not wanted:
            return []
        flux = Flux(self._influx.bucket, start, end)
        flux.where("_measurement", *sorted({each.measurement for each in wanted}))
        flux.where("_field", *sorted({name for each in wanted for name in (each.field, COMPANION + each.field)}))
        found = {
            (_column(row), tuple(sorted(tags_of(row).items())))
            for row in await self._influx.query(_filtered(flux, filters).last())
            if _is_number(row) and _column(row) in wanted
        }
        return [Entry(column, dict(tags)) for column, tags in sorted(found)[:limit]]

    def _buckets(self, selection: Selection, how: Buckets) -> Flux:
        flux = self._select(selection, selection.field, _start(selection, how))
        if how.aggregate == "increase":
            flux.growth().since(selection.start)
        if selection.group_by is not None:
            flux.group(selection.group_by)
        match how.aggregate:
            case "increase" | "rate":
                return flux.window(how.every, "sum")
            case "percentile":
                return flux.percentile(how.every, how.fraction)
            case "first" | "last" if selection.group_by is not None:
                flux.sort("_time")  # the series of a group come one after the other
        return flux.window(how.every, how.aggregate)

    async def _rows(self, selection: Selection, of_each: int, of_all: int | None = None) -> list[Row]:
        """Return the first points of each series, in no order: InfluxDB takes a minute to sort what Python sorts in a moment."""
        queries = []
        for field in _fields(selection):
            flux = self._select(selection, field).limit(of_each).group()
            queries.append(self._influx.query(flux.limit(of_all) if of_all else flux))
        return list(itertools.chain.from_iterable(await asyncio.gather(*queries)))

    async def _end_of(self, selection: Selection, number: int) -> int:
        """Return a time before which there are so many points, and not many more."""
        every = (selection.end - selection.start) // WINDOWS + 1
        counting = [
            self._influx.query(self._select(selection, field).window(every, "count").group(["_time"]).sum())
            for field in _fields(selection)
        ]
        counts = Counter[int]()
        for row in itertools.chain.from_iterable(await asyncio.gather(*counting)):
            counts[timestamps.instant(row["_time"]) // every] += row["_value"]
        for window in sorted(counts):
            number -= counts[window]
            if number <= 0:
                return min(selection.end, (window + 1) * every)
        return selection.end

    async def _is_text(self, selection: Selection) -> bool:
        rows = await self._influx.query(self._select(selection, selection.field).last().limit(1))
        return any(isinstance(row["_value"], str) for row in rows)

    def _select(self, selection: Selection, field: str, start: int | None = None) -> Flux:
        flux = Flux(self._influx.bucket, selection.start if start is None else start, selection.end)
        flux.where("_measurement", selection.measurement).where("_field", field)
        return _filtered(flux, selection.filters)


def _start(selection: Selection, how: Buckets) -> int:
    return how.since if how.aggregate == "increase" else selection.start


def _fields(selection: Selection) -> tuple[str, str]:
    return selection.field, COMPANION + selection.field


def _filtered(flux: Flux, filters: Sequence[TagFilter]) -> Flux:
    for each in filters:
        missing = each.matches({})
        match each.operator:
            case "=":
                flux.tag_is(each.tag, each.values, missing=missing)
            case "!=":
                flux.tag_is_not(each.tag, each.values, missing=missing)
            case "=~":
                flux.tag_fits(each.tag, each.values[0], missing=missing)
            case "!~":
                flux.tag_fits_not(each.tag, each.values[0], missing=missing)
    return flux


def _column(row: dict[str, str]) -> Column:
    return Column(row["_measurement"], row["_field"].removeprefix(COMPANION))


def _is_number(row: dict[str, object]) -> bool:
    odd = str(row["_field"]).startswith(COMPANION)
    return row["_measurement"] not in RESERVED and (odd or not isinstance(row["_value"], str))
