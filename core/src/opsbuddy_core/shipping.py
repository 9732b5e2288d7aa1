"""Ships the logs of this process to the analytics service: in batches, from a bounded queue, never in the way of a request."""

import asyncio
import random
from collections import deque
from http import HTTPStatus
from typing import Any

import aiohttp
import orjson
from prometheus_client import Counter

QUEUE_LIMIT = 10_000
BATCH = 500
INTERVAL = 1.0
LONGEST_PAUSE = 30.0
FLUSH_LIMIT = 3.0

SHIPPED = Counter("opsbuddy_logs_shipped_total", "Log records that the analytics service took over")
DROPPED = Counter("opsbuddy_logs_dropped_total", "Log records that never reached the analytics service", ["reason"])


class LogShipper:
    """A sink for `opsbuddy_core.logs`. When the queue is full the oldest records go first: the newest tell what happens now."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/") + "/logs"
        self._queue: deque[dict[str, Any]] = deque()
        self._task: asyncio.Task[None] | None = None

    def offer(self, record: dict[str, Any]) -> None:
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
        if self._queue:
            try:
                async with asyncio.timeout(FLUSH_LIMIT), self._session() as session:
                    while self._queue and await self._ship(session):
                        pass
            except TimeoutError:
                pass
        DROPPED.labels("shutdown").inc(len(self._queue))

    @staticmethod
    def _session() -> aiohttp.ClientSession:
        return aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10, sock_connect=2))

    async def _run(self) -> None:
        pause = INTERVAL
        async with self._session() as session:
            while True:
                await asyncio.sleep(pause * random.uniform(0.8, 1.2))  # noqa: S311 - jitter
                delivered = True
                while self._queue and delivered:
                    delivered = await self._ship(session)
                pause = INTERVAL if delivered else min(pause * 2, LONGEST_PAUSE)

    async def _ship(self, session: aiohttp.ClientSession) -> bool:
        """Send one batch; True when it left the queue, delivered or refused for good."""
        batch = [self._queue.popleft() for _ in range(min(BATCH, len(self._queue)))]
        try:
            body = orjson.dumps({"logs": batch}, default=str, option=orjson.OPT_NON_STR_KEYS)
            headers = {"content-type": "application/json"}
            async with session.post(self._url, data=body, headers=headers) as answer:
                await answer.read()
        except (aiohttp.ClientError, TimeoutError, OSError):
            return self._put_back(batch)
        if answer.status == HTTPStatus.TOO_MANY_REQUESTS or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return self._put_back(batch)
        if answer.status >= HTTPStatus.BAD_REQUEST:
            DROPPED.labels("refused").inc(len(batch))
        else:
            SHIPPED.inc(len(batch))
        return True

    def _put_back(self, batch: list[dict[str, Any]]) -> bool:
        room = QUEUE_LIMIT - len(self._queue)
        DROPPED.labels("queue_full").inc(max(0, len(batch) - room))
        self._queue.extendleft(reversed(batch[-room:] if room else []))
        return False
