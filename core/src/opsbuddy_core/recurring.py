"""Work that a service does again and again in the background.

removing = Recurring("purge", every=600)
await removing.run(work)                # until cancelled

When it begins to fail that is one warning, however long it lasts, and one line when it works again; meanwhile it is tried less and less often.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import NoReturn

from opsbuddy_core.errors import OpsBuddyError
from opsbuddy_core.logs import get_logger

LONGEST_PAUSE = 600.0
JITTER = 0.2  # replicas that started together do not ask together for ever
Work = Callable[[], Awaitable[object]]
log = get_logger("recurring")


class Recurring:
    """One kind of work, every so many seconds. `operation` names it in the log."""

    def __init__(self, operation: str, every: float) -> None:
        self._operation, self._every = operation, every
        self._failures = 0

    async def run(self, work: Work) -> NoReturn:
        """Do it until cancelled."""
        while True:
            pause = await self.once(work)
            await asyncio.sleep(pause * random.uniform(1 - JITTER, 1 + JITTER))  # noqa: S311 - jitter

    async def once(self, work: Work) -> float:
        """Do it; returns after how many seconds it is to be done again."""
        try:
            await work()
        except Exception as error:  # noqa: BLE001 - nobody waits for it who could be told
            self._failed(error)
        else:
            self._worked()
        return min(self._every * 2.0 ** min(self._failures, 20), max(self._every, LONGEST_PAUSE))

    def _failed(self, error: Exception) -> None:
        self._failures += 1
        if self._failures == 1:
            reason = error.detail if isinstance(error, OpsBuddyError) else type(error).__name__
            log.warning("Work in the background fails; it is tried again", operation=self._operation, reason=reason)

    def _worked(self) -> None:
        if self._failures:
            log.info("Work in the background succeeds again", operation=self._operation, failures=self._failures)
        self._failures = 0
