"""Puts the analytics service together."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI

from opsbuddy_analytics_service.embedded import MIGRATIONS, SqliteJournal
from opsbuddy_analytics_service.forwarder import Forwarder
from opsbuddy_analytics_service.handlers import dead_letters, ingest, read, tail
from opsbuddy_analytics_service.indexer import Indexer
from opsbuddy_analytics_service.influx import InfluxArchive
from opsbuddy_analytics_service.numbers import Numbers
from opsbuddy_analytics_service.own_logs import OwnLogs
from opsbuddy_analytics_service.retention import Retention
from opsbuddy_analytics_service.service import Analytics
from opsbuddy_analytics_service.settings import AnalyticsSettings
from opsbuddy_analytics_service.tail import Tails
from opsbuddy_core import logs
from opsbuddy_core.health import Check, Health
from opsbuddy_core.influx import Influx
from opsbuddy_core.sqlite import SqliteStore
from opsbuddy_core.web.app import create_app

DISTRIBUTION = "opsbuddy-analytics-service"


def build(settings: AnalyticsSettings) -> tuple[FastAPI, Health]:
    """Return the application and its health."""
    store = SqliteStore(settings.sqlite_path("logs"), MIGRATIONS)
    journal = SqliteJournal(store, settings.journal_max_bytes)
    influx = Influx(settings) if settings.influxdb_host else None
    archive = InfluxArchive(influx) if influx else None
    forwarder = Forwarder(journal, archive) if archive else None
    service = Analytics(journal, archive)
    numbers, tails = Numbers(journal, service), Tails(journal, settings.max_tails, ending=lambda: health.draining)
    journal.on_append = tails.poke
    own, retention, indexer = OwnLogs(journal), Retention(journal, settings), Indexer(journal)
    health = Health(settings.title, DISTRIBUTION, (Check("database", journal.probe),))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        await store.start()
        await journal.begin(archived=influx is not None)
        if influx:
            await influx.start()
        logs.configure(settings.service_name, settings.effective_log_level, own)
        tasks = [
            asyncio.create_task(work.run(), name=type(work).__name__)
            for work in (own, retention, indexer, tails, forwarder)
            if work
        ]
        try:
            yield
        finally:
            await tails.end()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if influx:
                await influx.stop()
            await store.stop()

    async def status() -> dict[str, Any]:
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
        return {"storage": state}

    app = create_app(
        settings.model_copy(update={"analytics_url": None}),  # its own records need no way over HTTP
        health,
        [
            ingest.router(service, settings.max_body_bytes),
            read.router(service, numbers),
            tail.router(tails),
            dead_letters.router(service),
        ],
        lifespan=lifespan,
        status=status,
        metrics_at=None,
    )
    return app, health
