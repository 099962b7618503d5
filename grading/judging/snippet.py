"""The call that went wrong, as small as it can be and still go wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from grading.border import InputChanged, LocalStudent, follow
from grading.check import show, show_both
from grading.judging.likeness import alike
from grading.judging.lines import Step, write_lines

if TYPE_CHECKING:
    from grading.border import Call, Trace

_METHODS = {"forward": "__call__"}  # what a test calls, by the name of what is written
_ROWS = (2, 3, 5)  # sizes that large tensors are cut to, one after the other


@dataclass(frozen=True)
class CallText:
    """Lines to paste, and in short what they give and what is due ("" where unknown).

    `got` is empty where they raise an exception.
    """

    code: str = ""
    got: str = ""
    expected: str = ""


@dataclass(frozen=True)
class _Seen:
    """What the last step gave: its result, the gradients of its tensor arguments, and the
    arguments themselves when it was done."""

    result: Any
    grads: tuple[Tensor | None, ...] = ()
    after: tuple[Any, ...] = ()


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
    with ExitStack() as allowed:
        if _try(reference, steps) is None:  # it changes its arguments, as the test allows
            for side in (reference, student):
                if side is not None:
                    allowed.enter_context(side.in_place())
        found = _smallest(part, steps, solution, reference, student)
    if found is not None:
        return found
    random = _is_random(reference, steps)
    if student is not None and not random and not _repeats(student, steps, trace.calls[culprit]):
        return CallText()
    return CallText(write_lines(part, steps, solution, random=random))


def _smallest(
    part: str, steps: list[Step], solution: ModuleType, reference: Any, student: Any
) -> CallText | None:
    """The simplest version of the call at which student and reference part, None for none."""
    if student is None or _try(reference, steps) is None or _is_random(reference, steps):
        return None
    for small in _smaller(steps):
        got, want = _try(student, small), _try(reference, small)
        if got is None:
            got = _only_changed(student, small, want)
        if want is not None and (got is None or not _same(got, want)):
            backward = _grads_differ(got, want)
            code = write_lines(
                part,
                small,
                solution,
                leaves=backward or (got is None and _try(student, _detached(small)) is not None),
                backward=backward,
                changed=_changed_otherwise(got, want),
            )
            if code:
                return CallText(code, *_difference(got, want))
    return None


def last_call(part: str, trace: Trace | None, student: Any, functions: Sequence[str] = ()) -> str:
    """The last call of a failed test, where there is no reference to tell which one went wrong.

    It is shown only if it gives the same when it is made alone: a test may have loaded weights
    of its own into a model, which these lines know nothing of.

    Args:
        part, trace, student: as in `write_call`.
        functions: of the test's task, qualified; their calls come before others'.
    """
    if trace is None or not trace.calls:
        return ""
    names = {_METHODS.get(name.rpartition(".")[2], name.rpartition(".")[2]) for name in functions}
    calls = [call for call in trace.calls if call.error is not None]
    calls += [call for call in trace.calls if call.name in names]
    call = calls[-1] if calls else trace.calls[-1]
    steps = _steps(trace, trace.calls.index(call))
    if steps is None:
        return ""
    if student is None:
        return write_lines(part, steps, student)
    if not _repeats(student, steps, call):
        return ""
    changed = None
    if isinstance(call.error, InputChanged):
        with student.in_place():
            seen = _try(student, steps)
        before = _Seen(None if seen is None else seen.result, (), _arguments(steps[-1]))
        changed = _changed_otherwise(seen, before)
    random = _is_random(student, steps)
    return write_lines(part, steps, student, random=random, changed=changed)


def _repeats(student: Any, steps: list[Step], call: Call) -> bool:
    """Whether the calls, made alone, end as they did in the test."""
    with student.in_place():
        again = _try(student, steps)
    if call.error is not None:
        return again is None or isinstance(call.error, InputChanged)
    return again is not None and alike(_plain(again.result), _plain(call.result))


def _is_random(student: Any, steps: list[Step]) -> bool:
    """Whether another seed gives another result."""
    once = _try(student, steps)
    return once is not None and not _same(once, _try(student, _reseeded(steps)))


def _arguments(step: Step) -> tuple[Any, ...]:
    return (*step.args, *step.kwargs.values())


def _steps(trace: Trace, culprit: int) -> list[Step] | None:
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
        Step(
            call.name,
            None if call.owner is None else numbers[call.owner],
            tuple(call.args),
            dict(call.kwargs),
            call.seed,
        )
        for call in chain
    ]


def _reseeded(steps: list[Step]) -> list[Step]:
    return [*steps[:-1], replace(steps[-1], seed=steps[-1].seed ^ 1)]


def _try(student: Any, steps: list[Step]) -> _Seen | None:
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
            torch.default_generator.manual_seed(step.seed)
            made.append(call(*fresh.args, **fresh.kwargs))
        return _Seen(made[-1], _gradients(made[-1], leaves), _arguments(fresh))
    except Exception:
        return None
    finally:
        torch.set_rng_state(state)


def _leaf(value: Tensor, leaves: list[Tensor]) -> Tensor:
    copy = value.detach().clone()
    if value.requires_grad:
        leaves.append(copy.requires_grad_())
    return copy


def _gradients(result: Any, leaves: list[Tensor]) -> tuple[Tensor | None, ...]:
    if not leaves or not isinstance(result, Tensor) or not result.requires_grad:
        return ()
    return torch.autograd.grad(result.sum(), leaves, allow_unused=True)


def _same(a: _Seen, b: _Seen | None) -> bool:
    return (
        b is not None
        and alike(a.result, b.result)
        and alike(list(a.grads), list(b.grads))
        and alike(_plain(a.after), _plain(b.after))
    )


def _only_changed(student: Any, steps: list[Step], want: _Seen | None) -> _Seen | None:
    """What the call gives when it may change its arguments, if that is all that is wrong."""
    with student.in_place():
        seen = _try(student, steps)
    wrong = seen is not None and want is not None and _changed_otherwise(seen, want) is not None
    return seen if wrong else None


def _changed_otherwise(got: _Seen | None, want: _Seen) -> int | None:
    """The place of the argument in which alone the two differ, None where there is more or none."""
    if got is None or not alike(_plain(got.result), _plain(want.result)):
        return None
    places = range(len(want.after))
    return next((i for i in places if not alike(_plain(got.after[i]), _plain(want.after[i]))), None)


def _grads_differ(got: _Seen | None, want: _Seen) -> bool:
    if got is None or not isinstance(want.result, Tensor):
        return False
    if not alike(_plain(got.result), _plain(want.result)):
        return False
    return not (alike(got.result, want.result) and alike(list(got.grads), list(want.grads)))


def _plain(value: Any) -> Any:
    return _through(value, Tensor.detach)


def _difference(got: _Seen | None, want: _Seen) -> tuple[str, str]:
    if got is None:
        return "", "no error" if want.result is None else show(want.result)
    place = _changed_otherwise(got, want)
    if place is not None:
        return show(_plain(got.after[place])), show(_plain(want.after[place]))
    if _grads_differ(got, want):
        if isinstance(got.result, Tensor) and not got.result.requires_grad:
            return "a result without a gradient", "a result that gradients flow back from"
        for a, b in zip(got.grads, want.grads, strict=False):
            if not alike(a, b):
                return f"gradient {show(a)}", f"gradient {show(b)}"
    return _show_both(got.result, want.result)


def _show_both(got: Any, want: Any) -> tuple[str, str]:
    """The two in one line each; of large tensors an element that differs."""
    if isinstance(got, Tensor) and isinstance(want, Tensor):
        same_kind = (got.shape, got.dtype, got.layout) == (want.shape, want.dtype, want.layout)
        off = ~torch.isclose(got.detach(), want.detach(), 1e-4, 1e-6, True) if same_kind else None
        if off is not None and bool(off.any()):
            return show_both(got.detach(), want.detach(), off)
    return show(got), show(want)


def _smaller(steps: list[Step]) -> Iterator[list[Step]]:
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


def _mapped(step: Step, change: Callable[[Tensor], Tensor]) -> Step:
    return replace(
        step,
        args=tuple(_through(value, change) for value in step.args),
        kwargs={key: _through(value, change) for key, value in step.kwargs.items()},
    )


def _through(value: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """`value` with each tensor in it changed; lists and dicts are new ones."""
    if isinstance(value, Tensor):
        return change(value)
    if type(value) in (list, tuple):
        return type(value)(_through(item, change) for item in value)
    if type(value) is dict:
        return {key: _through(item, change) for key, item in value.items()}
    return value


def _detached(steps: list[Step]) -> list[Step]:
    return [_mapped(step, Tensor.detach) for step in steps]


def _cut(value: Tensor, rows: int, dims: int) -> Tensor:
    if value.dim() == 0:
        return value
    return _rounded(value[tuple(slice(0, rows) for _ in value.shape[:dims])])


def _rounded(value: Tensor) -> Tensor:
    if not value.is_floating_point():
        return value
    return value.detach().mul(100).round().div(100).requires_grad_(value.requires_grad)
