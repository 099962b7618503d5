"""A ceiling on the judge's own memory: a test's arithmetic on a student's result may grow."""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path

# Two columns of 30,000 numbers fit any frame, and broadcast to 3.6 GB.
_ROOM = 3 << 30


@contextlib.contextmanager
def memory_ceiling(room: int = _ROOM) -> Iterator[None]:
    """Let this process allocate so many bytes more than it has; beyond them torch raises.

    Nothing is limited where the system has no such limit.
    """
    if sys.platform != "linux":
        yield
        return
    import resource

    before = resource.getrlimit(resource.RLIMIT_DATA)
    found = re.search(r"^VmData:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    if found is None:
        yield
        return
    ceiling = int(found[1]) * 1024 + room
    soft = ceiling if before[1] == resource.RLIM_INFINITY else min(ceiling, before[1])
    resource.setrlimit(resource.RLIMIT_DATA, (soft, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)
