"""Puts the utility service together."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from fastapi import FastAPI

from opsbuddy_core.database import Database
from opsbuddy_core.health import Check, Health
from opsbuddy_core.recurring import Recurring
from opsbuddy_core.web.app import create_app
from opsbuddy_utility_service import orphans
from opsbuddy_utility_service.handlers import commands, configs, system
from opsbuddy_utility_service.service.audit import AuditService
from opsbuddy_utility_service.service.commands import LOST_AFTER, Bounds, CommandService
from opsbuddy_utility_service.service.configs import ConfigService
from opsbuddy_utility_service.service.secrets import Sealer
from opsbuddy_utility_service.settings import UtilitySettings
from opsbuddy_utility_service.storage import keys, templates
from opsbuddy_utility_service.storage.audit import SqlAudit
from opsbuddy_utility_service.storage.configs import SqlConfigs
from opsbuddy_utility_service.storage.launcher import Launcher, SandboxLauncher
from opsbuddy_utility_service.system.cgroup import ControlGroup
from opsbuddy_utility_service.system.reading import SystemReader, parts

CLOSE_LOST_EVERY = 60.0


def database_of(settings: UtilitySettings) -> Database:
    """Return the database that the settings name."""
    return Database.of(settings, "utility", "opsbuddy_utility_service")


def sealer_of(settings: UtilitySettings) -> Sealer:
    """Return what seals secrets with the keys that the settings name."""
    return Sealer(keys.load(settings.secret_keys, settings.secret_keys_file, settings.data_dir))


def build(settings: UtilitySettings, *, launcher: Launcher | None = None, warm: bool = False) -> tuple[FastAPI, Health]:
    """Return the application and its health. `warm`: what starts commands is started with it, not at the first need."""
    database, sealer = database_of(settings), sealer_of(settings)
    audit, launcher = SqlAudit(database), launcher or SandboxLauncher()
    running = CommandService(
        templates.load(settings.command_templates),
        launcher,
        audit,
        Bounds(settings.command_concurrency, settings.command_isolation, settings.command_roles_required),
    )
    health = Health(settings.title, "opsbuddy-utility-service", (Check("database", database.probe),))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        async with database.running():
            upkeep = [
                asyncio.create_task(_close_lost(running, alone=not database.shared, warm=warm)),
                asyncio.create_task(orphans.collect(launcher.pids)),
            ]
            try:
                yield
            finally:
                for task in upkeep:
                    task.cancel()
                await asyncio.gather(*upkeep, return_exceptions=True)
                await running.close()

    async def status() -> dict[str, Any]:
        replicas = "any number" if database.shared else "one: state is on this service's own disk"
        return {
            "state": {"database": database.kind, "shared": database.shared, "replicas": replicas},
            "commands": await running.status(),
            "secrets": "sealed" if sealer.ready else "refused: no key is set",
        }

    routers = [
        configs.router(ConfigService(SqlConfigs(database), sealer)),
        system.router(SystemReader(parts(ControlGroup()))),
        commands.router(running, AuditService(audit)),
    ]
    return create_app(settings, health, routers, lifespan=lifespan, status=status), health


async def _close_lost(running: CommandService, *, alone: bool, warm: bool) -> None:
    """Close what a service that was killed left open. On its own disk nobody else can be running what is open at the start."""
    older = timedelta() if alone else LOST_AFTER

    async def close() -> None:
        nonlocal older
        await running.close_lost(older)
        older = LOST_AFTER

    if warm:
        await running.status()
    await Recurring("close_lost", CLOSE_LOST_EVERY).run(close)
