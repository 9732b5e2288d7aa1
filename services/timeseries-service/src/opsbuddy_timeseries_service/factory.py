"""Puts the timeseries service together."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI

from opsbuddy_core.health import Check, Health
from opsbuddy_core.influx import Influx
from opsbuddy_core.recurring import Recurring
from opsbuddy_core.sqlite import SqliteStore
from opsbuddy_core.web.app import create_app
from opsbuddy_timeseries_service.embedded.schema import MIGRATIONS
from opsbuddy_timeseries_service.embedded.store import SqlitePoints
from opsbuddy_timeseries_service.handlers import prometheus, read, remote_write, write
from opsbuddy_timeseries_service.influx.store import InfluxPoints
from opsbuddy_timeseries_service.service.prometheus import PrometheusReading
from opsbuddy_timeseries_service.service.series import SeriesReading
from opsbuddy_timeseries_service.service.writing import Writing
from opsbuddy_timeseries_service.settings import TimeseriesSettings
from opsbuddy_timeseries_service.storage import PointStore

RETENTION_EVERY = 600.0
DISTRIBUTION = "opsbuddy-timeseries-service"


def build(settings: TimeseriesSettings) -> tuple[FastAPI, Health]:
    """Return the application and its health."""
    store = _store(settings)
    writing = Writing(store)
    health = Health(settings.title, DISTRIBUTION, (Check("database", store.probe),))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        await store.start()
        retention = asyncio.create_task(_retention(store), name="retention")
        try:
            yield
        finally:
            retention.cancel()
            await asyncio.gather(retention, return_exceptions=True)
            await store.stop()

    async def status() -> dict[str, Any]:
        return {"storage": {"kind": store.kind, "replicas": 1 if store.kind == "embedded" else "any"}}

    app = create_app(
        settings,
        health,
        [
            write.router(writing, settings.max_body_bytes),
            remote_write.router(writing, settings.max_body_bytes),
            read.router(SeriesReading(store)),
            prometheus.router(PrometheusReading(store)),
        ],
        lifespan=lifespan,
        status=status,
    )
    app.state.forms[f"{prometheus.PREFIX}/"] = prometheus.failure
    return app, health


def _store(settings: TimeseriesSettings) -> PointStore:
    if settings.influxdb_host:
        return InfluxPoints(Influx(settings))
    return SqlitePoints(
        SqliteStore(settings.sqlite_path("points"), MIGRATIONS),
        settings.point_retention_days,
        settings.rollup_retention_days,
        settings.points_max_bytes,
    )


async def _retention(store: PointStore) -> None:
    """Let old points go. With InfluxDB the bucket does that by its own rule."""
    if isinstance(store, SqlitePoints):
        await Recurring("retention", RETENTION_EVERY).run(store.prune)
