"""The call that went wrong, as small as it can be and still go wrong."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain
from types import ModuleType
from typing import TYPE_CHECKING, Any

from grading.border import InputChanged, LocalStudent, Proxy
from grading.judging.likeness import alike
from grading.judging.lines import write_lines
from grading.judging.smaller import detached, drawn, smaller
from grading.judging.steps import Result, Step
from grading.judging.trial import (
    Seen,
    asked_otherwise,
    changed_otherwise,
    changed_part,
    difference,
    grads_differ,
    is_random,
    make,
    only_changed,
    plain,
    same,
)

if TYPE_CHECKING:
    from grading.border import Call, Trace

_METHODS = {"forward": "__call__"}  # what a test calls, by the name of what is written


@dataclass(frozen=True)
class CallText:
    """Lines to paste, and in short what they give and what is due ("" where unknown).

    `got` is empty where they raise an exception.
    """

    code: str = ""
    got: str = ""
    expected: str = ""


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
    call, steps = trace.calls[culprit], _steps(trace, culprit)
    if steps is None:
        return CallText()
    reference = LocalStudent(solution)
    with ExitStack() as allowed:
        versions = _answered(reference, smaller(steps, call))
        first = next(versions, None)
        if first is None:
            # Perhaps it changes its arguments, as the test allows.
            for side in (reference, student):
                if side is not None:
                    allowed.enter_context(side.in_place())
            versions = _answered(reference, smaller(steps, call))
            first = next(versions, None)
        random = is_random(reference, steps if first is None else first[0])
        if student is not None and first is not None:
            if random:
                versions = _answered(reference, drawn(steps, call))
            else:
                versions = chain([first], versions)
            for small, want in versions:
                found = _where_they_part(part, small, want, solution, student, random)
                if found is not None:
                    return found
    if student is not None and not random and not _repeats(student, steps, call):
        return CallText()
    return CallText(write_lines(part, steps, solution, random=random))


def _answered(reference: Any, versions: Iterable[list[Step]]) -> Iterator[tuple[list[Step], Seen]]:
    """Those versions of a call that the reference has an answer to, with the answer."""
    for small in versions:
        want = make(reference, small)
        if want is not None:
            yield small, want


def _where_they_part(
    part: str, small: list[Step], want: Seen, solution: ModuleType, student: Any, random: bool
) -> CallText | None:
    """Text for a call that the student's code answers otherwise, None if it does not."""
    got = make(student, small)
    if got is None:
        got = only_changed(student, small, want)
    if got is not None and same(got, want):
        return None
    backward = grads_differ(got, want)
    code = write_lines(
        part,
        small,
        solution,
        random=random,
        leaves=backward or (got is None and make(student, detached(small)) is not None),
        backward=backward,
        changed=changed_otherwise(got, want),
        part_of=changed_part(got, want),
        asked=asked_otherwise(got, want),
    )
    if not code:
        return None
    if random:
        # Two right functions may draw in another order: no result of a draw is due.
        return CallText(f"{code}\n# Other draws than the test's, whose numbers are told here.")
    return CallText(code, *difference(got, want))


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
    leaves = False
    if call.error is not None and not isinstance(call.error, InputChanged):
        with student.in_place():
            leaves = make(student, detached(steps)) is not None
    random = is_random(student, steps)
    changed = _changed(student, steps, call)
    return write_lines(part, steps, student, random=random, leaves=leaves, changed=changed)


def _changed(student: Any, steps: list[Step], call: Call) -> int | None:
    """The place of the argument to look at afterwards: one that the call changes, if any."""
    if isinstance(call.error, InputChanged):
        place = call.error.places[0].partition(".")[0]
        names = [*map(str, range(len(call.args))), *call.kwargs]
        return names.index(place) if place in names else None
    if call.error is not None or call.result is not None:
        return None
    with student.in_place():
        seen = make(student, steps)
    return None if seen is None else changed_otherwise(seen, Seen(None, (), steps[-1].values))


def _repeats(student: Any, steps: list[Step], call: Call) -> bool:
    """Whether the calls, made alone, end as they did in the test."""
    with student.in_place():
        again = make(student, steps)
    if call.error is not None:
        return again is None or isinstance(call.error, InputChanged)
    return again is not None and alike(plain(again.result), plain(call.result))


def _steps(trace: Trace, culprit: int) -> list[Step] | None:
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
