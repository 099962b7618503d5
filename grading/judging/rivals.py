"""Mistakes that fail a test alike, told apart by what else the student's code gives."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from grading.judging.steps import Step, steps_to
from grading.judging.trial import Seen, make, same, state

if TYPE_CHECKING:
    from grading.border import Trace

# Questions to the student's code after one failed test, and seconds for them: slow code must have
# time left to be shown its call.
_MOST, _SECONDS = 12, 1.0


def closest(rivals: Sequence[Any], trace: Trace, first: int, student: Any) -> list[bool]:
    """For each of several mistakes, whether it goes on to answer as the student's code does.

    A test ends with its first failure, and what comes after that tells more: each call is made
    again, on the student's live code and on each rival. Where nobody is always of the student's
    mind, those stay that are most often.

    Args:
        rivals: the mistakes' modules, as students.
        trace: of the reference, which went through the whole test.
        first: index of the call in it that the student's code was the first to answer otherwise.
        student: the student's module (a proxy).
    """
    agreed, ends = [0] * len(rivals), time.monotonic() + _SECONDS
    for steps in _questions(trace, first):
        if time.monotonic() > ends:
            break
        got = _asked(student, steps)
        if got is None:
            continue  # an exception, or the end of the process: no number to compare
        for place, rival in enumerate(rivals):
            agreed[place] += same(got, _asked(rival, steps))
    return [count == max(agreed) for count in agreed]


def _asked(student: Any, steps: list[Step]) -> Seen | None:
    """What the call gives; of a layer its weights, by which alone it can be compared."""
    with student.in_place():
        seen = make(student, steps)
        return None if seen is None else replace(seen, result=state(seen.result))


def _questions(trace: Trace, first: int) -> Iterator[list[Step]]:
    for index in range(first, min(first + _MOST, len(trace.calls))):
        steps = steps_to(trace, index)
        if steps is not None:
            yield steps
