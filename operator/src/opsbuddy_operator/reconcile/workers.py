"""Takes keys from the queue and works on them, several at a time."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict

from opsbuddy_core.logs import get_logger
from opsbuddy_operator import metrics
from opsbuddy_operator.cluster.api import RefusedError, TerminatingError, UnavailableError
from opsbuddy_operator.models import Key, Subject
from opsbuddy_operator.queue import Queue

LIMIT = 120.0  # seconds for one piece of work
LEAVE_ALONE = 30.0  # seconds for which nothing is tried in a namespace that is being deleted
Reconcile = Callable[[Key], Awaitable[float | None]]
log = get_logger("reconcile")


class Workers:
    """Runs while `start` was the last that was called."""

    def __init__(
        self,
        queue: Queue,
        reconcilers: Mapping[Subject, Reconcile],
        count: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._queue, self._reconcilers, self._count, self._clock = queue, reconcilers, count, clock
        self._tasks: set[asyncio.Task[None]] = set()
        self._busy: set[asyncio.Task[None]] = set()
        self._ending = False
        self._terminating: dict[str, float] = {}  # namespace to when it may be looked at again

    def start(self) -> None:
        if not self._tasks:
            self._ending = False
            self._tasks = {asyncio.create_task(self._work(), name=f"worker {number}") for number in range(self._count)}

    def abort(self) -> None:
        """End at once; what was being done goes back into the queue."""
        for task in self._tasks:
            task.cancel()
        self._tasks = set()

    async def stop(self, grace: float) -> None:
        """End; work that is being done has `grace` seconds to finish."""
        tasks, self._ending = self._tasks, True
        for task in tasks - self._busy:
            task.cancel()
        if busy := tasks & self._busy:
            await asyncio.wait(busy, timeout=grace)
        self.abort()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _work(self) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine that runs is in a task
        while not self._ending:
            key, waited = await self._queue.get()
            self._busy.add(task)
            metrics.WAITS.labels(key.subject).observe(waited)
            try:
                await self._reconcile(key)
            finally:
                self._busy.discard(task)
            await asyncio.sleep(0)  # a pass that asks nobody never waits: let the Lease and the probes have their turn

    async def _reconcile(self, key: Key) -> None:
        begun, result = time.perf_counter(), "cancelled"
        try:
            result = await self._attempt(key)
        except asyncio.CancelledError:
            self._queue.failed(key)
            raise
        finally:
            metrics.RECONCILES.labels(key.subject, result).observe(time.perf_counter() - begun)

    async def _attempt(self, key: Key) -> str:
        """Work on a key once, and put it back as what came of it demands; returns the result's name."""
        try:
            if self._clock() < self._terminating.get(key.namespace, 0.0):
                raise TerminatingError("it was being deleted a moment ago")  # noqa: TRY301 - the same as if it were said anew
            async with asyncio.timeout(LIMIT):
                self._queue.done(key, await self._reconcilers[key.subject](key))
        except TerminatingError as error:
            return self._leave(key, str(error))
        except UnavailableError as error:
            self._queue.hold(error.retry_after or 0.0)
            return self._again(key, str(error), error.retry_after)
        except RefusedError as error:
            return self._again(key, str(error))
        except TimeoutError:
            return self._again(key, f"not done within {LIMIT:g} s")
        except Exception as error:
            log.exception("Reconcile failed unexpectedly", operation="reconcile", **asdict(key))
            return self._again(key, f"a fault of the operator: {type(error).__name__}")
        return "done"

    def _leave(self, key: Key, reason: str) -> str:
        """Try nothing more in a namespace that is being deleted; should it come back, so do we."""
        now = self._clock()
        self._terminating = {namespace: until for namespace, until in self._terminating.items() if until > now}
        if key.namespace not in self._terminating:
            log.info("Namespace is being deleted", operation="reconcile", namespace=key.namespace, reason=reason)
        until = self._terminating.setdefault(key.namespace, now + LEAVE_ALONE)
        self._queue.done(key, until - now)
        return "left"

    def _again(self, key: Key, reason: str, after: float | None = None) -> str:
        pause = self._queue.failed(key, after)
        metrics.RETRIES.labels(key.subject).inc()
        log.warning("Put back", operation="reconcile", pause=round(pause, 1), reason=reason, **asdict(key))
        return "retried"
