"""Prometheus' query API over the store: which series a selector means, how much is read, and how results are written."""

import asyncio
import itertools
import math
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

from opsbuddy_core import timestamps
from opsbuddy_timeseries_service.models.filters import TagFilter, accept
from opsbuddy_timeseries_service.models.query import Column, Entry, Selection
from opsbuddy_timeseries_service.models.values import STALE
from opsbuddy_timeseries_service.promql.engine import LOOKBACK, Engine, TooLongError
from opsbuddy_timeseries_service.promql.errors import BadQueryError, PromError
from opsbuddy_timeseries_service.promql.nodes import Node, Selector, Text, selectors
from opsbuddy_timeseries_service.promql.parser import parse, selector
from opsbuddy_timeseries_service.promql.values import NAME, Labels, Samples, Series, key
from opsbuddy_timeseries_service.storage import PointStore

MILLISECOND = timestamps.UNITS["ms"]
LATEST = 2**62
FIELD = "value"
ALL = (f'{{{NAME}!=""}}',)
MAX_STEPS = 11_000
MAX_SERIES = 10_000
MAX_LOOKED_THROUGH = 100_000  # series, of which nothing but names and values of labels is kept
MAX_SAMPLES = 1_000_000
MAX_COLUMNS = 100
AT_ONCE = 2  # queries that are worked off at a time; each may hold MAX_SAMPLES
LIMIT = 30.0  # seconds
WAIT = 10.0  # seconds for a turn


