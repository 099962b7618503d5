"""A course of one part, small enough to see through."""

from __future__ import annotations

from pathlib import Path

from grading.scoring import Part, load_assignment

SOLUTION = '''"""A part small enough to see through."""

from __future__ import annotations

import torch
from torch import nn


def double(x):
    # TODO(double): ~1 line, 1 min
    # BEGIN SOLUTION
    return 2 * x
    # END SOLUTION


def noisy(x):
    # TODO(noisy): ~1 line, 1 min
    # BEGIN SOLUTION
    return x + torch.randn_like(x)
    # END SOLUTION


class Net(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.line = nn.Linear(size, size)

    def forward(self, x):
        # TODO(net): ~1 line, 1 min
        # BEGIN SOLUTION
        return self.line(x)
        # END SOLUTION
'''

HEAD = """
schema = "latent-week/assignment/1"
day = "day"
title = "A day"
[[part]]
name = "tiny"
title = "A tiny part"
"""
MANIFEST = (
    HEAD
    + """
[part.limits]
test_seconds = 2
[[part.task]]
name = "double"
function = "double"
title = "Twice"
guide = "#double"
points = 50
[part.task.tests]
public = { test_double_three = 1 }
hidden = { test_double_random = 2, test_double_gradient = 2 }
[[part.task]]
name = "noisy"
function = "noisy"
title = "Noise"
guide = "#noisy"
points = 30
[part.task.tests]
hidden = { test_noisy = 1 }
[[part.task]]
name = "net"
function = "Net.forward"
title = "A net"
guide = "#net"
points = 20
[part.task.tests]
public = { test_net = 1 }
"""
)

PUBLIC = """
import pytest, torch
from grading import check

@pytest.mark.task("double")
def test_double_three(student):
    check.close(student.double(torch.tensor([3.0])), torch.tensor([6.0]), "Not twice three.")

@pytest.mark.task("net")
@pytest.mark.parametrize("size", [2, 5])
def test_net(student, size):
    net = student.Net(size)
    x = torch.randn(3, size)
    weight, bias = net.line.weight, net.line.bias
    check.close(net(x), x @ weight.T + bias, "The net is not its line.")
"""

HIDDEN = """
import pytest, torch
from grading import check

@pytest.mark.task("double")
def test_double_random(student):
    x = torch.randn(40, 3)
    check.close(student.double(x), 2 * x, "Not twice x.")

@pytest.mark.task("double")
def test_double_gradient(student):
    x = torch.randn(4, requires_grad=True)
    (grad,) = check.gradient(student.double(x), [x])
    check.close(grad, torch.full((4,), 2.0), "The gradient is not 2.")
"""

HIDDEN_NOISE = """
@pytest.mark.task("noisy")
def test_noisy(student):
    x = torch.full((5000, 2), 3.0)
    check.standard_normal(student.noisy(x) - x)
"""

MISTAKES = """
from grading.bank import mistake

@mistake("double", "squared", "You squared x instead of doubling it.")
def double(x):
    return x * x

@mistake("double", "plus_three", "You added three.", guide="#plus")
def double(x):
    return x + 3

@mistake("double", "detached", "You cut the graph.")
def double(x):
    return 2 * x.detach()

@mistake("net", "relu", "There is no activation here.", replaces="Net.forward")
def forward(self, x):
    return torch.relu(self.line(x))
"""

GUIDE = (
    "# Guide\n\n## double\n\nTwice.\n\n## noisy\n\nNoise.\n\n## net\n\nA net.\n\n## plus\n\nNo.\n"
)


# A second course: a function that changes a list of tensors, as an average of weights does.
MOVE = """
import torch


def step(x):
    # TODO(step): ~1 line, 1 min
    # BEGIN SOLUTION
    return 0.5 * x
    # END SOLUTION


def move(values, x):
    # TODO(move): ~3 lines, 1 min
    # BEGIN SOLUTION
    with torch.no_grad():
        for value in values:
            value += step(x)
    # END SOLUTION
"""
MOVE_MANIFEST = (
    HEAD
    + """
[[part.task]]
name = "step"
function = "step"
title = "Step"
guide = "#double"
points = 40
[part.task.tests]
public = { test_step = 1 }
[[part.task]]
name = "move"
function = "move"
title = "Move"
guide = "#net"
points = 60
[part.task.tests]
public = { test_move = 1, test_move_leaves = 1 }
hidden = { test_noise = 1 }
"""
)
MOVE_PUBLIC = """
import pytest, torch
from grading import check

@pytest.mark.task("step")
def test_step(student):
    check.close(student.step(torch.ones(2)), torch.full((2,), 0.5), "Not a half.")

@pytest.mark.task("move")
def test_move(student):
    values = [torch.zeros(4), torch.ones(4)]
    with student.in_place(values):
        student.move(values, x=torch.ones(4))
    check.close(values[1], torch.full((4,), 1.5), "Not moved by half of x.")

@pytest.mark.task("move")
def test_move_leaves(student):
    values = [torch.zeros(4, requires_grad=True)]
    with student.in_place(values):
        student.move(values, torch.ones(4))
    check.close(values[0].detach(), torch.full((4,), 0.5), "Leaves were not moved.")
"""
MOVE_HIDDEN = """
import pytest, torch
from grading import check

@pytest.mark.task("move")
def test_noise(student):
    values = [torch.zeros(4)]
    with student.in_place(values):
        student.move(values, torch.randn(4))
    first = values[0].clone()
    torch.manual_seed(0)
    check.that(bool((first.abs() < 3).all()), "Moved far too far.")
"""


def write_course(
    root: Path,
    *,
    manifest: str = MANIFEST,
    public: str = PUBLIC,
    hidden: str = HIDDEN + HIDDEN_NOISE,
    solution: str = SOLUTION,
) -> Part:
    """Write the course's files below `root` and load its part."""
    folder = root / "assignments" / "day"
    files = {
        "assignment.toml": manifest,
        "tiny.md": GUIDE,
        "tests/test_tiny.py": public,
        "instructor/tiny/test_hidden.py": hidden,
        "instructor/tiny/solution.py": solution,
        "instructor/tiny/misconceptions.py": MISTAKES,
    }
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return load_assignment(folder).parts[0]
