"""Right pieces for a task that uses others, so that it can be right where those are wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from grading.border import rng
from grading.errors import GraderError
from grading.judging.modules import load_text

if TYPE_CHECKING:
    from grading.border import Trace


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
        pieces = {name: Piece(self._find(name), student, "." in name) for name in names}
        try:
            for name, piece in pieces.items():
                student.patch(f"student.{name}", piece)
            yield
        finally:
            for piece in pieces.values():
                piece.end()
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


class Piece:
    """One function of the reference, for as long as it is lent.

    Attributes:
        takes_self: it is a method; the first argument is the student's object.
        takes_seed: the border passes `lent_seed`, drawn by the student's generator.
    """

    takes_seed = True

    def __init__(self, function: Callable[..., Any], student: Any, takes_self: bool) -> None:
        self.takes_self = takes_self
        self.__name__ = function.__name__
        self._function: Callable[..., Any] | None = function
        self._trace: Trace | None = student._border_core.backend.trace

    def end(self) -> None:
        """From now on every call is refused."""
        self._function = None

    def __call__(self, *args: Any, lent_seed: int, **kwargs: Any) -> Any:
        if self._function is None:
            raise RuntimeError("this function was lent for one test, which is over")
        if type(lent_seed) is not int or not 0 <= lent_seed < 1 << 63:
            raise ValueError("bad seed")
        trace = self._trace
        enabled = trace is not None and trace.enabled
        if trace is not None:
            trace.enabled = False  # what it calls of the student's layers is no call of the test's
        try:
            # The judge's own generators stay where they are, however often layers are called.
            with rng.seeded(lent_seed):
                return self._function(*args, **kwargs)
        finally:
            if trace is not None:
                trace.enabled = enabled
