"""Puts the file service together."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI

from opsbuddy_core.database import Database
from opsbuddy_core.health import Check, Health
from opsbuddy_core.logs import get_logger
from opsbuddy_core.web.app import create_app
from opsbuddy_file_service.handlers import files
from opsbuddy_file_service.service import FileService, Limits
from opsbuddy_file_service.settings import FileSettings
from opsbuddy_file_service.storage.blobs import ObjectStore
from opsbuddy_file_service.storage.records import SqlRecords

log = get_logger("file_service")


def build(settings: FileSettings) -> tuple[FastAPI, Health]:
    """Return the application and its health."""
    database = Database.of(settings, "files", "opsbuddy_file_service")
    store = ObjectStore(settings.store_url)
    service = FileService(SqlRecords(database), store, Limits(settings.max_file_bytes, settings.max_uploads))
    health = Health(
        settings.title,
        "opsbuddy-file-service",
        (Check("database", database.probe), Check("object store", store.probe)),
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        async with database.running():
            sweeping = asyncio.create_task(_sweep(service, settings))
            yield
            sweeping.cancel()
            await asyncio.gather(sweeping, return_exceptions=True)

    async def status() -> dict[str, Any]:
        shared = database.shared and store.shared
        return {
            "state": {
                "database": database.kind,
                "object_store": store.kind,
                "shared": shared,
                "replicas": "any number" if shared else "one: state is on this service's own disk",
            }
        }

    limits = settings.model_copy(update={"max_body_bytes": settings.largest_body})
    app = create_app(
        limits, health, [files.router(service, settings.upload_idle_seconds)], lifespan=lifespan, status=status
    )
    return app, health


async def _sweep(service: FileService, settings: FileSettings) -> None:
    while True:
        try:
            await service.sweep(settings.orphan_seconds)
        except Exception as error:  # noqa: BLE001 - the next round tries again
            log.warning("A sweep failed", operation="sweep", error=type(error).__name__)
        await asyncio.sleep(settings.sweep_seconds)
