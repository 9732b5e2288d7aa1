"""What runs beside the requests for as long as the gateway does."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

from fastapi import FastAPI

from opsbuddy_core.logs import get_logger

Job = Callable[[], Awaitable[None]]
log = get_logger("gateway")
LONGEST_PAUSE = 30.0


class Background:
    """Clients that are open, and jobs that run all the time. `jobs`: by name, as it is known in the log."""

    def __init__(self, clients: Sequence[AbstractAsyncContextManager[object]]) -> None:
        self._clients = clients
        self.jobs: Mapping[str, Job] = {}

    @asynccontextmanager
    async def lifespan(self, _: FastAPI) -> AsyncGenerator[None]:
        """Open the clients, then run the jobs; at the end, the other way round."""
        async with AsyncExitStack() as stack:
            for client in self._clients:
                await stack.enter_async_context(client)
            tasks = [asyncio.create_task(_supervised(name, job), name=name) for name, job in self.jobs.items()]
            stack.push_async_callback(_ended, tasks)
            yield


async def _supervised(name: str, job: Job) -> None:
    """Keep a job running: a fault in it must not silently freeze what the gateway knows."""
    pause = 1.0
    while True:
        try:
            await job()
        except Exception:
            log.exception("A background task failed and starts again", operation=name, pause=pause)
        await asyncio.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE)


async def _ended(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
