"""Calls as steps that can be made again, with other arguments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from torch import Tensor

from grading.border import Proxy

if TYPE_CHECKING:
    from grading.border import Trace


@dataclass(frozen=True)
class Result:
    """An argument that an earlier step made."""

    number: int


@dataclass(frozen=True)
class Helper:
    """Something to call beside the student's module.

    Args:
        build: makes it.
        source: Python text of the call, given the texts of its arguments.
        before: lines that must stand before that.
        draws: it draws random numbers, as a layer draws its weights.
    """

    build: Callable[..., Any]
    source: Callable[..., str]
    before: str = ""
    draws: bool = False


@dataclass(frozen=True)
class Step:
    """One call to make.

    Attributes:
        owner: the number of the step that made the object whose method it is, None for a function
            or class of the student's module.
        helper: what is called instead of the student's module.
    """

    name: str
    owner: int | None
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    seed: int = 0
    helper: Helper | None = None

    @property
    def dotted(self) -> str:
        """Such as "torch.nn.Linear", for what a test has made beside the student's code."""
        kind, _, dotted = self.name.partition(":")
        return dotted if kind == "make" else ""

    @property
    def values(self) -> tuple[Any, ...]:
        """The arguments, those by name last."""
        return (*self.args, *self.kwargs.values())

    def with_each(self, change: Callable[[Any], Any]) -> Step:
        """The same call with each argument changed."""
        return replace(
            self,
            args=tuple(map(change, self.args)),
            kwargs={key: change(value) for key, value in self.kwargs.items()},
        )

    def with_tensors(self, change: Callable[[Tensor], Tensor]) -> Step:
        """The same call with each tensor changed, those in lists and dicts too."""
        return self.with_each(lambda value: through(value, change))

    def tensors(self) -> list[Tensor]:
        """Every tensor among the arguments."""
        found: list[Tensor] = []

        def note(value: Tensor) -> Tensor:
            found.append(value)
            return value

        self.with_tensors(note)
        return found


def through(value: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """`value` with each tensor in it changed; lists and dicts are new ones."""
    if isinstance(value, Tensor):
        return change(value)
    if type(value) in (list, tuple):
        return type(value)(through(item, change) for item in value)
    if type(value) is dict:
        return {key: through(item, change) for key, item in value.items()}
    return value


def reseeded(steps: list[Step], seed: int) -> list[Step]:
    """The same calls, the last from another seed."""
    return [*steps[:-1], replace(steps[-1], seed=seed)]


def steps_to(trace: Trace, culprit: int) -> list[Step] | None:
    """The call and, before it, those that made its object and its arguments, if all are known."""
    made = [call for call in trace.calls if isinstance(call.result, Proxy)]
    makers = {id(call.result): call.index for call in reversed(made)}
    needed, open_ = {culprit}, [culprit]
    while open_:
        call = trace.calls[open_.pop()]
        before = [makers[id(v)] for v in (*call.args, *call.kwargs.values()) if id(v) in makers]
        if call.owner is not None:
            before.append(call.owner)
        if any(index >= call.index for index in before):
            return None  # made in an earlier test, and handed out again
        open_ += set(before) - needed
        needed |= set(before)
    numbers = {index: number for number, index in enumerate(sorted(needed))}
    return [
        Step(
            call.name,
            None if call.owner is None else numbers[call.owner],
            tuple(call.args),
            dict(call.kwargs),
            call.seed,
        ).with_each(lambda v: Result(numbers[makers[id(v)]]) if id(v) in makers else v)
        for call in (trace.calls[index] for index in sorted(needed))
    ]
