"""Lets old logs go, little by little, so that writing never waits long for it."""

from collections.abc import Callable

from opsbuddy_analytics_service.service.metrics import JOURNAL_BYTES, JOURNAL_LIMIT, JOURNAL_WAITING
from opsbuddy_analytics_service.service.names import ServiceNames
from opsbuddy_analytics_service.settings import AnalyticsSettings
from opsbuddy_analytics_service.storage.embedded import PRUNED_AT_ONCE, SqliteJournal
from opsbuddy_core import timestamps
from opsbuddy_core.recurring import Recurring

INTERVAL = 10.0
HOUR = 3600 * timestamps.SECOND


class Retention:
    """By age: with InfluxDB what it has and the journal need not answer for any more, without it what arrived too long ago. By size: see `prune_oversize`."""

    def __init__(
        self,
        journal: SqliteJournal,
        settings: AnalyticsSettings,
        names: ServiceNames,
        clock: Callable[[], int] = timestamps.now,
    ) -> None:
        self._names, self._clock = names, clock
        self._journal, self._archived = journal, settings.influxdb_host is not None
        self._keep = int((settings.journal_keep_hours if self._archived else settings.log_retention_days * 24) * HOUR)
        self._events = int(settings.event_id_days * 24 * HOUR)

    async def run(self) -> None:
        """Work until cancelled."""
        await Recurring("retention", INTERVAL).run(self.once)

    async def once(self) -> None:
        """Remove all that is too old now."""
        now = self._clock()
        prune = self._journal.prune_archived if self._archived else self._journal.prune_arrived
        while await prune(now - self._keep) == PRUNED_AT_ONCE:
            pass
        while await self._journal.prune_oversize(archived=self._archived) == PRUNED_AT_ONCE:
            pass
        await self._journal.forget(now - self._events)
        await self._names.refresh()
        sizes = await self._journal.sizes()
        JOURNAL_LIMIT.set(self._journal.most_bytes)
        JOURNAL_BYTES.set(sizes["bytes"])
        JOURNAL_WAITING.set(sizes["waiting"])
