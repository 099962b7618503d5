"""How often a test is run, and in how many workers: as often as is fair, and no more."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from grading.judging import judge as judging
from grading.judging.workers import Workers
from tests.judging.conftest import Grade
from tests.judging.course import HEAD, SOLUTION, write_course
from tests.judging.test_pieces import FUNCTIONS, TASK, TESTS
from tests.judging.test_pieces import SOLUTION as PIECES

CASES = """
import pytest, torch
from grading import check

@pytest.mark.task("double")
@pytest.mark.parametrize("number", [1.0, 2.0, 3.0])
def test_double_three(student, number):
    check.close(student.double(torch.tensor([number])), torch.tensor([2 * number]), "Not twice.")

@pytest.mark.task("net")
def test_net(student):
    student.Net(2)
"""


class Log:
    """What happened in the judge's process, which is a fork of this one."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def note(self, what: str) -> None:
        with self._path.open("a") as file:
            file.write(f"{what}\n")

    def counts(self) -> Counter[str]:
        counted = Counter(self._path.read_text().split())
        self._path.unlink()
        return counted


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Log:
    noted = Log(tmp_path / "log")
    start, run = Workers._start, judging.run_attempt

    def noted_start(self: Workers, seconds: float) -> None:
        noted.note("worker")
        start(self, seconds)

    def noted_run(item: pytest.Item, nextitem: pytest.Item | None) -> Any:
        noted.note(item.name)
        return run(item, nextitem)

    monkeypatch.setattr(Workers, "_start", noted_start)
    monkeypatch.setattr(judging, "run_attempt", noted_run)
    return noted


def test_a_right_submission_takes_one_worker(graded: Grade, log: Log) -> None:
    assert graded(SOLUTION).score == 100
    counts = log.counts()
    assert counts.pop("worker") == 1
    assert set(counts.values()) == {1}


def test_a_skeleton_takes_one_worker(graded: Grade, log: Log) -> None:
    stub = 'raise NotImplementedError("double: not implemented yet")'
    assert graded(SOLUTION.replace("return 2 * x", stub)).score == 50
    counts = log.counts()
    assert counts.pop("worker") == 1
    assert set(counts.values()) == {1}


def test_each_test_that_fails_adds_one_worker(graded: Grade, log: Log) -> None:
    assert graded(SOLUTION.replace("return 2 * x", "return x")).score == 50
    counts = log.counts()
    # The first of all tests fails in a worker that nobody has used. The hidden ones come after
    # others: the first of them once more in a fresh worker, the second in a fresh one at once.
    assert counts["test_double_three"] == 1
    assert counts["test_double_random"] == 2
    assert counts["test_double_gradient"] == 1
    assert counts["worker"] == 3


def test_a_case_that_can_win_nothing_is_run_once(tmp_path: Path, graded: Grade, log: Log) -> None:
    part = write_course(tmp_path / "cases", public=CASES)
    # What the first case leaves behind spoils the second, which a fresh worker shows to be right.
    for body, runs, workers in (
        ("return x", (1, 1, 1), 1),
        ("return 2 * x if len(seen) < 2 else x", (1, 2, 2), 3),
        ("return x if x == 2 else 2 * x", (1, 2, 1), 2),
    ):
        source = SOLUTION.replace("def double", "seen = []\n\n\ndef double")
        source = source.replace("return 2 * x", f"seen.append(1); {body}")
        assert graded(source, part=part, public_only=True).status == "graded"
        counts = log.counts()
        assert tuple(counts[f"test_double_three[{n}.0]"] for n in (1, 2, 3)) == runs, body
        assert counts["worker"] == workers, body


def test_a_test_on_lent_pieces_takes_two_workers(tmp_path: Path, graded: Grade, log: Log) -> None:
    tasks = (TASK.format(name=name, function=function) for name, function in FUNCTIONS.items())
    part = write_course(
        tmp_path / "pieces",
        manifest=HEAD + "".join(tasks),
        public=TESTS.format(again=""),
        hidden=TESTS.format(again="_again"),
        solution=PIECES,
    )
    assert graded(PIECES.replace("half(half(x))", "half(x)"), part=part).score == 75
    counts = log.counts()
    assert counts["test_quarter"] == counts["test_quarter_again"] == 2
    # One to start with; each of the two tests another, and what comes after it another again.
    assert counts["worker"] == 5


def test_a_hopeless_loop_is_tried_once_for_all_its_cases(graded: Grade, log: Log) -> None:
    source = SOLUTION.replace("return self.line(x)", "while True: pass")
    report = graded(source, test_seconds=1, public_only=True)
    (lost,) = next(task for task in report.tasks if task.task == "net").tests
    assert lost.status == "timeout" and "endless loop" in lost.symptom
    counts = log.counts()
    # Once after another test and once in a fresh worker; the second case not at all.
    assert (counts["test_net[2]"], counts["test_net[5]"]) == (2, 0)
