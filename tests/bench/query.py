"""How long a question to the analytics service takes, from its models to its models; the baseline asks a plain SQLite table of the same logs."""

import asyncio
import contextlib
import json
import sqlite3
from collections.abc import Callable
from functools import partial
from statistics import median

from opsbuddy_analytics_service.models import LogQuery
from opsbuddy_analytics_service.service.analytics import Analytics
from opsbuddy_analytics_service.service.intake import from_json
from opsbuddy_analytics_service.storage.embedded import SqliteJournal
from tests.bench.figures import Figure, figure
from tests.bench.journal import journal
from tests.bench.log_entries import insert, items, plain, rows
from tests.bench.run import Run, say, timed

LOGS, BATCH = 200_000, 10_000
QUESTIONS: dict[str, tuple[dict[str, str], str]] = {
    "newest 100 of a service": (
        {"service": "file-service"},
        "SELECT * FROM logs WHERE service = ? ORDER BY timestamp DESC LIMIT 100",
    ),
    "newest 100 errors of a service": (
        {"service": "file-service", "level": "ERROR"},
        "SELECT * FROM logs WHERE service = ? AND level = ? ORDER BY timestamp DESC LIMIT 100",
    ),
    "100 with a word in the message": (
        {"service": "file-service", "text": "999 proxied"},
        "SELECT * FROM logs WHERE service = ? AND message LIKE '%' || ? || '%' ORDER BY timestamp DESC LIMIT 100",
    ),
}


def measure(run: Run) -> list[Figure]:
    with (
        asyncio.Runner() as loop,
        journal(loop, run.folder) as kept,
        contextlib.closing(plain(run.folder / "plain.sqlite3")) as table,
    ):
        _fill(loop, kept, table)
        service = Analytics(kept)
        works = {
            f"{what}, {side}": work for what in QUESTIONS for side, work in _sides(loop, service, table, what).items()
        }
        seen = run.interleaved({name: partial(_p50, work, run.seconds) for name, work in works.items()})
    return [
        figure(f"p50 of {what}, of {LOGS}", "ms", seen[f"{what}, ours"], "plain table", seen[f"{what}, plain"])
        for what in QUESTIONS
    ]


def _fill(loop: asyncio.Runner, kept: SqliteJournal, table: sqlite3.Connection) -> None:
    say(f"  storing {LOGS} logs, twice")
    for first in range(0, LOGS, BATCH):
        batch = items(BATCH, first)
        loop.run(kept.append(from_json(json.dumps(batch).encode()).entries))
        insert(table, rows(batch))


def _sides(
    loop: asyncio.Runner, service: Analytics, table: sqlite3.Connection, what: str
) -> dict[str, Callable[[], object]]:
    asked, statement = QUESTIONS[what]
    query, arguments = LogQuery.model_validate(asked), tuple(asked.values())
    found = [log.message for log in loop.run(service.query(query)).logs]
    assert found == [row[4] for row in table.execute(statement, arguments)], "both find the same"
    return {
        "ours": lambda: loop.run(service.query(query)),
        "plain": lambda: table.execute(statement, arguments).fetchall(),
    }


def _p50(work: Callable[[], object], seconds: float) -> float:
    times: list[float] = []
    while not times or sum(times) < seconds:
        times.append(timed(work))
    return median(times) * 1000
