"""Errors that a person can cause: one sentence that says what, where and what to do next."""

from __future__ import annotations


class CourseError(Exception):
    """Base of every error shown to a person; owns its exit code.

    Args:
        what: what happened and where, one sentence without a final line break.
        next_step: what to do about it, one imperative sentence.
    """

    exit_code = 2

    def __init__(self, what: str, next_step: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.next_step = next_step

    def __str__(self) -> str:
        return f"{self.what} {self.next_step}".strip()


class UsageError(CourseError):
    """A command was called with something it cannot use."""


class ManifestError(CourseError):
    """`assignment.toml` is not what it should be."""


class SubmissionError(CourseError):
    """A submission cannot be read."""


class GraderError(CourseError):
    """The grader itself failed; never the student's fault."""

    exit_code = 3
