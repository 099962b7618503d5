"""A course of one small part, and everything warm that grading it takes."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from grading.judging.run import Options, grade
from grading.judging.warm import WarmJudge
from grading.sandbox import ForkServer
from grading.scoring import Part, PartReport
from tests.judging.course import write_course


@pytest.fixture(scope="session")
def server() -> Iterator[ForkServer]:
    server = ForkServer.start()
    yield server
    server.close()


@pytest.fixture(scope="session")
def judge(server: ForkServer) -> WarmJudge:
    return WarmJudge()


@pytest.fixture
def part(tmp_path: Path) -> Part:
    return write_course(tmp_path / "course")


Grade = Callable[..., PartReport]


@pytest.fixture
def graded(tmp_path: Path, part: Part, server: ForkServer, judge: WarmJudge) -> Grade:
    """Grade the text of a student file; keywords go to `Options`, `part` to another part."""
    default = part

    def run(source: str, *, part: Part | None = None, **options: object) -> PartReport:
        folder = tmp_path / "submission"
        folder.mkdir(exist_ok=True)
        (folder / "tiny.py").write_text(textwrap.dedent(source), encoding="utf-8")
        chosen = Options(**options)  # type: ignore[arg-type]
        return judge.run(partial(grade, [part or default], folder, server, chosen)).parts[0]

    return run
