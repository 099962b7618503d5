"""Submissions of every kind get the score, the status and the words that they deserve."""

from __future__ import annotations

import contextlib
import io
import time
from pathlib import Path

import pytest

from grading.border import StudentError, WorkerDied
from grading.judging.workers import Workers
from grading.scoring import Part, PartReport, TestReport
from grading.skeleton import make_skeleton
from tests.judging.conftest import Grade
from tests.judging.course import HIDDEN, MANIFEST, PUBLIC, SOLUTION, write_course


def by_name(report: PartReport) -> dict[str, TestReport]:
    return {test.name: test for task in report.tasks for test in task.tests}


def points(report: PartReport) -> dict[str, int]:
    return {task.task: task.points for task in report.tasks}


def test_the_solution_has_full_marks(graded: Grade) -> None:
    report = graded(SOLUTION)
    assert (report.status, report.score, report.max_score) == ("graded", 100, 100)
    assert report.isolation == "L3"


def test_the_skeleton_has_none_and_says_why(graded: Grade) -> None:
    report = graded(make_skeleton(SOLUTION))
    assert (report.status, report.score) == ("not_started", 0)
    assert all(test.not_implemented for test in by_name(report).values())
    assert {test.message for test in by_name(report).values()} == {"not implemented yet"} | {
        "2 of 2 cases fail, first [2]: not implemented yet"
    }


def test_a_half_done_submission_has_its_weighted_share(graded: Grade) -> None:
    report = graded(SOLUTION.replace("return 2 * x", "return 2 * x.detach()"))
    assert points(report) == {"double": 30, "noisy": 30, "net": 20}
    lost = by_name(report)["test_double_gradient"]
    assert "graph is cut" in lost.symptom
    assert lost.misconception is not None and lost.misconception.slug == "detached"


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ("while True: pass", "timeout", "time limit"),
        ("import os; os._exit(0)", "crashed", "ended in the middle"),
        ("import ctypes; ctypes.string_at(0)", "crashed", "SIGSEGV"),
        ("return [0] * (1 << 40)", "failed", "MemoryError"),
        ("raise ValueError('my own')", "failed", "my own"),
        ("raise SystemExit(0)", "failed", "SystemExit"),
        ("return None", "failed", ""),
        ("return 'six'", "failed", ""),
        ("return x[:0]", "failed", "shape"),
        ("import pytest; pytest.skip('no')", "failed", ""),
    ],
)
def test_whatever_goes_wrong_costs_its_own_points_alone(
    graded: Grade, body: str, status: str, says: str
) -> None:
    report = graded(SOLUTION.replace("return 2 * x", body), test_seconds=0.7)
    assert points(report) == {"double": 0, "noisy": 30, "net": 20}
    lost = by_name(report)["test_double_three"]
    assert lost.status == status
    assert says in lost.message


def test_a_failed_test_is_judged_again_in_a_fresh_worker(graded: Grade) -> None:
    # The first call is right and spoils every later one of the same process.
    source = SOLUTION.replace(
        "def double(x):",
        "calls = []\n\ndef double(x):\n    calls.append(1)\n"
        "    if len(calls) > 1:\n        return x\n",
    )
    assert graded(source).score == 100


@pytest.mark.parametrize(
    ("source", "status", "says"),
    [
        ("def double(x:\n", "cannot_import", "SyntaxError"),
        ("import nothing_like_it\n", "cannot_import", "nothing_like_it"),
        ("import os\nos._exit(0)\n", "cannot_import", "ended in the middle"),
        ("1 / 0\n", "cannot_import", "line 1"),
    ],
)
def test_a_file_that_cannot_be_imported(graded: Grade, source: str, status: str, says: str) -> None:
    report = graded(source)
    assert (report.status, report.score) == (status, 0)
    assert says in report.message


def test_a_missing_function_is_a_plain_sentence(graded: Grade) -> None:
    report = graded("x = 1\n")
    assert (report.status, report.score) == ("graded", 0)
    lost = by_name(report)
    assert lost["test_double_three"].message == (
        "tiny.py defines no double: was it renamed or removed?"
    )
    message = by_name(graded(SOLUTION.replace("self.line", "self.lime")))["test_net"].message
    assert message.endswith("tiny.py: Net has no line: was it renamed or removed?")


def test_an_attribute_that_the_students_own_code_misses_is_no_renamed_function(
    graded: Grade,
) -> None:
    report = graded(SOLUTION.replace("return 2 * x", "return x.twice"))
    message = by_name(report)["test_double_three"].message
    assert "AttributeError" in message and "line" in message and "renamed" not in message


def test_one_seed_gives_one_report_and_another_other_inputs(graded: Grade) -> None:
    source = SOLUTION.replace("return 2 * x", "return 2 * x + 1")

    def timeless(seed: str) -> str:
        report = graded(source, seed=seed)
        tests = [t.model_copy(update={"duration_s": 0.0}) for t in by_name(report).values()]
        return "\n".join(test.model_dump_json() for test in tests)

    assert timeless("1" * 32) == timeless("1" * 32)
    assert timeless("1" * 32) != timeless("2" * 32)


def test_a_worker_never_learns_a_seed_that_tells_later_inputs(graded: Grade) -> None:
    # The student's code seeds itself with what it was seeded with and foretells the next draw.
    source = SOLUTION.replace(
        "return 2 * x",
        "s = torch.initial_seed()\n"
        "    g = torch.Generator().manual_seed(s)\n"
        "    torch.rand(1, generator=g)\n"
        "    if torch.equal(torch.randn(40, 3, generator=g), x):\n"
        "        raise ValueError('foretold')\n"
        "    return 2 * x",
    )
    assert graded(source).score == 100


