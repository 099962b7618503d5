"""The call that went wrong, as a few lines that a student can paste into a Python prompt."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from grading.border import LocalStudent, follow
from grading.check import show
from grading.judging.likeness import alike
from grading.judging.literals import literal

if TYPE_CHECKING:
    from grading.border import Call, Trace

_ROWS = (2, 3, 5)  # sizes that large tensors are cut to, one after the other


@dataclass(frozen=True)
class CallText:
    """Lines to paste, and in short what they give and what is due ("" where unknown)."""

    code: str = ""
    got: str = ""
    expected: str = ""


@dataclass(frozen=True)
class _Step:
    """One call to make: `owner` is the number of the step that made the object, None = module."""

    name: str
    owner: int | None
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    seed: int


@dataclass(frozen=True)
class _Seen:
    """What the last step gave: its result and the gradients of its tensor arguments."""

    result: Any
    grads: tuple[Tensor | None, ...] = ()


def write_call(
    part: str, trace: Trace, culprit: int, solution: ModuleType, student: Any
) -> CallText:
    """Text for the call `trace.calls[culprit]`, as small as it can be and still go wrong.

    Large inputs are cut and rounded, and the cut call is made again on the student's live code and
    on the solution: it is shown only if the two still disagree.

    Args:
        part: name of the student's module.
        trace: the calls of the failed test.
        culprit: index of the call to show.
        solution: the reference, for what is due.
        student: the student's module (a proxy), None when its process is gone.
    """
    steps = _steps(trace, culprit)
    if steps is None:
        return CallText()
    reference = LocalStudent(solution)
    due = _try(reference, steps)
    random = due is not None and not _same(due, _try(reference, _reseeded(steps)))
    if student is not None and due is not None and not random:
        for small in _smaller(steps):
            got, want = _try(student, small), _try(reference, small)
            if want is not None and (got is None or not _same(got, want)):
                code = _code(part, small, solution, random=False, grads=_grads_differ(got, want))
                if code:
                    return CallText(code, *_difference(got, want))
    code = _code(part, steps, solution, random=random)
    return CallText(code or "")


def last_call(part: str, trace: Trace | None, student: Any) -> str:
    """The last call of a failed test, where there is no reference to tell which one went wrong.

    Args:
        part, trace, student: as in `write_call`.
    """
    steps = _steps(trace, len(trace.calls) - 1) if trace is not None and trace.calls else None
    if steps is None:
        return ""
    once = None if student is None else _try(student, steps)
    random = once is not None and not _same(once, _try(student, _reseeded(steps)))
    return _code(part, steps, student, random=random)


def _steps(trace: Trace, culprit: int) -> list[_Step] | None:
    """The call and, before it, those that made the object it is a method of."""
    chain: list[Call] = []
    index: int | None = culprit
    while index is not None:
        call = trace.calls[index]
        chain.append(call)
        if call.owner is not None and call.owner >= index:
            return None  # made in an earlier test, and handed out again
        index = call.owner
    chain.reverse()
    numbers = {call.index: number for number, call in enumerate(chain)}
    return [
        _Step(
            call.name,
            None if call.owner is None else numbers[call.owner],
            tuple(call.args),
            dict(call.kwargs),
            call.seed,
        )
        for call in chain
    ]


def _reseeded(steps: list[_Step]) -> list[_Step]:
    return [*steps[:-1], replace(steps[-1], seed=steps[-1].seed ^ 1)]


def _try(student: Any, steps: list[_Step]) -> _Seen | None:
    """Make the calls; None when one of them raises."""
    made: list[Any] = []
    leaves: list[Tensor] = []
    state = torch.get_rng_state()
    try:
        for step in steps:
            leaves = []
            fresh = _mapped(step, partial(_leaf, leaves=leaves))
            target = student if step.owner is None else made[step.owner]
            call = follow(target, step.name)
            torch.manual_seed(step.seed)
            made.append(call(*fresh.args, **fresh.kwargs))
        return _Seen(made[-1], _gradients(made[-1], leaves))
    except Exception:
        return None
    finally:
        torch.set_rng_state(state)


def _leaf(value: Any, leaves: list[Tensor]) -> Any:
    if not isinstance(value, Tensor):
        return value
    copy = value.detach().clone()
    if value.requires_grad:
        leaves.append(copy.requires_grad_())
    return copy


def _gradients(result: Any, leaves: list[Tensor]) -> tuple[Tensor | None, ...]:
    if not leaves or not isinstance(result, Tensor) or not result.requires_grad:
        return ()
    return torch.autograd.grad(result.sum(), leaves, allow_unused=True)


def _same(a: _Seen, b: _Seen | None) -> bool:
    return b is not None and alike(a.result, b.result) and alike(list(a.grads), list(b.grads))


def _grads_differ(got: _Seen | None, want: _Seen) -> bool:
    if got is None or not isinstance(want.result, Tensor):
        return False
    return alike(_plain(got.result), _plain(want.result))


def _plain(value: Any) -> Any:
    return value.detach() if isinstance(value, Tensor) else value


def _difference(got: _Seen | None, want: _Seen) -> tuple[str, str]:
    if got is None:
        return "an error", show(want.result)
    if _grads_differ(got, want):
        if isinstance(got.result, Tensor) and not got.result.requires_grad:
            return "a result without a gradient", "a result that gradients flow back from"
        for a, b in zip(got.grads, want.grads, strict=False):
            if not alike(a, b):
                return f"gradient {show(a)}", f"gradient {show(b)}"
    return show(got.result), show(want.result)


def _smaller(steps: list[_Step]) -> Iterator[list[_Step]]:
    """Simpler versions of the last call, the simplest first; the call itself comes last."""
    # A model made from seed 0 goes wrong as well as any other, and is quicker to type.
    makers = [replace(step, seed=0) for step in steps[:-1]]
    last = steps[-1]
    for rows in _ROWS:
        yield [*makers, _mapped(last, partial(_cut, rows=rows, dims=99))]
    for rows in _ROWS:
        # A model's layers fix the other sizes: the batch alone can be cut.
        yield [*makers, _mapped(last, partial(_cut, rows=rows, dims=1))]
    yield [*makers, _mapped(last, _rounded)]
    yield [*makers, last]


def _mapped(step: _Step, change: Callable[[Any], Any]) -> _Step:
    return replace(
        step,
        args=tuple(change(value) for value in step.args),
        kwargs={key: change(value) for key, value in step.kwargs.items()},
    )


def _cut(value: Any, rows: int, dims: int) -> Any:
    if not isinstance(value, Tensor) or value.dim() == 0:
        return value
    return _rounded(value[tuple(slice(0, rows) for _ in value.shape[:dims])])


def _rounded(value: Any) -> Any:
    if not isinstance(value, Tensor) or not value.is_floating_point():
        return value
    return value.detach().mul(100).round().div(100).requires_grad_(value.requires_grad)


def _code(part: str, steps: list[_Step], module: Any, *, random: bool, grads: bool = False) -> str:
    """The lines themselves; "" when an argument cannot be written down."""
    lines = [f"from {part} import {steps[0].name}"]
    seeded = random or len(steps) > 1  # a model's weights are drawn when it is made
    needs_torch = seeded
    for number, step in enumerate(steps):
        names = _argument_names(step, module, steps)
        written: list[str] = []
        for name, value in zip(names, (*step.args, *step.kwargs.values()), strict=True):
            text = literal(value)
            if text is None:
                return ""
            if isinstance(value, Tensor):
                needs_torch = True
                gradient = ".requires_grad_()" if grads and value.requires_grad else ""
                variable = name or f"x{len(written)}"
                lines.append(f"{variable} = {text}{gradient}")
                text = variable
            elif text.startswith("SimpleNamespace"):
                lines.insert(0, "from types import SimpleNamespace")
            written.append(text)
        for place, key in enumerate(step.kwargs, start=len(step.args)):
            written[place] = f"{key}={written[place]}"
        if seeded and (number == 0 or random):
            lines.append(f"torch.manual_seed({step.seed})")
        target = "" if step.owner is None else f"model{'' if step.name == '__call__' else '.'}"
        name = "" if step.name == "__call__" else step.name
        call = f"{target}{name}({', '.join(written)})"
        lines.append(call if number == len(steps) - 1 else f"model = {call}")
    if needs_torch:
        lines.insert(0, "import torch")
    if grads:
        lines[-1] = f"out = {lines[-1]}"
        lines.append("out.sum().backward()")
    return "\n".join(lines)


def _argument_names(step: _Step, module: Any, steps: list[_Step]) -> list[str]:
    """What the module calls the arguments, "" where that cannot be told."""
    names: list[str] = []
    try:
        if step.owner is None:
            parameters = list(inspect.signature(getattr(module, step.name)).parameters)
        else:
            made = getattr(module, steps[step.owner].name)
            method = "forward" if step.name == "__call__" else step.name
            parameters = list(inspect.signature(getattr(made, method)).parameters)[1:]
        names = parameters[: len(step.args)]
    except Exception:
        names = []  # a student's module may be anything
    names += [""] * (len(step.args) - len(names))
    return [*names, *step.kwargs]
