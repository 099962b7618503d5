"""JUnit XML for dashboards; it has no word for points, so they are properties."""

from __future__ import annotations

from typing import Any

import junitparser

from grading.scoring.report import PartReport, Report, TaskReport, TestReport

# Half of junitparser is annotated; mypy must not mind which half.
_lib: Any = junitparser


def junit(report: Report) -> str:
    """The report as JUnit XML: a suite a part, a case a test, points as properties."""
    xml = _lib.JUnitXml("latent-week")
    for part in report.parts:
        suite = _lib.TestSuite(part.part)
        for name, value in _facts(report, part).items():
            suite.add_property(name, value)
        suite.add_testcases([_case(part, task, test) for task in part.tasks for test in task.tests])
        suite.time = sum(test.duration_s for task in part.tasks for test in task.tests)
        xml.add_testsuite(suite)
    xml.update_statistics()
    body: bytes = xml.tostring()
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + body.decode("utf-8") + "\n"


def _facts(report: Report, part: PartReport) -> dict[str, str]:
    return {
        "score": str(part.score),
        "max_score": str(part.max_score),
        "bonus": str(part.bonus),
        "max_bonus": str(part.max_bonus),
        "status": part.status,
        "isolation": part.isolation,
        "seed": report.seed,
    }


def _case(part: PartReport, task: TaskReport, test: TestReport) -> Any:
    case = _lib.TestCase(test.name, f"{part.part}.{task.task}", test.duration_s)
    properties = _lib.Properties()
    for name, value in (
        ("points", test.points),
        ("max_points", test.max_points),
        ("task", task.task),
        ("visibility", test.visibility),
        ("bonus", str(task.bonus).lower()),
    ):
        properties.add_property(_lib.Property(name, str(value)))
    case.append(properties)
    if test.status != "passed":
        # A test that never ran is the run's defect; all others are the submission's.
        kind = _lib.Error if test.status == "missing" else _lib.Failure
        result = kind(_why(test), test.status)
        result.text = _details(test)
        case.result = result
    return case


def _why(test: TestReport) -> str:
    return test.symptom or test.message.partition("\n")[0] or test.status


def _details(test: TestReport) -> str:
    says = test.misconception.says if test.misconception else ""
    parts = (
        test.message,
        test.call,
        f"expected: {test.expected}" if test.expected else "",
        f"got: {test.got}" if test.got else "",
        f"likely mistake: {says}" if says else "",
    )
    return "\n".join(part for part in parts if part)
