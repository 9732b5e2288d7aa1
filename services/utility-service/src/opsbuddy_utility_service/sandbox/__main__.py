"""The launcher: a small process with one thread, from which commands are forked.

The service itself has threads and much memory; a fork of it would be slow, and what a child may do between fork and exec is little. The launcher reads
orders from a socket that it inherits, each with the ends of three pipes and of a control socket, and forks a keeper for each.
"""

import array
import gc
import os
import select
import signal
import socket
import sys
from contextlib import suppress

from opsbuddy_utility_service.sandbox import confinement, landlock, tree
from opsbuddy_utility_service.sandbox.confinement import probe
from opsbuddy_utility_service.sandbox.keeper import Files, keep
from opsbuddy_utility_service.sandbox.kernel import SET_CHILD_SUBREAPER, prctl
from opsbuddy_utility_service.sandbox.order import MAX_MESSAGE, Ended, Order

FILES = 4  # output, errors, gate, control


class Launcher:
    """Forks keepers until the service closes its end of the channel."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel, self._keepers = channel, set[int]()
        self._isolation = probe()
        self._rulesets = landlock.Rulesets()
        confinement.give_up(self._isolation)

    def serve(self) -> None:
        awake, waker = socket.socketpair()
        for end in (awake, waker):
            end.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # so that it is delivered, and wakes the loop
        signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
        self._channel.sendall(self._isolation.encode())
        events = select.poll()
        for each in (self._channel, awake):
            events.register(each, select.POLLIN)
        while True:
            ready = {file for file, _ in events.poll()}
            if awake.fileno() in ready:
                with suppress(BlockingIOError):
                    awake.recv(4096)
                self._collect()
            if self._channel.fileno() in ready and not self._take():
                return

    def _take(self) -> bool:
        """Take one order; False: the service is gone."""
        room = socket.CMSG_SPACE(FILES * array.array("i").itemsize)
        message, extras, _, _ = self._channel.recvmsg(MAX_MESSAGE, room, socket.MSG_CMSG_CLOEXEC)
        if not message:
            return False
        files = array.array("i")
        for _, _, data in extras:
            files.frombytes(data[: len(data) - len(data) % files.itemsize])
        *given, control = files
        with socket.socket(fileno=control) as line:
            try:
                self._keepers.add(self._fork(Order.decode(message), given, line))
            except OSError as error:
                line.sendall(Ended("not_started", problem=error.strerror or "no process can be made").encode())
        for file in given:
            os.close(file)
        return True

    def _fork(self, order: Order, given: list[int], line: socket.socket) -> int:
        output, errors, gate = given
        ruleset = self._rulesets.of(order.read, order.write, order.browse) if self._isolation.landlock else None
        pid = os.fork()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            self._channel.close()
            keep(order, self._isolation, Files(output, errors, gate, ruleset), line)
        return pid

    def _collect(self) -> None:
        """Forget keepers that ended. What one left behind that was killed itself is ended here."""
        statuses: dict[int, int] = {}
        tree.reap(statuses)
        self._keepers -= statuses.keys()
        if any(status for status in statuses.values()):
            for pid in set(tree.descendants(os.getpid())) - self._below_keepers():
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def _below_keepers(self) -> set[int]:
        return self._keepers | {pid for keeper in self._keepers for pid in tree.descendants(keeper)}


def main() -> None:
    """Serve on the socket whose number is the argument."""
    for number in (signal.SIGINT, signal.SIGTERM):  # the service says when to end
        signal.signal(number, signal.SIG_IGN)
    prctl(SET_CHILD_SUBREAPER, 1)
    gc.disable()  # a collection would touch, and so copy, what all that are forked share
    with socket.socket(fileno=int(sys.argv[1])) as channel:
        Launcher(channel).serve()


if __name__ == "__main__":
    main()
