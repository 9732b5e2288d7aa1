"""Joins single logs that come at about the same time into one append: a transaction costs about the same for one log and for ten."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from opsbuddy_analytics_service.models import NewLog
from opsbuddy_analytics_service.storage.stores import Kept
from opsbuddy_core.errors import UnavailableError

PAUSE = 0.003  # seconds that a group waits for more, when the one before had several
GROUP = 500
MOST_WAITING = 64 * 1024 * 1024  # bytes

Append = Callable[[Sequence[NewLog]], Awaitable[list[Kept]]]


class Gathering:
    """One group is appended while the next comes together. A log that comes alone waits for nobody."""

    def __init__(self, append: Append, weight: Callable[[NewLog], int]) -> None:
        self._append, self._weight = append, weight
        self._waiting: list[tuple[NewLog, asyncio.Future[Kept]]] = []
        self._bytes = 0
        self._task: asyncio.Task[None] | None = None

    async def put(self, log: NewLog) -> Kept:
        """Return once the log is on disk. Raises UnavailableError when too much waits already, and what `append` raises."""
        weight = self._weight(log)
        if self._bytes + weight > MOST_WAITING:
            raise UnavailableError(
                "More is being written than the disk takes; nothing of this was stored. Send it again after the given time.",
                retry_after=1,
            )
        done: asyncio.Future[Kept] = asyncio.get_running_loop().create_future()
        self._bytes += weight
        self._waiting.append((log, done))
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="gathering")
        return await done

    async def _run(self) -> None:
        try:
            several = False
            while self._waiting:
                if several:
                    await asyncio.sleep(PAUSE)
                group, self._waiting = self._waiting[:GROUP], self._waiting[GROUP:]
                several = len(group) > 1
                await self._store(group)
        finally:
            self._task = None

    async def _store(self, group: Sequence[tuple[NewLog, asyncio.Future[Kept]]]) -> None:
        try:
            kept = await self._append([log for log, _ in group])
        except Exception as error:  # noqa: BLE001 - it belongs to those who wait, who get it
            for _, done in group:
                if not done.done():
                    done.set_exception(error)
        else:
            for (_, done), one in zip(group, kept, strict=True):
                if not done.done():
                    done.set_result(one)
        finally:
            self._bytes -= sum(self._weight(log) for log, _ in group)
