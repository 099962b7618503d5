"""Landlock: which files this process may open; the kernel is asked what it has."""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Iterable

from grading.sandbox import syscalls

_WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 1, 1 << 2, 1 << 3
_REMOVE_DIR, _REMOVE_FILE, _MAKE_DIR, _MAKE_REG = 1 << 4, 1 << 5, 1 << 7, 1 << 8
_REFER, _TRUNCATE, _IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15

_READ = _READ_FILE | _READ_DIR  # without EXECUTE: a library is mapped, not executed
_WRITE = _WRITE_FILE | _REMOVE_DIR | _REMOVE_FILE | _MAKE_DIR | _MAKE_REG | _TRUNCATE | _REFER
_ON_FILES = _WRITE_FILE | _READ_FILE | _TRUNCATE


def abi() -> int:
    """The kernel's Landlock version, 0 when it has none or it is switched off."""
    try:
        return syscalls.syscall("landlock_create_ruleset", 0, 0, 1)
    except OSError:
        return 0


class Ruleset:
    """What a process will be allowed; everything else is refused.

    Raises:
        OSError: the kernel has no Landlock.
    """

    def __init__(self) -> None:
        version = syscalls.syscall("landlock_create_ruleset", 0, 0, 1)
        self._handled = (1 << 13) - 1
        self._handled |= _REFER if version >= 2 else 0
        self._handled |= _TRUNCATE if version >= 3 else 0
        self._handled |= _IOCTL_DEV if version >= 5 else 0
        attributes = struct.pack("<Q", self._handled)
        if version >= 4:
            attributes += struct.pack("<Q", 3)  # TCP: bind and connect, no port is ever allowed
        if version >= 6:
            attributes += struct.pack("<Q", 3)  # scope: abstract sockets and signals
        self.descriptor = syscalls.syscall(
            "landlock_create_ruleset", attributes, len(attributes), 0
        )

    def read(self, paths: Iterable[str]) -> None:
        """Allow reading `paths` and what lies below them; a path that is not there is no error."""
        self._allow(paths, _READ)

    def list(self, paths: Iterable[str]) -> None:
        """Allow listing names in `paths` and below, not reading files."""
        self._allow(paths, _READ_DIR)

    def write(self, paths: Iterable[str]) -> None:
        """Allow reading and writing `paths` and below."""
        self._allow(paths, _READ | _WRITE)

    def _allow(self, paths: Iterable[str], access: int) -> None:
        for path in paths:
            try:
                anchor = os.open(path, os.O_PATH | os.O_CLOEXEC)
            except OSError:
                continue
            try:
                rights = access & self._handled
                if not stat.S_ISDIR(os.fstat(anchor).st_mode):
                    rights &= _ON_FILES
                if rights:
                    rule = struct.pack("<Qi", rights, anchor)
                    syscalls.syscall("landlock_add_rule", self.descriptor, 1, rule, 0)
            finally:
                os.close(anchor)

    def enforce(self) -> None:
        """Put this process under the ruleset for good; sets no_new_privs first."""
        syscalls.prctl(syscalls.PR_SET_NO_NEW_PRIVS, 1)
        syscalls.syscall("landlock_restrict_self", self.descriptor, 0)

    def close(self) -> None:
        os.close(self.descriptor)
