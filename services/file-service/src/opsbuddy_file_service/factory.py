"""Puts the file service together."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any

from fastapi import FastAPI

from opsbuddy_core.database import Database
from opsbuddy_core.errors import UnavailableError
from opsbuddy_core.health import Check, Health
from opsbuddy_core.recurring import Recurring
from opsbuddy_core.web.app import create_app
from opsbuddy_file_service.handlers import contents, records
from opsbuddy_file_service.service.files import FileService
from opsbuddy_file_service.service.limits import Limits
from opsbuddy_file_service.service.upkeep import Ages, Upkeep
from opsbuddy_file_service.settings import FileSettings
from opsbuddy_file_service.storage.blobs import ObjectStore
from opsbuddy_file_service.storage.records import SqlRecords


def build(settings: FileSettings) -> tuple[FastAPI, Health]:
    """Return the application and its health."""
    database = Database.of(settings, "files", "opsbuddy_file_service")
    store = ObjectStore(settings.store_url)
    rows = SqlRecords(database)
    limits = Limits(settings.max_file_bytes, settings.max_uploads, settings.max_total_bytes, settings.limit_of_type)
    upkeep = Upkeep(rows, store, Ages(settings.orphan_seconds, settings.trash_days))
    service = FileService(rows, store, limits, upkeep, trash=settings.trash_days > 0)
    health = Health(
        settings.title,
        "opsbuddy-file-service",
        (Check("database", database.probe), Check("object store", store.probe)),
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        async with database.running():
            sweeping = asyncio.create_task(_keep_up(upkeep, settings.sweep_seconds))
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
            },
            "usage": await _usage(service, settings.max_total_bytes),
        }

    app = create_app(
        settings.model_copy(
            update={"max_body_bytes": settings.largest_body, "body_idle_seconds": settings.upload_idle_seconds}
        ),
        health,
        [each.router(service, settings.upload_idle_seconds) for each in (contents, records)],
        lifespan=lifespan,
        status=status,
    )
    return app, health


async def _usage(service: FileService, limit: int | None) -> dict[str, Any] | None:
    try:
        return asdict(await service.usage()) | {"limit_bytes": limit}
    except UnavailableError:  # /status is read most when something does not work; its checks say what
        return None


async def _keep_up(upkeep: Upkeep, pause: float) -> None:
    async with asyncio.TaskGroup() as works:  # which ends after all of them did, before the database closes
        for operation, work in upkeep.works().items():
            works.create_task(Recurring(operation, pause).run(work))
