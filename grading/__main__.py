"""`python -m grading` is the `grade` command, for where scripts are not on the path."""

from __future__ import annotations

from grading.cli import main

if __name__ == "__main__":
    main()
