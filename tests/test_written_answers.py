"""The look at the review's written answers says what is missing, whatever the file holds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

DAY = Path(__file__).parents[1] / "assignments" / "day4_discrete"
SHEET = (DAY / "student" / "review_answers.md").read_text(encoding="utf-8")
WORDS = (
    "Both lower a bound on surprise: pixels must come back well while hidden codes stay near their "
    "prior, and fresh noise plus another random time is drawn whenever gradients are computed."
)


def filled(count: int) -> str:
    return SHEET.replace("**Answer:**\n", f"**Answer:**\n{WORDS}\n", count)


@pytest.mark.parametrize(
    ("content", "passed", "says"),
    [
        (filled(4).encode(), 4, ""),
        (("\ufeff" + filled(4).replace("\n", "\r\n")).encode(), 4, ""),
        (SHEET.encode(), 0, "Question 1 is not answered yet"),
        (filled(1).encode(), 1, "Question 2 is not answered yet"),
        (SHEET.replace("**Answer:**", f"**Answer:** {'word ' * 60}").encode(), 0, "1 different"),
        # The questions' own words are no answer.
        (SHEET.replace("**Answer:**", f"**Answer:** {SHEET[300:]}").encode(), 0, "not answered"),
        (filled(4).replace("**Answer:**", "Answer:").encode(), 0, "line **Answer:** of question 1"),
        (filled(4).replace("## 3.", "## Three.").encode(), 3, "heading of question 3 is gone"),
        (filled(4).replace("noise plus", "noise\n\n## 1. plus").encode(), 4, ""),
        (b"", 0, "heading of question 1 is gone"),
        ("Größe".encode("latin-1"), 0, "is not UTF-8"),
        (None, 0, "There is no review_answers.md"),
    ],
)
def test_what_is_missing_is_said(
    tmp_path: Path, content: bytes | None, passed: int, says: str
) -> None:
    if content is not None:
        (tmp_path / "review_answers.md").write_bytes(content)
    command = ["-q", "-pno:cacheprovider", f"--student={tmp_path / 'review.py'}"]
    test = DAY / "tests" / "test_review_answers.py"
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *command, str(test)],
        capture_output=True, text=True, cwd=DAY, check=False,
    )  # fmt: skip
    assert f"{passed} passed" in run.stdout or (not passed and "4 failed" in run.stdout), run.stdout
    assert says in run.stdout
    assert "Traceback" not in run.stdout and "Error" not in run.stdout
