"""Runs commands in the sandbox: a process of this package that forks, with pipes for the output and a socket for each command's state."""

import array
import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from opsbuddy_core.errors import UnavailableError
from opsbuddy_core.logs import get_logger
from opsbuddy_utility_service.sandbox.order import MAX_MESSAGE, Ended, Isolation, Order

CHUNK = 64 * 1024
START_SECONDS = 10.0
Take = Callable[[str, bytes], None]
log = get_logger("commands")


class Running(Protocol):
    """A command that is ready, or runs."""

    def go(self) -> None:
        """Let it begin. Without this it does nothing, not even when it is stopped or this service is killed."""
        ...

    async def ended(self) -> Ended:
        """Wait until it and all that it started is gone, and all of its output was taken."""
        ...

    def stop(self) -> None:
        """Have it ended; may be called more than once."""
        ...


class Launcher(Protocol):
    """What runs commands. `pids`: its own children, for nobody else to wait for."""

    pids: list[int]

    async def isolation(self) -> Isolation:
        """Return what holds commands in here. Raises UnavailableError."""
        ...

    async def launch(self, order: Order, take: Take) -> Running:
        """Make a command ready, up to the word that it may begin; `take` gets `stdout` or `stderr` and what came on it. Raises UnavailableError."""
        ...

    async def stop(self) -> None: ...


class SandboxLauncher:
    """The launcher is started at the first need, and again when it is gone."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: socket.socket | None = None
        self._isolation: Isolation | None = None
        self.pids: list[int] = []

    async def isolation(self) -> Isolation:
        async with self._lock:
            await self._ready()
            assert self._isolation is not None  # noqa: S101 - ready
            return self._isolation

    async def launch(self, order: Order, take: Take) -> Running:
        async with self._lock:
            await self._ready()
            assert self._channel is not None  # noqa: S101 - ready
            return SandboxedCommand(self._channel, order, take)

    async def stop(self) -> None:
        """End the launcher; keepers end their commands by themselves when their sockets are closed."""
        if self._channel:
            self._channel.close()
        if self._process:
            await asyncio.to_thread(self._process.wait)
        self._process = self._channel = self._isolation = None

    async def _ready(self) -> None:
        if self._process and self._process.poll() is None:
            return
        if self._process:
            log.warning("The launcher of commands ended; starting it again", operation="commands")
            await self.stop()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            command = [sys.executable, "-m", "opsbuddy_utility_service.sandbox", str(theirs.fileno())]
            self._process = await asyncio.to_thread(
                subprocess.Popen, command, pass_fds=[theirs.fileno()], start_new_session=True, stdin=subprocess.DEVNULL
            )
        self.pids[:] = [self._process.pid]
        ours.setblocking(False)
        self._channel = ours
        try:
            async with asyncio.timeout(START_SECONDS):
                hello = await asyncio.get_running_loop().sock_recv(ours, MAX_MESSAGE)
            self._isolation = Isolation.decode(hello)
        except (TimeoutError, OSError, ValueError) as error:
            self._process.kill()
            await self.stop()
            raise UnavailableError("Commands cannot be started at the moment.", retry_after=5) from error


class SandboxedCommand:
    """One command: its pipes, read as they fill, a gate that it waits at, and the socket on which its keeper says how it ended."""

    def __init__(self, channel: socket.socket, order: Order, take: Take) -> None:
        self._loop = asyncio.get_running_loop()
        self._take = take
        self._done: asyncio.Future[Ended] = self._loop.create_future()
        self._control, control = socket.socketpair()
        self._control.setblocking(False)
        self._pipes: dict[int, str] = {}
        self._gate: int | None
        gate, self._gate = os.pipe2(os.O_CLOEXEC)
        theirs = [self._pipe("stdout"), self._pipe("stderr"), gate, control.fileno()]
        try:
            channel.sendmsg([order.encode()], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", theirs))])
        except OSError as error:
            self._close()
            raise UnavailableError("Commands cannot be started at the moment.", retry_after=1) from error
        finally:
            for file in theirs[:-1]:
                os.close(file)
            control.close()
        for file in self._pipes:
            self._loop.add_reader(file, self._read, file)
        self._loop.add_reader(self._control, self._hear)

    def go(self) -> None:
        if self._gate is not None:
            with suppress(BrokenPipeError):  # it could not be made ready; how it ended will be heard
                os.write(self._gate, b"1")
            self._close_gate()

    async def ended(self) -> Ended:
        return await asyncio.shield(self._done)

    def stop(self) -> None:
        self._close_gate()
        with suppress(OSError):
            self._control.send(b"stop")

    def _close_gate(self) -> None:
        if self._gate is not None:
            os.close(self._gate)
            self._gate = None

    def _pipe(self, stream: str) -> int:
        ours, theirs = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(ours, False)
        self._pipes[ours] = stream
        return theirs

    def _read(self, file: int) -> bool:
        """Take what is there now; True: there may be more."""
        try:
            data = os.read(file, CHUNK)
        except BlockingIOError:
            return False
        if data:
            self._take(self._pipes[file], data)
            return True
        self._loop.remove_reader(file)
        os.close(file)
        del self._pipes[file]
        return False

    def _hear(self) -> None:
        try:
            message = self._control.recv(MAX_MESSAGE)
        except BlockingIOError:
            return
        except OSError:
            message = b""
        for file in list(self._pipes):  # all writers are gone; what they wrote is still in the pipes
            while self._read(file):
                pass
        self._close()
        if not self._done.done():
            ended = Ended.decode(message) if message else Ended("lost")
            self._done.set_result(ended)

    def _close(self) -> None:
        self._close_gate()
        self._loop.remove_reader(self._control)
        self._control.close()
        for file in self._pipes:
            self._loop.remove_reader(file)
            os.close(file)
        self._pipes.clear()
