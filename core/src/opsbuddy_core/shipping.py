"""Ships the logs of this process to the analytics service: in batches, from a bounded queue, never in the way of a request."""

import asyncio
import random
import secrets
from collections import deque
from http import HTTPStatus
from typing import Any

import aiohttp
import orjson
from prometheus_client import Counter

from opsbuddy_core.trace import unsampled

QUEUE_LIMIT = 10_000
BATCH = 500
INTERVAL = 1.0
LONGEST_PAUSE = 30.0
FLUSH_LIMIT = 3.0

SHIPPED = Counter("opsbuddy_logs_shipped_total", "Log records that the analytics service took over")
DROPPED = Counter("opsbuddy_logs_dropped_total", "Log records that never reached the analytics service", ["reason"])
for _reason in ("queue_full", "refused", "shutdown"):
    DROPPED.labels(_reason)  # there from the start, at 0: of a counter that begins at 1 Prometheus sees no growth


class LogShipper:
    """A sink for `opsbuddy_core.logs`. When the queue is full the oldest records go first: the newest tell what happens now."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/") + "/logs"
        self._queue: deque[dict[str, Any]] = deque()
        self._sending: tuple[str, list[dict[str, Any]]] | None = None  # a batch whose answer was lost may be stored
        self._task: asyncio.Task[None] | None = None
        self._stopped = False

    def offer(self, record: dict[str, Any]) -> None:
        if self._stopped:
            DROPPED.labels("shutdown").inc()
            return
        if len(self._queue) >= QUEUE_LIMIT:
            self._queue.popleft()
            DROPPED.labels("queue_full").inc()
        self._queue.append(record)

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="log-shipping")

    async def stop(self) -> None:
        """Ship what is left within a time limit; count the rest as dropped."""
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._queue or self._sending:
            try:
                async with asyncio.timeout(FLUSH_LIMIT), self._session() as session:
                    while (self._queue or self._sending) and await self._ship(session):
                        pass
            except TimeoutError:
                pass
        self._stopped = True
        DROPPED.labels("shutdown").inc(len(self._queue) + (len(self._sending[1]) if self._sending else 0))

    @staticmethod
    def _session() -> aiohttp.ClientSession:
        return aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10, sock_connect=2))

    async def _run(self) -> None:
        pause = INTERVAL
        async with self._session() as session:
            while True:
                await asyncio.sleep(pause * random.uniform(0.8, 1.2))  # noqa: S311 - jitter
                delivered = True
                while (self._queue or self._sending) and delivered:
                    delivered = await self._ship(session)
                pause = INTERVAL if delivered else min(pause * 2, LONGEST_PAUSE)

    async def _ship(self, session: aiohttp.ClientSession) -> bool:
        """Send one batch; True when it is over with it, delivered or refused for good.

        A batch that is sent again is the same batch with the same key: what was stored although its answer was lost is not stored twice.
        """
        if self._sending is None:
            batch = [self._queue.popleft() for _ in range(min(BATCH, len(self._queue)))]
            self._sending = (secrets.token_hex(16), batch)
        key, batch = self._sending
        try:
            body = orjson.dumps({"logs": batch}, default=str, option=orjson.OPT_NON_STR_KEYS)
            headers = {"content-type": "application/json", "idempotency-key": key, "traceparent": unsampled()}
            async with session.post(self._url, data=body, headers=headers) as answer:
                content = await answer.read()
        except (aiohttp.ClientError, TimeoutError, OSError):
            return False
        if answer.status == HTTPStatus.TOO_MANY_REQUESTS or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return False
        refused = len(batch) if answer.status >= HTTPStatus.BAD_REQUEST else _rejected(content)
        DROPPED.labels("refused").inc(refused)
        SHIPPED.inc(len(batch) - refused)
        self._sending = None
        return True


def _rejected(answer: bytes) -> int:
    """Return how many logs of a batch were refused, of which the others were stored."""
    try:
        return int(orjson.loads(answer).get("rejected", 0))
    except (ValueError, TypeError, AttributeError):
        return 0
