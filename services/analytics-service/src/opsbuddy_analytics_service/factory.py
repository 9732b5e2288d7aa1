"""Puts the analytics service together."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Protocol

from fastapi import FastAPI
from starlette.middleware import Middleware

from opsbuddy_analytics_service.handlers import dead_letters, ingest, read, tail
from opsbuddy_analytics_service.handlers.quick import QuickSingle
from opsbuddy_analytics_service.service.analytics import Analytics
from opsbuddy_analytics_service.service.forwarder import Forwarder
from opsbuddy_analytics_service.service.indexer import Indexer
from opsbuddy_analytics_service.service.numbers import Numbers
from opsbuddy_analytics_service.service.own_logs import OwnLogs
from opsbuddy_analytics_service.service.retention import Retention
from opsbuddy_analytics_service.service.tails import Tails
from opsbuddy_analytics_service.settings import AnalyticsSettings
from opsbuddy_analytics_service.storage.embedded import MIGRATIONS, SqliteJournal
from opsbuddy_analytics_service.storage.influx import InfluxArchive
from opsbuddy_core import logs
from opsbuddy_core.health import Check, Health
from opsbuddy_core.influx import Influx
from opsbuddy_core.sqlite import SqliteStore
from opsbuddy_core.web.app import create_app

DISTRIBUTION = "opsbuddy-analytics-service"
ANEW = 5.0  # seconds
log = logs.get_logger("background")


class Work(Protocol):
    """What goes on beside requests, until cancelled."""

    async def run(self) -> None: ...


def build(settings: AnalyticsSettings) -> tuple[FastAPI, Health]:
    """Return the application and its health."""
    store = SqliteStore(settings.sqlite_path("logs"), MIGRATIONS)
    journal = SqliteJournal(store, settings.journal_max_bytes)
    influx = Influx(settings) if settings.influxdb_host else None
    archive = InfluxArchive(influx) if influx else None
    forwarder = Forwarder(journal, archive) if archive else None
    health = Health(settings.title, DISTRIBUTION, (Check("database", journal.probe),))
    service = Analytics(journal, archive, settings.max_services)
    tails = Tails(journal, settings.max_tails, ending=lambda: health.draining)
    journal.on_append = tails.poke
    own = OwnLogs(journal)
    indexer = Indexer(journal)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        async with _open(store, journal, influx):
            await service.names.refresh()
            logs.configure(settings.service_name, settings.effective_log_level, own)
            async with _working([own, Retention(journal, settings, service.names), indexer, tails], forwarder):
                try:
                    yield
                finally:
                    await tails.end()

    async def status() -> dict[str, Any]:
        return {"storage": await _state(settings, journal, tails, forwarder) | {"indexing": indexer.trouble or "works"}}

    app = create_app(
        settings.model_copy(update={"analytics_url": None}),  # its own records need no way over HTTP
        health,
        [
            ingest.router(service, settings.max_body_bytes),
            read.router(service, Numbers(journal, service)),
            tail.router(tails),
            dead_letters.router(service),
        ],
        lifespan=lifespan,
        status=status,
        metrics_at=None,
    )
    app.user_middleware.append(Middleware(QuickSingle, service=service))  # innermost: within the context of the request
    return app, health


@asynccontextmanager
async def _open(store: SqliteStore, journal: SqliteJournal, influx: Influx | None) -> AsyncGenerator[None]:
    """Open the stores; close them in the opposite order."""
    async with AsyncExitStack() as stack:
        await store.start()
        stack.push_async_callback(store.stop)
        await journal.begin(archived=influx is not None)
        if influx:
            await influx.start()
            stack.push_async_callback(influx.stop)
        yield


@asynccontextmanager
async def _working(works: Sequence[Work], forwarder: Forwarder | None) -> AsyncGenerator[None]:
    """Keep the works going; each may still finish what it holds when they end."""
    tasks = [
        asyncio.create_task(_going(work), name=type(work).__name__)
        for work in [*works, *([forwarder] if forwarder else [])]
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _going(work: Work) -> None:
    """Begin a work anew that ends by a failure nobody foresaw: the service would look healthy and leave it undone."""
    while True:
        try:
            return await work.run()
        except Exception:  # nobody waits for it who could be told
            name = type(work).__name__.lower()
            log.exception("Work in the background failed unexpectedly; it begins anew", operation=name)
        await asyncio.sleep(ANEW)


async def _state(
    settings: AnalyticsSettings, journal: SqliteJournal, tails: Tails, forwarder: Forwarder | None
) -> dict[str, Any]:
    state: dict[str, Any] = {
        "kind": "embedded",
        "replicas": 1,
        "journal": await journal.sizes(),
        "tails": tails.readers,
    }
    if forwarder:
        state |= {
            "kind": "influxdb",
            "bucket": settings.influxdb_database,
            "forwarding": forwarder.trouble or "works",
        }
    return state
