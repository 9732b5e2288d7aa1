"""Asks the journal and, for what only it has, the archive; and says what an answer covers."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from opsbuddy_analytics_service.models import Coverage, Selection, StoredLog
from opsbuddy_analytics_service.storage.stores import Archive, Journal, Tally
from opsbuddy_core import timestamps
from opsbuddy_core.errors import DeadlineError, UnavailableError


class Reading:
    """Both stores as one."""

    def __init__(self, journal: Journal, archive: Archive | None = None) -> None:
        self._journal, self._archive = journal, archive

    async def page(self, selection: Selection, limit: int) -> tuple[list[StoredLog], Coverage]:
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

    async def tally(
        self, selection: Selection, ask: Callable[[Journal | Archive, Selection], Awaitable[Tally]]
    ) -> tuple[Tally, Coverage]:
        """Count here, and there what only the archive has."""
        covered = await self._journal.horizon()
        here = await ask(self._journal, selection)
        border = timestamps.render(covered)
        if covered <= selection.start:
            note = "The journal of this service holds all of this range."
            return here, _coverage(selection, ["journal"], complete=True, note=note)
        if self._archive is None:
            note = f"Logs before {border} were moved to InfluxDB, which is not configured any more."
            return here, _coverage(selection, ["journal"], complete=False, note=note)
        try:
            there = await ask(self._archive, replace(selection, end=min(selection.end, covered)))
        except (UnavailableError, DeadlineError) as error:
            note = f"{error.detail} Logs before {border} that were forwarded to it are missing here."
            return here, _coverage(selection, ["journal"], complete=False, note=note)
        note = f"InfluxDB for logs before {border}, the journal of this service for what is newer or not forwarded yet."
        return [*there, *here], _coverage(selection, ["journal", "influxdb"], complete=True, note=note)


def _coverage(selection: Selection, stores: list[str], *, complete: bool, note: str) -> Coverage:
    start = None if selection.start == timestamps.EARLIEST else timestamps.render(selection.start)
    end = timestamps.render(min(selection.end, timestamps.now()))
    return Coverage(start=start, end=end, stores=stores, complete=complete, note=note)
