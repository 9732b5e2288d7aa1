"""How fast the analytics service takes logs into its journal; the baseline is `executemany` into a plain SQLite table, as durable."""

import asyncio
import contextlib
import json
import sqlite3
from collections.abc import Callable

from opsbuddy_analytics_service.models import NewLog
from opsbuddy_analytics_service.service.analytics import Analytics
from opsbuddy_analytics_service.service.intake import from_json
from opsbuddy_analytics_service.storage.embedded import SqliteJournal
from tests.bench.figures import Figure, figure
from tests.bench.journal import journal
from tests.bench.log_entries import insert, items, plain, rows
from tests.bench.run import Run, timed

BATCH, SENDERS = 500, 32


def measure(run: Run) -> list[Figure]:
    with (
        asyncio.Runner() as loop,
        journal(loop, run.folder) as kept,
        contextlib.closing(plain(run.folder / "plain.sqlite3")) as table,
    ):
        seen = run.rates(_ours(loop, kept) | _baselines(table))
    logs = {name: [rate * (BATCH if "batch" in name else SENDERS) for rate in rates] for name, rates in seen.items()}
    batch, single = f"logs in batches of {BATCH}", f"single logs of {SENDERS} senders at once"
    return [
        figure(f"{batch}: read, judged, on disk", "/s", logs["request, batch"], "executemany", logs["plain, batch"]),
        figure(f"{batch}: on disk", "/s", logs["journal, batch"], "executemany", logs["plain, batch"]),
        figure(f"{single}: on disk", "/s", logs["journal, singles"], "a commit each", logs["plain, singles"]),
    ]


def _ours(loop: asyncio.Runner, kept: SqliteJournal) -> dict[str, Callable[[], float]]:
    service = Analytics(kept)

    async def request(body: bytes) -> None:
        result = await service.ingest(from_json(body))
        assert result.accepted == BATCH

    async def singles(entries: list[NewLog]) -> None:
        await asyncio.gather(*(kept.append([entry]) for entry in entries))

    def entries(number: int) -> list[NewLog]:
        return from_json(json.dumps(items(number)).encode()).entries

    def whole() -> float:
        body = json.dumps({"logs": items(BATCH)}).encode()
        return timed(lambda: loop.run(request(body)))

    def batch() -> float:
        fresh = entries(BATCH)
        return timed(lambda: loop.run(kept.append(fresh)))

    def one_by_one() -> float:
        fresh = entries(SENDERS)
        return timed(lambda: loop.run(singles(fresh)))

    return {"request, batch": whole, "journal, batch": batch, "journal, singles": one_by_one}


def _baselines(table: sqlite3.Connection) -> dict[str, Callable[[], float]]:
    def batch() -> float:
        values = rows(items(BATCH))
        return timed(lambda: insert(table, values))

    def singles() -> float:
        values = rows(items(SENDERS))

        def commits() -> None:
            for value in values:
                insert(table, [value])

        return timed(commits)

    return {"plain, batch": batch, "plain, singles": singles}
