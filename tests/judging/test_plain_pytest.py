"""The same test files in a student's own `pytest`: in process, without a sandbox."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from grading.skeleton import make_skeleton
from tests.judging.course import SOLUTION, write_course


@pytest.fixture
def day(tmp_path: Path) -> Path:
    write_course(tmp_path)
    student = tmp_path / "assignments/day/student"
    student.mkdir(exist_ok=True)
    (student / "tiny.py").write_text(make_skeleton(SOLUTION), encoding="utf-8")
    return tmp_path / "assignments/day"


def run(day: Path, *arguments: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    done = subprocess.run(command, cwd=day, capture_output=True, text=True, timeout=100)
    return done.returncode, done.stdout


def test_right_work_passes_and_wrong_work_says_how_to_see_it_again(day: Path) -> None:
    student = day / "student/tiny.py"
    student.write_text(SOLUTION, encoding="utf-8")
    code, out = run(day, "tests/test_tiny.py", "instructor/tiny/test_hidden.py")
    assert code == 0 and "--course-seed" not in out
    student.write_text(SOLUTION.replace("2 * x", "2 * x + 0.001 * x.abs().max()"), encoding="utf-8")
    code, out = run(day, "instructor/tiny/test_hidden.py", "-m", "double")
    assert code == 1
    (seed,) = re.findall(r"--course-seed (\w{32})", out)  # once, however many tests fail
    hidden = "instructor/tiny/test_hidden.py"
    again = run(day, hidden, "-m", "double", "--course-seed", seed)[1]
    other = run(day, hidden, "-m", "double", "--course-seed", "0" * 32)[1]
    assert _shown(again) == _shown(out) != _shown(other)


def _shown(out: str) -> list[str]:
    """The lines in which pytest shows what an exception says."""
    return [line for line in out.splitlines() if line.startswith("E  ")]


def test_an_unfinished_task_says_so(day: Path) -> None:
    code, out = run(day, "tests/test_tiny.py", "-m", "double")
    assert code == 1 and "not implemented yet" in out
