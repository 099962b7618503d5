"""The call that went wrong, as small as it can be and still go wrong."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain
from types import ModuleType
from typing import TYPE_CHECKING, Any

from torch import Tensor

from grading.border import InputChanged, LocalStudent
from grading.judging.likeness import alike
from grading.judging.lines import write_lines
from grading.judging.smaller import detached, drawn, smaller
from grading.judging.steps import Step, reseeded, steps_to
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
    call, steps = trace.calls[culprit], steps_to(trace, culprit)
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

    Where it is too large to show, or does not give the same when it is made alone (a test may have
    loaded weights of its own into a model), a smaller one of its kind is shown, and says so.

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
    steps = steps_to(trace, trace.calls.index(call))
    if steps is None:
        return ""
    if student is None:
        return write_lines(part, steps, student)
    exact = _as_made(part, steps, call, student) if _repeats(student, steps, call) else ""
    return exact or _of_its_kind(part, steps, call, student)


def _of_its_kind(part: str, steps: list[Step], call: Call, student: Any) -> str:
    """The simplest version of a call to which the student's code has an answer that tells much."""
    if call.error is not None:
        return ""  # of a simpler call that raises nobody knows whether it should
    first = ""
    with student.in_place():
        for small in smaller(steps, call):
            seen = make(student, small)
            if seen is None:
                continue
            random = is_random(student, small)
            code = write_lines(part, reseeded(small, 0), student, random=random)
            if code:
                code += "\n# A simpler call than the test's, whose numbers are told here."
                if not _is_constant(seen.result):
                    return code
                first = first or code
    return first


def _is_constant(result: Any) -> bool:
    return (
        isinstance(result, Tensor)
        and result.numel() > 1
        and bool((result == result.flatten()[0]).all())
    )


def _as_made(part: str, steps: list[Step], call: Call, student: Any) -> str:
    """The call as the test made it; "" when it cannot be written down."""
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
