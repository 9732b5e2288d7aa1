"""The archive: logs in InfluxDB. Tags are service and level alone; everything else is a field, because every new value of a tag is a series to keep."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import orjson

from opsbuddy_analytics_service.models import Selection, StoredLog
from opsbuddy_analytics_service.storage.stores import Tally
from opsbuddy_core import timestamps
from opsbuddy_core.flux import Flux
from opsbuddy_core.influx import Influx, key, string

MEASUREMENT = "logs"
TEXTS = ("logger", "message", "operation", "data", "request_id", "trace_id", "event_id")
TAGS = ("service", "level")
NARROWING = ("logger", "operation", "request_id", "trace_id", "event_id")
FIRST_STEP = 900 * timestamps.SECOND
WIDER = 8
GAP = 60 * timestamps.SECOND


class InfluxArchive:
    """Writes logs to `influx` and finds them there."""

    def __init__(self, influx: Influx) -> None:
        self._influx = influx

    async def write(self, logs: list[StoredLog]) -> list[tuple[int, str]]:
        """Return once the logs are stored; time and reason of those that are refused for good. Twice the same log is one."""
        refused = await self._influx.write([line(log) for log in logs])
        return [(logs[position].time, reason) for position, reason in refused]

    async def taken(self, logs: list[StoredLog]) -> set[int]:
        """Return the times, of these logs' times, at which there is another log with the same tags."""
        found: set[int] = set()
        for cluster in _clusters(logs):
            flux = Flux(self._influx.bucket, min(cluster), max(cluster) + 1).where("_measurement", MEASUREMENT)
            first = next(iter(cluster.values()))
            flux.where("service", first.service).where("level", first.level).where("_field", "event_id").keep(
                "_time", "_value"
            )
            for row in await self._influx.query(flux):
                log = cluster.get(timestamps.instant(row["_time"]))
                if log and log.event_id != row["_value"]:
                    found.add(log.time)
        return found

    async def page(self, selection: Selection, limit: int) -> list[StoredLog]:
        """Look near the end that is asked for first, and farther and farther away while too little was found.

        InfluxDB sorts in memory what it read, so that a wide range for a few logs would be slow.
        """
        found: list[StoredLog] = []
        for piece in _pieces(selection):
            rows = await self._influx.query(_flux(self._influx.bucket, piece, limit - len(found)))
            found += [_log(row) for row in rows]
            if len(found) >= limit:
                break
        return found

    async def histogram(self, selection: Selection, width: int) -> Tally:
        flux = _values(self._influx.bucket, selection).window(width, "count").group(["_time", "level"]).sum()
        rows = await self._influx.query(flux)
        return [(timestamps.instant(row["_time"]) // width, row["level"], row["_value"]) for row in rows]

    async def facets(self, selection: Selection, fields: Sequence[str], limit: int) -> Tally:
        found: Tally = []
        for field in fields:
            if field in TAGS:
                flux = _values(self._influx.bucket, selection).group([field])
            else:
                flux = (
                    _values(self._influx.bucket, selection, field).there("_value").copy("_value", field).group([field])
                )
            flux.count().group().sort("_value", descending=True).limit(limit)
            found += [(field, row[field], row["_value"]) for row in await self._influx.query(flux)]
        return found


def line(log: StoredLog) -> str:
    """Return a log as a line of line protocol."""
    fields = [f"{name}={string(value)}" for name in TEXTS if (value := getattr(log, name)) is not None]
    fields.append(f"timestamp={log.timestamp}i")
    if "\r" in log.message:  # answers come as CSV, which does not keep it
        fields.append(f"exact={string(orjson.dumps(log.message).decode())}")
    return f"{MEASUREMENT},level={log.level},service={key(log.service)} {','.join(fields)} {log.time}"


def _clusters(logs: list[StoredLog]) -> list[dict[int, StoredLog]]:
    """Group logs by their tags and where there is no wide gap between them: a query each."""
    clusters: list[dict[int, StoredLog]] = []
    before: StoredLog | None = None
    for log in sorted(logs, key=lambda each: (each.service, each.level, each.time)):
        same = before and (before.service, before.level) == (log.service, log.level) and log.time - before.time < GAP
        if same:
            clusters[-1][log.time] = log
        else:
            clusters.append({log.time: log})
        before = log
    return clusters


def _pieces(selection: Selection) -> Iterator[Selection]:
    start, end = selection.start, min(selection.end, timestamps.now() + 2 * timestamps.AHEAD)
    step = FIRST_STEP
    while start < end:
        if selection.descending:
            edge = max(start, end - step)
            yield replace(selection, start=edge, end=end)
            end = edge
        else:
            edge = min(end, start + step)
            yield replace(selection, start=start, end=edge)
            start = edge
        step *= WIDER


def _flux(bucket: str, selection: Selection, limit: int) -> Flux:
    """Return the whole logs of a selection, in its order."""
    flux = _narrowed(_tagged(bucket, selection).rows().group(), selection)
    return flux.sort("_time", descending=selection.descending).limit(limit)


def _values(bucket: str, selection: Selection, wanted: str | None = None) -> Flux:
    """Return a row with a `_value` of each log, for InfluxDB to count: that of the field `wanted`, or of any field that each of the logs has.

    Rows of whole logs are put together only when several fields are in question: that is what takes time.
    """
    fields = [name for name in NARROWING if getattr(selection, name) is not None]
    if selection.text is not None:
        fields.append("message")
    value = wanted or (fields[0] if fields else "event_id")
    flux = _tagged(bucket, selection).where("_field", *dict.fromkeys([value, *fields]))
    if fields in ([], [value]):
        return _narrowed(flux, selection, {value: "_value"})
    return _narrowed(flux.rows(), selection).named(value, "_value").there("_value")


def _tagged(bucket: str, selection: Selection) -> Flux:
    flux = Flux(bucket, selection.start, selection.end).where("_measurement", MEASUREMENT)
    for tag in TAGS:
        if (value := getattr(selection, tag)) is not None:
            flux.where(tag, value)
    return flux


def _narrowed(flux: Flux, selection: Selection, columns: Mapping[str, str] = MappingProxyType({})) -> Flux:
    """Let through what the fields of a selection do; `columns` says which column a field is in, where it is not its own."""
    for field in NARROWING:
        if (value := getattr(selection, field)) is not None:
            flux.where(columns.get(field, field), value)
    if selection.text is not None:
        flux.has_part(columns.get("message", "message"), selection.text)
    return flux


def _log(row: dict[str, Any]) -> StoredLog:
    def text(name: str) -> str | None:
        return row.get(name) or None

    return StoredLog(
        time=timestamps.instant(row["_time"]),
        timestamp=row["timestamp"],
        level=row["level"],
        logger=row["logger"],
        message=orjson.loads(row["exact"]) if row.get("exact") else row["message"],
        service=row["service"],
        operation=text("operation"),
        data=text("data"),
        request_id=text("request_id"),
        trace_id=text("trace_id"),
        event_id=row["event_id"],
    )
