"""Training: checks before it, alerts and progress during it, checkpoints that survive anything."""

from __future__ import annotations

from lab.training.alerts import Alert, Monitor, Reading
from lab.training.checkpoint import Run, open_run
from lab.training.checks import Check, before_training
from lab.training.loop import Result, train

__all__ = [
    "Alert",
    "Check",
    "Monitor",
    "Reading",
    "Result",
    "Run",
    "before_training",
    "open_run",
    "train",
]
