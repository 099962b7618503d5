"""`python -m grading` is the `grade` command, for where scripts are not on the path."""

from __future__ import annotations

from grading.cli import console

if __name__ == "__main__":
    console()
