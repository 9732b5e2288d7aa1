"""Puts the analytics service together."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI

from opsbuddy_analytics_service.embedded import MIGRATIONS, SqliteJournal
from opsbuddy_analytics_service.handlers import ingest, read
from opsbuddy_analytics_service.own_logs import OwnLogs
from opsbuddy_analytics_service.retention import Retention
from opsbuddy_analytics_service.service import Analytics
from opsbuddy_analytics_service.settings import AnalyticsSettings
from opsbuddy_core import logs
from opsbuddy_core.health import Check, Health
from opsbuddy_core.sqlite import SqliteStore
from opsbuddy_core.web.app import create_app

DISTRIBUTION = "opsbuddy-analytics-service"


def build(settings: AnalyticsSettings) -> tuple[FastAPI, Health]:
    """Return the application and its health."""
    store = SqliteStore(settings.sqlite_path("logs"), MIGRATIONS)
    journal = SqliteJournal(store)
    service = Analytics(journal)
    own, retention = OwnLogs(journal), Retention(journal, settings)
    health = Health(settings.title, DISTRIBUTION, (Check("database", journal.probe),))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        await store.start()
        logs.configure(settings.service_name, settings.effective_log_level, own)
        tasks = [asyncio.create_task(work.run(), name=type(work).__name__) for work in (own, retention)]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await store.stop()

    async def status() -> dict[str, Any]:
        return {"storage": {"kind": "embedded", "replicas": 1, "journal": await journal.sizes()}}

    app = create_app(
        settings.model_copy(update={"analytics_url": None}),  # its own records need no way over HTTP
        health,
        [ingest.router(service), read.router(service)],
        lifespan=lifespan,
        status=status,
        metrics_at=None,
    )
    return app, health
