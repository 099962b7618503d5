"""While tests run, a person sees that they do: a live line, or now and then a plain one."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Live
from rich.text import Text

from grading.reports.screen import Screen


class Progress:
    """How far a grading run is: a bar on a terminal, plain lines elsewhere, nothing if quiet.

    Args:
        console: standard error as a rule, so that standard output stays a report.
        total: number of tests; may be set later by `resize`.
        label: what is being graded.
        quiet: print nothing.
        every: seconds between plain lines.
        clock: seconds, for the plain lines.
    """

    def __init__(
        self,
        console: Console,
        total: int = 0,
        *,
        label: str = "grading",
        quiet: bool = False,
        every: float = 2.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._screen = Screen(console)
        self._total, self._done = total, 0
        self._label = self._screen.plain(label)
        self._quiet, self._every, self._clock = quiet, every, clock
        self._began = self._spoke = clock()
        self._live: Live | None = None
        if not quiet and console.is_terminal and not console.is_dumb_terminal:
            self._live = self._make_live(console)

    def __enter__(self) -> Self:
        self._began = self._spoke = self._clock()
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live:
            self._live.stop()
        elif not self._quiet and kind is None:
            self._say(f"{self._label}: {self._done}/{self._total} tests in {self._elapsed()}")

    def resize(self, total: int) -> None:
        """Sets the number of tests, once it is known."""
        self._total = total
        if self._live:
            self._live.update(self._live.task_ids[0], total=total)

    def start(self, test: str) -> None:
        """A test begins."""
        test = self._screen.plain(test)
        if self._live:
            # Cells, not markup: a test's name may hold brackets.
            self._live.update(self._live.task_ids[0], test=test[:60])
        elif not self._quiet and self._clock() - self._spoke >= self._every:
            count = f"{self._done}/{self._total}"
            self._say(f"{self._label}: {count} tests, {self._elapsed()}, now {test[:60]}")

    def done(self, tests: int = 1) -> None:
        """Some tests are done."""
        self._done += tests
        if self._live:
            self._live.update(self._live.task_ids[0], completed=self._done)

    def note(self, text: str) -> None:
        """Says something above the bar, such as which part is next."""
        if not self._quiet:
            self._say(self._screen.plain(text))

    def _say(self, line: str) -> None:
        self._spoke = self._clock()
        self._screen.console.print(Text(line), soft_wrap=True)

    def _elapsed(self) -> str:
        return f"{self._clock() - self._began:.1f} s"

    def _make_live(self, console: Console) -> Live:
        live = Live(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[test]}", style="dim", markup=False),
            console=console,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        live.add_task(self._label, total=self._total or None, test="")
        return live
