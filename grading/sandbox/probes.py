"""The forbidden things that a confined process tries, before any student code, to prove its level.

Each probe gives the name of the error it met, "allowed" when it met none, or a word of its own.
"""

# Descriptors, and paths inside another root: os, not pathlib.

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from grading.sandbox import syscalls

ENVIRONMENT = ("HOME", "LANG", "LC_CTYPE", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "TMPDIR")

_CLOEXEC = getattr(os, "O_CLOEXEC", 0)  # Windows has none
_FAMILIES = {
    "socket_unix": 1,
    "socket_inet": 2,
    "socket_netlink": 16,
    "socket_packet": 17,
    "socket_alg": 38,
    "socket_vsock": 40,
}
_TIOCSTI_DISGUISED = 0x5412 | 1 << 32
_DETACH = 17  # ESRCH when the filter lets it through: nothing is attached, and nothing should be


@dataclass(frozen=True)
class Targets:
    """What the judge put up to be reached for.

    Attributes:
        judge: the judge's process id.
        secret: a file of the judge's that anybody on this machine may read.
        outside: a folder in which anybody on this machine may write.
    """

    judge: int
    secret: str
    outside: str


def outcome(action: Callable[[], object]) -> str:
    """What trying `action` ends with."""
    try:
        action()
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, str(error.errno))
    return "allowed"


def before_landlock() -> dict[str, str]:
    """Probes of the namespaces alone, while nothing else is in the way."""

    def connect() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
            sock.settimeout(0.2)
            sock.connect(("127.0.0.1", 9))

    return {"network": outcome(connect), "processes": str(os.getppid())}


def before_seccomp(unlisted: str) -> dict[str, str]:
    """Probes of Landlock, while no filter of system calls is in the way."""
    return {"landlock": outcome(lambda: _read(unlisted))}


def confined(targets: Targets, scratch: str) -> dict[str, str]:
    """Everything, tried as the student's code could."""
    found = {
        "secret": outcome(lambda: _read(targets.secret)),
        "write_outside": outcome(lambda: _write(os.path.join(targets.outside, "planted"))),
        "procfs": outcome(lambda: _read("/proc/self/status")),
        "scratch": outcome(lambda: _use(scratch)),
        "signal_judge": outcome(lambda: os.kill(targets.judge, 0)),
        "trace_judge": outcome(lambda: _call("ptrace", _DETACH, targets.judge, 0, 0)),
        "read_judge": outcome(lambda: _call("process_vm_readv", targets.judge, 0, 0, 0, 0, 0)),
        "limit_judge": outcome(lambda: _call("prlimit64", targets.judge, 7, 0, _room())),
        "fork": outcome(_fork),
        "clone3": outcome(lambda: _call("clone3", _room(), 0)),
        "execute": outcome(lambda: os.execve("/nowhere", ["nowhere"], {})),
        "unshare": outcome(lambda: syscalls.unshare(syscalls.CLONE_NEWUSER)),
        "mount": outcome(lambda: syscalls.mount("none", scratch, "tmpfs")),
        "io_uring": outcome(lambda: _call("io_uring_setup", 1, _room())),
        "bpf": outcome(lambda: _call("bpf", 0, _room(), 64)),
        "userfaultfd": outcome(lambda: _call("userfaultfd", 0)),
        "keyctl": outcome(lambda: _call("keyctl", 0, -3, 0)),
        "shared_memory": outcome(lambda: _call("shmget", 0x1A7E47, 4096, 0)),
        "memfd": outcome(lambda: _call("memfd_create", b"x", 0)),
        "terminal": outcome(lambda: _call("ioctl", 0, _TIOCSTI_DISGUISED, b"x")),
        "new_privileges": _privileges(),
        "environment": _environment(),
        "descriptors": ",".join(map(str, _open_descriptors())),
    }
    for name, family in _FAMILIES.items():
        found[name] = outcome(lambda number=family: _call("socket", number, 1, 0))  # type: ignore[misc]
    return found


def portable(scratch: str) -> dict[str, str]:
    """What can be tried on every system."""
    return {"scratch": outcome(lambda: _use(scratch)), "environment": _environment()}


def _environment() -> str:
    return ",".join(sorted(set(os.environ) - set(ENVIRONMENT))) or "clean"


def _room() -> ctypes.Array[ctypes.c_char]:
    return ctypes.create_string_buffer(256)


def _call(name: str, *arguments: Any) -> None:
    result = syscalls.syscall(name, *arguments)
    if name in ("socket", "memfd_create", "io_uring_setup", "userfaultfd", "bpf"):
        with contextlib.suppress(OSError):
            os.close(result)


def _read(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | _CLOEXEC)
    os.close(descriptor)


def _write(path: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | _CLOEXEC, 0o600)
    os.close(descriptor)


def _use(folder: str) -> None:
    path = os.path.join(folder, ".probe")
    _write(path)
    os.unlink(path)


def _fork() -> None:
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)


def _privileges() -> str:
    return "none" if syscalls.prctl(syscalls.PR_GET_NO_NEW_PRIVS) == 1 else "allowed"


def _open_descriptors() -> list[int]:
    found = []
    for descriptor in range(256):
        with contextlib.suppress(OSError):
            os.get_inheritable(descriptor)
            found.append(descriptor)
    return found
