"""What a process does to itself before it becomes the command."""

import errno
import math
import os
import resource
import sys
from contextlib import suppress

from opsbuddy_utility_service.sandbox import landlock, seccomp
from opsbuddy_utility_service.sandbox.kernel import CAPBSET_DROP, SET_NO_NEW_PRIVS, prctl
from opsbuddy_utility_service.sandbox.order import Isolation, Order

WRITTEN = 64 * 1024 * 1024  # a file that a template may write at all is at most so large
FILES = 256
LAST_CAPABILITY = 64


def give_up(isolation: Isolation) -> None:
    """Give up what no command may have. The launcher does so once, and all that it forks inherits it. Raises OSError."""
    prctl(SET_NO_NEW_PRIVS, 1)
    with suppress(OSError):  # past the last one; or not root, which has none to give up
        for capability in range(LAST_CAPABILITY):
            prctl(CAPBSET_DROP, capability)
    if isolation.seccomp:
        seccomp.install()


def enter(order: Order, isolation: Isolation, ruleset: int | None) -> None:
    """Give up what this command must not have either; `ruleset`: Landlock's. Raises OSError when something of it cannot be done."""
    _limit(order)
    if isolation.landlock:
        if ruleset is None:
            raise OSError(errno.EINVAL, "it has no rules")
        landlock.restrict(ruleset)
    if isolation.seccomp and not order.network:
        seccomp.go_offline()


def _limit(order: Order) -> None:
    """Set the limits. None on processes: it would count those of the same user in the node's other pods; the pod's own limit holds."""
    seconds = math.ceil(order.timeout) + 1
    wanted = {
        resource.RLIMIT_CPU: seconds,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: WRITTEN if order.write else 0,
        resource.RLIMIT_NOFILE: FILES,
        resource.RLIMIT_AS: order.address_space,
    }
    for kind, value in wanted.items():
        most = resource.getrlimit(kind)[1]
        least = value if most == resource.RLIM_INFINITY else min(value, most)
        resource.setrlimit(kind, (least, least))


def probe() -> Isolation:
    """Try in a child what this machine allows."""
    version = landlock.version()
    for level, candidate in (
        ("landlock", Isolation("landlock", version, seccomp=True)),
        ("seccomp", Isolation("seccomp", 0, seccomp=True)),
    ):
        if (version or level != "landlock") and seccomp.known() and _works(candidate):
            return candidate
    return Isolation("rlimits", 0, seccomp=False)


def _works(isolation: Isolation) -> bool:
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            give_up(isolation)
            order = Order("/", [], {}, "/", 1, 1, resource.RLIM_INFINITY, False, [], [], [])
            enter(order, isolation, landlock.Rulesets().of([], [], []) if isolation.landlock else None)
            code = 0
        except OSError as error:
            sys.stderr.write(f"isolation by {isolation.level} does not work here: {error.strerror}\n")
        finally:
            os._exit(code)
    return os.waitpid(pid, 0)[1] == 0
