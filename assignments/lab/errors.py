"""Errors that a person can cause in the lab: what, where, and what to do next."""

from __future__ import annotations


class LabError(Exception):
    """Base of every error shown to a person; owns its exit code.

    Args:
        what: what happened and where, one sentence.
        next_step: what to do about it, one imperative sentence.
    """

    exit_code = 2

    def __init__(self, what: str, next_step: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.next_step = next_step

    def __str__(self) -> str:
        return f"{self.what} {self.next_step}".strip()


class ConfigError(LabError):
    """A configuration holds something that the lab cannot use."""


class DataError(LabError):
    """A data set is missing, broken or unknown."""


class CheckpointError(LabError):
    """A checkpoint is missing, broken or belongs to another model."""


class StorageError(LabError):
    """A file cannot be written: disk full, folder read-only."""


class TrainingError(LabError):
    """Training cannot go on: NaN, a failed check before the start."""

    exit_code = 1


class MissingLibrary(LabError):
    """A library that an extra brings is not installed."""
