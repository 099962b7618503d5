"""The call that a student is shown: typed into a prompt, it goes wrong as told."""

from __future__ import annotations

import ast
import contextlib
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import nn

from grading.border import InputChanged, LocalStudent, Trace
from grading.check import show
from grading.judging import standins
from grading.judging.last_call import last_call
from grading.judging.literals import literal
from grading.judging.snippet import CallText, write_call

HEAD = "import torch\nfrom torch import nn\n"
LOSS = """
def loss(model, x0, t, noise):
    return (noise - model(x0 + noise, t)).pow(2).mean()
"""
CHAIN = """
def chain(model, x):
    for t in range(2, -1, -1):
        model(x, t)
    return x
"""
MOVE = """
def move(values):
    for i, value in enumerate(values):
        value.add_(1)
"""
AVERAGE = """
def move(values, x):
    with torch.no_grad():
        for value in values:
            value.add_(x)
"""
NOISY = """
def noisy(x, scale=2.0):
    return x + scale * torch.randn_like(x)
"""
NET = """
class Net(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.line = nn.Linear(size, size)
    def forward(self, x):
        return torch.tanh(self.line(x))
def both(first, second, x):
    return first(x) - second(x)
"""
STEP = """
def step(model, optimizer, x0):
    t = torch.randint(0, 4, (x0.shape[0],))
    loss = model(x0, t).pow(2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()
"""
INIT = """
def init(layer):
    with torch.no_grad():
        layer.bias.fill_(1.0)
"""


def module_of(source: str) -> ModuleType:
    module = ModuleType("part")
    exec(HEAD + source, module.__dict__)
    return module


def shown(source: str, old: str, new: str, test: Callable[[Any], Any]) -> tuple[CallText, Any]:
    """The call shown of a test of `source` with `new` for `old`, and what its lines give."""
    assert source.count(old) == 1
    student, trace = module_of(source.replace(old, new)), Trace()
    torch.manual_seed(3)
    try:
        test(LocalStudent(student, trace))
    except Exception as error:
        assert trace.calls[-1].error is not None, error
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(sys.modules, "part", student)
        text = write_call(
            "part", trace, len(trace.calls) - 1, module_of(source), LocalStudent(student)
        )
        return text, typed(text.code)


def typed(code: str) -> Any:
    """What the last line gives at a prompt."""
    space: dict[str, Any] = {}
    tree = ast.parse(code)
    assert isinstance(tree.body[-1], ast.Expr), code
    exec(compile(ast.Module(tree.body[:-1], []), "typed", "exec"), space)
    return eval(compile(ast.Expression(tree.body[-1].value), "typed", "eval"), space)


