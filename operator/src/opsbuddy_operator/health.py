"""The small web server that says whether the operator works."""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import uvicorn
from fastapi.routing import APIRoute
from typing_extensions import override

from opsbuddy_core.errors import UnavailableError
from opsbuddy_core.health import Health
from opsbuddy_core.web.app import create_app
from opsbuddy_operator.settings import OperatorSettings


class HealthServer:
    """Serves /health, /health/live, /health/ready, /status and /metrics in the loop of its caller."""

    def __init__(
        self,
        settings: OperatorSettings,
        health: Health,
        alive: Callable[[], str | None],
        status: Callable[[], Awaitable[dict[str, Any]]],
    ) -> None:
        app = create_app(settings, health, [], status=status)

        async def read_live() -> dict[str, str]:
            if reason := alive():
                raise UnavailableError(f"A restart is needed: {reason}.")
            return {"status": "alive"}

        app.router.routes.insert(
            0, APIRoute("/health/live", read_live, include_in_schema=False)
        )  # says more than the common one
        self._listener = socket.create_server((settings.service_host, settings.service_port))
        self._server = Server(
            uvicorn.Config(app, access_log=False, log_config=None, server_header=False, timeout_graceful_shutdown=2)
        )
        self._task: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        port: int = self._listener.getsockname()[1]
        return port

    async def start(self) -> None:
        self._task = asyncio.create_task(self._server.serve(sockets=[self._listener]), name="health server")
        await asyncio.wait(
            {self._task, asyncio.create_task(self._server.up.wait())}, return_when=asyncio.FIRST_COMPLETED
        )

    async def stop(self) -> None:
        self._server.should_exit = True
        if self._task:
            await self._task


class Server(uvicorn.Server):
    """Leaves the signals to kopf, and says when it is up."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    @override
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()

    @contextlib.contextmanager
    @override
    def capture_signals(self) -> Iterator[None]:
        yield
