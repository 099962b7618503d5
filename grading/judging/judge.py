"""The judge: runs each test behind the border, and a failed one again in a fresh worker."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol

import pytest

from grading.border import WorkerDied
from grading.errors import CourseError
from grading.judging.attempt import Attempt, remember_error, remember_trace, run_attempt, task_of
from grading.judging.last_call import last_call
from grading.judging.plugin import provider_key, run_seed_key
from grading.judging.verdict import Verdict, classify
from grading.judging.workers import late

if TYPE_CHECKING:
    from grading.judging.diagnosis import Diagnosis
    from grading.judging.pieces import Pieces
    from grading.judging.workers import Workers
    from grading.scoring import Task

VERDICT = "latent-week-verdict"  # name of the user property that carries a verdict


class Listener(Protocol):
    """Told how far the tests are."""

    def collected(self, count: int) -> None:
        """So many tests are about to run."""

    def ended(self, name: str, status: str) -> None:
        """A test has its verdict."""


class Judge:
    """A pytest plugin that holds the verdict on one part of one submission.

    Args:
        workers: where the student's processes come from.
        diagnosis: names mistakes and calls; None where there is no reference solution.
        explains: show the last call of a lost point where there is no diagnosis.
        seed: the run's seed.
        tasks: the part's.
        pieces: of the reference, for tests of tasks that use others; None without a reference.
        test_seconds: time limit of one test, all its calls together.
        part_seconds: time limit of all tests; what has not begun by then is a timeout.
        listener: told how far the tests are.
    """

    def __init__(
        self,
        workers: Workers,
        diagnosis: Diagnosis | None,
        *,
        seed: str,
        file_name: str,
        tasks: Sequence[Task],
        pieces: Pieces | None = None,
        test_seconds: float,
        part_seconds: float,
        explains: bool = True,
        listener: Listener | None = None,
    ) -> None:
        self._workers = workers
        self._diagnosis = diagnosis
        self._seed = seed
        self._file_name = file_name
        self._tasks = tasks
        self._pieces = pieces
        self._lending: tuple[str, ...] = ()  # functions of the reference, to the attempt that runs
        self._test_seconds = test_seconds
        self._ends = time.monotonic() + part_seconds
        self._listener = listener
        self.collection_errors: list[str] = []
        self.refused: CourseError | None = None  # why there is no sandbox to judge in
        self._explains = explains
        self._passed: list[pytest.Item] = []  # with nothing lent
        self._lost: dict[str, str] = {}  # test functions of which a case failed -> its status

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        config.stash[run_seed_key] = self._seed
        config.stash[provider_key] = self._provide

    @contextlib.contextmanager
    def _provide(self, request: pytest.FixtureRequest) -> Iterator[Any]:
        left = self._ends - time.monotonic()
        if left <= 0:
            raise late()
        session = self._workers.current(left)
        self._workers.trace.clear()
        remember_trace(request, self._workers.trace)
        session.limit(min(self._test_seconds, max(self._ends - time.monotonic(), 0.01)))
        try:
            with contextlib.ExitStack() as stack:
                if self._pieces is not None:
                    stack.enter_context(self._pieces.lent(session.student, self._lending))
                yield session.student
        finally:
            session.unpatch()

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.collection_errors.append(f"{report.nodeid}: {report.longreprtext[-800:]}")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        """Run no test where there is no sandbox: True tells pytest that the loop is done."""
        try:
            _ = self._workers.sandbox
        except CourseError as error:
            self.refused = error
            return True
        return None

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        if self._listener is not None:
            self._listener.collected(len(session.items))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool:
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        attempt, verdict = self._judge(item, nextitem)
        verdict.duration_s = attempt.duration_s
        if nextitem is None:
            self._strike(verdict)
        for report in attempt.reports:
            report.user_properties.append((VERDICT, verdict.as_plain()))
            item.ihook.pytest_runtest_logreport(report=report)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        if self._listener is not None:
            self._listener.ended(item.name, verdict.status)
        return True

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[Any]
    ) -> Iterator[None]:
        remember_error(item, call)
        return (yield)

    def _judge(self, item: pytest.Item, nextitem: pytest.Item | None) -> tuple[Attempt, Verdict]:
        function = _function_of(item)
        if self._lost.get(function) == "timeout":
            # One case took its whole time twice: the others would too, and cost nothing more.
            return _not_tried(item), Verdict(
                status="timeout",
                message="Not tried: another case of this test never came back.",
                symptom="Your code did not come back within the time limit: an endless loop?",
            )
        attempt, verdict, lent = self._attempts(item, nextitem, function in self._lost)
        if self._workers.is_dead():
            self._workers.discard()
        lost = attempt.outcome == "failed" and not verdict.not_implemented
        if lost:
            self._lost[function] = verdict.status
        if attempt.outcome == "skipped":
            verdict = Verdict(status="missing", message="The test was skipped.")
        elif attempt.outcome == "passed":
            verdict = Verdict()
            if not lent:
                self._passed.append(item)
        elif self._explains and lost and time.monotonic() < self._ends:
            self._explain(item, attempt, verdict, lent)
        if lent or (lost and self._is_suspect(item, nextitem)):
            # It has called the reference's functions, and may have kept what they gave. Or the
            # next test will probably fail too, and in a fresh worker it is judged once.
            self._workers.discard()
        return attempt, verdict

    def _attempts(
        self, item: pytest.Item, nextitem: pytest.Item | None, is_lost: bool
    ) -> tuple[Attempt, Verdict, tuple[str, ...]]:
        """Run a test as often as is fair: the attempt that counts, and what was lent at any time.

        Args:
            is_lost: another case has failed for good, so that nothing can be won any more.
        """
        lent = self._lendable(item) if is_lost else ()
        attempt, verdict = self._run(item, nextitem, lent)
        if is_lost or attempt.outcome != "failed" or verdict.not_implemented:
            return attempt, verdict, lent
        self._workers.expect_more()
        stale, lent = not self._workers.is_fresh(), self._lendable(item)
        if lent:
            # What other tasks got wrong is lost there, not here.
            self._workers.discard()
            fair = self._run(item, nextitem, lent)
            # The same failure on other pieces, in another worker: it is this function's own.
            stale = stale and fair[1].message != verdict.message
            if not _came_too_late(fair[0]):
                attempt, verdict = fair
        if attempt.outcome == "failed" and stale and time.monotonic() < self._ends:
            # An earlier test may have left the worker in a state of its own making: a fresh
            # one, the same seed.
            self._workers.discard()
            own = self._run(item, nextitem)
            if own[0].outcome == "passed" or not (lent or _came_too_late(own[0])):
                attempt, verdict = own
        return attempt, verdict, lent

    def _is_suspect(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool:
        """Whether the next test can be expected to fail as `item` did, and to matter."""
        if nextitem is None or _function_of(nextitem) in self._lost:
            return False
        return task_of(item) == task_of(nextitem)

    def _lendable(self, item: pytest.Item) -> tuple[str, ...]:
        """The functions of other tasks that the tested one may be given from the reference."""
        if self._pieces is None or time.monotonic() >= self._ends:
            return ()
        return self._pieces.named_by(item)

    def _run(
        self, item: pytest.Item, nextitem: pytest.Item | None, lent: tuple[str, ...] = ()
    ) -> tuple[Attempt, Verdict]:
        """One attempt, with these functions of the reference in place of the student's."""
        self._lending = lent
        try:
            attempt = run_attempt(item, nextitem)
        finally:
            self._lending = ()
        return attempt, self._classify(item, attempt)

    def _classify(self, item: pytest.Item, attempt: Attempt) -> Verdict:
        name = task_of(item)
        others = {
            function: task.name
            for task in self._tasks
            if task.name != name
            for function in (task.name, *task.functions)
        }
        return classify(attempt.error, self._file_name, task=name, others=others)

    def _explain(
        self, item: pytest.Item, attempt: Attempt, verdict: Verdict, lent: tuple[str, ...]
    ) -> None:
        """Add to a verdict what may help; whatever fails in here leaves it as it stands.

        It handles values of the student's making, and none of them may cost anybody a point.
        """
        try:
            if self._diagnosis is not None:
                self._diagnosis.explain(item, attempt, verdict, lent)
                return
            with self._workers.aside() as student:
                name = self._file_name.removesuffix(".py")
                functions = next((t.functions for t in self._tasks if t.name == task_of(item)), ())
                verdict.call = last_call(name, attempt.trace, student, functions)
        except Exception as error:
            verdict.unexplained = f"{type(error).__name__}: {error}"[:500]

    def _strike(self, verdict: Verdict) -> None:
        """Rule mistakes out by the tests that were passed; a fault in here costs nobody a point."""
        if self._diagnosis is None or time.monotonic() >= self._ends:
            return
        try:
            self._diagnosis.strike(self._passed)
        except Exception as error:
            verdict.unexplained = f"{type(error).__name__}: {error}"[:500]


def _function_of(item: pytest.Item) -> str:
    """The test function of which `item` is a case; all its cases count as one."""
    return item.nodeid.partition("[")[0]


def _came_too_late(attempt: Attempt) -> bool:
    """Whether the time for all tests was over, so that the attempt tells nothing."""
    return isinstance(attempt.error, WorkerDied) and attempt.error.kind == "late"


def _not_tried(item: pytest.Item) -> Attempt:
    """A failed attempt at a test that was not run; pytest has its three reports all the same."""
    attempt = Attempt()
    whens: tuple[Literal["setup", "call", "teardown"], ...] = ("setup", "call", "teardown")
    for when in whens:
        outcome: Literal["failed", "passed"] = "failed" if when == "call" else "passed"
        attempt.reports.append(
            pytest.TestReport(
                item.nodeid, item.location, dict(item.keywords), outcome, None, when, duration=0.0
            )
        )
    return attempt
