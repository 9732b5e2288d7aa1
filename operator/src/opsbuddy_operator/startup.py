"""Puts the parts together, and starts and ends them."""

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
from prometheus_client import REGISTRY

from opsbuddy_core.health import Check, Health
from opsbuddy_core.logs import get_logger
from opsbuddy_operator import metrics
from opsbuddy_operator.cluster.api import AbsentError, ApiError
from opsbuddy_operator.cluster.client import connect
from opsbuddy_operator.cluster.kinds import LEASE, SERVICE
from opsbuddy_operator.cluster.store import Store
from opsbuddy_operator.health import HealthServer, trouble
from opsbuddy_operator.lease import Lease
from opsbuddy_operator.models import Event, Object, Subject
from opsbuddy_operator.queue import Priority, Queue
from opsbuddy_operator.reconcile.audit import Audit
from opsbuddy_operator.reconcile.gateways import GatewayProbe, HttpGatewayProbe
from opsbuddy_operator.reconcile.news import News
from opsbuddy_operator.reconcile.references import References
from opsbuddy_operator.reconcile.routes import Routes
from opsbuddy_operator.reconcile.service import ServiceReconciler, record
from opsbuddy_operator.reconcile.workers import Workers
from opsbuddy_operator.settings import OperatorSettings

GRACE = 10.0  # seconds for work in flight when the process ends
log = get_logger("operator")


class Operator:
    """The whole process, apart from the watches, which kopf runs around it."""

    def __init__(self, settings: OperatorSettings, probe: GatewayProbe | None = None) -> None:
        self.settings, self._probe = settings, probe
        self.store, self.queue = Store(), Queue()
        self.health = Health(settings.title, "opsbuddy-operator", (Check("cluster", self._synced),))
        self._stack = AsyncExitStack()
        self._tasks: list[asyncio.Task[None]] = []
        self._leading = False

    async def start(self) -> None:
        """Serve health at once, then wait for the CRD, then start everything. kopf begins to watch when this returns."""
        settings = self.settings
        self.server = HealthServer(settings, self.health, self._trouble, self._status)
        await self.server.start()
        log.info(
            "Starting",
            operation="start",
            namespaces=settings.namespaces or "all",
            leader_election=settings.leader_election,
        )
        self.api = await self._stack.enter_async_context(connect(settings.request_seconds))
        session = await self._stack.enter_async_context(aiohttp.ClientSession())
        await self._wait_for_crd()
        self._assemble(self._probe or HttpGatewayProbe(session))
        live = metrics.Live(lambda: self.queue.schedule.depth, lambda: self.store.of_kind(SERVICE))
        REGISTRY.register(live)
        self._stack.callback(REGISTRY.unregister, live)
        self._run(self._keep_complete())
        if settings.leader_election:
            self._run(self.lease.run(self._gained, self._lost))
        else:
            self._gained()

    async def stop(self) -> None:
        """Finish what is in flight, let go of the Lease, close connections."""
        self.health.draining = True
        if hasattr(self, "workers"):
            await self.workers.stop(GRACE)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if hasattr(self, "lease"):
            await self.lease.release()
        await self.server.stop()
        await self._stack.aclose()

    def _assemble(self, probe: GatewayProbe) -> None:
        settings, api = self.settings, self.api
        where = LEASE.ref(settings.lease_namespace, settings.lease_name)
        self.lease = Lease(api, where, settings.identity)
        if settings.leader_election:
            api.may_write = self.lease.leads
        self.references = References(api, self.queue.add, settings.reference_seconds)
        self.routes = Routes(api, self.store, probe, self.queue.add, self._warn)
        services = ServiceReconciler(api, self.store, self.references, self.routes, settings.identity)
        self.news = News(self.store, self.queue, self.routes)
        self.audit = Audit(api, self.store, self.news, settings.namespaces)
        self.workers = Workers(self.queue, {Subject.SERVICE: services, Subject.ROUTES: self.routes}, settings.workers)

    def _run(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks = [other for other in self._tasks if not other.done()] + [task]
        return task

    def _gained(self) -> None:
        self._leading = True
        if self.audit.complete:
            self._work()

    def _lost(self) -> None:
        self._leading = False
        self._run(self.workers.stop())

    def _work(self) -> None:
        """Begin to work: everything is looked at once, whatever an earlier leader did."""
        self.news.tell(self.news.everything(), Priority.BACKGROUND)
        self.workers.start()
        self._run(self._while_leading(self.references.watch()))
        self._run(self._while_leading(self._resync()))

    async def _while_leading(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        try:
            while self._leading and not task.done():
                await asyncio.wait({task}, timeout=1.0)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _resync(self) -> None:
        while True:
            await asyncio.sleep(self.settings.resync_seconds)
            self.news.tell(self.news.everything(), Priority.BACKGROUND)

    async def _keep_complete(self) -> None:
        """Wait until the watches have told everything, then see to it that it stays so."""
        while not self.audit.complete:
            try:
                await self.audit.wait_until_complete()
            except ApiError as error:
                log.warning("What there is cannot be listed yet", operation="start", reason=str(error))
                await asyncio.sleep(2.0)
        log.info("Everything is known", operation="start", objects=len(self.store))
        if self._leading:
            self._work()
        while True:
            await asyncio.sleep(self.settings.audit_seconds)
            try:
                await self.audit.run()
            except ApiError as error:
                log.warning("The audit could not be done", operation="audit", reason=str(error))

    async def _wait_for_crd(self) -> None:
        pause = 1.0
        while True:
            try:
                await self.api.list(SERVICE, next(iter(self.settings.namespaces), None), metadata_only=True)
            except AbsentError:
                log.warning("The CRD of OpsBuddyService is not installed; waiting for it", operation="start")
            except ApiError as error:
                log.warning("The API server does not serve OpsBuddyServices", operation="start", reason=str(error))
            else:
                return
            await asyncio.sleep(pause)
            pause = min(pause * 2, 15.0)

    async def _synced(self) -> None:
        if not hasattr(self, "audit") or not self.audit.complete:
            raise UnavailableClusterError

    def _trouble(self) -> str | None:
        return trouble(self.queue.longest_run(), self.audit.deaf if hasattr(self, "audit") else 0)

    async def _status(self) -> dict[str, Any]:
        schedule = self.queue.schedule
        return {
            "leads": self._leading,
            "identity": self.settings.identity,
            "queue": {"depth": schedule.depth, "running": len(schedule.running), "delayed": len(schedule.delayed)},
            "resources": metrics.counts(self.store.of_kind(SERVICE)),
        }

    def _warn(self, about: Object, event: Event) -> None:
        self._run(record(self.api, about, event, self.settings.identity))


class UnavailableClusterError(Exception):
    """What there is in the cluster is not known yet."""
