"""One attempt at one test: who plays the student, what the test raised, what was called."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from _pytest.runner import runtestprotocol

if TYPE_CHECKING:
    from grading.border import Trace


@dataclass
class Attempt:
    """What came of running a test once.

    Attributes:
        error: the exception that ended it, None when it passed.
        phase: "setup", "call" or "teardown", where the error came from.
        trace: the calls into the student's module, None when nothing was recorded.
        reports: pytest's own reports of the three phases.
    """

    reports: list[pytest.TestReport] = field(default_factory=list)
    error: BaseException | None = None
    phase: str = ""
    trace: Trace | None = None
    duration_s: float = 0.0

    @property
    def outcome(self) -> str:
        """ "passed", "failed" or "skipped", as pytest says (xfail counts as skipped)."""
        kinds = {report.outcome for report in self.reports}
        if "failed" in kinds:
            return "failed"
        if "skipped" in kinds or any(hasattr(report, "wasxfail") for report in self.reports):
            return "skipped"
        return "passed" if {report.when for report in self.reports} >= {"call"} else "failed"


attempt_key: pytest.StashKey[Attempt] = pytest.StashKey()


def task_of(item: pytest.Item) -> str:
    """The task that a test is marked with, "" for none."""
    return next((mark.args[0] for mark in item.iter_markers("task")), "")


def run_attempt(item: pytest.Item, nextitem: pytest.Item | None) -> Attempt:
    """Run setup, call and teardown of `item` once, without telling pytest's reporters yet."""
    attempt = item.stash[attempt_key] = Attempt()
    item._report_sections.clear()
    # pytest-json-report takes it away when the item has been reported; it may run again later.
    item.__dict__.setdefault("_json_report_extra", {})
    start = time.perf_counter()
    attempt.reports = runtestprotocol(item, log=False, nextitem=nextitem)
    attempt.duration_s = time.perf_counter() - start
    return attempt


def remember_error(item: pytest.Item, call: pytest.CallInfo[Any]) -> None:
    """Keep the first exception of an attempt; called from pytest_runtest_makereport."""
    attempt = item.stash.get(attempt_key, None)
    if attempt is not None and call.excinfo is not None and attempt.error is None:
        attempt.error, attempt.phase = call.excinfo.value, call.when


def remember_trace(request: pytest.FixtureRequest, trace: Trace) -> None:
    """Tie the trace of the student in play to the attempt that is running."""
    request.node.stash[attempt_key].trace = trace


Student = Iterator[Any]
