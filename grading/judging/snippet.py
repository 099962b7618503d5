"""The call that went wrong, as small as it can be and still go wrong."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain
from types import ModuleType
from typing import TYPE_CHECKING, Any

from grading.border import LocalStudent
from grading.judging.lines import write_lines
from grading.judging.smaller import detached, drawn, smaller
from grading.judging.steps import Step, steps_to
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
    repeats,
    same,
)

if TYPE_CHECKING:
    from grading.border import Trace


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
    if student is not None and not random and not repeats(student, steps, call):
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
