"""Brings the journal's indexes up to date, in short turns between which others write, and not more than a part of the time.

While logs come faster than they could be indexed, the index does not catch up anyway: it takes a small part of the time then and leaves the rest to them.
"""

import asyncio
import time
from math import exp

from opsbuddy_analytics_service.storage.embedded import INDEXED_AT_ONCE, SqliteJournal
from opsbuddy_core.errors import OpsBuddyError
from opsbuddy_core.logs import get_logger

IDLE = 0.25
PAUSE, PAUSE_IN_A_BURST = 2.0, 10.0  # as multiples of the turn before
BURST = 5000  # logs a second: a turn for 200 takes 7 ms of a processor, so that these take a sixth of it
LONGEST_PAUSE = 30.0
log = get_logger("indexer")


class Rate:
    """What is counted up, as so many a second over about the last second."""

    def __init__(self) -> None:
        self.per_second = 0.0
        self._count, self._at = 0, 0.0

    def note(self, count: int, at: float) -> None:
        """Take the count at a time, in seconds."""
        passed = at - self._at
        if passed > 0:
            self.per_second += ((count - self._count) / passed - self.per_second) * (1 - exp(-passed))
        self._count, self._at = count, at


class Indexer:
    """Works until cancelled. What is not indexed yet is found too, only slower. `trouble` says in words why it does not get on, None while it does."""

    def __init__(self, journal: SqliteJournal) -> None:
        self._journal = journal
        self.trouble: str | None = None

    async def run(self) -> None:
        pause, coming = IDLE, Rate()
        while True:
            begun = time.monotonic()
            coming.note(self._journal.appended, begun)
            try:
                more = await self._turn()
            except OpsBuddyError as error:  # a full disk; retention makes room, and writing says it to senders
                self._failed(error)
                pause = min(LONGEST_PAUSE, pause * 2 + IDLE)
            else:
                self._works()
                share = PAUSE_IN_A_BURST if coming.per_second > BURST else PAUSE
                pause = share * (time.monotonic() - begun) if more else IDLE
            await asyncio.sleep(pause)

    async def _turn(self) -> bool:
        """Index some logs and merge a little of the index, each in a transaction of its own; returns whether there is more to do at once."""
        done = await self._journal.index()
        to_merge = await self._journal.merge()
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
