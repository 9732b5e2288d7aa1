"""Brings the journal's indexes up to date, in short turns between which others write, and not more than a part of the time.

While logs come faster than they could be indexed, the index does not catch up anyway: it takes a small part of the time then and leaves the rest to them.
"""

import asyncio
import time

from opsbuddy_analytics_service.storage.embedded import INDEXED_AT_ONCE, SqliteJournal
from opsbuddy_core.errors import OpsBuddyError
from opsbuddy_core.logs import get_logger

IDLE = 0.25
PAUSE, PAUSE_IN_A_BURST = 2.0, 10.0  # as multiples of the turn before
LONGEST_PAUSE = 30.0
log = get_logger("indexer")


class Indexer:
    """Works until cancelled. What is not indexed yet is found too, only slower. `trouble` says in words why it does not get on, None while it does."""

    def __init__(self, journal: SqliteJournal) -> None:
        self._journal = journal
        self.trouble: str | None = None

    async def run(self) -> None:
        pause, before = IDLE, 0
        while True:
            begun, came, before = time.monotonic(), self._journal.appended - before, self._journal.appended
            try:
                more = await self._turn()
            except OpsBuddyError as error:  # a full disk; retention makes room, and writing says it to senders
                self._failed(error)
                pause = min(LONGEST_PAUSE, pause * 2 + IDLE)
            else:
                self._works()
                share = PAUSE_IN_A_BURST if came > INDEXED_AT_ONCE else PAUSE
                pause = share * (time.monotonic() - begun) if more else IDLE
            await asyncio.sleep(pause)

    async def _turn(self) -> bool:
        """Index some logs and merge a little of the index, each in a transaction of its own; returns whether there is more to do at once."""
        done = await self._journal.index()
        to_merge = await self._journal.merge() and await self._journal.merge()  # on average what one turn adds
        return to_merge or done == INDEXED_AT_ONCE

    def _failed(self, error: OpsBuddyError) -> None:
        if self.trouble is None:
            log.warning(
                "New logs cannot be indexed; searches for text take longer", operation="index", reason=error.detail
            )
        self.trouble = error.detail

    def _works(self) -> None:
        if self.trouble is not None:
            log.info("New logs are indexed again", operation="index")
        self.trouble = None
