"""A deployable as a process of its own, so that it can be killed for real, and what runs below one."""

import asyncio
import os
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import psutil

from tests.support.influxdb import free_port
from tests.support.wait import eventually


@dataclass
class Process:
    """`module` run by this Python; its port stays over restarts."""

    module: str
    environment: dict[str, str]
    log: Path
    port: int = field(default_factory=free_port)
    _running: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG"}}
        address = {"SERVICE_HOST": "127.0.0.1", "SERVICE_PORT": str(self.port)}
        with self.log.open("ab") as log:
            self._running = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                self.module,
                env=kept | self.environment | address,
                cwd=self.log.parent,
                stdout=log,
                stderr=log,
            )
        async with httpx2.AsyncClient() as http:

            async def alive() -> bool:
                assert self._running is not None
                assert self._running.returncode is None, self.log.read_text()[-3000:]
                try:
                    return (await http.get(f"{self.url}/health/live")).status_code == 200
                except httpx2.TransportError:
                    return False

            try:
                await eventually(alive, within=30, what=f"{self.module} answers")
            except BaseException:  # whoever started it gets nothing to end it by
                await self.end(signal.SIGKILL)
                raise

    async def end(self, number: int = signal.SIGTERM) -> int:
        """Send the signal and wait for the end; returns the exit code."""
        if self._running is None:
            return 0
        if self._running.returncode is None:
            self._running.send_signal(number)
        return await asyncio.wait_for(self._running.wait(), 30)


def below(pid: int, name: str = "", status: str = "") -> list[psutil.Process]:
    """Return the processes under `pid`, all or those of that name and status; one that ends while it is looked at has ended."""
    found = []
    for each in psutil.Process(pid).children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if name in {"", each.name()} and status in {"", each.status()}:
                found.append(each)
    return found


def has_ended(process: psutil.Process) -> bool:
    """Return whether it has ended, be it that nobody has asked how yet."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
