"""Start and end of the process, apart from the watches, which kopf runs around it."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
from prometheus_client import REGISTRY

from opsbuddy_core.health import Check, Health
from opsbuddy_core.logs import get_logger
from opsbuddy_operator import metrics
from opsbuddy_operator.cluster.api import AbsentError, Api, ApiError
from opsbuddy_operator.cluster.client import connect
from opsbuddy_operator.cluster.kinds import SERVICE
from opsbuddy_operator.engine import Engine
from opsbuddy_operator.health import HealthServer
from opsbuddy_operator.reconcile.gateways import HttpGatewayProbe
from opsbuddy_operator.reconcile.namespaces import Namespaces
from opsbuddy_operator.reconcile.news import News
from opsbuddy_operator.settings import OperatorSettings

log = get_logger("operator")


class NotSyncedError(Exception):
    """What there is in the cluster is not known yet."""


class Operator:
    """Serves health from the first moment; has an engine as soon as the cluster has the CRD. OSError when its port cannot be had."""

    def __init__(self, settings: OperatorSettings) -> None:
        self.settings = settings
        self._engine: Engine | None = None
        self._health = Health(settings.title, "opsbuddy-operator", (Check("cluster", self._synced),))
        self._server = HealthServer(settings, self._health, self._trouble, self._status)
        self._stack = AsyncExitStack()

    @property
    def news(self) -> News:
        """Where the watches tell what they see; kopf begins to watch after the start."""
        assert self._engine is not None  # noqa: S101 - see above
        return self._engine.news

    @property
    def has_worked(self) -> bool:
        """Whether it came as far as to watch."""
        return self._engine is not None

    async def start(self) -> None:
        """Serve health, wait for the CRD, start the engine."""
        settings = self.settings
        await self._server.start()
        self._stack.push_async_callback(self._server.stop)
        namespaces = settings.namespaces or "all"
        log.info("Starting", operation="start", namespaces=namespaces, leader_election=settings.leader_election)
        api = await self._stack.enter_async_context(connect(settings.request_seconds))
        session = await self._stack.enter_async_context(aiohttp.ClientSession())
        await wait_for_crd(api, settings.namespaces)
        engine = self._engine = Engine(settings, api, HttpGatewayProbe(session))
        live = metrics.Live(lambda: engine.queue.schedule.depth, lambda: engine.store.of_kind(SERVICE))
        REGISTRY.register(live)
        self._stack.callback(REGISTRY.unregister, live)
        self._stack.push_async_callback(engine.stop)
        engine.start()

    async def stop(self) -> None:
        """Undo all of it, the last first."""
        log.info("Ending", operation="stop")
        self._health.draining = True
        await self._stack.aclose()

    async def _synced(self) -> None:
        if not self._engine or not self._engine.synced:
            raise NotSyncedError

    def _trouble(self) -> str | None:
        return self._engine.trouble() if self._engine else None

    async def _status(self) -> dict[str, Any]:
        if not self._engine:
            return {"leads": False}
        schedule = self._engine.queue.schedule
        return {
            "leads": self._engine.leads,
            "identity": self.settings.identity,
            "queue": {"depth": schedule.depth, "running": len(schedule.running), "delayed": len(schedule.delayed)},
            "resources": metrics.counts(self._engine.store.of_kind(SERVICE)),
        }


async def wait_for_crd(api: Api, namespaces: tuple[str, ...]) -> None:
    """Return when the API server lists OpsBuddyServices; says why it does not, with growing pauses."""
    pause = 1.0
    while True:
        try:
            await Namespaces(api, namespaces).look()
        except AbsentError:
            log.warning("The CRD of OpsBuddyService is not installed; waiting for it", operation="start")
        except ApiError as error:
            log.warning("The API server does not serve OpsBuddyServices", operation="start", reason=str(error))
        else:
            return
        await asyncio.sleep(pause)
        pause = min(pause * 2, 15.0)
