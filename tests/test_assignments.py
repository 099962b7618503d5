"""Every assignment of the course: a sample of its audit, its skeleton, its doctests, its guide."""

from __future__ import annotations

import ast
import doctest
import os
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from grading.audit import audit_part
from grading.judging.modules import load_text
from grading.judging.warm import WarmJudge
from grading.sandbox import ForkServer
from grading.scoring import Part, find_assignments
from grading.skeleton import BEGIN, END, make_skeleton

ROOT = Path(__file__).resolve().parents[1]
PARTS = [part for assignment in find_assignments(ROOT) for part in assignment.parts]
each_part = pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)


@pytest.fixture(scope="module")
def server() -> Iterator[ForkServer]:
    with ForkServer.start() as server:
        yield server


@pytest.fixture(scope="module")
def judge(server: ForkServer) -> WarmJudge:
    return WarmJudge()


@each_part
@pytest.mark.timeout(300)
def test_a_sample_of_the_audit_is_green(part: Part, server: ForkServer, judge: WarmJudge) -> None:
    # Beside other tests, in a worker of pytest-xdist, one core is all there is.
    jobs = 1 if "PYTEST_XDIST_WORKER" in os.environ else os.cpu_count() or 1
    outcome = audit_part(part, server, judge, seeds=2, sample=5, jobs=jobs)
    assert not outcome.findings, "\n".join(map(str, outcome.findings))
    assert (outcome.alternatives, outcome.mistakes, outcome.hostile) == (5, 5, 5)
    # Naming is a help, not a promise: a mistake of noise draws other numbers than its twin.
    assert outcome.named + outcome.named_as_twin >= outcome.mistakes // 2, outcome.unnamed


@each_part
def test_the_skeleton_is_made_from_the_solution(part: Part) -> None:
    due = make_skeleton(part.solution.read_text(encoding="utf-8"))
    assert part.student_file.read_text(encoding="utf-8") == due, "run `make skeletons`"


@each_part
def test_every_task_has_mistakes_and_three_alternatives(part: Part) -> None:
    from grading.bank import read_bank

    mistakes = [entry.task for entry in read_bank(part.misconceptions_file)]
    others = [entry.task for entry in read_bank(part.alternatives_file)]
    for task in part.tasks:
        assert mistakes.count(task.name) >= 3, task.name
        assert others.count(task.name) >= 3, task.name
    assert set(mistakes) | set(others) <= {task.name for task in part.tasks}


@each_part
def test_the_doctests_of_the_solution_run(part: Part) -> None:
    module = load_text(part.name, part.solution.read_text(encoding="utf-8"))
    torch.manual_seed(0)
    result = doctest.testmod(module, verbose=False)
    assert result.attempted >= 3
    assert result.failed == 0


@each_part
def test_a_student_writes_little_at_a_time(part: Part) -> None:
    lines, block = 0, 0
    for line in part.solution.read_text(encoding="utf-8").splitlines():
        if line.strip() == BEGIN:
            block = 1
        elif line.strip() == END:
            assert block - 1 <= 20, f"a block of {block - 1} lines"
            lines, block = lines + block - 1, 0
        elif block and line.strip() and not line.strip().startswith("#"):
            block += 1
    assert lines <= 150


@each_part
def test_the_guide_serves_every_task(part: Part) -> None:
    text = part.guide_file.read_text(encoding="utf-8")
    assert text.startswith("---\n") and "jupytext" in text.split("---")[1]
    for task in part.tasks:
        assert re.search(rf"(-m|--task) {task.name}\b|`{task.name}`", text), task.name
    sections = {task.guide for task in part.tasks}
    assert text.count("<details>") == text.count("</details>") >= 3 * len(sections)
    cells = re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    assert cells
    for cell in cells:
        source = re.sub(r"^\s*[%!].*$", "pass", textwrap.dedent(cell), flags=re.MULTILINE)
        ast.parse(source)


@each_part
def test_no_line_of_the_solution_stands_in_the_guide(part: Part) -> None:
    guide = part.guide_file.read_text(encoding="utf-8")
    inside = False
    for line in part.solution.read_text(encoding="utf-8").splitlines():
        text = line.split("  #")[0].strip()
        inside = text == BEGIN or (inside and text != END)
        if inside and len(text) > 34 and text != BEGIN:
            assert text not in guide, text
