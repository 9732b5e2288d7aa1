"""As process 1 of its container the service inherits every process whose parent ended, and nobody else collects what ended."""

import asyncio
import os
import signal
from contextlib import suppress

import psutil

FIRST = 1


class Orphans:
    """Collects children that have ended and are not the service's own; those are somebody's to wait for."""

    def __init__(self, own: list[int]) -> None:
        self._own = own  # grows as the service starts children

    def watch(self) -> None:
        """Collect whenever a child ends, if this is process 1."""
        if os.getpid() == FIRST:
            asyncio.get_running_loop().add_signal_handler(signal.SIGCHLD, self.collect)

    def collect(self) -> None:
        for child in psutil.Process().children():
            with suppress(psutil.Error, ChildProcessError):
                if child.pid not in self._own and child.status() == psutil.STATUS_ZOMBIE:
                    os.waitpid(child.pid, os.WNOHANG)
