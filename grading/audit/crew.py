"""Judges side by side: many small submissions on as many processes as there are cores."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any, Self

from grading.judging.warm import CAN_FORK

_member: Any = None  # of a forked process: the object whose methods it calls


class Crew:
    """Calls one method of an object for many arguments, in forks of this process.

    Args:
        member: the object; each process has the copy that it was forked with.
        jobs: number of processes; 1 works in this process.
    """

    def __init__(self, member: Any, jobs: int) -> None:
        self._member = member
        self._jobs = jobs if CAN_FORK else 1
        self._pool: Any = None

    def __enter__(self) -> Self:
        if self._jobs > 1:
            context = multiprocessing.get_context("fork")
            self._pool = context.Pool(self._jobs, _enlist, (self._member,))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._pool is not None:
            self._pool.terminate()
            self._pool.join()

    def each(self, method: str, arguments: Sequence[Any]) -> Iterator[Any]:
        """The results, in the order of the arguments, each as soon as it is there."""
        if self._pool is None:
            return map(getattr(self._member, method), arguments)
        found: Iterator[Any] = self._pool.imap(_call, [(method, item) for item in arguments])
        return found


def _enlist(member: Any) -> None:
    global _member
    _member = member
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first process answers Ctrl-C


def _call(order: tuple[str, Any]) -> Any:
    method, argument = order
    return getattr(_member, method)(argument)
