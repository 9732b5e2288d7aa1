"""Which system calls a process may make: none that changes the machine, looks into other processes, or makes namespaces."""

import ctypes
import errno
import platform
import struct
from collections.abc import Callable

from opsbuddy_utility_service.sandbox.kernel import SET_SECCOMP, prctl

LOAD, MASK, IF_EQUAL, IF_GREATER_OR_EQUAL, RETURN = 0x20, 0x54, 0x15, 0x35, 0x06
ALLOW, KILL, REFUSE = 0x7FFF0000, 0x80000000, 0x00050000
NUMBER, ARCHITECTURE, FIRST_ARGUMENT = 0, 4, 16  # places in what the kernel hands to the filter
MODE_FILTER = 2
X32 = 0x40000000
NEW_NAMESPACES = 0x7E020080  # of the flags of clone
UNIX, NETLINK = 1, 16

# name: number on x86_64, number on aarch64
REFUSED = {
    "acct": (163, 89),
    "add_key": (248, 217),
    "bpf": (321, 280),
    "chroot": (161, 51),
    "clock_settime": (227, 112),
    "delete_module": (176, 106),
    "finit_module": (313, 273),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fsopen": (430, 430),
    "fspick": (433, 433),
    "init_module": (175, 105),
    "io_uring_setup": (425, 425),
    "kcmp": (312, 272),
    "kexec_file_load": (320, 294),
    "kexec_load": (246, 104),
    "keyctl": (250, 219),
    "mount": (165, 40),
    "mount_setattr": (442, 442),
    "move_mount": (429, 429),
    "open_by_handle_at": (304, 265),
    "open_tree": (428, 428),
    "perf_event_open": (298, 241),
    "personality": (135, 92),
    "pidfd_getfd": (438, 438),
    "pivot_root": (155, 41),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "ptrace": (101, 117),
    "quotactl": (179, 60),
    "reboot": (169, 142),
    "request_key": (249, 218),
    "setdomainname": (171, 162),
    "sethostname": (170, 161),
    "setns": (308, 268),
    "settimeofday": (164, 170),
    "swapoff": (168, 225),
    "swapon": (167, 224),
    "umount2": (166, 39),
    "unshare": (272, 97),
    "userfaultfd": (323, 282),
}
CLONE, CLONE3, SOCKET = (56, 220), (435, 435), (41, 198)
MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def known() -> bool:
    """Say whether there is a filter for this machine."""
    return platform.machine() in MACHINES


def install() -> None:
    """Refuse the calls above to this process and to what it starts. Raises OSError. Needs no_new_privs."""
    _install(_compiled(_refusals))


def go_offline() -> None:
    """Leave to this process and to what it starts only sockets of this machine. Raises OSError. Needs no_new_privs."""
    _install(_compiled(_local_sockets))


def _install(text: bytes) -> None:
    buffer = ctypes.create_string_buffer(text, len(text))
    program = _Program(len(text) // 8, ctypes.addressof(buffer))
    prctl(SET_SECCOMP, MODE_FILTER, ctypes.addressof(program))


def _compiled(rules: Callable[[int], list[bytes]]) -> bytes:
    column, architecture = MACHINES[platform.machine()]
    steps = [
        _op(LOAD, ARCHITECTURE),
        *_when(architecture, [], otherwise=[_op(RETURN, KILL)]),
        _op(LOAD, NUMBER),
        _op(IF_GREATER_OR_EQUAL, X32, 0, 1),
        _op(RETURN, REFUSE | errno.EPERM),
        *rules(column),
        _op(RETURN, ALLOW),
    ]
    return b"".join(steps)


def _refusals(column: int) -> list[bytes]:
    refuse = _op(RETURN, REFUSE | errno.EPERM)
    steps = [step for numbers in REFUSED.values() for step in _when(numbers[column], [refuse])]
    # clone3's flags are in memory, out of sight: libc takes clone then
    steps += _when(CLONE3[column], [_op(RETURN, REFUSE | errno.ENOSYS)])
    flags = [_op(LOAD, FIRST_ARGUMENT), _op(MASK, NEW_NAMESPACES)]
    return steps + _when(CLONE[column], [*flags, *_when(0, [_op(RETURN, ALLOW)]), refuse])


def _local_sockets(column: int) -> list[bytes]:
    local = [step for family in (UNIX, NETLINK) for step in _when(family, [_op(RETURN, ALLOW)])]
    return _when(SOCKET[column], [_op(LOAD, FIRST_ARGUMENT), *local, _op(RETURN, REFUSE | errno.EACCES)])


def _when(value: int, then: list[bytes], otherwise: list[bytes] | None = None) -> list[bytes]:
    if otherwise:
        return [_op(IF_EQUAL, value, len(otherwise), 0), *otherwise]
    return [_op(IF_EQUAL, value, 0, len(then)), *then]


def _op(code: int, value: int, when_true: int = 0, when_false: int = 0) -> bytes:
    return struct.pack("HBBI", code, when_true, when_false, value)
