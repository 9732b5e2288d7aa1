"""Endpoints by name: compose, where `--scale` gives one name several addresses."""

import asyncio
import contextlib
import socket
from collections.abc import Callable

from opsbuddy_core.logs import get_logger
from opsbuddy_gateway.models import Address

log = get_logger("endpoints")
LIMIT = 5.0


class DnsEndpoints:
    """Resolves every service that was asked for, every few seconds; the last good answer stays while the resolver fails."""

    def __init__(self, refresh_seconds: float) -> None:
        self._refresh_seconds = refresh_seconds
        self._found: dict[tuple[str, int], tuple[Address, ...] | None] = {}
        self._wanted = asyncio.Event()

    @property
    def ready(self) -> bool:
        return all(found is not None for found in self._found.values())

    def addresses(self, service: str, port: int) -> tuple[Address, ...]:
        if (service, port) not in self._found:
            self._found[service, port] = None
            self._wanted.set()
        return self._found[service, port] or ()

    async def run(self, changed: Callable[[], None]) -> None:
        while True:
            self._wanted.clear()
            before = dict(self._found)
            await asyncio.gather(*(self._resolve(service, port) for service, port in before))
            if self._found != before:
                changed()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wanted.wait(), self._refresh_seconds)

    async def _resolve(self, service: str, port: int) -> None:
        before = self._found[service, port]
        try:
            async with asyncio.timeout(LIMIT):
                infos = await asyncio.get_running_loop().getaddrinfo(service, port, type=socket.SOCK_STREAM)
        except TimeoutError:
            self._found[service, port] = before or ()
        except socket.gaierror as error:
            gone = error.errno in (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME))
            self._found[service, port] = () if gone else before or ()
        else:
            self._found[service, port] = tuple(sorted({Address(str(info[4][0]), port) for info in infos}, key=str))
