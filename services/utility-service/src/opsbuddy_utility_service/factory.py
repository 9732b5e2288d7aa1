"""Puts the utility service together."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI

from opsbuddy_core.database import Database
from opsbuddy_core.health import Check, Health
from opsbuddy_core.web.app import create_app
from opsbuddy_utility_service.handlers import configs, system
from opsbuddy_utility_service.service import ConfigService
from opsbuddy_utility_service.settings import UtilitySettings
from opsbuddy_utility_service.storage import SqlConfigs
from opsbuddy_utility_service.system.cgroup import ControlGroup
from opsbuddy_utility_service.system.reading import SystemReader, parts


def build(settings: UtilitySettings) -> tuple[FastAPI, Health]:
    """Return the application and its health."""
    database = Database.of(settings, "utility", "opsbuddy_utility_service")
    health = Health(settings.title, "opsbuddy-utility-service", (Check("database", database.probe),))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        async with database.running():
            yield

    async def status() -> dict[str, Any]:
        replicas = "any number" if database.shared else "one: state is on this service's own disk"
        return {"state": {"database": database.kind, "shared": database.shared, "replicas": replicas}}

    routers = [configs.router(ConfigService(SqlConfigs(database))), system.router(SystemReader(parts(ControlGroup())))]
    return create_app(settings, health, routers, lifespan=lifespan, status=status), health
