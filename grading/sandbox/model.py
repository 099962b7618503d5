"""The words that the sandbox and its users share: limits, levels and ways to die."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Level = Literal["L3", "L2", "L1"]
LEVELS: tuple[Level, ...] = ("L3", "L2", "L1")


@dataclass(frozen=True)
class Limits:
    """What one submission may use.

    Attributes:
        memory_mb: on top of what an idle worker has, over all its processes.
        cpu_s: CPU seconds of one worker.
        scratch_mb: what one worker may have on disk at a time.
        output_kb: how much of a worker's stdout and stderr is kept.
        files: open descriptors.
        threads: threads of one worker.
        file_mb: the biggest single file.
    """

    memory_mb: int = 1024
    cpu_s: int = 120
    scratch_mb: int = 64
    output_kb: int = 64
    files: int = 64
    threads: int = 32
    file_mb: int = 32


@dataclass(frozen=True)
class Isolation:
    """Which level a sandbox has, and how that is known.

    Attributes:
        level: "L3" namespaces, Landlock and seccomp; "L2" without namespaces; "L1" a process
            with limits.
        proof: what each forbidden thing that the worker tried ended with, such as "ENOENT".
        reasons: for each stronger level why it could not be had and what to do.
    """

    level: Level
    proof: dict[str, str] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Death:
    """How a worker ended when nobody asked it to."""

    kind: Literal["timeout", "memory", "signal", "exit", "protocol"]
    message: str
