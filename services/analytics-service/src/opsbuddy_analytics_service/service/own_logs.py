"""This process's own log records: straight into the journal, not by HTTP to itself.

The access records of successful ingestion are left out: each batch that a service ships would otherwise be a log again.
"""

import asyncio
import random
from collections import deque
from typing import Any

from opsbuddy_analytics_service.models import NewLog
from opsbuddy_analytics_service.service.intake import judge
from opsbuddy_analytics_service.service.metrics import OWN_DROPPED
from opsbuddy_analytics_service.storage.stores import Journal
from opsbuddy_core import documents
from opsbuddy_core.errors import OpsBuddyError

QUEUE_LIMIT = 10_000
BATCH = 500
INTERVAL = 0.5
LONGEST_PAUSE = 30.0
INGESTION = frozenset({"/logs", "/logs/single"})


class OwnLogs:
    """A sink for `opsbuddy_core.logs`. When the queue is full the oldest records go first."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._queue: deque[dict[str, Any]] = deque()

    def offer(self, record: dict[str, Any]) -> None:
        if _is_ingestion(record):
            return
        if len(self._queue) >= QUEUE_LIMIT:
            self._queue.popleft()
            OWN_DROPPED.inc()
        self._queue.append(record)

    async def run(self) -> None:
        """Keep records as they come, until cancelled; what is left then is kept too."""
        pause = INTERVAL
        try:
            while True:
                await asyncio.sleep(pause * random.uniform(0.8, 1.2))  # noqa: S311 - jitter
                pause = INTERVAL if await self._keep() else min(pause * 2, LONGEST_PAUSE)
        finally:
            await self._keep()

    async def _keep(self) -> bool:
        """Move the queue into the journal. Says nothing when that fails: the saying would be one more record."""
        while self._queue:
            batch = [self._queue.popleft() for _ in range(min(BATCH, len(self._queue)))]
            try:
                await self._journal.append([entry for record in batch if (entry := _entry(record))])
            except OpsBuddyError:
                self._queue.extendleft(reversed(batch[: QUEUE_LIMIT - len(self._queue)]))
                return False
        return True


def _entry(record: dict[str, Any]) -> NewLog | None:
    verdict = judge(record | {"data": documents.plain(record.get("data"))})
    if isinstance(verdict, NewLog):
        return verdict
    OWN_DROPPED.inc()
    return None


def _is_ingestion(record: dict[str, Any]) -> bool:
    data = record.get("data") or {}
    return record.get("logger") == "access" and data.get("path") in INGESTION and data.get("status", 500) < 400  # noqa: PLR2004 - a success