def test_a_test_that_the_solution_fails_is_the_graders_fault(tmp_path: Path, graded: Grade) -> None:
    broken = write_course(tmp_path / "broken", public=PUBLIC.replace("[6.0]", "[7.0]"))
    report = graded(SOLUTION, part=broken)
    assert (report.status, report.score) == ("grader_failed", 0)
    assert "test_double_three" in report.message and "reference" in report.message


@pytest.mark.parametrize(
    ("mark", "says"),
    [
        ("@pytest.mark.skip(reason='not today')\n", "skipped"),
        ("@pytest.mark.skipif(True, reason='never')\n", "skipped"),
        ("@pytest.mark.xfail\n", "xpassed"),
    ],
)
def test_a_test_that_did_not_count_awards_nothing(
    tmp_path: Path, graded: Grade, mark: str, says: str
) -> None:
    part = write_course(
        tmp_path / "skipping",
        public=PUBLIC.replace('@pytest.mark.task("double")', mark + '@pytest.mark.task("double")'),
    )
    report = graded(SOLUTION, part=part)
    lost = by_name(report)["test_double_three"]
    assert (lost.status, lost.points, report.score) == ("missing", 0, 90)
    assert says in lost.message


def test_a_required_test_that_is_not_there_is_missing(tmp_path: Path, graded: Grade) -> None:
    part = write_course(tmp_path / "less", hidden=HIDDEN)
    report = graded(SOLUTION, part=part)
    assert by_name(report)["test_noisy"].status == "missing"
    assert report.score == 70


def test_a_test_that_nobody_listed_is_the_graders_fault(tmp_path: Path, graded: Grade) -> None:
    manifest = MANIFEST.replace("test_double_random = 2, ", "")
    report = graded(SOLUTION, part=write_course(tmp_path / "more", manifest=manifest))
    assert report.status == "grader_failed" and "test_double_random" in report.message


def test_tests_that_cannot_be_collected_are_the_graders_fault(
    tmp_path: Path, graded: Grade
) -> None:
    part = write_course(tmp_path / "torn", public="import nothing_like_it\n")
    report = graded(SOLUTION, part=part)
    assert report.status == "grader_failed" and "nothing_like_it" in report.message


def test_without_hidden_tests_the_public_points_are_the_whole(
    tmp_path: Path, graded: Grade
) -> None:
    template = write_course(tmp_path / "template")
    for path in sorted(template.instructor_folder.iterdir()):
        path.unlink()
    report = graded(SOLUTION, part=template)
    assert report.public_only
    assert (report.score, report.max_score) == (30, 30)
    assert graded(SOLUTION, public_only=True).max_score == 30


def test_one_task_alone(part: Part, graded: Grade) -> None:
    from dataclasses import replace

    task = part.task("double")
    assert task is not None
    report = graded(SOLUTION, part=replace(part, tasks=(task,)), task="double")
    assert (report.score, report.max_score) == (50, 50)


def test_pytest_of_a_student_runs_the_same_files(
    part: Part, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    student = tmp_path / "mine.py"
    student.write_text(SOLUTION.replace("return 2 * x", "return x * x"), encoding="utf-8")
    out = io.StringIO()
    monkeypatch.chdir(part.folder)
    with contextlib.redirect_stdout(out):
        code = pytest.main(
            [
                f"--rootdir={part.folder}",
                "-c/dev/null",
                "-pno:cacheprovider",
                "--import-mode=importlib",
                "-q",
                "-m",
                "double",
                f"--student={student}",
                str(part.public_tests),
                str(part.hidden_tests),
            ]
        )
    text = out.getvalue()
    assert code == 1
    assert "Not twice x." in text
    assert "3 failed, 3 deselected" in text


def test_what_was_passed_stays_when_no_further_worker_can_be_had(
    graded: Grade, monkeypatch: pytest.MonkeyPatch
) -> None:
    start, started = Workers._start, []

    def start_once(self: Workers, seconds: float) -> None:
        started.append(seconds)
        if len(started) > 1:
            raise StudentError("not again", "ValueError")
        start(self, seconds)

    monkeypatch.setattr(Workers, "_start", start_once)
    # The public tests pass in the first worker, which the first hidden one ends.
    report = graded(SOLUTION.replace("return 2 * x", "return 2 * x if len(x) == 1 else x"))
    assert (report.status, points(report)) == ("graded", {"double": 10, "noisy": 0, "net": 20})
    assert "not again" in by_name(report)["test_noisy"].message


def test_an_import_that_the_time_for_all_tests_cuts_short_costs_nothing_passed(
    graded: Grade, monkeypatch: pytest.MonkeyPatch
) -> None:
    start, started = Workers._start, []

    def start_in_time(self: Workers, seconds: float) -> None:
        started.append(seconds)
        if len(started) > 1:
            time.sleep(seconds)
            raise WorkerDied("timeout", "the time limit passed")
        start(self, seconds)

    monkeypatch.setattr(Workers, "_start", start_in_time)
    source = SOLUTION.replace("return 2 * x", "return 2 * x if len(x) == 1 else x")
    report = graded(source, part_seconds=4)
    assert (report.status, points(report)) == ("graded", {"double": 10, "noisy": 0, "net": 20})
    lost = by_name(report)
    # It was tried once, and says how that went.
    assert lost["test_double_random"].message == "Not twice x."
    for name in ("test_double_gradient", "test_noisy"):
        assert lost[name].status == "timeout"
        assert lost[name].message.startswith("Not tried: the tests before it took too long.")
