"""Right pieces for a task that uses others, so that it can be right where those are wrong."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from grading.border import rng
from grading.errors import GraderError
from grading.judging.modules import load_text


class Pieces:
    """The reference's functions, lent to the student's code for the time of one test.

    They stay with the judge: the student's code calls them as it calls any of the judge's
    functions, and does not get to see them.

    Args:
        solution: the reference's file.
    """

    def __init__(self, solution: Path) -> None:
        self._path = solution
        self._module: ModuleType | None = None

    def named_by(self, item: pytest.Item) -> tuple[str, ...]:
        """The functions that a test's marker `uses` names, in order."""
        return tuple(name for mark in item.iter_markers("uses") for name in mark.args)

    @contextmanager
    def lent(self, student: Any, names: Sequence[str]) -> Iterator[None]:
        """Put these functions in place of the student's own; what is kept of them is dead later.

        Args:
            student: the fixture; its patches are undone at the end.
            names: qualified, such as "kl_divergence" or "VAE.encode"; none lends nothing.

        Raises:
            GraderError: the reference has no such function.
        """
        if not names:
            yield
            return
        open_ = [True]
        for name in names:
            piece: Any = _while_open(self._find(name), open_, student)
            piece.takes_self = "." in name
            student.patch(f"student.{name}", piece)
        try:
            yield
        finally:
            open_.clear()
            student.unpatch()

    def _find(self, name: str) -> Callable[..., Any]:
        if self._module is None:
            self._module = load_text("solution", self._path.read_text(encoding="utf-8"))
        found: Any = self._module
        for step in name.split("."):
            found = getattr(found, step, None)
        if not callable(found):
            raise GraderError(
                f"A test is marked as using {name!r}, which {self._path} does not define.",
                "Correct the marker `uses` of the test.",
            )
        function: Callable[..., Any] = found
        return function


def _while_open(
    function: Callable[..., Any], open_: list[bool], student: Any
) -> Callable[..., Any]:
    trace = student._border_core.backend.trace

    @functools.wraps(function)
    def piece(*args: Any, **kwargs: Any) -> Any:
        if not open_:
            raise RuntimeError("this function was lent for one test, which is over")
        enabled = trace is not None and trace.enabled
        if trace is not None:
            trace.enabled = False  # what it calls of the student's layers is no call of the test's
        try:
            # One draw of the judge's, however often it calls the student's layers: a replay in
            # process calls them without any.
            with rng.seeded(rng.next_seed()):
                return function(*args, **kwargs)
        finally:
            if trace is not None:
                trace.enabled = enabled

    return piece
