"""A ceiling over all processes of a submission together, sampled while the judge waits."""

# Descriptors, and paths inside another root: os, not pathlib.

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable

import psutil  # type: ignore[import-untyped]

from grading.sandbox.model import Limits

_MEGABYTE = 1 << 20
_MOST_FILES = 10_000


class Ceiling:
    """Says when a submission has too much.

    Args:
        idle: bytes that a worker has before any student code.
        descendants: look for child processes too; without need where no worker can fork.
        most_tasks: the most threads of all processes together, None where the kernel limits them.
    """

    def __init__(
        self, limits: Limits, idle: int, *, descendants: bool, most_tasks: int | None = None
    ) -> None:
        self._limits = limits
        self._most = limits.memory_mb * _MEGABYTE + idle
        self._descendants = descendants
        self._most_tasks = most_tasks
        self._known: dict[int, psutil.Process] = {}

    def breach(self, workers: Iterable[int], scratch: str = "") -> str | None:
        """What is too much now, one phrase, None when nothing is.

        Args:
            workers: process ids.
            scratch: a folder whose size nothing else limits.
        """
        processes = self._processes(workers)
        most = self._most_tasks
        if most is not None and sum(map(_tasks, processes)) > most:
            return f"more than {most} threads and processes"
        # Shared pages count once for each process here: cheap, and never too little.
        if sum(map(_resident, processes)) > self._most and (
            sum(map(_proportional, processes)) > self._most
        ):
            return f"more than {self._limits.memory_mb} MB of memory"
        if scratch and _size(scratch) > self._limits.scratch_mb * _MEGABYTE:
            return f"more than {self._limits.scratch_mb} MB of files"
        return None

    def everything(self) -> list[psutil.Process]:
        """Every process seen so far, also those that have left their parent."""
        return list(self._known.values())

    def _processes(self, workers: Iterable[int]) -> list[psutil.Process]:
        for pid in workers:
            if pid not in self._known:
                with contextlib.suppress(psutil.Error):
                    self._known[pid] = psutil.Process(pid)
        if self._descendants:
            for process in list(self._known.values()):
                with contextlib.suppress(psutil.Error):
                    for child in process.children(recursive=True):
                        self._known.setdefault(child.pid, child)
        self._known = {pid: one for pid, one in self._known.items() if one.is_running()}
        return list(self._known.values())


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0


def _proportional(process: psutil.Process) -> int:
    try:
        full = process.memory_full_info()
    except (psutil.Error, OSError):
        return _resident(process)
    return int(getattr(full, "pss", 0) or full.uss)


def _tasks(process: psutil.Process) -> int:
    try:
        return int(process.num_threads())
    except psutil.Error:
        return 0


def _size(folder: str) -> int:
    total = seen = 0
    for place, _, names in os.walk(folder):
        for name in names:
            seen += 1
            if seen > _MOST_FILES:
                return 1 << 62
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(place, name)).st_blocks * 512
    return total
