"""How much isolation costs: whole-process times and their ratios, measured in pairs in one run.

    python benchmarks/grading_speed.py [--pairs 9] [PART]

warm  one isolated submission, against a forked child of a warm parent that runs pytest.main on
      the same test files in process
loss  what a failed test, and a failed case of one, adds (fresh workers, further attempts, and
      the replays that explain it), in a submission with a mistake in every third task
cold  `grade run PART`, against plain `pytest` on the same files
class the public tests of each of ten submissions by one warm judge, against a fresh process of
      plain `pytest` for each, which is the least that a grader without a border needs
watch from saving the file to the new score, beyond the tests' own time
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from grading.bank import read_bank
from grading.judging.run import Options, grade
from grading.judging.warm import WarmJudge
from grading.sandbox import start_server
from grading.scoring import Part, Report, find_assignments, find_part

ROOT = Path(__file__).resolve().parents[1]


def timed(job: Callable[[], object]) -> float:
    """Seconds of wall clock."""
    start = time.perf_counter()
    job()
    return time.perf_counter() - start


def pairs(
    a: Callable[[], object], b: Callable[[], object], count: int
) -> list[tuple[float, float]]:
    """The two in turn, so that a drift of the machine's speed meets both."""
    a(), b()  # the first of each fills caches
    return [(timed(a), timed(b)) for _ in range(count)]


def say(name: str, rows: list[tuple[float, float]], unit: float = 1e3, label: str = "ms") -> None:
    """Median of each side, and the median, smallest and largest ratio of a pair."""
    left, right = (statistics.median(column) * unit for column in zip(*rows, strict=True))
    ratios = sorted(a / b for a, b in rows)
    middle = statistics.median(ratios)
    print(
        f"{name:<6} {left:8.0f} {label}  against {right:8.0f} {label}   "
        f"ratio {middle:.2f}  ({ratios[0]:.2f} to {ratios[-1]:.2f}, {len(rows)} pairs)"
    )


def in_process(part: Part, student: Path) -> None:
    """Fork a warm parent and run pytest on the part's files, student code in the same process."""
    pid = os.fork()
    if pid == 0:
        import pytest

        os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
        with contextlib.redirect_stdout(io.StringIO()):
            code = pytest.main(
                [
                    *plain_arguments(part, student),
                    "-pgrading.judging.plugin",
                    "-ppytest_timeout",
                ]
            )
        os._exit(int(code))
    if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]):
        raise SystemExit("the in-process run failed")


def plain_arguments(part: Part, student: Path) -> list[str]:
    """pytest's arguments for the part's files."""
    files = [part.public_tests, part.hidden_tests]
    return ["-q", "-pno:cacheprovider", "--noconftest", f"--student={student}", *map(str, files)]


def cold(part: Part, student: Path, count: int) -> None:
    """Both as a user starts them, import of torch included."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    run = partial(
        subprocess.run, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT
    )
    ours = [sys.executable, "-m", "grading", "run", part.name, f"--submission={student}"]
    plain = [sys.executable, "-m", "pytest", *plain_arguments(part, student)]
    rows = pairs(
        lambda: run(ours, env=environment), lambda: run(plain, env=environment), max(count // 2, 3)
    )
    say("cold", rows)


def spoiled(part: Part, source: str) -> str:
    """The source with the first known mistake of every third task."""
    bank = read_bank(part.misconceptions_file)
    for task in part.tasks[::3]:
        source = next(entry for entry in bank if entry.task == task.name).applied_to(source)
    return source


class Failures:
    """A listener that notes the cases that failed."""

    def __init__(self) -> None:
        self.cases: list[str] = []

    def collected(self, count: int) -> None:
        self.cases.clear()

    def ended(self, name: str, status: str) -> None:
        if status != "passed":
            self.cases.append(name)


def class_run(part: Part, student: Path, graded: Callable[[], Report], count: int) -> None:
    """A class of ten; the tests are few, as in the graders that others use."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    plain = [sys.executable, "-m", "pytest", *plain_arguments(part, student)]
    plain.remove(str(part.hidden_tests))

    def fresh() -> None:
        for _ in range(10):
            subprocess.run(plain, check=True, stdout=subprocess.DEVNULL, cwd=ROOT, env=environment)

    def warm() -> None:
        for _ in range(10):
            graded()

    cases = sum(len(task.tests) for task in graded().parts[0].tasks)
    say("class", pairs(warm, fresh, max(count // 4, 1)))
    print(f"       ten submissions each, {cases} test functions")


def watch(part: Part, source: str, count: int) -> None:
    """Save a file that `grade watch` watches, and wait until the new score is printed."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"{part.name}.py")
        path.write_text(source, encoding="utf-8")
        command = [sys.executable, "-m", "grading", "watch", part.name, f"--submission={path}"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
            assert process.stdout is not None

            def until(mark: str) -> None:
                for line in process.stdout or ():
                    if mark in line:
                        return
                raise SystemExit("grade watch ended")

            until("Watching")
            times = []
            for number in range(count):
                time.sleep(0.5)
                start = time.perf_counter()
                path.write_text(f"{source}\n# {number}\n", encoding="utf-8")
                until("Since last time")
                times.append(time.perf_counter() - start)
            process.terminate()
    low, middle, high = (t * 1e3 for t in (min(times), statistics.median(times), max(times)))
    print(f"watch  {middle:8.0f} ms from save to score ({low:.0f} to {high:.0f})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("part", nargs="?", default="vae")
    parser.add_argument("--pairs", type=int, default=9)
    parser.add_argument("--warm", action="store_true", help="leave cold starts and watch out")
    arguments = parser.parse_args()
    part = find_part(find_assignments(ROOT), arguments.part)
    source = part.solution.read_text(encoding="utf-8")
    server = start_server()
    judge = WarmJudge([part])
    with tempfile.TemporaryDirectory() as folder:
        right, wrong = Path(folder, "right"), Path(folder, "wrong")
        for place in (right, wrong):
            place.mkdir()
        student = right / f"{part.name}.py"
        student.write_text(source, encoding="utf-8")
        (wrong / f"{part.name}.py").write_text(spoiled(part, source), encoding="utf-8")

        failures = Failures()

        def isolated(path: Path, explain: bool = True, public: bool = False) -> Report:
            options = Options(explain=explain, public_only=public)
            return judge.run(partial(grade, [part], path, server, options), listener=failures)

        report = isolated(right)
        assert report.score == 100, report
        own = sum(test.duration_s for task in report.parts[0].tasks for test in task.tests)
        print(f"{part.name}, isolation {report.isolation}, tests' own time {own * 1e3:.0f} ms")
        rows = pairs(lambda: isolated(right), lambda: in_process(part, student), arguments.pairs)
        say("warm", rows)
        isolated(wrong)
        cases = len(failures.cases)
        tests = len({name.partition("[")[0] for name in failures.cases})
        for explain, what in ((False, "judged again"), (True, "judged again and explained")):
            rows = pairs(
                partial(isolated, wrong, explain), partial(isolated, right), arguments.pairs
            )
            extra = statistics.median(a - b for a, b in rows) * 1e3
            print(
                f"loss   {extra / cases:8.1f} ms for each of {cases} failed cases, "
                f"{extra / tests:.1f} ms for each of {tests} failed tests, {what}"
            )
        if not arguments.warm:
            cold(part, student, arguments.pairs)
            class_run(part, student, partial(isolated, right, public=True), arguments.pairs)
    server.close()
    if not arguments.warm:
        watch(part, source, 5)


if __name__ == "__main__":
    main()