class Spy(nn.Module):
    """A model of a test's, with a weight and a memory that no line of Python gives back."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(()))

    def forward(self, x_t: Any, t: Any) -> Any:
        return self.weight * x_t


def test_a_model_of_the_tests_is_replaced_by_one_to_type() -> None:
    def test(student: Any) -> None:
        student.loss(Spy(), torch.randn(50, 2), torch.arange(50), torch.randn(50, 2))

    text, value = shown(LOSS, ".mean()", ".sum()", test)
    assert "\nmodel = lambda x_t, t: " in text.code
    assert text.got == show(value) != text.expected
    assert len(text.code) < 400


def test_where_the_mistake_is_what_the_model_is_told_it_prints_that(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def test(student: Any) -> None:
        student.loss(Spy(), torch.randn(5, 2), torch.arange(5), torch.randn(5, 2))

    text, _ = shown(LOSS, "model(x0 + noise, t)", "model(x0 + noise, t[:, None])", test)
    assert "print(x_t, t) or" in text.code
    assert text.got.startswith("the model is asked") and "(2, 1)" in text.got
    assert "(2,)" in text.expected
    assert "tensor([[0]" in capsys.readouterr().out
    text, _ = shown(LOSS, "    return", "    model(x0, t)\n    return", test)
    assert text.got == "the model is called 2 times"
    assert text.expected == "the model is called 1 time"


def test_of_several_questions_to_a_model_the_wrong_one_is_shown() -> None:
    text, _ = shown(CHAIN, "range(2, -1, -1)", "(2, 0, 1)", lambda s: s.chain(Spy(), torch.ones(2)))
    assert text.got.startswith("in call 2 of 3 the model is asked") and text.got.endswith("0]")
    assert text.expected.endswith("1]")


def test_a_call_that_draws_keeps_its_size_and_gets_a_short_seed() -> None:
    def test(student: Any) -> None:
        student.noisy(torch.tensor([1.0, 2.0]).repeat(4000, 1), scale=0.5)

    text, value = shown(NOISY, "x + scale *", "x + scale * 3 *", test)
    assert "x = torch.tensor([1., 2.]).repeat(4000, 1)" in text.code
    assert "torch.manual_seed(0)\nnoisy(x, scale=0.5)" in text.code
    # No draw is the one that is due: the test's own numbers are shown beside it.
    assert (text.got, text.expected) == ("", "")
    assert value.std(0).mean() == pytest.approx(1.5, rel=0.1)


def test_large_random_inputs_of_a_call_that_draws_are_cut() -> None:
    text, _ = shown(NOISY, "randn_like(x)", "rand_like(x)", lambda s: s.noisy(torch.randn(900, 2)))
    assert "x = torch.tensor([[" in text.code and len(text.code) < 300


def test_a_seed_that_the_student_has_fixed_does_not_hide_the_mistake() -> None:
    for seed in (0, 1, 7):
        fixed = f"torch.manual_seed({seed}); return x"
        text, _ = shown(NOISY, "return x", fixed, lambda s: s.noisy(torch.zeros(2)))
        *_, planted, _, comment = text.code.splitlines()
        assert planted == f"torch.manual_seed({int(seed == 0)})"
        assert comment.startswith("# Other draws than the test's")


def test_a_model_in_double_precision_is_shown_in_single() -> None:
    def test(student: Any) -> None:
        net = student.Net(2).double()
        net(torch.randn(4, 2, dtype=torch.float64))

    text, value = shown(NET, "torch.tanh(self.line(x))", "self.line(x)", test)
    assert "float64" not in text.code
    assert text.got == show(value)
    assert text.code.splitlines()[-1] == "model(x)"


def test_a_mistake_that_one_models_weights_hide_is_shown_on_another() -> None:
    def test(student: Any) -> None:
        student.Net(1)(torch.zeros(1, 1))

    made = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        made.append(module_of(NET).Net(1)(torch.zeros(1, 1)).item())
    assert made[0] > 0 > made[1]
    old = "torch.tanh(self.line(x))"
    for new, seed in ((f"{old}.clamp(max=0)", 0), (f"{old}.clamp(min=0)", 1)):
        text, value = shown(NET, old, new, test)
        assert f"torch.manual_seed({seed})\nmodel = Net(1)" in text.code
        assert text.got == show(value)


def test_models_of_the_students_own_are_made_first() -> None:
    def test(student: Any) -> None:
        student.both(student.Net(2), second=student.Net(2), x=torch.randn(3, 2))

    text, value = shown(NET, "first(x) - second(x)", "first(x) + second(x)", test)
    assert text.code.startswith("import torch\nfrom part import Net, both\n")
    assert "\nfirst = Net(2)\n" in text.code and "\nsecond = Net(2)\n" in text.code
    assert text.code.endswith("both(first, second=second, x=x)")
    assert text.got == show(value)


@pytest.mark.parametrize("made", ["by the test", "beside the student's code"])
def test_a_training_step_gets_a_model_and_an_optimizer(made: str) -> None:
    def test(student: Any) -> None:
        model = Spy()
        if made == "by the test":
            optimizer = torch.optim.SGD(model.parameters(), lr=0.3)
        else:
            optimizer = student.make("torch.optim.SGD", list(model.parameters()), 0.3)
        with student.in_place():
            student.step(model, optimizer, torch.randn(6, 1, 4, 4))

    text, value = shown(STEP, ".mean()", ".sum()", test)
    assert "class Scale(torch.nn.Module):" in text.code
    assert "optimizer = torch.optim.SGD(model.parameters(), lr=0.1)" in text.code
    assert text.code.count("manual_seed") == 1
    assert isinstance(value, float)
    # Nothing is wrong with the number, but the weights stay: they are looked at in the end.
    text, value = shown(STEP, "    optimizer.step()\n", "", test)
    assert "step(model, optimizer, x0)\nmodel.scale\n# Other" in text.code
    assert value == 0.5


@pytest.mark.parametrize("made", ["by the test", "beside the student's code"])
def test_a_layer_of_the_library_is_made_as_it_is_written(made: str) -> None:
    def test(student: Any) -> None:
        layer = nn.Linear(2, 3) if made == "by the test" else student.make("torch.nn.Linear", 2, 3)
        with student.in_place():
            student.init(layer)

    text, value = shown(INIT, "fill_(1.0)", "fill_(2.0)", test)
    assert "\nlayer = torch.nn.Linear(" in text.code
    assert text.code.endswith("init(layer)\nlayer.bias")
    assert value.tolist() == [2.0, 2.0, 2.0]
    assert "2, 2, 2" in text.got and "1, 1, 1" in text.expected


def last(source: str, old: str, new: str, test: Callable[[Any], Any]) -> str:
    """The call shown where there is no reference."""
    assert source.count(old) == 1
    student, trace = module_of(source.replace(old, new)), Trace()
    with contextlib.suppress(RuntimeError, InputChanged):
        test(LocalStudent(student, trace))
    return last_call("part", trace, LocalStudent(student), ["move"])


def test_without_a_reference_a_call_shows_what_it_changes_or_needs() -> None:
    def test(student: Any) -> None:
        values = [torch.zeros(2), torch.ones(2, requires_grad=True)]
        with student.in_place(values):
            student.move(values, torch.ones(2))

    text = last(AVERAGE, "value.add_(x)", "value.sub_(x)", test)
    assert text.endswith("move([values_0, values_1], x)\nvalues_0, values_1")
    assert "requires_grad" not in text
    text = last(AVERAGE, "with torch.no_grad():", "if True:", test)
    assert "values_1 = torch.tensor([1., 1.]).requires_grad_()" in text or (
        "torch.tensor([1., 1.]).requires_grad_()]" in text
    )
    text = last(AVERAGE, "value.add_(x)", "value.add_(x); x.mul_(2)", test)
    assert text.endswith("x)\nx")


def test_tensors_in_a_list_have_names_since_a_list_can_be_given_others() -> None:
    def test(student: Any) -> None:
        with student.in_place():
            student.move([torch.zeros(2), torch.ones(2)])

    text, value = shown(MOVE, "value.add_(1)", "values[i] = value + 1", test)
    assert text.code.endswith("\nmove([values_0, values_1])\nvalues_0, values_1")
    assert [v.tolist() for v in value] == [[0, 0], [1, 1]]  # where 1 and 2 are due


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (torch.zeros(40, 2), "torch.zeros(40, 2)"),
        (torch.ones(40, dtype=torch.float64), "torch.ones(40, dtype=torch.float64)"),
        (torch.full((5, 9), 7), "torch.full((5, 9), 7)"),
        (torch.linspace(1e-4, 0.02, 1000), "torch.linspace(0.0001, 0.02, 1000)"),
        (torch.tensor([3, 1]).repeat(50, 1), "torch.tensor([3, 1]).repeat(50, 1)"),
        (
            torch.tensor([[1.0, 2.0], [3.0, 4.0]]).repeat(9, 1, 1),
            "torch.tensor([[1., 2.], [3., 4.]]).repeat(9, 1, 1)",
        ),
    ],
)
def test_regular_tensors_are_written_short(value: torch.Tensor, text: str) -> None:
    assert literal(value) == text
    again = eval(text)
    assert again.dtype == value.dtype and torch.allclose(again, value)


def test_irregular_tensors_are_not() -> None:
    assert literal(torch.linspace(0, 1, 100).pow(2)) is None
    almost = torch.tensor([1.0, 2.0]).repeat(50, 1)
    almost[-1, 0] = 1.5
    assert literal(almost) is None


def test_the_model_to_type_is_the_one_that_was_tried() -> None:
    step = standins._SCALE_STEP
    assert step.helper is not None
    space: dict[str, Any] = {"torch": torch}
    exec(step.helper.before, space)
    x, t = torch.randn(3, 2), torch.arange(3)
    tried, written = step.helper.build(), eval(step.helper.source(), space)
    assert torch.equal(tried(x, t), written(x, t))
    assert tried.state_dict() == written.state_dict()


def test_small_numbers_stay_what_they_are() -> None:
    def test(student: Any) -> None:
        student.loss(None, torch.rand(40) / 5000, 0, 0)

    source = "def loss(model, x0, t, noise):\n    return 1 / x0\n"
    text, value = shown(source, "1 / x0", "2 / x0", test)
    assert text.got == show(value)
    assert torch.isfinite(value).all() and (value > 9000).all()


def test_a_number_where_a_tensor_is_due_is_told_apart() -> None:
    def test(student: Any) -> None:
        student.loss(Spy(), torch.randn(4), 1, torch.randn(4))

    text, _ = shown(LOSS, ".mean()", ".mean().item()", test)
    assert text.got.startswith("a float, ") and text.expected.startswith("a tensor, ")
