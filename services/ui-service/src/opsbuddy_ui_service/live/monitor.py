"""Asks the gateway again and again, keeps what it said, and tells everyone who waits."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from opsbuddy_core.errors import OpsBuddyError
from opsbuddy_core.health import HealthReport
from opsbuddy_core.logs import get_logger
from opsbuddy_ui_service.clients.cluster import Cluster
from opsbuddy_ui_service.clients.gateway import Gateway
from opsbuddy_ui_service.live.minutes import Minutes
from opsbuddy_ui_service.models.resources import Resource
from opsbuddy_ui_service.models.status import Observation, ServiceStatus
from opsbuddy_ui_service.views.platform import Surroundings, look
from opsbuddy_ui_service.views.state import View

log = get_logger("monitor")


def utc_now() -> datetime:
    """Return the time of the wall clock."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class News:
    """A view and its number; the next one has a higher number."""

    number: int
    view: View


class Monitor:
    """The state of the platform, as fresh as the gateway's last answer."""

    def __init__(
        self,
        gateway: Gateway,
        around: Surroundings,
        refresh: float,
        clock: Callable[[], datetime] = utc_now,
        cluster: Cluster | None = None,
    ) -> None:
        self._gateway, self._around, self._refresh, self._clock = gateway, around, refresh, clock
        self._cluster = cluster
        self._reading: asyncio.Task[None] | None = None
        self._seen = Observation(started=clock())
        self._number = 0
        self._changed = asyncio.Condition()
        self._asking = asyncio.Lock()
        self._measured, self._alive = Minutes(), Minutes()

    def view(self) -> View:
        """Return how things look now."""
        return look(self._seen, self._clock(), self._around)

    async def news(self, after: int, within: float) -> News | None:
        """Wait for a view newer than number `after`; None when there is none within so many seconds."""
        try:
            async with asyncio.timeout(within), self._changed:
                await self._changed.wait_for(lambda: self._number > after)
        except TimeoutError:
            return None
        return News(self._number, self.view())

    async def ask(self) -> View:
        """Ask the gateway now and return how things look then. Callers who come at the same time share one question."""
        before = self._seen.asked
        async with self._asking:
            if self._seen.asked == before:
                await self._ask()
        return self.view()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Ask every so often while the context is open."""
        task = asyncio.create_task(self._run(), name="monitor")
        try:
            yield
        finally:
            tasks = [each for each in (task, self._reading) if each]
            for each in tasks:
                each.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            try:
                await self.ask()
            except Exception:  # whatever it is, every page lives by this loop: it tries again
                log.exception("The state of the platform could not be worked out", operation="monitor")
            await asyncio.sleep(self._refresh)

    async def _ask(self) -> None:
        begun = time.perf_counter()
        try:
            status, health = await asyncio.gather(self._gateway.status(), self._gateway.health())
        except OpsBuddyError as error:
            now = self._clock()
            if self._seen.failure is None:
                log.warning("The gateway does not answer", operation="monitor", reason=error.detail)
            self._measured.record(now, None, healthy=False)
            self._seen = replace(self._seen, asked=now, failure=error.detail, own=self._own(now))
        else:
            now = self._clock()
            self._measured.record(now, (time.perf_counter() - begun) * 1000, healthy=health.status == "healthy")
            self._seen = Observation(
                started=self._seen.started,
                asked=now,
                heard=now,
                status=status,
                health=health,
                gateway=self._of_gateway(health, now),
                own=self._own(now),
                resources=self._seen.resources,
            )
        async with self._changed:
            self._number += 1
            self._changed.notify_all()
        self._look_for_changes()

    def _look_for_changes(self) -> None:
        """Have the resources read while something is wrong. Nobody waits for it: what it finds is in the next view."""
        if self._cluster and self.view().attention and (self._reading is None or self._reading.done()):
            self._reading = asyncio.create_task(self._read_resources(self._cluster), name="resources")

    async def _read_resources(self, cluster: Cluster) -> None:
        found: tuple[Resource, ...] = ()
        try:
            found = (await cluster.resources()).found
        except OpsBuddyError as error:
            log.debug("The resources cannot be read", operation="monitor", reason=error.detail)
        self._seen = replace(self._seen, resources=found)

    def _of_gateway(self, health: HealthReport, now: datetime) -> ServiceStatus:
        """Return the state of the gateway; durations are those of this process's own questions."""
        before = self._seen.gateway
        state = health.status
        since = before.since if before and before.state == state else now
        return ServiceStatus(
            name="gateway",
            state=state,
            reason=None if state == "healthy" else "Its own health check fails; /status of the gateway says which.",
            since=since,
            p95_ms=self._measured.p95_ms,
            history=self._measured.bars(now),
        )

    def _own(self, now: datetime) -> ServiceStatus:
        """Return the state of this process: it answers, as long as it did so far."""
        self._alive.record(now, 0, healthy=True)
        return ServiceStatus(
            name="ui-service", state="healthy", since=self._seen.started, history=self._alive.bars(now)
        )
