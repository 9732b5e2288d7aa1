"""Which files a process may touch, which signals it may send: Landlock, which needs no privilege.

What a rule does not allow is refused. `stat`, and so the size of a mounted file system, is outside of what Landlock rules.
"""

import ctypes
import os
from collections import OrderedDict
from collections.abc import Iterable
from contextlib import suppress
from stat import S_ISDIR

from opsbuddy_utility_service.sandbox.kernel import syscall

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
GET_VERSION, PATH_BENEATH = 1, 1

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
REFER, TRUNCATE, IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
ALL = (1 << 13) - 1  # what the first version knows
OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV
READ = READ_FILE | READ_DIR
RUN = READ | EXECUTE

SINCE_REFER, SINCE_TRUNCATE, SINCE_IOCTL, SINCE_SCOPES = 2, 3, 5, 6
SCOPES = 0b11  # no abstract sockets of others, no signals to others

Places = tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]
Identity = tuple[int, int, int] | None
MOST_KEPT = 64

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
SHOWN = (
    "/proc",
    "/sys",
    *(
        f"/etc/{name}"
        for name in (
            *("alternatives", "ca-certificates", "gai.conf", "group", "host.conf", "hostname", "hosts", "iproute2"),
            *("ld.so.cache", "ld.so.conf", "localtime", "mtab", "nsswitch.conf", "os-release", "passwd", "pki"),
            *("protocols", "resolv.conf", "services", "ssl", "terminfo", "timezone"),
        )
    ),
    *("/dev/random", "/dev/urandom", "/dev/zero"),
)


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("ports", ctypes.c_uint64), ("scopes", ctypes.c_uint64))


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


def version() -> int:
    """Return the version of the interface, 0 where the kernel has none or does not let us."""
    try:
        return syscall(CREATE_RULESET, 0, 0, GET_VERSION)
    except OSError:
        return 0


class Rulesets:
    """Sets of rules for the places of commands, kept for the next ones: making one takes 130 system calls.

    A rule holds for a file, whatever its path is later. So a set is made anew when another file is at one of its paths.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[Places, tuple[list[Identity], int]] = OrderedDict()

    def of(self, read: Iterable[str], write: Iterable[str], browse: Iterable[str]) -> int:
        """Return the set by which one may run the system's programs, read `read`, change `write`, and list the folders in `browse`. Raises OSError."""
        places = tuple(read), tuple(write), tuple(browse)
        there = [_identity(path) for path in (*SYSTEM, *SHOWN, *places[0], *places[1], *places[2])]
        before, ruleset = self._kept.pop(places, ([], -1))
        if before != there:
            if before:
                os.close(ruleset)
            ruleset = _made(*places)
        self._kept[places] = there, ruleset
        if len(self._kept) > MOST_KEPT:
            os.close(self._kept.popitem(last=False)[1][1])
        return ruleset


def restrict(ruleset: int) -> None:
    """Hold this process and what it starts to the rules, for ever. Raises OSError. Needs no_new_privs."""
    syscall(RESTRICT_SELF, ruleset, 0)


def _made(read: Iterable[str], write: Iterable[str], browse: Iterable[str]) -> int:
    known = version()
    handled = ALL
    handled |= REFER if known >= SINCE_REFER else 0
    handled |= TRUNCATE if known >= SINCE_TRUNCATE else 0
    handled |= IOCTL_DEV if known >= SINCE_IOCTL else 0
    scopes = SCOPES if known >= SINCE_SCOPES else 0
    wanted = _Ruleset(handled, 0, scopes)
    size = ctypes.sizeof(wanted) if scopes else ctypes.sizeof(ctypes.c_uint64)
    ruleset = syscall(CREATE_RULESET, ctypes.addressof(wanted), size, 0)  # close-on-exec
    try:
        for paths, rights in ((SYSTEM, RUN), (SHOWN, READ), (read, RUN), (write, handled), (browse, READ_DIR)):
            for path in paths:
                _allow(ruleset, path, rights & handled)
        _allow(ruleset, "/dev/null", READ_FILE | WRITE_FILE)
    except BaseException:
        os.close(ruleset)
        raise
    return ruleset


def _allow(ruleset: int, path: str, rights: int) -> None:
    with suppress(FileNotFoundError, PermissionError, NotADirectoryError):  # what is not there needs no rule
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            if not S_ISDIR(os.fstat(place).st_mode):
                rights &= OF_FILES
            rule = _Beneath(rights, place)
            syscall(ADD_RULE, ruleset, PATH_BENEATH, ctypes.addressof(rule), 0)
        finally:
            os.close(place)


def _identity(path: str) -> Identity:
    """Return which file is at the path; with the time of its last change, as numbers of files are given anew."""
    try:
        seen = os.stat(path)  # noqa: PTH116 - often, and in the launcher
    except OSError:
        return None
    return seen.st_dev, seen.st_ino, seen.st_ctime_ns
