"""Removes what nobody can ask for any more: contents without a record, what crashes left, what was in the trash for long."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from opsbuddy_core.errors import NotFoundError
from opsbuddy_core.logs import get_logger
from opsbuddy_file_service.models import StoredFile
from opsbuddy_file_service.storage.blobs import Blobs
from opsbuddy_file_service.storage.records import Records

BATCH, MOST = 200, 10_000
log = get_logger("file_service")


@dataclass(frozen=True, slots=True)
class Ages:
    """From which age a content without a record is an orphan, in seconds; how long files stay in the trash, in days."""

    orphan_seconds: float
    trash_days: float


class Upkeep:
    """Safe to run in several replicas at once: each removal is decided by the database, or is of what no record has."""

    def __init__(self, records: Records, blobs: Blobs, ages: Ages) -> None:
        self._records, self._blobs, self._ages = records, blobs, ages

    def works(self) -> dict[str, Callable[[], Awaitable[None]]]:
        """Return all that is to be done, each by itself: one that fails does not keep the others from their work."""
        ages = self._ages
        return {
            "purge": partial(_told, "purge", self._purge_old),
            "sweep": partial(_told, "sweep", lambda: self.sweep(ages.orphan_seconds)),
            "abort": partial(_told, "abort", lambda: self._blobs.sweep_unfinished(ages.orphan_seconds)),
        }

    async def run(self) -> None:
        """Do all of it once."""
        for work in self.works().values():
            await work()

    async def sweep(self, age_seconds: float) -> int:
        """Remove contents older than that which no record has; return how many."""
        removed = 0
        async for keys in self._blobs.older_than(age_seconds):
            known = await self._records.known(keys)
            for key in keys:
                if key not in known:
                    await self._blobs.delete(key)
                    removed += 1
        return removed

    async def purge(self, before: datetime, most: int = MOST) -> int:
        """Remove for good what was deleted before, up to so many files; return how many."""
        removed = 0
        while removed < most:
            batch = await self._records.in_trash(before, min(BATCH, most - removed))
            for file in batch:
                removed += await self._purge(file)
            if len(batch) < BATCH:
                break
        return removed

    async def _purge_old(self) -> int:
        return await self.purge(datetime.now(UTC) - timedelta(days=self._ages.trash_days))

    async def _purge(self, file: StoredFile) -> int:
        try:
            removed = await self._records.remove(file.id, _still_in_trash)
        except NotFoundError:
            return 0
        if removed is None:  # another replica was faster
            return 0
        await self._blobs.delete(removed.key)
        return 1


async def _told(operation: str, work: Callable[[], Awaitable[int]]) -> None:
    if removed := await work():
        log.info("Removed what is not needed any more", operation=operation, removed=removed)


def _still_in_trash(file: StoredFile) -> None:
    if file.deleted_at is None:
        raise NotFoundError("It was restored meanwhile.")
