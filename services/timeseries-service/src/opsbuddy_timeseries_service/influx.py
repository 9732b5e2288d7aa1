"""Points in InfluxDB, which holds them durably when it says so; this process keeps nothing."""

import re
from collections import defaultdict
from typing import Any

import orjson

from opsbuddy_core import timestamps
from opsbuddy_core.errors import FieldError, InvalidRequestError, OpsBuddyError
from opsbuddy_core.flux import Flux
from opsbuddy_core.influx import Influx, key, string
from opsbuddy_timeseries_service.models import RESERVED, Aggregate, Line, Point, PointError, Selection, SeriesInfo

EVER = (0, 2**62)  # 1970 to 2116
CONFLICT = re.compile(r'input field "(?P<field>.*?)" on measurement .* already exists as type (?P<kind>\w+)')
SYSTEM = frozenset({"result", "table", "_start", "_stop", "_time", "_value", "_field", "_measurement"})


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
        return [
            _refusal(position, reason) for position, reason in await self._influx.write([line(each) for each in points])
        ]

    async def raw(self, selection: Selection, limit: int) -> list[Line]:
        flux = _grouped(self._select(selection), selection).sort("_time").limit(limit)
        lines = _lines(await self._influx.query(flux), selection)
        left, cut = limit, []
        for each in lines:
            cut.append(Line(each.tags, each.points[:left]))
            left -= len(cut[-1].points)
        return [each for each in cut if each.points]

    async def buckets(self, selection: Selection, aggregate: Aggregate, every: int) -> list[Line]:
        flux = _grouped(self._select(selection), selection)
        if selection.group_by is not None and aggregate == "last":
            flux.sort("_time")  # the series of a group come one after the other
        try:
            rows = await self._influx.query(flux.window(every, aggregate))
        except OpsBuddyError:  # of a text InfluxDB's min and max are a crash inside, the others a bad request
            if not await self._is_text(selection):
                raise
            reason = f"{aggregate} needs numbers, and this field is text; count and last work"
            raise InvalidRequestError(
                f"The aggregate cannot be used: {reason}.", errors=[FieldError("aggregate", reason, "type_conflict")]
            ) from None
        return [
            Line(each.tags, [(time // every * every, value) for time, value in each.points])
            for each in _lines(rows, selection)
        ]

    async def measurements(self) -> list[str]:
        flux = Flux(self._influx.bucket, *EVER).last().keep("_measurement").group().distinct("_measurement")
        names = {str(row["_value"]) for row in await self._influx.query(flux)}
        return sorted(names - RESERVED)

    async def series(self, measurement: str | None, limit: int) -> list[SeriesInfo]:
        flux = Flux(self._influx.bucket, *EVER)
        if measurement is not None:
            flux.where("_measurement", measurement)
        found: defaultdict[tuple[str, tuple[tuple[str, str], ...]], set[str]] = defaultdict(set)
        for row in await self._influx.query(flux.last()):
            if row["_measurement"] not in RESERVED:
                found[row["_measurement"], tuple(sorted(_tags(row).items()))].add(row["_field"])
        return [
            SeriesInfo(measurement=name, tags=dict(tags), fields=sorted(found[name, tags]))
            for name, tags in sorted(found, key=lambda each: (each[0], orjson.dumps(dict(each[1]))))[:limit]
        ]

    async def _is_text(self, selection: Selection) -> bool:
        rows = await self._influx.query(self._select(selection).last().limit(1))
        return any(isinstance(row["_value"], str) for row in rows)

    def _select(self, selection: Selection) -> Flux:
        flux = Flux(self._influx.bucket, selection.start, selection.end)
        flux.where("_measurement", selection.measurement).where("_field", selection.field)
        for tag, value in selection.tags.items():
            flux.where(tag, value)
        return flux


def line(point: Point) -> str:
    """Return a point as a line of line protocol."""
    tags = "".join(f",{key(name)}={key(value)}" for name, value in sorted(point.tags.items()))
    fields = ",".join(f"{key(name)}={_value(value)}" for name, value in point.fields.items())
    return f"{_head(point.measurement)}{tags} {fields} {point.timestamp}"


def _head(measurement: str) -> str:
    return measurement.replace(",", "\\,").replace(" ", "\\ ")  # an equals sign needs no escape here


def _value(value: float | str) -> str:
    return string(value) if isinstance(value, str) else repr(value)


def _refusal(position: int, reason: str) -> PointError:
    if match := CONFLICT.search(reason):
        kind = "text" if match["kind"] == "string" else "number"
        said = f"has the wrong type: this field of the measurement is a {kind} already"
        return PointError(f"fields.{match['field']}", said, "type_conflict", position)
    return PointError("point", reason, "refused", position)


def _grouped(flux: Flux, selection: Selection) -> Flux:
    return flux if selection.group_by is None else flux.group(selection.group_by)


def _tags(row: dict[str, Any]) -> dict[str, str]:
    return {name: value for name, value in row.items() if name not in SYSTEM and isinstance(value, str) and value}


def _lines(rows: list[dict[str, Any]], selection: Selection) -> list[Line]:
    """Put the rows of one set of tags together, in the order of the tags."""
    found: defaultdict[tuple[tuple[str, str], ...], list[tuple[int, float | str]]] = defaultdict(list)
    for row in rows:
        tags = _tags(row)
        if selection.group_by is not None:
            tags = {name: tags[name] for name in selection.group_by if name in tags}
        value = row["_value"]
        found[tuple(sorted(tags.items()))].append(
            (timestamps.instant(row["_time"]), float(value) if isinstance(value, int) else value)
        )
    return [Line(dict(tags), sorted(found[tags], key=lambda each: each[0])) for tags in sorted(found)]
