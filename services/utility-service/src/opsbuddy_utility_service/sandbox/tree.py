"""All processes that a process has started, and those have, also where they made sessions of their own."""

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

PROC = Path("/proc")
UNKILLABLE_AFTER = 5.0
LOOK_EVERY = 0.02


def descendants(root: int) -> list[int]:
    """Return the processes below `root` at this moment, parents first."""
    children: dict[int, list[int]] = {}
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            with suppress(OSError, IndexError, ValueError):  # it ended meanwhile
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(int(entry.name))
    found, waiting = [], [root]
    while waiting:
        below = children.get(waiting.pop(0), [])
        found += below
        waiting += below
    return found


def end(statuses: dict[int, int], grace: float) -> tuple[int, int]:
    """End what is below this process: SIGTERM, after `grace` seconds SIGKILL; the exit statuses go to `statuses`.

    This process has to be a subreaper, so that orphans become its own. Returns how many there were, and how many are left.
    """
    if not reap(statuses):
        return 0, 0
    there = descendants(os.getpid())
    deadline = time.monotonic() + grace
    _signal(there, signal.SIGTERM)
    while reap(statuses) and time.monotonic() < deadline:
        wait_for_child(LOOK_EVERY)
    deadline += UNKILLABLE_AFTER
    while reap(statuses) and time.monotonic() < deadline:
        _signal(descendants(os.getpid()), signal.SIGKILL)
        wait_for_child(LOOK_EVERY)
    return len(there), len(descendants(os.getpid()))


def reap(statuses: dict[int, int]) -> bool:
    """Collect the children that have ended; say whether there are others."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return False
        if pid == 0:
            return True
        statuses[pid] = status


def wait_for_child(seconds: float) -> None:
    """Wait until a child ends, at most so long; SIGCHLD has to be blocked."""
    signal.sigtimedwait([signal.SIGCHLD], seconds)


def _signal(pids: list[int], number: int) -> None:
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)
