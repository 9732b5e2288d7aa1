"""The journal of the analytics service, open while it is measured."""

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path

from opsbuddy_analytics_service.storage.embedded import MIGRATIONS, SqliteJournal
from opsbuddy_core.sqlite import SqliteStore


@contextlib.contextmanager
def journal(loop: asyncio.Runner, folder: Path) -> Iterator[SqliteJournal]:
    """Yield an empty journal."""
    store = SqliteStore(folder / "journal.sqlite3", MIGRATIONS)
    loop.run(store.start())
    try:
        kept = SqliteJournal(store)
        loop.run(kept.begin(archived=False))
        yield kept
    finally:
        loop.run(store.stop())
