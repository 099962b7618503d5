"""The `grade` command."""

from __future__ import annotations

from grading.cli.app import main

__all__ = ["main"]
