"""A task that uses others is right or wrong by itself: the reference lends it right pieces."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from grading.border import LocalStudent
from grading.judging.pieces import Pieces
from grading.scoring import Part, PartReport
from tests.judging.conftest import Grade
from tests.judging.course import HEAD, write_course

SOLUTION = """
import torch
from torch import nn


def half(x):
    # TODO(half): ~1 line, 1 min
    # BEGIN SOLUTION
    return 0.5 * x
    # END SOLUTION


def quarter(x):
    # TODO(quarter): ~1 line, 1 min
    # BEGIN SOLUTION
    return half(half(x))
    # END SOLUTION


class Net(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.line = nn.Linear(size, size)

    def inner(self, x):
        # TODO(inner): ~1 line, 1 min
        # BEGIN SOLUTION
        return torch.tanh(self.line(x))
        # END SOLUTION

    def forward(self, x):
        # TODO(net): ~1 line, 1 min
        # BEGIN SOLUTION
        return self.inner(x) + x
        # END SOLUTION
"""
TASK = """
[[part.task]]
name = "{name}"
function = "{function}"
title = "{name}"
guide = "#double"
points = 25
tests = {{ public = {{ test_{name} = 1 }}, hidden = {{ test_{name}_again = 4 }} }}
"""
FUNCTIONS = {"half": "half", "quarter": "quarter", "inner": "Net.inner", "net": "Net.forward"}
TESTS = """
import pytest, torch
from grading import check

@pytest.mark.task("quarter")
@pytest.mark.uses("half")
def test_quarter{again}(student):
    x = torch.randn(3)
    check.close(student.quarter(x), x / 4, "Not a quarter.")

@pytest.mark.task("half")
def test_half{again}(student):
    x = torch.randn(3)
    check.close(student.half(x), x / 2, "Not a half.")

@pytest.mark.task("inner")
def test_inner{again}(student):
    net = student.Net(2)
    x = torch.randn(3, 2)
    due = torch.tanh(x @ net.line.weight.T + net.line.bias)
    check.close(net.inner(x), due, "inner is wrong.")

@pytest.mark.task("net")
@pytest.mark.uses("Net.inner")
def test_net{again}(student):
    net = student.Net(2)
    x = torch.randn(3, 2, requires_grad=True)
    weight = net.line.weight
    due = torch.tanh(x @ weight.T + net.line.bias) + x
    got = check.shape(net(x), (3, 2))
    check.close(got, due, "forward is wrong.")
    grads = check.gradient(got.square().sum(), [x, weight])
    for grad, want in zip(grads, check.gradient(due.square().sum(), [x, weight])):
        check.close(grad, want, "The gradient of forward is wrong.")
"""


@pytest.fixture
def part(tmp_path: Path) -> Part:
    """In each file quarter comes before half: what it was lent could be kept for half."""
    tasks = (TASK.format(name=name, function=function) for name, function in FUNCTIONS.items())
    return write_course(
        tmp_path / "course",
        manifest=HEAD + "".join(tasks),
        public=TESTS.format(again=""),
        hidden=TESTS.format(again="_again"),
        solution=SOLUTION,
    )


def points(report: PartReport) -> dict[str, int]:
    assert report.status == "graded", report.message
    return {task.task: task.points for task in report.tasks}


FULL = {"half": 25, "quarter": 25, "inner": 25, "net": 25}


@pytest.mark.parametrize("level", ["L3", "L2"])
@pytest.mark.parametrize(
    ("old", "new", "lost"),
    [
        ("return 0.5 * x", "return x", "half"),
        ("return 0.5 * x", "return None", "half"),
        ("return 0.5 * x", "raise ValueError(x)", "half"),
        ("return 0.5 * x", 'raise NotImplementedError("half: not implemented yet")', "half"),
        ("return torch.tanh(self.line(x))", "return self.line(x).detach()", "inner"),
        ("return torch.tanh(self.line(x))", "import os; os._exit(1)", "inner"),
    ],
)
def test_a_wrong_task_costs_its_own_points_alone(
    graded: Grade, level: str, old: str, new: str, lost: str
) -> None:
    assert SOLUTION.count(old) == 1
    report = graded(SOLUTION.replace(old, new), levels=(level,))
    assert points(report) == {**FULL, lost: 0}
    assert report.isolation == level


def test_own_pieces_of_another_make_are_right_together(graded: Grade) -> None:
    # half is wrong, since it gives a pair; quarter knows that and is right with it, not without.
    source = SOLUTION.replace("return 0.5 * x", "return 0.5 * x, 0").replace(
        "return half(half(x))", "return half(half(x)[0])[0]"
    )
    assert points(graded(source)) == {**FULL, "half": 0}
    # Nor does it matter what an earlier test has left behind.
    spoiled = source.replace("def quarter(x):", "def quarter(x):\n    if _seen: return None")
    spoiled = spoiled.replace("return 0.5 * x, 0", "_seen.append(1); return 0.5 * x, 0")
    assert points(graded(f"_seen = []\n{spoiled}")) == {**FULL, "half": 0}


def test_a_function_that_is_not_there_is_lent_too(graded: Grade) -> None:
    source = SOLUTION.replace("def half(x)", "def hallf(x)").replace(
        "    def inner", "    def iner"
    )
    assert points(graded(source)) == {**FULL, "half": 0, "inner": 0}


def test_a_task_that_is_wrong_by_itself_loses_its_points_and_is_explained(graded: Grade) -> None:
    source = SOLUTION.replace("return 0.5 * x", "return None")
    report = graded(source.replace("half(half(x))", "half(x)"))
    assert points(report) == {**FULL, "half": 0, "quarter": 0}
    lost = next(test for task in report.tasks for test in task.tests if test.name == "test_quarter")
    assert lost.symptom == "Not a quarter."
    assert lost.call.endswith("quarter(x)")
    # What it gives on right pieces: twice what is due.
    got, due = (float(text.split("[")[1].split(",")[0]) for text in (lost.got, lost.expected))
    assert got == pytest.approx(2 * due, rel=1e-3)


def test_what_a_lent_function_cannot_take_is_the_callers_fault(graded: Grade) -> None:
    report = graded(SOLUTION.replace("half(half(x))", "half(half('x'))"))
    assert points(report) == {**FULL, "quarter": 0}
    lost = next(test for task in report.tasks for test in task.tests if test.name == "test_quarter")
    assert lost.message.startswith("Your code gave half what it cannot take: TypeError: ")
    assert lost.symptom == "Your code gave half what it cannot take."
    assert lost.got.startswith("TypeError: ")


def test_what_was_lent_cannot_be_kept(graded: Grade) -> None:
    # Each test of quarter gets a right half, and the tests of half come after it.
    source = SOLUTION.replace("return 0.5 * x", "return _kept[0](x) if _kept else None")
    source = source.replace(
        "return half(half(x))", "_kept[:] = [half, half(x)]; return half(half(x))"
    )
    report = graded(f"_kept = []\n{source}")
    assert points(report) == {**FULL, "half": 0}


def test_what_a_lent_function_gave_cannot_be_kept(graded: Grade, part: Part) -> None:
    for path in (part.public_tests, part.hidden_tests):
        text = path.read_text("utf-8")
        known = "x = torch.ones(3)\n    check.close(student.half(x)"
        assert "x = torch.randn(3)\n    check.close(student.half(x)" in text
        path.write_text(text.replace(f"{known.replace('ones', 'randn')}", known), "utf-8")
    source = SOLUTION.replace("return 0.5 * x", "return _told.get('ones')")
    source = source.replace(
        "return half(half(x))", "_told['ones'] = half(torch.ones(3)); return half(half(x))"
    )
    assert points(graded(f"_told = {{}}\n{source}")) == {**FULL, "half": 0}


def test_a_marker_that_names_nothing_is_the_graders_fault(
    graded: Grade, part: Part, tmp_path: Path
) -> None:
    path = part.public_tests
    path.write_text(path.read_text("utf-8").replace('uses("half")', 'uses("halb")'), "utf-8")
    report = graded(SOLUTION.replace("return 0.5 * x", "return None"))
    assert report.status == "grader_failed"
    assert "'halb'" in report.message


def test_a_lent_function_is_dead_afterwards_and_the_own_one_back(tmp_path: Path) -> None:
    path = tmp_path / "solution.py"
    path.write_text(SOLUTION, encoding="utf-8")
    module = ModuleType("mine")
    exec("def half(x):\n    return 7 * x\n", module.__dict__)
    student, x = LocalStudent(module), torch.ones(1)
    with Pieces(path).lent(student, ["half", "quarter"]):
        assert module.half(x).item() == 0.5
        kept = module.half
    assert module.half(x).item() == 7
    assert not hasattr(module, "quarter")
    with pytest.raises(RuntimeError, match="lent for one test"):
        kept(x)


def test_what_was_lent_dies_even_if_the_next_cannot_be_put_in_place(tmp_path: Path) -> None:
    path = tmp_path / "solution.py"
    path.write_text(SOLUTION, encoding="utf-8")
    module = ModuleType("mine")  # it has no class Net
    kept: list[Any] = []
    student, patch = LocalStudent(module), LocalStudent.patch

    def keeping(self: LocalStudent, dotted: str, piece: Any) -> None:
        kept.append(piece)
        patch(self, dotted, piece)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(LocalStudent, "patch", keeping)
        with (
            pytest.raises(AttributeError),
            Pieces(path).lent(student, ["half", "Net.inner"]),
        ):
            raise AssertionError("nothing may run")
    assert not hasattr(module, "half")
    with pytest.raises(RuntimeError, match="lent for one test"):
        kept[0](torch.ones(1), lent_seed=0)


def test_noise_of_a_lent_function_follows_the_students_seed(tmp_path: Path) -> None:
    path = tmp_path / "solution.py"
    path.write_text("import torch\ndef noisy(x):\n    return x + torch.randn_like(x)\n", "utf-8")
    module = ModuleType("mine")
    text = """
import torch
def free(x): return noisy(x)
def seeded(x):
    torch.manual_seed(0)
    return noisy(x)
"""
    exec(text, module.__dict__)
    student, x = LocalStudent(module), torch.zeros(4)
    with Pieces(path).lent(student, ["noisy"]):
        assert not torch.equal(student.free(x), student.free(x))
        # A seed in the student's code spoils what it draws through others, too.
        assert torch.equal(student.seeded(x), student.seeded(x))
        torch.manual_seed(5)
        first = student.free(x)
        torch.manual_seed(5)
        assert torch.equal(student.free(x), first)


@pytest.mark.parametrize(
    "body",
    [
        "return self.call(self, x)",  # and so on without end, across the border and back
        "while True: pass",
        "import os; os._exit(0)",
        "return Fake",
        "return torch.zeros(40000, 20000)",
    ],
)
def test_an_object_that_is_no_model_gets_nothing_out_of_a_lent_method(
    graded: Grade, body: str
) -> None:
    fake = "class Fake:\n    def __init__(self, call): self.call = call\n"
    fake += f"    def line(self, x):\n        {body}\n\n\n"
    source = SOLUTION.replace("return torch.tanh(self.line(x))", "return None").replace(
        "return self.inner(x) + x", "return type(self).inner(Fake(type(self).inner), x)"
    )
    report = graded(source.replace("class Net", f"{fake}class Net"), test_seconds=0.7)
    assert points(report) == {**FULL, "inner": 0, "net": 0}
