"""Why a point is lost: the call that went wrong, and the known mistake that gives its numbers."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from grading.bank import Entry, read_bank
from grading.border import LocalStudent, StudentError, Trace, WorkerDied
from grading.check import Mismatch
from grading.judging.attempt import Attempt, remember_trace, run_attempt, task_of
from grading.judging.likeness import error_name, first_difference
from grading.judging.modules import load_text
from grading.judging.plugin import provider_key
from grading.judging.rivals import closest
from grading.judging.snippet import write_call

if TYPE_CHECKING:
    from grading.judging.pieces import Pieces
    from grading.judging.verdict import Verdict
    from grading.judging.workers import Workers
    from grading.scoring import Part, RawResult

# A class run must not wait for explanations of one hopeless submission.
_BUDGET_S = 10.0


class Diagnosis:
    """Explains the failed tests of one submission by running them again on trusted code.

    The solution and each known mistake are run in the judge's own process through the very same
    test with the same seed: the inputs are then the same numbers, and so are the results when the
    student made that mistake.
    """

    def __init__(self, part: Part, workers: Workers, pieces: Pieces) -> None:
        self._part = part
        self._pieces = pieces
        self._lent: tuple[str, ...] = ()
        self._workers = workers
        self._solution = part.solution.read_text(encoding="utf-8")
        self._modules: dict[str, ModuleType] = {}
        self._bank: list[Entry] | None = None
        self._open: dict[str, list[Entry]] = {}  # task -> mistakes that fit all its failures so far
        self._ends: float | None = None
        self.struck: set[tuple[str, str]] = set()  # (task, slug) of mistakes that were ruled out

    def explain(
        self, item: pytest.Item, attempt: Attempt, verdict: Verdict, lent: tuple[str, ...] = ()
    ) -> None:
        """Complete the verdict on a failed test: fault, call, misconception.

        Args:
            lent: functions of the reference that the student's code had in this attempt.
        """
        self._lent = lent
        if self._ends is None:
            self._ends = time.monotonic() + _BUDGET_S
        solution = self._module("solution", self._solution)
        reference = self._replay(item, solution)
        if reference.outcome != "passed":
            # The reference fails the same inputs: no submission could have passed.
            verdict.fault = "grader"
            verdict.message = f"the reference solution fails this test too: {reference.error!r}"
            return
        verdict.fault = "student"
        if attempt.trace is None or reference.trace is None or not attempt.trace.calls:
            return
        index = first_difference(attempt.trace, reference.trace)
        culprit = len(attempt.trace.calls) - 1 if index is None else index
        task = task_of(item)
        fitting: list[Entry] = []
        if not isinstance(attempt.error, WorkerDied):
            fitting = self._known_mistakes(item, task, attempt)
        with (
            self._workers.aside() as student,
            self._pieces.lent(student, () if student is None else lent),
        ):
            if student is not None and len(fitting) > 1:
                fitting = self._closest(fitting, reference.trace, culprit, student)
                self._open[task] = fitting
            guide = self._guide_of(task)
            verdict.fits = [
                {"slug": entry.slug, "says": entry.says, "guide": entry.guide or guide}
                for entry in fitting
            ]
            text = write_call(self._part.name, attempt.trace, culprit, solution, student)
        verdict.call = text.code
        if text.expected:
            # What the call shown gives, rather than the test's larger inputs.
            verdict.expected = text.expected
            if text.got:
                verdict.got = text.got
            elif isinstance(attempt.error, AssertionError):
                verdict.got = "an exception"  # else its own words are there already

    def strike(self, passed: Sequence[pytest.Item]) -> None:
        """Rule out the mistakes that would have failed a test that the student's code has passed.

        Args:
            passed: the tests; of each function one case is enough.
        """
        self._lent = ()
        cases = {item.nodeid.partition("[")[0]: item for item in passed}
        for task, entries in self._open.items():
            own = [item for item in cases.values() if task_of(item) == task]
            self.struck |= {
                (task, entry.slug)
                for entry in entries
                if not entry.unseeded and any(self._would_fail(item, entry) for item in own)
            }

    def _would_fail(self, item: pytest.Item, entry: Entry) -> bool:
        assert self._ends is not None
        if time.monotonic() > self._ends:
            return False
        # A new module each time: one that keeps something would fail for what came before.
        module = load_text(_name_of(entry), entry.applied_to(self._solution))
        return self._replay(item, module).outcome == "failed"

    def _known_mistakes(self, item: pytest.Item, task: str, attempt: Attempt) -> list[Entry]:
        candidates = self._open.get(task)
        if candidates is None:
            if self._bank is None:
                path = self._part.misconceptions_file
                self._bank = read_bank(path) if path.is_file() else []
            candidates = [entry for entry in self._bank if entry.task == task]
        fitting = [entry for entry in candidates if self._fits(item, entry, attempt)]
        if fitting:
            self._open[task] = fitting
        return fitting

    def _fits(self, item: pytest.Item, entry: Entry, attempt: Attempt) -> bool:
        """Whether a mistake fails this test in the same way, with the same numbers."""
        assert self._ends is not None and attempt.trace is not None
        if time.monotonic() > self._ends:
            return False
        replay = self._replay(item, self._module_of(entry))
        if replay.trace is None or not _same_failure(replay.error, attempt.error):
            return False
        if len(replay.trace.calls) != len(attempt.trace.calls):
            return False
        return entry.unseeded or first_difference(attempt.trace, replay.trace) is None

    def _replay(self, item: pytest.Item, module: ModuleType) -> Attempt:
        @contextmanager
        def provide(request: pytest.FixtureRequest) -> Iterator[Any]:
            trace = Trace()
            remember_trace(request, trace)
            student = LocalStudent(module, trace)
            try:
                with self._pieces.lent(student, self._lent):
                    yield student
            finally:
                student.unpatch()

        stash = item.config.stash
        isolated, stash[provider_key] = stash[provider_key], provide
        try:
            return run_attempt(item, None)
        finally:
            stash[provider_key] = isolated

    def _closest(
        self, fitting: list[Entry], trace: Trace, culprit: int, student: Any
    ) -> list[Entry]:
        """Of mistakes that fail a test alike those whose other answers are the student's too."""
        with ExitStack() as lending:
            rivals = []
            for entry in fitting:
                rivals.append(LocalStudent(self._module_of(entry)))
                lending.enter_context(self._pieces.lent(rivals[-1], self._lent))
            kept = closest(rivals, trace, culprit, student)
        pairs = zip(fitting, kept, strict=True)
        return [entry for entry, is_kept in pairs if is_kept or entry.unseeded]

    def _module_of(self, entry: Entry) -> ModuleType:
        return self._module(_name_of(entry), entry.applied_to(self._solution))

    def _module(self, name: str, source: str) -> ModuleType:
        if name not in self._modules:
            self._modules[name] = load_text(name, source)
        return self._modules[name]

    def _guide_of(self, task: str) -> str:
        found = self._part.task(task)
        return found.guide if found else ""


