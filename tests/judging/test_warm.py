"""A judge that dies, hangs or fails in the middle is told as such, and leaves nothing behind."""

from __future__ import annotations

import os
import time
from pathlib import Path

import psutil
import pytest

from grading.errors import CourseError, GraderError
from grading.judging.judge import Listener
from grading.judging.run import Options, grade
from grading.judging.warm import WarmJudge
from grading.sandbox import ForkServer
from grading.scoring import Part, Report
from tests.judging.course import SOLUTION


def test_a_judge_that_dies_is_a_grader_error(judge: WarmJudge) -> None:
    def die(listener: Listener) -> Report:
        os._exit(0)

    with pytest.raises(GraderError, match="died before it had a score"):
        judge.run(die)


def test_a_judge_that_hangs_is_ended(judge: WarmJudge) -> None:
    def hang(listener: Listener) -> Report:
        time.sleep(60)
        raise AssertionError

    start = time.monotonic()
    with pytest.raises(GraderError, match="too long"):
        judge.run(hang, seconds=0.3)
    assert time.monotonic() - start < 5
    assert not [p for p in psutil.Process().children() if p.status() == psutil.STATUS_ZOMBIE]


def test_an_error_keeps_its_sentences_and_its_code(judge: WarmJudge) -> None:
    def fail(listener: Listener) -> Report:
        raise CourseError("This happened.", "Do that.")

    with pytest.raises(CourseError) as caught:
        judge.run(fail)
    assert (caught.value.what, caught.value.next_step, caught.value.exit_code) == (
        "This happened.",
        "Do that.",
        2,
    )


def test_a_judge_killed_in_the_middle_leaves_no_worker(
    judge: WarmJudge, server: ForkServer, part: Part, tmp_path: Path
) -> None:
    (tmp_path / "tiny.py").write_text(
        SOLUTION.replace("return 2 * x", "while True: pass"), encoding="utf-8"
    )
    before = _processes(server)

    def work(listener: Listener) -> Report:
        return grade([part], tmp_path, server, Options(test_seconds=30), listener)

    with pytest.raises(GraderError, match="too long"):
        judge.run(work, seconds=1.5)
    deadline = time.monotonic() + 10
    while _processes(server) > before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert _processes(server) == before


def _processes(server: ForkServer) -> int:
    return len(psutil.Process(server.pid).children(recursive=True))


def test_listeners_hear_of_every_test(
    judge: WarmJudge, server: ForkServer, part: Part, tmp_path: Path
) -> None:
    (tmp_path / "tiny.py").write_text(SOLUTION, encoding="utf-8")
    heard: list[tuple[object, ...]] = []

    class Ear:
        def collected(self, count: int) -> None:
            heard.append(("collected", count))

        def ended(self, name: str, status: str) -> None:
            heard.append((name, status))

    def work(listener: Listener) -> Report:
        return grade([part], tmp_path, server, Options(), listener)

    assert judge.run(work, listener=Ear()).score == 100
    assert heard[0] == ("collected", 6)
    assert ("test_net[5]", "passed") in heard and len(heard) == 7
