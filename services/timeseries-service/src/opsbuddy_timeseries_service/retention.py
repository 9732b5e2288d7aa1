"""Lets old points go. With InfluxDB the bucket does that by its own rule."""

import asyncio
import random

from opsbuddy_core.errors import OpsBuddyError
from opsbuddy_core.logs import get_logger
from opsbuddy_timeseries_service.embedded.store import SqlitePoints

INTERVAL = 600.0
log = get_logger("retention")


async def keep(points: SqlitePoints) -> None:
    """Remove what is too old, again and again, until cancelled."""
    while True:
        try:
            await points.prune()
        except OpsBuddyError as error:
            log.warning(
                "Old points could not be removed; it is tried again", operation="retention", reason=error.detail
            )
        await asyncio.sleep(INTERVAL * random.uniform(0.8, 1.2))  # noqa: S311 - jitter
