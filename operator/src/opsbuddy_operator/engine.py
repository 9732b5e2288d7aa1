"""The parts that do the work, put together: they hear of changes, and act while this replica leads."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from opsbuddy_core.logs import get_logger
from opsbuddy_operator.cluster.api import ApiError
from opsbuddy_operator.cluster.client import KubernetesApi
from opsbuddy_operator.cluster.kinds import LEASE
from opsbuddy_operator.cluster.store import Store
from opsbuddy_operator.lease import Lease
from opsbuddy_operator.models import Key, Subject, Terms
from opsbuddy_operator.queue import Priority, Queue
from opsbuddy_operator.reconcile.audit import Audit
from opsbuddy_operator.reconcile.gateways import GatewayProbe
from opsbuddy_operator.reconcile.namespaces import Namespaces
from opsbuddy_operator.reconcile.news import News
from opsbuddy_operator.reconcile.optional import PERIOD as OPTIONAL_PERIOD
from opsbuddy_operator.reconcile.optional import OptionalKinds
from opsbuddy_operator.reconcile.references import References
from opsbuddy_operator.reconcile.routes import Routes
from opsbuddy_operator.reconcile.service import ServiceReconciler
from opsbuddy_operator.reconcile.workers import Reconcile, Workers
from opsbuddy_operator.settings import OperatorSettings

GRACE = 10.0  # seconds for work in flight when the process ends
STUCK = 300.0  # seconds; a piece of work has a time limit of two minutes
UNREAD_SECONDS = 15.0  # for which nothing is decided in a namespace that may not be read
DEAF = 3  # audits in a row that had to repair what the watches did not tell
log = get_logger("operator")


class Engine:
    """Works while it leads, or always without leader election."""

    def __init__(self, settings: OperatorSettings, api: KubernetesApi, probe: GatewayProbe) -> None:
        self._settings = settings
        self.store, self.queue = Store(), Queue()
        self._lease = Lease(api, LEASE.ref(settings.lease_namespace, settings.lease_name), settings.identity)
        if settings.leader_election:
            api.may_write = self._lease.leads
        self._references = References(api, self.queue.add, settings.reference_seconds)
        routes = Routes(api, self.store, probe, self.queue.add)
        self.news = News(self.store, self.queue, routes)
        self._namespaces = Namespaces(api, settings.namespaces)
        self._optional = OptionalKinds(api, self.store, self.news, self._namespaces)
        terms = Terms(settings.identity, self._optional.absent, settings.metrics_patience_seconds)
        services = ServiceReconciler(api, self.store, self._references, routes, terms)
        self._audit = Audit(api, self.store, self.news, self._namespaces)
        reconcilers = {Subject.SERVICE: self._where_read(services), Subject.ROUTES: self._where_read(routes)}
        self._workers = Workers(self.queue, reconcilers, settings.workers)
        self._tasks: set[asyncio.Task[None]] = set()
        self._while_leading: tuple[asyncio.Task[None], ...] = ()
        self._fault: str | None = None
        self.leads = False

    @property
    def synced(self) -> bool:
        """Whether all that there is in the cluster is known."""
        return self._audit.complete

    def start(self) -> None:
        self._run(self._stay_complete())
        if self._settings.leader_election:
            self._run(self._lease.run(self._gained, self._lost))
        else:
            self._gained()

    async def stop(self) -> None:
        """Finish what is in flight, and let go of the Lease."""
        await self._workers.stop(GRACE)
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._lease.release()

    def trouble(self) -> str | None:
        """Return why only a restart can help, or None."""
        if (busy := self.queue.longest_run()) > STUCK:
            return f"a worker has been busy with one resource for {busy:.0f} s"
        if self._audit.deaf >= DEAF:
            return f"the watches did not tell of changes, {self._audit.deaf} audits in a row"
        return self._fault

    def _gained(self) -> None:
        self.leads = True
        if self.synced:
            self._work()

    def _lost(self) -> None:
        self.leads = False
        self._workers.abort()
        for task in self._while_leading:
            task.cancel()

    def _work(self) -> None:
        """Begin to work: everything is looked at once, whatever an earlier leader did."""
        self.news.tell(self.news.everything(), Priority.BACKGROUND)
        self._workers.start()
        self._while_leading = (self._run(self._references.watch()), self._run(self._resync()))

    def _where_read(self, reconcile: Reconcile) -> Reconcile:
        """Decide nothing in a namespace that may not be read: of half of it, half a routing table would be made."""

        async def run(key: Key) -> float | None:
            return UNREAD_SECONDS if key.namespace in self._namespaces.unread else await reconcile(key)

        return run

    async def _resync(self) -> None:
        while True:
            await asyncio.sleep(self._settings.resync_seconds)
            self.news.tell(self.news.everything(), Priority.BACKGROUND)

    async def _stay_complete(self) -> None:
        """Wait until the watches have told everything, then see to it that it stays so."""
        pause = 1.0
        while not self.synced:
            try:
                await self._namespaces.look()
                await self._optional.look()
                await self._audit.wait_until_complete()
            except ApiError as error:
                log.warning("What there is cannot be listed yet", operation="start", reason=str(error))
                await asyncio.sleep(pause)
                pause = min(pause * 2, 15.0)
        log.info("Everything is known", operation="start", objects=len(self.store))
        if self.leads:
            self._work()
        self._run(self._repeat("audit", self._audit.run, self._settings.audit_seconds))
        self._run(self._repeat("look for optional kinds", self._optional.look, OPTIONAL_PERIOD))

    async def _repeat(self, what: str, look: Callable[[], Awaitable[object]], period: float) -> None:
        while True:
            await asyncio.sleep(period)
            try:
                await look()
            except ApiError as error:
                log.warning("What there is cannot be listed now", operation=what, reason=str(error))

    def _run(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        task.add_done_callback(self._ended)
        self._tasks.add(task)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            self._fault = f"a part of the operator ended: {type(error).__name__}"
            log.error("A part of the operator ended", operation="run", exc_info=error)
