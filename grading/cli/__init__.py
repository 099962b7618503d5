"""The `grade` command."""

from __future__ import annotations

from grading.cli.app import console, main

__all__ = ["console", "main"]
