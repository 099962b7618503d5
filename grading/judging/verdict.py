"""The verdict on a failed test: whose fault it is and what a student should read about it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from grading.check import Mismatch
from grading.skeleton import NOT_IMPLEMENTED, stub_of

# Python's own words, in which a module, a class or an object lacks something.
_ABSENT = re.compile(
    r"(?:module '[^']{1,80}'|type object '([^']{1,80})'|'([^']{1,80})' object)"
    r" has no attribute '([^']{1,80})'"
)


@dataclass
class Verdict:
    """What a test says in the end; its fields travel through pytest's report as plain data.

    Attributes:
        status: "passed", "failed", "timeout", "crashed" or "missing".
        fault: "student", "grader", or "unknown" where nothing shows whose it is.
        message: one sentence, always there unless passed.
        symptom, got, expected: of a failed comparison, else "".
        call: the call that went wrong, as text for a Python prompt, else "".
        fits: {"slug", "says", "guide"} of each known mistake that fails in the same way, with the
            same numbers; two mistakes can agree on one test's inputs.
        unexplained: what went wrong while looking for call and mistake, for the maintainers.
    """

    status: str = "passed"
    fault: str = "student"
    message: str = ""
    symptom: str = ""
    got: str = ""
    expected: str = ""
    call: str = ""
    fits: list[dict[str, str]] = field(default_factory=list)
    not_implemented: bool = False
    unexplained: str = ""
    duration_s: float = 0.0

    def as_plain(self) -> dict[str, Any]:
        return asdict(self)


def classify(
    error: BaseException | None,
    file_name: str,
    *,
    task: str = "",
    others: Mapping[str, str] | None = None,
) -> Verdict:
    """The verdict that an exception of a test stands for.

    Args:
        error: what ended the test; None is a test that passed.
        file_name: the student's file, for messages.
        task: the one that the test belongs to.
        others: function to task, for the other tasks of the part, in which the cause may lie.
    """
    from grading.border import InputChanged, StudentError, WorkerDied

    if error is None:
        return Verdict()
    if isinstance(error, WorkerDied):
        return _died(error)
    if isinstance(error, InputChanged):
        text = _line(error.message)
        return Verdict(
            status="failed",
            message=text,
            symptom=text,
            got="an argument that is not what it was",
            expected="the arguments as they were",
        )
    if isinstance(error, StudentError):
        return _raised(error, file_name, task, others or {})
    if isinstance(error, Mismatch):
        return Verdict(
            status="failed",
            message=error.symptom,
            symptom=error.symptom,
            got=error.got,
            expected=error.expected,
        )
    if isinstance(error, AssertionError):
        first = str(error).strip().split("\n", 1)[0] or "An assertion of the test failed."
        return Verdict(status="failed", message=first, symptom=first)
    lead = _unusable(error, others or {})
    text = _line(f"{type(error).__name__}: {str(error).strip()}".split("\n", 1)[0])[:400]
    return Verdict(
        status="failed",
        fault="unknown",
        message=f"{lead}: {text}",
        symptom=f"{lead}.",
        got=text,
    )


def _unusable(error: BaseException, others: Mapping[str, str]) -> str:
    """What an exception on the judge's side means: of the test itself, or of what was called."""
    asked = getattr(error, "asked_of", "")
    if not asked:
        return "The test could not use what came back"
    lent = asked in {name.rpartition(".")[2] for name in others}
    return f"Your code gave {asked if lent else 'the model of the test'} what it cannot take"


def _died(error: Any) -> Verdict:
    status = "timeout" if error.kind in ("timeout", "late") else "crashed"
    lead = {
        "late": "Not tried: the tests before it took too long.",
        "timeout": "Your code did not come back within the time limit: an endless loop?",
        "memory": "Your code used more memory than it may.",
        "protocol": "Your process sent something that is not an answer.",
    }.get(error.kind, "Your process ended in the middle of a call.")
    return Verdict(status=status, message=_line(f"{lead} ({error.message})"), symptom=lead)


def _line(text: str) -> str:
    """One line: a function's name can hold line breaks, and draw a score of its own."""
    return " ".join(text.split())


def _raised(error: Any, file_name: str, task: str, others: Mapping[str, str]) -> Verdict:
    stub = stub_of(str(error)) if isinstance(error, NotImplementedError) else ""
    if stub in others:
        text = f"{task} needs {others[stub]} here, which is not implemented yet."
        return Verdict(status="failed", message=text, symptom=text)
    if stub:
        return Verdict(
            status="failed", message=NOT_IMPLEMENTED, symptom=NOT_IMPLEMENTED, not_implemented=True
        )
    absent = _ABSENT.match(error.message) if error.type_name == "AttributeError" else None
    if absent and not error.frames:  # the test looked for it, and no line of the student's
        owner = absent[1] or absent[2]
        has = f"{file_name}: {owner} has" if owner else f"{file_name} defines"
        text = _line(f"{has} no {absent[3]}: was it renamed or removed?")
        return Verdict(status="failed", message=text, symptom=text)
    where = elsewhere = ""
    if error.frames and not isinstance(error, SyntaxError):  # which names its own line
        line, function, source = error.frames[-1]
        where = f" ({file_name}, line {line}, in {function}: {source.strip()})"
        if function in others:
            elsewhere = f" in {function}, which is part of another task"
    first = _line(f"{error.type_name}: {error.message}".strip().split("\n", 1)[0])
    where = " " + _line(where) if where else ""
    return Verdict(
        status="failed",
        message=f"Your code raised {first}{where}"[:1000],
        symptom=f"Your code raised {error.type_name}{elsewhere}.",
        got=f"{first[:300]}{where}",
    )
