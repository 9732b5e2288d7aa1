"""One process for each command: it starts it, waits for its end, its time-out or a word to stop, and leaves nothing of it behind.

It is a subreaper: whatever the command starts, in whatever session, becomes its child when its parent ends, so the tree can be found and ended.
When the service is gone, its end of the control socket is closed, which is a word to stop as well.
"""

import errno
import os
import select
import signal
import socket
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import NoReturn

from opsbuddy_utility_service.sandbox import confinement, tree
from opsbuddy_utility_service.sandbox.kernel import SET_CHILD_SUBREAPER, SET_PDEATHSIG, prctl
from opsbuddy_utility_service.sandbox.order import Ended, Isolation, Order

DEFAULT_AGAIN = (signal.SIGPIPE, signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD)
HIGHEST_FILE = 4096


@dataclass(frozen=True, slots=True)
class Files:
    """What a command is started with: where its output goes, what opens when it may begin, and Landlock's rules for it."""

    output: int
    errors: int
    gate: int
    ruleset: int | None


def keep(order: Order, isolation: Isolation, files: Files, control: socket.socket) -> NoReturn:
    """Run the command to its end, say on the control socket how it ended, and end."""
    try:
        prctl(SET_CHILD_SUBREAPER, 1)
        os.setsid()
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
        ended = _run(order, isolation, files, control)
    except OSError as error:
        ended = Ended("not_started", problem=_words(error))
    with suppress(OSError):  # the service is gone
        control.sendall(ended.encode())
    os._exit(0)


def _run(order: Order, isolation: Isolation, files: Files, control: socket.socket) -> Ended:
    heard, told = os.pipe2(os.O_CLOEXEC)
    pid = os.fork()
    if pid == 0:
        _become(order, isolation, files, told)
    for file in (told, files.output, files.errors):  # otherwise their readers would never see the end
        os.close(file)
    statuses: dict[int, int] = {}
    if problem := os.read(heard, 1000):  # nothing: the program runs
        tree.end(statuses, 0)
        return Ended("not_started", problem=problem.decode("utf-8", "replace"))
    try:
        cause = _wait(pid, order.timeout, control)
    finally:
        there, left = tree.end(statuses, order.grace)
    stragglers = there if cause == "exited" else there - 1
    status = statuses.get(pid)
    code = None if status is None else os.waitstatus_to_exitcode(status)
    return Ended(
        cause,
        exit_code=code if code is not None and code >= 0 else None,
        signal=-code if code is not None and code < 0 else None,
        stragglers=max(0, stragglers),
        left=left,
    )


def _wait(pid: int, timeout: float, control: socket.socket) -> str:
    """Return why waiting is over. The process is not collected yet."""
    ending = os.pidfd_open(pid)
    events = select.poll()
    events.register(ending, select.POLLIN)
    events.register(control.fileno(), select.POLLIN)
    deadline = time.monotonic() + timeout
    while (rest := deadline - time.monotonic()) > 0:
        ready = {file for file, _ in events.poll(rest * 1000 + 1)}
        if ending in ready:
            return "exited"
        if ready:
            return "stopped"
    return "timeout"


def _become(order: Order, isolation: Isolation, files: Files, told: int) -> NoReturn:
    """Get ready, wait until the service opens the gate, and be the command; a gate that is closed unopened ends it."""
    try:
        os.setsid()
        prctl(SET_PDEATHSIG, signal.SIGKILL)
        null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
        for file, place in ((null, 0), (files.output, 1), (files.errors, 2)):
            os.dup2(file, place)
        _close_others([told, files.gate] + ([] if files.ruleset is None else [files.ruleset]))
        for number in DEFAULT_AGAIN:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        os.chdir(order.cwd)
        confinement.enter(order, isolation, files.ruleset)
        if not os.read(files.gate, 1):
            raise OSError(errno.ECANCELED, "it was called off")  # noqa: TRY301 - told like any other reason
        os.execve(order.program, order.argv, order.env)  # noqa: S606 - without a shell, as it should be
    except OSError as error:
        os.write(told, _words(error).encode())
    except BaseException as error:  # noqa: BLE001 - this process must not go on as a second service
        os.write(told, type(error).__name__.encode())
    finally:
        os._exit(127)


def _close_others(kept: Iterable[int]) -> None:
    for first, last in _around((0, 1, 2, *kept)):
        os.closerange(first, last)


def _around(kept: Iterable[int]) -> Iterable[tuple[int, int]]:
    places = sorted(kept)
    return zip([place + 1 for place in places], [*places[1:], HIGHEST_FILE], strict=True)


def _words(error: OSError) -> str:
    return error.strerror or "it cannot be started"
