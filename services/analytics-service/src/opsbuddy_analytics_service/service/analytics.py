"""What the analytics service decides: which items become logs, what a page holds, and what an answer covers."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import orjson

from opsbuddy_analytics_service.models import (
    FIELDS,
    ContextQuery,
    Coverage,
    DeadLetter,
    DeadLetters,
    FacetQuery,
    Facets,
    FacetValue,
    HistogramQuery,
    IngestResult,
    ItemError,
    LogContext,
    LogFilter,
    LogPage,
    LogQuery,
    LogRecord,
    NewLog,
    Replay,
    Selection,
    SingleResult,
    StoredLog,
)
from opsbuddy_analytics_service.service import cursor, names
from opsbuddy_analytics_service.service.intake import SHOWN_ERRORS, Intake
from opsbuddy_analytics_service.service.metrics import LOGS, REJECTED
from opsbuddy_analytics_service.service.names import ServiceNames
from opsbuddy_analytics_service.service.reading import Reading
from opsbuddy_analytics_service.storage.stores import Archive, Journal, Tally
from opsbuddy_core import timestamps
from opsbuddy_core.errors import FieldError, InvalidRequestError, NotFoundError, OpsBuddyError, UnavailableError

HOUR = 3600 * timestamps.SECOND
FOREVER = 2**63 - 1
MOVED = timestamps.SECOND  # farther than that no log of one instant is moved to stay apart from others
OF_STATUS = {413: "too_large", 415: "unsupported_type", 503: "journal_busy", 507: "disk_full"}


class Analytics:
    """Takes logs into the journal, and answers from it and from the archive, if there is one."""

    def __init__(self, journal: Journal, archive: Archive | None = None, most_services: int = 1000) -> None:
        self._journal, self._reading = journal, Reading(journal, archive)
        self.names = ServiceNames(journal, most_services)
        self.taken = Counter[str]()

    async def ingest(self, intake: Intake, key: str | None = None, *, dry_run: bool = False) -> IngestResult:
        """Store what is valid, and name what is not. With a `key`, the same request again stores nothing. Raises InvalidRequestError when nothing is valid."""
        intake = self.names.admitted(intake, dry_run=dry_run)
        rejected = len({each.index for each in intake.rejections})
        if not dry_run:
            self._count(rejected=rejected)
            for code, number in Counter(each.code for each in intake.rejections).items():
                REJECTED.labels(code).inc(number)
        if rejected and not intake.entries:
            raise InvalidRequestError(
                f"None of the {rejected} logs can be stored. See errors for the reasons.",
                errors=intake.rejections[:SHOWN_ERRORS],
                accepted=0,
                rejected=rejected,
            )
        duplicates = 0
        if intake.entries and not dry_run:
            kept = await self._journal.append(intake.entries, key, intake.body)
            duplicates = sum(each.duplicate for each in kept)
            self._count(stored=len(kept) - duplicates, duplicates=duplicates)
        errors = [ItemError(**each.as_dict()) for each in intake.rejections[:SHOWN_ERRORS]]
        return IngestResult(
            accepted=len(intake.entries), rejected=rejected, duplicates=duplicates, errors=errors, dry_run=dry_run
        )

    async def ingest_one(
        self, log: NewLog, key: str | None = None, body: bytes = b"", *, dry_run: bool = False
    ) -> SingleResult:
        """Store one log. Raises InvalidRequestError when there is no room for its service."""
        if self.names.refused([log], dry_run=dry_run):
            raise InvalidRequestError(
                f"The service {self.names.reason}.", errors=[FieldError("service", self.names.reason, names.CODE)]
            )
        if dry_run:
            return SingleResult(duplicate=False, event_id=log.event_id, dry_run=True)
        kept = (await self._journal.append([log], key, body))[0] if key else await self._journal.append_one(log)
        self._count(stored=not kept.duplicate, duplicates=kept.duplicate)
        return SingleResult(duplicate=kept.duplicate, event_id=kept.event_id)

    def refused(self, error: OpsBuddyError, *, single: bool = False) -> None:
        """Count a request that was refused as a whole."""
        codes = [each.code for each in error.errors] if single else [refusal(error)]
        for code in codes:
            REJECTED.labels(code).inc()
        if single and error.errors:
            self._count(rejected=1)

    async def query(self, query: LogQuery) -> LogPage:
        """Return a page. Raises InvalidRequestError for a range or a cursor that cannot be used."""
        selection = _selection(query)
        logs, coverage = await self._reading.page(selection, query.limit + 1)
        more = len(logs) > query.limit
        logs = logs[: query.limit]
        return LogPage(
            logs=[record(log, query.fields or FIELDS) for log in logs],
            count=len(logs),
            next_cursor=cursor.encode(query, logs[-1].time) if more else None,
            coverage=coverage,
        )

    async def context(self, query: ContextQuery) -> LogContext:
        """Return what the same service logged right before and after a log. Raises NotFoundError when it is not there."""
        here = Selection(query.timestamp, query.timestamp + MOVED, service=query.service, event_id=query.event_id)
        found, coverage = await self._reading.page(replace(here, descending=False), 1)
        if not found:
            raise _missing(coverage)
        place = found[0].time
        before, older = await self._reading.page(
            Selection(timestamps.EARLIEST, place, service=query.service), query.before + 1
        )
        after, newer = await self._reading.page(
            Selection(place + 1, FOREVER, service=query.service, descending=False), query.after + 1
        )
        return LogContext(
            before=[record(log, FIELDS) for log in reversed(before[: query.before])],
            log=record(found[0], FIELDS),
            after=[record(log, FIELDS) for log in after[: query.after]],
            more_before=len(before) > query.before,
            more_after=len(after) > query.after,
            coverage=older if newer.complete else newer,
        )

    async def histogram(self, selection: Selection, width: int) -> tuple[Tally, Coverage]:
        """Count by time and level, here and in the archive."""
        return await self._reading.tally(
            selection,
            lambda store, asked: store.histogram(asked, width),
        )

    async def facets(self, query: FacetQuery) -> Facets:
        """Return the most frequent values of fields."""
        selection = within(query, HOUR)
        tally, coverage = await self._reading.tally(
            selection,
            lambda store, asked: store.facets(asked, query.fields, query.limit * 2),
        )
        summed = Counter[tuple[int | str, str]]()
        for field, value, number in tally:
            summed[field, value] += number
        ranked = sorted(summed.items(), key=lambda each: (-each[1], each[0][1]))
        facets = {
            name: [FacetValue(value=value, count=number) for (field, value), number in ranked if field == name][
                : query.limit
            ]
            for name in query.fields
        }
        start, end = timestamps.render(selection.start), timestamps.render(selection.end)
        return Facets(start=start, end=end, facets=facets, coverage=coverage)

    async def dead_letters(self, limit: int) -> DeadLetters:
        """Return what InfluxDB refuses for good."""
        found, total = await self._journal.dead(limit)
        letters = [
            DeadLetter(
                id=str(each.log.time),
                reason=each.reason,
                at=timestamps.render(each.at),
                replayed=each.again,
                log=record(each.log, FIELDS),
            )
            for each in found
        ]
        return DeadLetters(dead_letters=letters, total=total)

    async def replay(self, ids: Sequence[str] | None) -> Replay:
        """Let dead letters be forwarded again; all of them without `ids`."""
        times = None if ids is None else [time for time in map(int, ids) if time <= FOREVER]
        return Replay(replayed=await self._journal.replay(times))

    def _count(self, **outcomes: int) -> None:
        for outcome, number in outcomes.items():
            if number:
                self.taken[outcome] += number
                LOGS.labels(outcome).inc(number)


def _missing(coverage: Coverage) -> OpsBuddyError:
    if not coverage.complete:
        return UnavailableError(f"The log is not in what can be asked now. {coverage.note}", retry_after=5)
    return NotFoundError(
        "There is no such log. Send service, timestamp and event_id as an answer of /logs/query has them; retention may have removed it."
    )


def refusal(error: OpsBuddyError) -> str:
    """Return the code of the table for a request that is refused as a whole."""
    if error.errors:
        return error.errors[0].code
    named = error.extensions.get("code")
    return str(named) if named else OF_STATUS.get(int(error.status), "malformed")


def _selection(query: LogQuery) -> Selection:
    start = query.start if query.start is not None else timestamps.EARLIEST
    end = query.end if query.end is not None else FOREVER
    _ordered(start, end)
    place, descending = cursor.decode(query), query.order == "desc"
    if place is not None:
        start, end = (start, min(end, place)) if descending else (max(start, place + 1), end)
    return selected(query, start, end, descending=descending)


def within(query: HistogramQuery | FacetQuery, back: int) -> Selection:
    """Return the selection of a query whose range has to end: now, and begin `back` before, unless it says otherwise."""
    end = query.end if query.end is not None else timestamps.now() + timestamps.SECOND
    start = query.start if query.start is not None else end - back
    _ordered(start, end)
    return selected(query, start, end)


def selected(query: LogFilter, start: int, end: int, *, descending: bool = True) -> Selection:
    """Return the selection of a filter within a range."""
    filters = query.model_dump(include=set(LogFilter.model_fields))
    return Selection(start=start, end=end, descending=descending, **filters)


def _ordered(start: int, end: int) -> None:
    if start >= end:
        raise InvalidRequestError(
            "The range is empty: start has to lie before end.",
            errors=[FieldError("start", "does not lie before end", "range_empty")],
        )


def record(log: StoredLog, fields: Sequence[str]) -> LogRecord:
    """Return a log as it is answered, with these fields."""
    values: dict[str, Any] = {name: getattr(log, name) for name in fields}
    if "timestamp" in values:
        values["timestamp"] = timestamps.render(log.timestamp)
    if "data" in values:
        values["data"] = orjson.loads(log.data) if log.data else {}
    return LogRecord(**values)