def _name_of(entry: Entry) -> str:
    return f"{entry.task}/{entry.slug}"


def name_mistakes(
    part: Part, results: Sequence[RawResult], struck: Collection[tuple[str, str]] = ()
) -> list[RawResult]:
    """Decide on one mistake for each failed test: the one that explains most tests of its task.

    Mistakes that agree on one test's inputs part on another's, so that votes tell them apart; of
    equals the first in the bank is taken. One that explains less than half of what failed is a
    coincidence, and would lead astray.

    Args:
        struck: (task, slug) of mistakes that are out of the question.
    """
    tasks = {test.name: task.name for task in part.tasks for test in task.tests}
    failed = Counter(tasks.get(result.function) for result in results if _looked_into(result))
    votes = Counter(
        (tasks.get(result.function), fit["slug"])
        for result in results
        for fit in result.detail.get("fits", ())
    )
    named = []
    for result in results:
        task = tasks.get(result.function)
        fits = [f for f in result.detail.get("fits", ()) if (task, f["slug"]) not in struck]
        if fits:
            best = max(fits, key=lambda fit: votes[task, fit["slug"]])
            if 2 * votes[task, best["slug"]] >= failed[task]:
                result = replace(result, detail={**result.detail, "misconception": best})
        named.append(result)
    return named


def _looked_into(result: RawResult) -> bool:
    return result.outcome == "failed" and result.detail.get("not_implemented") is not True


def _same_failure(a: BaseException | None, b: BaseException | None) -> bool:
    if a is None or b is None:
        return False
    if isinstance(a, StudentError) or isinstance(b, StudentError):
        # In process the student's exception is itself, from a worker it is an image.
        return (
            error_name(a) == error_name(b) and str(a).split("\n", 1)[0] == str(b).split("\n", 1)[0]
        )
    if isinstance(a, Mismatch) and isinstance(b, Mismatch):
        return a.symptom == b.symptom
    return type(a) is type(b) and _first_line(a) == _first_line(b)


def _first_line(error: BaseException) -> str:
    return str(error).split("\n", 1)[0]
