"""From what pytest saw to points; the manifest, not the run, says which tests there had to be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from grading.scoring.manifest import Part, Task, Test
from grading.scoring.report import (
    Level,
    Misconception,
    PartReport,
    PartStatus,
    TaskReport,
    TestReport,
    TestStatus,
)
from grading.scoring.split import split_points

__all__ = ["RawResult", "score_part", "split_points", "ungraded_part", "unlisted"]

_RAN: dict[str, TestStatus] = {
    "passed": "passed",
    "failed": "failed",
    "timeout": "timeout",
    "crashed": "crashed",
}


@dataclass(frozen=True)
class RawResult:
    """One case of one test function, as the judge's pytest run saw it.

    Args:
        file: name of the test file, without folders: "test_vae.py", "test_hidden.py".
        function: name of the test function, without the case.
        case: what stands between the brackets of the test's id; "" without parameters.
        outcome: "passed", "failed", "timeout", "crashed"; anything else ("skipped", "xfailed",
            "xpassed", "deselected", "error", …) counts as missing.
        duration: seconds.
        message: why it did not pass.
        detail: any of symptom, got, expected, call (strings), misconception (a dict with slug,
            says, guide, or None) and not_implemented (bool); other keys are ignored.
    """

    file: str
    function: str
    case: str
    outcome: str
    duration: float = 0.0
    message: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)


def score_part(
    part: Part,
    results: Iterable[RawResult],
    *,
    isolation: Level,
    public_only: bool = False,
) -> PartReport:
    """Scores one part from the results of its tests.

    A test has its points when each of its cases ran exactly once and passed; one that is missing,
    skipped, expected to fail, deselected or there twice has none. Results of tests that the
    manifest does not list count for nothing. With `public_only` the hidden tests and their points
    are left out; the public ones keep their worth, so the maximum is below 100.
    """
    found: dict[tuple[str, str], list[RawResult]] = {}
    for result in results:
        found.setdefault((result.file, result.function), []).append(result)
    tasks = [_task(part, task, found, public_only) for task in part.tasks]
    tests = [test for task in tasks for test in task.tests]
    untouched = bool(tests) and all(test.not_implemented for test in tests)
    status: PartStatus = "not_started" if untouched else "graded"
    return _report(part, tasks, status, "", isolation, public_only)


def ungraded_part(
    part: Part,
    status: PartStatus,
    message: str,
    *,
    isolation: Level = "none",
    public_only: bool = False,
) -> PartReport:
    """The report of a part whose tests could not run; every test is missing and has no points.

    Args:
        status: "missing_file", "cannot_import" or "grader_failed".
        message: what happened, for the person who reads the score.
    """
    tasks = [_task(part, task, {}, public_only) for task in part.tasks]
    return _report(part, tasks, status, message, isolation, public_only)


def unlisted(part: Part, results: Iterable[RawResult]) -> list[str]:
    """The ids of tests that ran but that the manifest does not list: they count for nothing."""
    known = {_key(part, test) for task in part.tasks for test in task.tests}
    seen = dict.fromkeys((result.file, result.function) for result in results)
    return [f"{file}::{function}" for file, function in seen if (file, function) not in known]


def _report(
    part: Part,
    tasks: list[TaskReport],
    status: PartStatus,
    message: str,
    isolation: Level,
    public_only: bool,
) -> PartReport:
    regular = [task for task in tasks if not task.bonus]
    extras = [task for task in tasks if task.bonus]
    return PartReport(
        part=part.name,
        title=part.title,
        day=part.day,
        score=sum(task.points for task in regular),
        max_score=sum(task.max_points for task in regular),
        bonus=sum(task.points for task in extras),
        max_bonus=sum(task.max_points for task in extras),
        status=status,
        message=message,
        public_only=public_only,
        isolation=isolation,
        tasks=tasks,
    )


def _task(
    part: Part,
    task: Task,
    found: Mapping[tuple[str, str], Sequence[RawResult]],
    public_only: bool,
) -> TaskReport:
    tests = [
        _test(part, test, found.get(_key(part, test), ()))
        for test in task.tests
        if test.visibility == "public" or not public_only
    ]
    guide = _guide(part, task.guide)
    return TaskReport(
        task=task.name,
        title=task.title,
        function=", ".join(task.functions),
        guide=guide,
        bonus=task.bonus,
        points=sum(test.points for test in tests),
        max_points=sum(test.max_points for test in tests),
        hint=_hint(task, guide, tests),
        tests=tests,
    )


def _test(part: Part, test: Test, results: Sequence[RawResult]) -> TestReport:
    status, shown, message = _verdict(results)
    detail = shown.detail if shown else {}
    file, function = _key(part, test)
    return TestReport(
        id=f"{file}::{function}",
        visibility=test.visibility,
        status=status,
        points=test.points if status == "passed" else 0,
        max_points=test.points,
        message=message,
        duration_s=sum((float(result.duration) for result in results), 0.0),
        symptom=_text(detail, "symptom"),
        got=_text(detail, "got"),
        expected=_text(detail, "expected"),
        call=_text(detail, "call"),
        misconception=_misconception(part, detail.get("misconception")),
        not_implemented=detail.get("not_implemented") is True,
    )


def _verdict(results: Sequence[RawResult]) -> tuple[TestStatus, RawResult | None, str]:
    """The status of a test, the case to show for it, and the message."""
    if not results:
        return "missing", None, "The test did not run."
    cases = Counter(result.case for result in results)
    case, times = cases.most_common(1)[0]
    if times > 1 or ("" in cases and len(cases) > 1):
        return "missing", None, f"The test ran {len(results)} times{_of(case)}; it must run once."
    absent = [result for result in results if result.outcome not in _RAN]
    if absent:
        first = absent[0]
        why = f": {first.message}" if first.message else "."
        return "missing", None, f"The test was {first.outcome}{_of(first.case)}{why}"
    failed = [result for result in results if result.outcome != "passed"]
    if not failed:
        return "passed", None, ""
    # A student learns more from a case that was computed than from one that was not begun.
    first = next((r for r in failed if r.detail.get("not_implemented") is not True), failed[0])
    message = first.message
    if len(results) > 1:
        message = f"{len(failed)} of {len(results)} cases fail, first{_of(first.case)}: {message}"
    return _RAN[first.outcome], first, message


def _of(case: str) -> str:
    return f" [{case}]" if case else ""


def _key(part: Part, test: Test) -> tuple[str, str]:
    return part.tests_file(test.visibility).name, test.name


def _guide(part: Part, anchor: str) -> str:
    return f"{part.guide_file.name}{anchor}" if anchor.startswith("#") else anchor


def _text(detail: Mapping[str, Any], key: str) -> str:
    value = detail.get(key)
    return value if isinstance(value, str) else ""


def _misconception(part: Part, value: object) -> Misconception | None:
    if isinstance(value, Misconception):
        return value
    if not isinstance(value, Mapping) or not isinstance(value.get("says"), str):
        return None
    return Misconception(
        slug=_text(value, "slug"),
        says=_text(value, "says"),
        guide=_guide(part, _text(value, "guide")),
    )


def _hint(task: Task, guide: str, tests: Sequence[TestReport]) -> str:
    """One sentence that helps on; "" when nothing is lost."""
    lost = [test for test in tests if test.status != "passed"]
    if not lost:
        return ""
    named = next((test.misconception for test in lost if test.misconception), None)
    if named:
        return named.says
    if all(test.not_implemented for test in lost):
        time = f", about {task.minutes} minutes" if task.minutes else ""
        return f"Not implemented yet{time}. Read {guide}."
    symptom = next((test.symptom for test in lost if test.symptom), "")
    end = "" if symptom.endswith((".", "!", "?")) else "."
    return f"{symptom}{end} Read {guide}." if symptom else f"Read {guide}."
