"""As process 1 of its container the service inherits every process whose parent ended, and nobody else collects what ended."""

import asyncio
import os
from collections.abc import Collection

INIT = 1
EVERY_SECONDS = 1.0  # no signal handler: uvloop keeps SIGCHLD to itself


async def collect(own: Collection[int]) -> None:
    """Collect children that have ended, for as long as this runs, if this is process 1. `own` are somebody's to wait for."""
    while os.getpid() == INIT:
        _reap(own)
        await asyncio.sleep(EVERY_SECONDS)


def _reap(own: Collection[int]) -> None:
    while (pid := _ended()) and pid not in own:
        os.waitpid(pid, os.WNOHANG)


def _ended() -> int | None:
    """Return a child that has ended, without collecting it."""
    try:
        found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return None
    return found.si_pid if found else None
