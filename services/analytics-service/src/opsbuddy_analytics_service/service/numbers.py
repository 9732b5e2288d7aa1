"""Counts for people: the last minutes, the last day, and by time for any range. From the roll-ups that are made at ingest wherever they can tell."""

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import replace

from opsbuddy_analytics_service.models import (
    ERRORS,
    LEVELS,
    Bucket,
    Coverage,
    Histogram,
    HistogramQuery,
    Hour,
    Metrics,
    Selection,
    ServiceMetrics,
    Stats,
)
from opsbuddy_analytics_service.service.analytics import Analytics, within
from opsbuddy_analytics_service.storage.stores import Counts, Journal, Tally
from opsbuddy_core import timestamps

MINUTE = 60 * timestamps.SECOND
DAY_MINUTES = 24 * 60
SECONDS = (1, 5, 10, 30, 60, 300, 600, 1800, 3600, 3 * 3600, 6 * 3600, 12 * 3600, 86_400, 7 * 86_400, 30 * 86_400)
YEAR = 366 * 86_400


class Numbers:
    """Counts of what is in the journal and the archive."""

    def __init__(self, journal: Journal, service: Analytics) -> None:
        self._journal, self._service = journal, service

    async def metrics(self, minutes: int) -> Metrics:
        """Return what each service logged over the last minutes, the current one included."""
        start, end = _window(minutes)
        counts = await self._journal.counts(start, end, minutes)
        services = _services(counts, minutes)
        total, errors = sum(each.total for each in services), sum(each.errors for each in services)
        return Metrics(
            start=timestamps.render(start),
            end=timestamps.render(end),
            window_minutes=minutes,
            total=total,
            errors=errors,
            error_rate=_rate(errors, total),
            per_minute=round(total / minutes, 3),
            services=services,
            ingestion={outcome: self._service.taken[outcome] for outcome in ("stored", "duplicates", "rejected")},
        )

    async def stats(self) -> Stats:
        """Return the last 24 hours to the minute, in all, by service, by level, and by hour."""
        start, end = _window(DAY_MINUTES)
        counts = await self._journal.counts(start, end, 60)
        services = _services(counts, DAY_MINUTES)
        total, errors = sum(each.total for each in services), sum(each.errors for each in services)
        by_level = Counter[str]()
        for _, _, level, number in counts:
            by_level[level] += number
        return Stats(
            start=timestamps.render(start),
            end=timestamps.render(end),
            total=total,
            errors=errors,
            error_rate=_rate(errors, total),
            by_level={level: by_level[level] for level in LEVELS},
            by_service={each.service: each.total for each in services},
            services=services,
            hourly=_hours(counts, start),
        )

    async def histogram(self, query: HistogramQuery) -> Histogram:
        """Return the logs by time and level. Buckets begin at a multiple of their width, so the range grows to whole ones."""
        asked = within(query, 60 * MINUTE)
        width = _width(asked, query.buckets)
        places = _places(asked, width)
        selection = replace(asked, start=places.start * width, end=places.stop * width)
        tally, coverage = await self._by_time(selection, width)
        levels: defaultdict[int | str, Counter[str]] = defaultdict(Counter)
        for bucket, level, number in tally:
            levels[bucket][level] += number
        buckets = [
            Bucket(
                start=timestamps.render(place * width),
                total=levels[place].total(),
                levels={level: levels[place][level] for level in LEVELS},
            )
            for place in places
        ]
        return Histogram(
            start=timestamps.render(selection.start),
            end=timestamps.render(selection.end),
            width_seconds=width / timestamps.SECOND,
            total=sum(bucket.total for bucket in buckets),
            buckets=buckets,
            coverage=coverage,
        )

    async def _by_time(self, selection: Selection, width: int) -> tuple[Tally, Coverage]:
        by_reading = width < MINUTE or not selection.by_labels_alone
        if by_reading or selection.start < await self._journal.counted_since():
            return await self._service.histogram(selection, width)
        counts = await self._journal.counts(selection.start, selection.end, width // MINUTE)
        first = selection.start // width
        tally: Tally = [
            (first + bucket, level, number)
            for bucket, service, level, number in counts
            if selection.service in (None, service) and selection.level in (None, level)
        ]
        start, end = timestamps.render(selection.start), timestamps.render(selection.end)
        note = "Counted when the logs came in; logs that retention has removed since are counted too, for 90 days."
        return tally, Coverage(start=start, end=end, stores=["journal"], complete=True, note=note)


def _width(asked: Selection, buckets: int) -> int:
    """Return the least round width with which so many buckets hold the range; two of them hold any."""
    widths = (each * timestamps.SECOND for each in itertools.chain(SECONDS, itertools.count(YEAR, YEAR)))
    return next(width for width in widths if len(_places(asked, width)) <= buckets)


def _places(asked: Selection, width: int) -> range:
    """Return which multiples of the width begin a bucket that holds a part of the range."""
    return range(asked.start // width, -(-asked.end // width))


def _window(minutes: int) -> tuple[int, int]:
    """Return the last minutes: whole ones, the current one included."""
    end = timestamps.now() // MINUTE * MINUTE + MINUTE
    return end - minutes * MINUTE, end


def _rate(errors: int, total: int) -> float:
    return round(errors / total, 6) if total else 0.0


def _services(counts: Counts, minutes: int) -> list[ServiceMetrics]:
    levels: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for _, service, level, number in counts:
        levels[service][level] += number
    return [_service(service, levels[service], minutes) for service in sorted(levels)]


def _service(name: str, levels: Counter[str], minutes: int) -> ServiceMetrics:
    total, errors = levels.total(), _errors(levels.items())
    return ServiceMetrics(
        service=name,
        total=total,
        errors=errors,
        error_rate=_rate(errors, total),
        per_minute=round(total / minutes, 3),
        levels={level: levels[level] for level in LEVELS},
    )


def _errors(levels: Iterable[tuple[str, int]]) -> int:
    return sum(number for level, number in levels if level in ERRORS)


def _hours(counts: Counts, start: int) -> list[Hour]:
    total, errors = Counter[int](), Counter[int]()
    for bucket, _, level, number in counts:
        total[bucket] += number
        errors[bucket] += number if level in ERRORS else 0
    return [
        Hour(
            start=timestamps.render(start + hour * 60 * MINUTE),
            total=total[hour],
            errors=errors[hour],
            error_rate=_rate(errors[hour], total[hour]),
        )
        for hour in range(24)
    ]
