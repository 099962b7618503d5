"""What Python's os module lacks: libc calls by name and system-call numbers by machine."""

from __future__ import annotations

import ctypes
import functools
import os
import platform
from typing import Any

from grading.sandbox.syscall_tables import AARCH64, X86_64

CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_NAME = 15
PR_CAPBSET_DROP = 24
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38
PR_GET_NO_NEW_PRIVS = 39
PR_CAP_AMBIENT = 47


class Machine:
    """Numbers and the audit name of one machine's 64-bit system-call interface."""

    def __init__(self, name: str, audit: int, numbers: dict[str, int]) -> None:
        self.name = name
        self.audit = audit
        self.numbers = numbers


MACHINES = {
    "x86_64": Machine("x86_64", 0xC000003E, X86_64),
    "aarch64": Machine("aarch64", 0xC00000B7, AARCH64),
}


def machine() -> Machine | None:
    """The tables of this machine, None where there are none (a filter cannot be built then)."""
    return MACHINES.get(platform.machine())


@functools.cache
def libc() -> ctypes.CDLL:
    """The C library that is already loaded."""
    return ctypes.CDLL(None, use_errno=True)


def check(result: int, what: str) -> int:
    """`result`, or OSError with errno's text when it is negative."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def syscall(name: str, *arguments: Any) -> int:
    """Call the kernel directly; integers go as full machine words.

    Raises:
        OSError: the kernel refuses, or this machine has no such call (ENOSYS).
    """
    here = machine()
    if here is None or name not in here.numbers:
        raise OSError(38, f"{name}: no such system call on {platform.machine()}")
    words = [ctypes.c_long(word) if isinstance(word, int) else word for word in arguments]
    return check(libc().syscall(ctypes.c_long(here.numbers[name]), *words), name)


def prctl(option: int, *arguments: int) -> int:
    """prctl(2), missing arguments are 0."""
    words = [ctypes.c_ulong(word) for word in (*arguments, 0, 0, 0, 0)[:4]]
    return check(libc().prctl(option, *words), f"prctl {option}")


def unshare(flags: int) -> None:
    """unshare(2): os.unshare is there from Python 3.12 on only."""
    check(libc().unshare(flags), "unshare")


def mount(
    source: str | None, target: str, kind: str | None = None, flags: int = 0, data: str = ""
) -> None:
    """mount(2)."""
    words = [None if word is None else word.encode() for word in (source, target, kind)]
    check(libc().mount(*words, ctypes.c_ulong(flags), data.encode() or None), f"mount {target}")


def umount_lazily(target: str) -> None:
    """umount2(2) with MNT_DETACH."""
    check(libc().umount2(target.encode(), 2), f"umount {target}")


def close_all_but(keep: list[int]) -> None:
    """Close every descriptor that is not in `keep`."""
    low = 0
    for descriptor in sorted(keep):
        _close_range(low, descriptor - 1)
        low = descriptor + 1
    _close_range(low, 0xFFFFFFFF)


def _close_range(low: int, high: int) -> None:
    if low > high:
        return
    try:
        syscall("close_range", low, high, 0)
    except OSError:  # a kernel before 5.9
        os.closerange(low, min(high, os.sysconf("SC_OPEN_MAX")) + 1)
