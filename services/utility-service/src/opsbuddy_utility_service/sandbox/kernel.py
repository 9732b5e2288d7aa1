"""System calls for which the standard library has no function."""

import ctypes
import os

SET_PDEATHSIG, SET_SECCOMP, CAPBSET_DROP, SET_CHILD_SUBREAPER, SET_NO_NEW_PRIVS = 1, 22, 24, 36, 38
_libc = ctypes.CDLL(None, use_errno=True)


def prctl(option: int, *arguments: int) -> None:
    """Change a property of this process. Raises OSError."""
    if _libc.prctl(option, *(ctypes.c_ulong(value) for value in (*arguments, 0, 0, 0, 0)[:4])):
        raise _failure()


def syscall(number: int, *arguments: int) -> int:
    """Make a system call by its number; pointers are given as addresses. Raises OSError."""
    result: int = _libc.syscall(ctypes.c_long(number), *(ctypes.c_long(value) for value in arguments))
    if result < 0:
        raise _failure()
    return result


def _failure() -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number))
