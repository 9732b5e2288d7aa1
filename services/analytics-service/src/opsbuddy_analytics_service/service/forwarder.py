"""Brings logs from the journal to the archive: in batches, as often as it takes, each at its own time and so never twice."""

import asyncio
import random
from typing import Protocol

from opsbuddy_analytics_service.models import StoredLog
from opsbuddy_analytics_service.service.metrics import DEAD, FORWARD_FAILURES, FORWARDED
from opsbuddy_analytics_service.storage.stores import Waiting
from opsbuddy_core.errors import OpsBuddyError, UnavailableError
from opsbuddy_core.logs import get_logger

BATCH = 5000
IDLE = 1.0
LONGEST_PAUSE = 30.0
MOVES = 10
log = get_logger("forwarder")


class Source(Protocol):
    """Where logs wait."""

    async def waiting(self, limit: int) -> Waiting: ...

    async def horizon(self) -> int: ...

    async def move(self, times: list[int]) -> None: ...

    async def settle(self, upto: int, forwarded: list[int], refused: list[tuple[int, str]]) -> None: ...


class Target(Protocol):
    """Where they go. Writing the same log twice is writing it once."""

    async def write(self, logs: list[StoredLog]) -> list[tuple[int, str]]: ...

    async def taken(self, logs: list[StoredLog]) -> set[int]: ...


class Forwarder:
    """Moves logs until cancelled. `trouble` says in words why it does not get on, None while it does."""

    def __init__(self, source: Source, target: Target) -> None:
        self._source, self._target = source, target
        self.trouble: str | None = None

    async def run(self) -> None:
        """Forward what waits, look again soon; after a failure wait longer each time."""
        pause = IDLE
        while True:
            try:
                moved = await self.once()
            except Exception as error:  # noqa: BLE001 - whatever it is, what waits must not wait for ever: it is said, and tried again
                asked = error.retry_after if isinstance(error, OpsBuddyError) else None
                pause = min(LONGEST_PAUSE, max(pause * 2, asked or 0))
                self._failed(error)
            else:
                pause = IDLE
                self._works()
                if moved == BATCH:
                    continue
            await asyncio.sleep(pause * random.uniform(0.7, 1.3))  # noqa: S311 - jitter

    async def once(self) -> int:
        """Forward one batch; returns how many logs it had."""
        batch = await self._clear()
        logs = batch.logs
        if not logs:
            return 0
        refused = await self._target.write(logs)
        dead = {time for time, _ in refused}
        await self._source.settle(batch.upto, [each.time for each in logs if each.time not in dead], refused)
        FORWARDED.inc(len(logs) - len(dead))
        DEAD.inc(len(dead))
        for _, reason in refused[:1]:
            log.error(
                "InfluxDB refuses logs for good; they stay in the journal",
                operation="forward",
                logs=len(dead),
                reason=reason,
            )
        return len(logs)

    async def _clear(self) -> Waiting:
        """Return what waits, once no latecomer has the time of another log in the archive.

        The journal, which gave it that time, does not hold the other log any more.
        """
        for _ in range(MOVES):
            batch = await self._source.waiting(BATCH)
            horizon = await self._source.horizon()
            taken = await self._target.taken([each for each in batch.logs if each.time < horizon])
            if not taken:
                return batch
            await self._source.move(sorted(taken))
        raise UnavailableError("No free time was found for logs that came late.", retry_after=1)

    def _failed(self, error: Exception) -> None:
        FORWARD_FAILURES.inc()
        reason = error.detail if isinstance(error, OpsBuddyError) else f"An error inside: {type(error).__name__}."
        if self.trouble != reason:
            log.warning(
                "Logs cannot be forwarded; they wait in the journal",
                operation="forward",
                reason=reason,
                exc_info=None if isinstance(error, OpsBuddyError) else error,
            )
        self.trouble = reason

    def _works(self) -> None:
        if self.trouble:
            log.info("Logs are forwarded again", operation="forward")
        self.trouble = None