class PrometheusReading:
    """Answers queries of Prometheus' API. Raises PromError."""

    def __init__(self, store: PointStore) -> None:
        self._store = store
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def query(self, text: str, at: int) -> dict[str, Any]:
        """Return the result at one instant (milliseconds)."""
        async with self._turn():
            return await self._query(text, at)

    async def query_range(self, text: str, start: int, end: int, step: int) -> dict[str, Any]:
        """Return the result at every step from start to end (milliseconds)."""
        async with self._turn():
            return await self._query_range(text, start, end, step)

    async def _query(self, text: str, at: int) -> dict[str, Any]:
        node = parse(text)
        if isinstance(node, Text):
            return {"resultType": "string", "result": [_time(at), node.value]}
        if isinstance(node, Selector) and node.range:
            return {"resultType": "matrix", "result": await self._matrix(node, at)}
        engine = await self._engine(node, [at])
        if node.kind == "scalar":
            numbers = await asyncio.to_thread(engine.scalar, node)
            return {"resultType": "scalar", "result": [_time(at), number(numbers[0])]}
        found = await asyncio.to_thread(engine.vector, node)
        result = [{"metric": each.labels, "value": [_time(at), number(each.row[0])]} for each in found]
        return {"resultType": "vector", "result": result}

    async def _query_range(self, text: str, start: int, end: int, step: int) -> dict[str, Any]:
        if end < start:
            raise BadQueryError('invalid parameter "end": end timestamp must not be before start time')
        if step <= 0:
            raise BadQueryError('invalid parameter "step": it has to be larger than zero')
        if (end - start) // step > MAX_STEPS:  # as Prometheus counts: clients choose their steps by it
            raise BadQueryError(f"exceeded maximum resolution of {MAX_STEPS} points per series; use a longer step")
        node = parse(text)
        if node.kind not in {"scalar", "vector"}:
            raise BadQueryError(f"a {node.kind} has no value at each step; ask for a scalar or an instant vector")
        engine = await self._engine(node, list(range(start, end + 1, step)))
        if node.kind == "scalar":
            numbers = await asyncio.to_thread(engine.scalar, node)
            found = [Series({}, [*numbers])]
        else:
            found = await asyncio.to_thread(engine.vector, node)
        found.sort(key=lambda each: key(each.labels))
        return {"resultType": "matrix", "result": [_row(each, engine.steps) for each in found]}

    async def series(self, matches: Sequence[str], start: int, end: int) -> list[Labels]:
        """Return the labels of the series that any of the selectors means, in order."""
        if not matches:
            raise BadQueryError("no match[] parameter provided")
        found = {key(labels): labels for labels in await self._meant(matches, start, end, MAX_SERIES)}
        return [found[each] for each in sorted(found)]

    async def labels(self, matches: Sequence[str], start: int, end: int) -> list[str]:
        """Return the names of the labels of those series; of all without a selector."""
        meant = await self._meant(matches or ALL, start, end, MAX_LOOKED_THROUGH)
        return sorted(set(itertools.chain.from_iterable(meant)))

    async def label_values(self, name: str, matches: Sequence[str], start: int, end: int) -> list[str]:
        """Return the values of a label; of all series without a selector."""
        meant = await self._meant(matches or ALL, start, end, MAX_LOOKED_THROUGH)
        return sorted({labels[name] for labels in meant if name in labels})

    async def _meant(self, matches: Sequence[str], start: int, end: int, most: int) -> Iterator[Labels]:
        entries = [await self._entries(selector(text).matchers, start, end, most) for text in matches]
        return map(_labels, itertools.chain.from_iterable(entries))

    async def _engine(self, node: Node, steps: list[int]) -> Engine:
        deadline = time.monotonic() + LIMIT
        data: dict[Selector, list[Samples]] = {}
        left = MAX_SAMPLES
        for each in selectors(node):
            back = each.range or LOOKBACK
            start, end = steps[0] - each.offset - back, steps[-1] - each.offset
            data[each] = await self._samples(each.matchers, start, end, left)
            left -= sum(len(samples.times) for samples in data[each])
        return Engine(steps, data, deadline)

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """Wait until few enough others are at it, but not for long."""
        try:
            await asyncio.wait_for(self._turns.acquire(), WAIT)
        except TimeoutError:
            raise TooLongError("too many queries are being worked off; ask again later") from None
        try:
            yield
        finally:
            self._turns.release()

    async def _matrix(self, node: Selector, at: int) -> list[dict[str, Any]]:
        end = at - node.offset
        found = await self._samples(node.matchers, end - node.range, end, MAX_SAMPLES)
        rows = []
        for each in sorted(found, key=lambda samples: key(samples.labels)):
            there = [pair for pair in zip(each.times, each.values, strict=True) if pair[1] is not STALE]
            if there:
                values = [[_time(moment), number(value)] for moment, value in there]
                rows.append({"metric": each.labels, "values": values})
        return rows

    async def _samples(self, matchers: Sequence[TagFilter], start: int, end: int, most: int) -> list[Samples]:
        """Return what there is after `start` and up to `end`."""
        entries = await self._entries(matchers, start + 1, end)
        filters = _of_tags(matchers)
        found: dict[Any, Samples] = {}
        for column in sorted({entry.column for entry in entries}):
            first, last = _range(start + 1, end)
            selection = Selection(column.measurement, column.field, filters, first, last)
            for line in await self._store.raw(selection, most + 1):
                most -= len(line.points)
                if most < 0:
                    raise PromError(
                        "query processing would load too many samples; ask for a shorter range or fewer series"
                    )
                labels = _labels(Entry(column, line.tags))
                points = {moment // MILLISECOND: value for moment, value in line.points}  # of one millisecond the last
                found.setdefault(key(labels), Samples(labels, [*points], [*points.values()]))  # type: ignore[list-item]
        return list(found.values())

    async def _entries(
        self, matchers: Sequence[TagFilter], start: int, end: int, most: int = MAX_SERIES
    ) -> list[Entry]:
        columns = await self._columns([each for each in matchers if each.tag == NAME])
        first, last = _range(start, end)
        if first >= last:
            return []
        found = await self._store.entries(columns, _of_tags(matchers), first, last, most + 1)
        if len(found) > most:
            raise PromError(f"more than {most} series are meant; ask for fewer")
        return found

    async def _columns(self, names: list[TagFilter]) -> list[Column]:
        """Return the columns that may have such a name: the one of a field is measurement_field, and of `value` the measurement itself."""
        for each in names:
            if each.operator == "=":
                parts = each.values[0].split("_")
                places = range(1, min(len(parts), MAX_COLUMNS))
                split = [Column("_".join(parts[:place]), "_".join(parts[place:])) for place in places]
                candidates = [
                    Column(each.values[0], FIELD),
                    *(column for column in split if column.field and column.measurement),
                ]
                return [column for column in candidates if accept(names, {NAME: _metric(column)})]
        return [column for column in await self._store.columns() if accept(names, {NAME: _metric(column)})]


def number(value: float | None) -> str:
    """Return a value as Prometheus writes it: the shortest text that reads back as it, never with an exponent."""
    if value is None or math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    text = format(Decimal(repr(value)), "f")
    return text.rstrip("0").removesuffix(".") if "." in text else text


def _metric(column: Column) -> str:
    return column.measurement if column.field == FIELD else f"{column.measurement}_{column.field}"


def _labels(entry: Entry) -> Labels:
    return {NAME: _metric(entry.column)} | entry.tags


def _of_tags(matchers: Sequence[TagFilter]) -> tuple[TagFilter, ...]:
    return tuple(each for each in matchers if each.tag != NAME)


def _range(start: int, end: int) -> tuple[int, int]:
    """Milliseconds, both inclusive, as nanoseconds with an exclusive end, within what a store knows."""
    first, last = start * MILLISECOND, (end + 1) * MILLISECOND
    return max(0, min(first, LATEST)), max(0, min(last, LATEST))


def _time(milliseconds: int) -> float:
    return milliseconds // 1000 if milliseconds % 1000 == 0 else milliseconds / 1000


def _row(series: Series, steps: list[int]) -> dict[str, Any]:
    values = [[_time(step), number(value)] for step, value in zip(steps, series.row, strict=True) if value is not None]
    return {"metric": series.labels, "values": values}
