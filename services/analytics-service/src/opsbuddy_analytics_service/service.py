"""What the analytics service decides: which items are logs, what a page holds, what the numbers of the last hours are."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import replace

import orjson

from opsbuddy_analytics_service import cursor
from opsbuddy_analytics_service.intake import Intake
from opsbuddy_analytics_service.metrics import LOGS, REASONS
from opsbuddy_analytics_service.models import (
    ERRORS,
    LEVELS,
    Coverage,
    Hour,
    IngestResult,
    ItemError,
    LogEntry,
    LogPage,
    LogQuery,
    LogRecord,
    Metrics,
    Selection,
    ServiceMetrics,
    SingleResult,
    Stats,
    StoredLog,
)
from opsbuddy_analytics_service.storage import Archive, Counts, Journal
from opsbuddy_core import timestamps
from opsbuddy_core.errors import DeadlineError, InvalidRequestError, UnavailableError

MINUTE = 60 * timestamps.SECOND
DAY_MINUTES = 24 * 60
FOREVER = 2**63 - 1
SHOWN_ERRORS = 1000


class Analytics:
    """Takes logs into the journal, and answers from it and from the archive, if there is one."""

    def __init__(self, journal: Journal, archive: Archive | None = None) -> None:
        self._journal, self._archive = journal, archive
        self._taken = Counter[str]()

    async def ingest(self, intake: Intake) -> IngestResult:
        """Store what is valid, and name what is not. Raises InvalidRequestError when nothing is valid."""
        rejected = len({each.index for each in intake.rejections})
        for code, number in Counter(each.code for each in intake.rejections).items():
            REASONS.labels(code).inc(number)
        if rejected and not intake.entries:
            self._count(rejected=rejected)
            raise InvalidRequestError(
                f"None of the {rejected} logs can be stored. See errors for the reasons.",
                errors=intake.rejections[:SHOWN_ERRORS],
                accepted=0,
                rejected=rejected,
            )
        kept = await self._journal.append(intake.entries) if intake.entries else []
        duplicates = sum(each.duplicate for each in kept)
        self._count(stored=len(kept) - duplicates, duplicates=duplicates, rejected=rejected)
        errors = [ItemError(**each.as_dict()) for each in intake.rejections[:SHOWN_ERRORS]]
        return IngestResult(accepted=len(kept), rejected=rejected, duplicates=duplicates, errors=errors)

    async def ingest_one(self, entry: LogEntry) -> SingleResult:
        """Store one log."""
        kept = (await self._journal.append([entry]))[0]
        self._count(stored=not kept.duplicate, duplicates=kept.duplicate)
        return SingleResult(duplicate=kept.duplicate, event_id=kept.event_id)

    async def query(self, query: LogQuery) -> LogPage:
        """Return a page. Raises InvalidRequestError for a range or a cursor that cannot be used."""
        if query.start is not None and query.end is not None and query.start >= query.end:
            raise InvalidRequestError("The range is empty: start has to lie before end.", errors=[])
        selection = _selection(query)
        logs, coverage = await self._collect(selection, query.limit + 1)
        more = len(logs) > query.limit
        logs = logs[: query.limit]
        return LogPage(
            logs=[_record(log) for log in logs],
            count=len(logs),
            next_cursor=cursor.encode(query, logs[-1].time) if more else None,
            coverage=coverage,
        )

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
            ingestion={outcome: self._taken[outcome] for outcome in ("stored", "duplicates", "rejected")},
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

    def _count(self, **outcomes: int) -> None:
        self._taken.update(outcomes)
        for outcome, number in outcomes.items():
            LOGS.labels(outcome).inc(number)

    async def _collect(self, selection: Selection, limit: int) -> tuple[list[StoredLog], Coverage]:
        """Ask the journal first: a log that is forwarded meanwhile is then in both answers rather than in none."""
        here = await self._journal.page(selection, limit)
        enough = len(here.logs) == limit and selection.descending and here.logs[-1].time >= here.horizon
        if here.horizon <= selection.start or enough:
            return here.logs, _coverage(
                selection, ["journal"], complete=True, note="The journal of this service holds all of this range."
            )
        border = timestamps.render(here.horizon)
        if self._archive is None:
            note = f"Logs before {border} were moved to InfluxDB, which is not configured any more."
            return here.logs, _coverage(selection, ["journal"], complete=False, note=note)
        older = replace(selection, end=min(selection.end, here.horizon))
        try:
            there = await self._archive.page(older, limit)
        except (UnavailableError, DeadlineError) as error:
            note = f"{error.detail} Logs before {border} that were forwarded to it are missing here; ask again later."
            return here.logs, _coverage(selection, ["journal"], complete=False, note=note)
        merged = {(log.time, log.event_id): log for log in (*there, *here.logs)}
        logs = [merged[place] for place in sorted(merged, reverse=selection.descending)[:limit]]
        note = f"InfluxDB for logs before {border}, the journal of this service for what is newer or not forwarded yet."
        return logs, _coverage(selection, ["journal", "influxdb"], complete=True, note=note)


def _selection(query: LogQuery) -> Selection:
    start = query.start if query.start is not None else timestamps.EARLIEST
    end = query.end if query.end is not None else FOREVER
    place, descending = cursor.decode(query), query.order == "desc"
    if place is not None:
        start, end = (start, min(end, place)) if descending else (max(start, place + 1), end)
    filters = query.model_dump(include={"service", "level", "logger", "operation", "request_id", "trace_id", "text"})
    return Selection(start=start, end=end, descending=descending, **filters)


def _coverage(selection: Selection, stores: list[str], *, complete: bool, note: str) -> Coverage:
    start = None if selection.start == timestamps.EARLIEST else timestamps.render(selection.start)
    end = timestamps.render(min(selection.end, timestamps.now()))
    return Coverage(start=start, end=end, stores=stores, complete=complete, note=note)


def _record(log: StoredLog) -> LogRecord:
    return LogRecord(
        timestamp=timestamps.render(log.timestamp),
        level=log.level,
        logger=log.logger,
        message=log.message,
        service=log.service,
        operation=log.operation,
        data=orjson.loads(log.data) if log.data else {},
        request_id=log.request_id,
        trace_id=log.trace_id,
        event_id=log.event_id,
    )


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
