"""Calls made again, alone, on one side or the other, and how what they give compares."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from grading.border import InputChanged, Proxy, follow
from grading.check import show, show_both
from grading.judging.likeness import alike
from grading.judging.standins import StandIn
from grading.judging.steps import Result, Step, reseeded, through

if TYPE_CHECKING:
    from grading.border import Call


@dataclass(frozen=True)
class Seen:
    """What the last of several steps gave.

    Attributes:
        result: what it returned.
        grads: of its tensor arguments.
        after: its arguments when it was done.
        asked: what stand-ins among them were asked.
    """

    result: Any
    grads: tuple[Tensor | None, ...] = ()
    after: tuple[Any, ...] = ()
    asked: tuple[Any, ...] = ()


def make(student: Any, steps: list[Step]) -> Seen | None:
    """Make the calls; None when one of them raises."""
    try:
        return _made(student, steps)
    except Exception:  # a student's code raises what it likes
        return None


def raised(student: Any, steps: list[Step]) -> Exception | None:
    """What the calls raise, None when nothing."""
    try:
        _made(student, steps)
    except Exception as error:  # as above
        return error
    return None


def _made(student: Any, steps: list[Step]) -> Seen:
    made: list[Any] = []
    leaves: list[Tensor] = []
    stand_ins = [value for value in steps[-1].values if isinstance(value, StandIn)]
    for stand_in in stand_ins:
        stand_in.asked = []
    generator = torch.get_rng_state()
    try:
        for step in steps:
            leaves = []
            fresh = step.with_tensors(partial(_leaf, leaves=leaves))
            fresh = fresh.with_each(partial(_resolved, made=made))
            if step.helper is not None:
                call = step.helper.build
            elif step.dotted:
                call = partial(student.make, step.dotted)
            else:
                call = follow(student if step.owner is None else made[step.owner], step.name)
            torch.default_generator.manual_seed(step.seed)
            made.append(call(*fresh.args, **fresh.kwargs))
        asked = tuple(stand_in.asked for stand_in in stand_ins)
        after = tuple(map(state, fresh.values))
        return Seen(made[-1], _gradients(made[-1], leaves), after, asked)
    finally:
        torch.set_rng_state(generator)


def _resolved(value: Any, made: list[Any]) -> Any:
    return made[value.number] if isinstance(value, Result) else value


def state(value: Any) -> Any:
    """Of a layer its weights, by which alone it can be compared."""
    if isinstance(value, nn.Module) or (isinstance(value, Proxy) and hasattr(value, "state_dict")):
        return dict(value.state_dict())
    return value


def _leaf(value: Tensor, leaves: list[Tensor]) -> Tensor:
    copy = value.detach().clone()
    if value.requires_grad:
        leaves.append(copy.requires_grad_())
    return copy


def _gradients(result: Any, leaves: list[Tensor]) -> tuple[Tensor | None, ...]:
    if not leaves or not isinstance(result, Tensor) or not result.requires_grad:
        return ()
    return torch.autograd.grad(result.sum(), leaves, allow_unused=True)


def repeats(student: Any, steps: list[Step], call: Call) -> bool:
    """Whether the calls, made alone, end as they did in the test."""
    with student.in_place():
        again = make(student, steps)
    if call.error is not None:
        return again is None or isinstance(call.error, InputChanged)
    return again is not None and alike(plain(again.result), plain(call.result))


def is_random(student: Any, steps: list[Step]) -> bool:
    """Whether another seed gives another result."""
    once = make(student, steps)
    return once is not None and not same(once, make(student, reseeded(steps, steps[-1].seed ^ 1)))


def same(a: Seen, b: Seen | None) -> bool:
    """Whether two sides gave the same, in every respect."""
    return (
        b is not None
        and alike(a.result, b.result)
        and alike(list(a.grads), list(b.grads))
        and alike(plain(a.after), plain(b.after))
        and alike(a.asked, b.asked)
    )


def asked_otherwise(got: Seen | None, want: Seen) -> bool:
    """Whether the two differ in nothing but what they asked a stand-in."""
    return got is not None and same(got, replace(want, asked=got.asked)) and not same(got, want)


def only_changed(student: Any, steps: list[Step], want: Seen | None) -> Seen | None:
    """What the call gives when it may change its arguments, if that is all that is wrong."""
    with student.in_place():
        seen = make(student, steps)
    wrong = seen is not None and want is not None and changed_otherwise(seen, want) is not None
    return seen if wrong else None


def changed_otherwise(got: Seen | None, want: Seen) -> int | None:
    """The place of the argument in which alone the two differ, None where there is more or none."""
    if got is None or not alike(plain(got.result), plain(want.result)):
        return None
    places = range(len(want.after))
    return next((i for i in places if not alike(plain(got.after[i]), plain(want.after[i]))), None)


def changed_part(got: Seen | None, want: Seen) -> str:
    """Of a changed layer the weight that differs, "" for what is no layer."""
    place = changed_otherwise(got, want)
    if got is None or place is None:
        return ""
    one, other = got.after[place], want.after[place]
    if type(one) is not dict or type(other) is not dict:
        return ""
    return next((key for key in other if not alike(one.get(key), other[key])), "")


def grads_differ(got: Seen | None, want: Seen) -> bool:
    """Whether the results are the same, and only what flows back through them is not."""
    if got is None or not isinstance(want.result, Tensor):
        return False
    if not alike(plain(got.result), plain(want.result)):
        return False
    return not (alike(got.result, want.result) and alike(list(got.grads), list(want.grads)))


def plain(value: Any) -> Any:
    """`value` with each tensor in it detached."""
    return through(value, Tensor.detach)


def difference(got: Seen | None, want: Seen) -> tuple[str, str]:
    """Both in one line each, where they differ; "" for what an exception ended."""
    if got is None:
        return "", "no error" if want.result is None else show(want.result)
    if asked_otherwise(got, want):
        return _show_asked(got.asked[0], want.asked[0])
    place, part = changed_otherwise(got, want), changed_part(got, want)
    if place is not None:
        one, other = plain(got.after[place]), plain(want.after[place])
        return _show_both(one[part], other[part]) if part else (show(one), show(other))
    if grads_differ(got, want):
        if isinstance(got.result, Tensor) and not got.result.requires_grad:
            return "a result without a gradient", "a result that gradients flow back from"
        for a, b in zip(got.grads, want.grads, strict=False):
            if not alike(a, b):
                return f"gradient {show(a)}", f"gradient {show(b)}"
    return _show_both(got.result, want.result)


def _show_asked(got: list[Any], want: list[Any]) -> tuple[str, str]:
    """How often a stand-in was called on both sides, or with what, where that is not the same."""
    if len(got) != len(want):
        counts = (f"{len(calls)} time{'s' * (len(calls) != 1)}" for calls in (got, want))
        one, other = (f"the model is called {count}" for count in counts)
        return one, other
    place = next(i for i, pair in enumerate(zip(got, want, strict=True)) if not alike(*pair))
    when = f"in call {place + 1} of {len(want)} " if len(want) > 1 else ""
    one, other = (f"{when}the model is asked {show(calls[place])}" for calls in (got, want))
    return one, other


def _show_both(got: Any, want: Any) -> tuple[str, str]:
    """The two in one line each; of large tensors an element that differs."""
    if isinstance(got, Tensor) and isinstance(want, Tensor):
        same_kind = (got.shape, got.dtype, got.layout) == (want.shape, want.dtype, want.layout)
        off = ~torch.isclose(got.detach(), want.detach(), 1e-4, 1e-6, True) if same_kind else None
        if off is not None and bool(off.any()):
            return show_both(got.detach(), want.detach(), off)
    one, other = show(got), show(want)
    if one == other:  # a number and a tensor look the same
        one, other = (f"{_kind(value)} {text}" for value, text in ((got, one), (want, other)))
    return one, other


def _kind(value: Any) -> str:
    return "a tensor," if isinstance(value, Tensor) else f"a {type(value).__name__},"
