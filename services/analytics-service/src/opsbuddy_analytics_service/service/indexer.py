"""Brings the journal's indexes up to date, in short turns between which others write, and not more than a part of the time."""

import asyncio
import time

from opsbuddy_analytics_service.storage.embedded import INDEXED_AT_ONCE, SqliteJournal
from opsbuddy_core.errors import OpsBuddyError

IDLE = 0.25
SHARE = 2.0  # pause as a multiple of the turn before
LONGEST_PAUSE = 30.0


class Indexer:
    """Works until cancelled. What is not indexed yet is found too, only slower."""

    def __init__(self, journal: SqliteJournal) -> None:
        self._journal = journal

    async def run(self) -> None:
        pause = IDLE
        while True:
            begun = time.monotonic()
            try:
                done = await self._journal.index()
            except OpsBuddyError:  # a full disk; retention makes room, and writing says it to senders
                pause = min(LONGEST_PAUSE, pause * 2 + IDLE)
            else:
                pause = SHARE * (time.monotonic() - begun) if done == INDEXED_AT_ONCE else IDLE
            await asyncio.sleep(pause)
