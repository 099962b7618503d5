"""A worker as the judge holds it: its channel, what it printed, and how it ended."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable
from dataclasses import dataclass

from grading.errors import GraderError
from grading.sandbox.channel import Channel
from grading.sandbox.model import Death, Limits
from grading.sandbox.output import Output

_NO_MEMORY = ("bad_alloc", "can't allocate memory", "Cannot allocate memory", "MemoryError")


@dataclass(frozen=True)
class Ended:
    """How a process ended.

    Attributes:
        status: exit status, or minus the signal's number; None when nobody knows.
        alive: whether it still ran when it was told to end.
        peak: the most bytes that it ever had resident, 0 when nobody knows.
    """

    status: int | None
    alive: bool
    peak: int = 0


class WorkerProcess:
    """One confined process.

    Args:
        end: kills and reaps it; called once, with whether an answer is wanted.
        idle: bytes resident in a worker that has done nothing.

    Attributes:
        channel: the judge's end of the connection.
    """

    def __init__(
        self,
        channel: Channel,
        output: Output,
        end: Callable[[bool], Ended | None],
        limits: Limits,
        idle: int = 0,
    ) -> None:
        self.channel = channel
        self._output = output
        self._end = end
        self._limits = limits
        self._idle = idle
        self._breach: str | None = None
        self._ended = False
        self._death: Death | None = None

    @property
    def death(self) -> Death | None:
        """How it ended; None while it lives, and when the judge ended it without cause."""
        if self.channel.at_end or self.channel.timed_out or self._breach:
            self.kill()
        return self._death

    @property
    def output(self) -> str:
        """What it printed to stdout and stderr, capped, safe to show."""
        self._output.drain()
        return self._output.text()

    @property
    def output_lost(self) -> int:
        """How many bytes it printed beyond the cap."""
        return self._output.lost

    @property
    def ended(self) -> bool:
        """Whether it has been reaped."""
        return self._ended

    def breach(self, what: str) -> None:
        """It has taken too much: end it now, and say so."""
        self._breach = what
        self.kill()

    def kill(self) -> None:
        """End it now and find out how it ended.

        Raises:
            GraderError: the process that supervises it is gone.
        """
        if self._ended:
            return
        self._ended = True
        ended = self._end(True)
        self._output.drain_all()
        if ended is not None:
            self._death = self._judge(ended)

    def close(self) -> None:
        """End it without asking how, and free everything."""
        if not self._ended:
            self._ended = True
            with contextlib.suppress(GraderError):
                self._end(False)
        self.channel.close()
        self._output.drain_all()
        self._output.close()

    def _judge(self, ended: Ended) -> Death | None:
        if self._breach is not None:
            return Death("memory", f"stopped for taking {self._breach}")
        if self.channel.timed_out:
            return Death("timeout", "stopped at the time limit")
        if ended.alive:
            if self.channel.at_end:
                return Death("protocol", "it closed its connection to the judge")
            return None
        if ended.status is None:
            return Death("exit", "it ended, and nobody knows how")
        if ended.status >= 0:
            return Death("exit", f"exit status {ended.status}")
        return self._judge_signal(-ended.status, ended.peak)

    def _judge_signal(self, number: int, peak: int) -> Death:
        try:
            name = signal.Signals(number).name
        except ValueError:
            name = f"signal {number}"
        if name == "SIGXCPU":
            return Death("timeout", f"it used more than {self._limits.cpu_s} s of CPU time")
        full = peak - self._idle > 0.85 * self._limits.memory_mb * (1 << 20)
        said = name == "SIGABRT" and any(text in self._output.text() for text in _NO_MEMORY)
        if full or said or name == "SIGKILL":
            # The judge did not send this SIGKILL: the kernel did, for want of memory.
            return Death("memory", f"killed by {name} for want of memory")
        return Death("signal", f"killed by {name}")
