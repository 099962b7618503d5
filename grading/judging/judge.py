"""The judge: runs each test behind the border, and a failed one again in a fresh worker."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from grading.errors import CourseError
from grading.judging.attempt import Attempt, remember_error, remember_trace, run_attempt
from grading.judging.plugin import provider_key, run_seed_key
from grading.judging.verdict import Verdict, classify

if TYPE_CHECKING:
    from grading.judging.diagnosis import Diagnosis
    from grading.judging.workers import Workers

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
        seed: the run's seed.
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
        test_seconds: float,
        part_seconds: float,
        listener: Listener | None = None,
    ) -> None:
        self._workers = workers
        self._diagnosis = diagnosis
        self._seed = seed
        self._file_name = file_name
        self._test_seconds = test_seconds
        self._ends = time.monotonic() + part_seconds
        self._listener = listener
        self.collection_errors: list[str] = []
        self.refused: CourseError | None = None  # why there is no sandbox to judge in

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        config.stash[run_seed_key] = self._seed
        config.stash[provider_key] = self._provide

    @contextmanager
    def _provide(self, request: pytest.FixtureRequest) -> Iterator[Any]:
        session = self._workers.current()
        self._workers.trace.clear()
        remember_trace(request, self._workers.trace)
        session.limit(min(self._test_seconds, max(self._ends - time.monotonic(), 0.01)))
        try:
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
        attempt = run_attempt(item, nextitem)
        verdict = classify(attempt.error, self._file_name)
        if attempt.outcome == "failed" and self._deserves_another(verdict):
            # An earlier test may have left the worker in a state of its own making: a fresh one,
            # the same seed, and that verdict counts.
            self._workers.discard()
            attempt = run_attempt(item, nextitem)
            verdict = classify(attempt.error, self._file_name)
            self._workers.expect_another()
        if self._workers.is_dead():
            self._workers.discard()
        if attempt.outcome == "passed":
            return attempt, Verdict()
        if attempt.outcome == "skipped":
            return attempt, Verdict(status="missing", message="The test was skipped.")
        if self._diagnosis is not None and not verdict.not_implemented:
            self._diagnosis.explain(item, attempt, verdict)
        return attempt, verdict

    def _deserves_another(self, verdict: Verdict) -> bool:
        if verdict.not_implemented or self._workers.is_fresh():
            return False
        return time.monotonic() < self._ends
