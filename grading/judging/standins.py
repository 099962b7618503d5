"""Models that a student can type, in place of those that a test makes up."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from grading.border import callable_name
from grading.judging.literals import literal
from grading.judging.steps import Helper, Result, Step, through

if TYPE_CHECKING:
    from grading.border import Call


_CALLS = 64  # of a stand-in that are noted


class StandIn:
    """A function of one expression, which notes what it is asked.

    Args:
        parameters: such as "x_t, t".
        answer: an expression in them.

    Attributes:
        asked: the arguments of the first calls since `asked` was last cleared.
    """

    def __init__(self, parameters: str, answer: str) -> None:
        self._parameters, self._text = parameters, answer
        self._answer = eval(f"lambda {parameters}: {answer}", {"torch": torch})
        self.asked: list[Any] = []

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if len(self.asked) < _CALLS:  # or a student's endless loop would fill the memory
            self.asked.append(through([*args, *kwargs.values()], _kept))
        return self._answer(*args, **kwargs)

    def source(self, *, tells: bool) -> str:
        """Python source; with `tells` it also prints what it is asked."""
        shown = f"print({self._parameters}) or " if tells else ""
        return f"lambda {self._parameters}: {shown}{self._text}"


class Scale(nn.Module):
    """A model of one weight that hears the time."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(0.5))

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        return self.scale * x + 0.1 * t.float().mean()


_SCALE = """
class Scale(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.tensor(0.5))
    def forward(self, x, t):
        return self.scale * x + 0.1 * t.float().mean()
"""


_SCALE_STEP = Step("Scale", None, (), {}, helper=Helper(Scale, lambda: "Scale()", _SCALE))
_SGD_STEP = Step(
    "SGD",
    None,
    (Result(0),),
    {},
    helper=Helper(
        lambda model: torch.optim.SGD(model.parameters(), lr=0.1),
        lambda model: f"torch.optim.SGD({model}.parameters(), lr=0.1)",
    ),
)


def with_standins(steps: list[Step], call: Call) -> Iterator[list[Step]]:
    """The calls with something that can be written in place of what cannot.

    There are several versions, since what is wrong does not show in any; none where every argument
    can be written.

    Args:
        call: the last step as it was made in the test, for what the test's model was asked.
    """
    last = steps[-1]
    if _optimizer(steps) is not None:
        yield _with_optimizer(steps)
        return
    unwritten = [value for value in last.values if callable(value) and literal(value) is None]
    if len(unwritten) != 1:
        return
    (model,) = unwritten
    layer = _layer(model)
    if layer is not None:
        yield _with_maker(steps, model, layer)
        return
    names = _parameters(model)
    for classes in _classes(model, call):
        for answer in _answers(names, classes):
            new = StandIn(", ".join(names), answer)
            yield [*steps[:-1], last.with_each(partial(_swapped, old=model, new=new))]
    yield _with_maker(steps, model, _SCALE_STEP)


def _optimizer(steps: list[Step]) -> Any:
    """The optimizer among the last step's arguments, if nothing else was made for it."""
    *makers, last = steps
    if [step.dotted.startswith("torch.optim.") for step in makers] == [True]:
        kind: type[Any] = Result
    elif not makers:
        kind = torch.optim.Optimizer
    else:
        return None
    return next((value for value in last.values if isinstance(value, kind)), None)


def _with_optimizer(steps: list[Step]) -> list[Step]:
    """A model of one weight and its optimizer, in place of those of the test."""
    last, old = steps[-1], _optimizer(steps)
    model = next((value for value in last.values if isinstance(value, nn.Module)), None)
    last = last.with_each(partial(_swapped, old=old, new=Result(1)))
    last = last.with_each(partial(_swapped, old=model, new=Result(0)))
    return [_SCALE_STEP, _SGD_STEP, last]


def _with_maker(steps: list[Step], old: Any, maker: Step) -> list[Step]:
    """The calls with what one more step makes in place of an argument of the last one."""
    *makers, last = steps
    return [*makers, maker, last.with_each(partial(_swapped, old=old, new=Result(len(makers))))]


def _layer(model: Any) -> Step | None:
    """How to make a layer of torch.nn like this one, None for what is none."""
    if not isinstance(model, nn.Module) or getattr(nn, type(model).__name__, None) is not type(
        model
    ):
        return None
    text = f"torch.nn.{model!r}"
    try:
        made = eval(text, {"torch": torch})
    except Exception:  # its repr need not be how it is made
        return None
    if {k: v.shape for k, v in made.state_dict().items()} != {
        k: v.shape for k, v in model.state_dict().items()
    }:
        return None
    helper = Helper(partial(eval, text, {"torch": torch}), lambda: text, draws=True)
    return Step(type(model).__name__, None, (), {}, helper=helper)


def _answers(names: list[str], classes: int) -> Iterator[str]:
    """Expressions for a model's answer: of its input's shape, or scores for each of `classes`."""
    x, times = names[0], names[1:]
    hears_time = bool(times) and not times[0].startswith("*")
    time = f" + 0.1 * {times[0]}.float().mean()" if hears_time else ""
    if classes:
        scores = f"torch.arange({classes}).float()"
        yield f"{scores}.expand(*{x}.shape, -1)"
        yield f"({scores} * {x}[..., None]{time}).sin()"
        return
    yield f"torch.zeros_like({x})"
    yield f"0.5 * {x}"
    if time:
        yield f"0.5 * {x}{time}"


def _parameters(model: Any) -> list[str]:
    """The names that the model itself gives to what it is asked."""
    function = model.forward if isinstance(model, torch.nn.Module) else model
    try:
        found = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        found = []
    names = [p.name for p in found if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return names or ["x", "*rest"]


def _classes(model: Any, call: Call) -> list[int]:
    """How many scores the model gives for each element of its input, 0 where it answers in kind.

    Where the test's model was never asked, every guess that the call allows: a mask is the last of
    the tokens.
    """
    asked = next((args for name, args in call.callbacks if name == callable_name(model)), ())
    try:
        with torch.no_grad():
            answer = model(*asked)
    except Exception:  # it was not asked, or by the student's code with anything at all
        values = (*call.args, *call.kwargs.values())
        return [0, *(value + 1 for value in values if type(value) is int and 0 < value < 32)]
    if not isinstance(asked[0], Tensor) or not isinstance(answer, Tensor):
        return [0]
    return [answer.shape[-1] if answer.shape[:-1] == asked[0].shape else 0]


def _swapped(value: Any, old: Any, new: Any) -> Any:
    return new if value is old else value


def _kept(value: Tensor) -> Tensor:
    return value.detach().clone()
