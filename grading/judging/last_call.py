"""The call to show where there is no reference: a failed test's last, or a simpler one like it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from torch import Tensor

from grading.border import InputChanged
from grading.judging.likeness import error_name
from grading.judging.lines import write_lines
from grading.judging.smaller import detached, smaller
from grading.judging.steps import Step, reseeded, steps_to
from grading.judging.trial import Seen, changed_otherwise, is_random, make, raised, repeats

if TYPE_CHECKING:
    from grading.border import Call, Trace

_METHODS = {"forward": "__call__"}  # what a test calls, by the name of what is written


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
    exact = _as_made(part, steps, call, student) if repeats(student, steps, call) else ""
    return exact or _of_its_kind(part, steps, call, student)


def _of_its_kind(part: str, steps: list[Step], call: Call, student: Any) -> str:
    """The simplest version of a call that ends in the same way and tells much."""
    first = ""
    with student.in_place():
        for small in smaller(steps, call):
            seen = _ends_alike(student, small, call)
            if seen is None:
                continue
            random, changed = is_random(student, small), _changed(student, small, call)
            code = write_lines(part, reseeded(small, 0), student, random=random, changed=changed)
            if code:
                code += "\n# A simpler call than the test's, whose numbers are told here."
                if not _is_constant(seen.result):
                    return code
                first = first or code
    return first


def _ends_alike(student: Any, steps: list[Step], call: Call) -> Seen | None:
    """What the calls give, None where they raise what the test's call did not, or elsewhere."""
    if call.error is None or isinstance(call.error, InputChanged):
        return make(student, steps)
    error = raised(student, steps)
    return Seen(None) if error is not None and _origin(error) == _origin(call.error) else None


def _origin(error: BaseException) -> tuple[Any, ...]:
    """What was raised, and the innermost line of the student's where it was."""
    return error_name(error), getattr(error, "frames", ())[-1:]


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
