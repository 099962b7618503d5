"""Resource limits of a worker, counted from what the fork server already has."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

from grading.sandbox.model import Limits

_MEGABYTE = 1 << 20
# Address space that is reserved and never touched: thread stacks, allocator arenas.
_RESERVE_MB = 768


@dataclass(frozen=True)
class Baseline:
    """Bytes that a process has before any student code: address space, data, resident."""

    address_space: int = 0
    data: int = 0
    resident: int = 0


def baseline() -> Baseline:
    """This process's own, zeros where there is no procfs."""
    try:
        text = Path("/proc/self/status").read_text()
    except OSError:
        return Baseline()
    sizes = dict.fromkeys(("VmSize", "VmData", "VmRSS"), 0)
    for line in text.splitlines():
        name, _, value = line.partition(":")
        if name in sizes:
            sizes[name] = int(value.split()[0]) * 1024
    return Baseline(sizes["VmSize"], sizes["VmData"], sizes["VmRSS"])


def apply(limits: Limits, base: Baseline, *, count_tasks: bool) -> None:
    """Limit this process for good, where the system has such limits.

    Args:
        count_tasks: limit threads as well. Right only where the count starts at zero, since the
            kernel counts every task of the user, not of the process.
    """
    try:
        import resource
    except ImportError:  # Windows
        return
    memory = limits.memory_mb * _MEGABYTE
    wanted: list[tuple[str, int, int]] = [
        ("RLIMIT_CORE", 0, 0),
        ("RLIMIT_MEMLOCK", 0, 0),
        ("RLIMIT_MSGQUEUE", 0, 0),
        ("RLIMIT_CPU", limits.cpu_s, limits.cpu_s + 1),
        ("RLIMIT_FSIZE", limits.file_mb * _MEGABYTE, limits.file_mb * _MEGABYTE),
        ("RLIMIT_NOFILE", limits.files, limits.files),
    ]
    if base.data:
        space = base.address_space + memory + _RESERVE_MB * _MEGABYTE
        wanted.append(("RLIMIT_DATA", base.data + memory, base.data + memory))
        wanted.append(("RLIMIT_AS", space, space))
    if count_tasks:
        # besides the worker: its supervisor, one spare worker and one that is being reaped
        wanted.append(("RLIMIT_NPROC", limits.threads + 3, limits.threads + 3))
    for name, soft, hard in wanted:
        kind = getattr(resource, name, None)
        if kind is None:
            continue
        with contextlib.suppress(ValueError, OSError):  # not above what this process may have
            _, ceiling = resource.getrlimit(kind)
            if ceiling != resource.RLIM_INFINITY:
                soft, hard = min(soft, ceiling), min(hard, ceiling)
            resource.setrlimit(kind, (soft, hard))
