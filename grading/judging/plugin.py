"""The pytest plugin: gives tests the fixture `student`, in process or behind the border."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

__tracebackhide__ = True  # pytest shows the test and the student's file instead

# A provider hands out the student under test for the time of one test.
Provider = Callable[[pytest.FixtureRequest], AbstractContextManager[Any]]
provider_key: pytest.StashKey[Provider] = pytest.StashKey()
run_seed_key: pytest.StashKey[str] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("latent-week", "course assignments")
    group.addoption(
        "--student",
        metavar="FILE",
        default=None,
        help="the student's file (default: student/PART.py of the test's own day)",
    )
    group.addoption(
        "--course-seed",
        metavar="HEX",
        default=None,
        help="repeat the inputs of an earlier run (default: fresh inputs each run)",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "task(name): the assignment task that a test belongs to")
    config.addinivalue_line(
        "markers",
        "uses(*functions): functions of other tasks that the tested one calls; where the reference "
        "is at hand a failed test is judged again with those of the reference",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let `pytest -m kl_divergence` select the tests of a task by its bare name."""
    known: set[str] = set()
    for item in items:
        for mark in item.iter_markers("task"):
            if not mark.args or not isinstance(mark.args[0], str):
                raise pytest.UsageError(f"{item.nodeid}: @pytest.mark.task needs a task's name")
            name = mark.args[0]
            if name not in known:
                known.add(name)
                config.addinivalue_line("markers", f"{name}: tests of the task {name}")
            item.add_marker(name)


def pytest_report_header(config: pytest.Config) -> str | None:
    seed = config.stash.get(run_seed_key, None)
    return None if seed is None else f"course seed: {seed}"


def run_seed(config: pytest.Config) -> str:
    """The seed of this pytest run: given by `--course-seed`, else fresh."""
    from grading.errors import UsageError
    from grading.judging import seeds

    if run_seed_key not in config.stash:
        given = config.getoption("--course-seed")
        try:
            config.stash[run_seed_key] = seeds.read_seed(given) if given else seeds.fresh_seed()
        except UsageError as error:
            raise pytest.UsageError(str(error)) from None
    return config.stash[run_seed_key]


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say once how to have the same inputs again, where something failed."""
    if run_seed_key in config.stash and terminalreporter.stats.get("failed"):
        seed = config.stash[run_seed_key]
        terminalreporter.write_line(f"The same inputs again: add --course-seed {seed}")


@pytest.fixture
def student(request: pytest.FixtureRequest) -> Iterator[Any]:
    """The student's module: call its functions and make its models as if it were imported here."""
    from grading.judging import seeds

    seed = run_seed(request.config)
    with request.config.stash.get(provider_key, _in_process)(request) as module:
        # Last of all: importing the student's file draws numbers too.
        seeds.seed_judge(seeds.test_seed(seed, request.node.name))
        yield module


@contextmanager
def _in_process(request: pytest.FixtureRequest) -> Iterator[Any]:
    """The student's file imported into this very process: quick, and good enough for oneself."""
    from grading.border import LocalStudent
    from grading.judging.modules import load_file

    student = LocalStudent(load_file(student_file(request)))
    try:
        yield student
    finally:
        student.unpatch()


def student_file(request: pytest.FixtureRequest) -> Path:
    """The file under test: `--student`, else student/PART.py beside the tests' folder."""
    given = request.config.getoption("--student")
    if given:
        path = Path(given)
    else:
        test_file = request.node.path
        if test_file.parent.parent.name == "instructor":
            path = test_file.parents[2] / "student" / f"{test_file.parent.name}.py"
        else:
            part = test_file.stem.removeprefix("test_")
            path = test_file.parents[1] / "student" / f"{part}.py"
    if not path.is_file():
        pytest.fail(f"There is no {path}. Name your file with --student FILE.", pytrace=False)
    return path
