"""Looks whether the four written questions have been answered; a person reads what stands there.

Worth no points and no part of the grading: `pytest tests/test_review_answers.py`. With
`--student DIR/review.py` it looks at DIR/review_answers.md.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

QUESTIONS = 4
LEAST_WORDS = 25
_HEADING = re.compile(r"^## (\d)\. .*$", re.MULTILINE)
_WORD = re.compile(r"[^\W\d_]{2,}")


def answers(text: str) -> dict[int, str]:
    """What stands behind **Answer:** in each numbered section."""
    found = list(_HEADING.finditer(text))
    ends = [match.start() for match in found[1:]] + [len(text)]
    sections = {int(m[1]): text[m.end() : end] for m, end in zip(found, ends, strict=True)}
    return {number: body.partition("**Answer:**")[2] for number, body in sections.items()}


@pytest.mark.parametrize("number", range(1, QUESTIONS + 1))
def test_question_is_answered(request: pytest.FixtureRequest, number: int) -> None:
    given = request.config.getoption("--student")
    folder = Path(given).parent if given else Path(__file__).parents[1] / "student"
    path = folder / "review_answers.md"
    if not path.is_file():
        pytest.fail(f"There is no {path.name} beside review.py.", pytrace=False)
    found = answers(path.read_text(encoding="utf-8"))
    if number not in found:
        pytest.fail(f"The heading of question {number} is gone: leave it in.", pytrace=False)
    words = len(set(_WORD.findall(found[number].lower())))
    if words < LEAST_WORDS:
        pytest.fail(
            f"Question {number} is not answered yet: {words} different words behind **Answer:**, "
            f"at least {LEAST_WORDS} make an answer.",
            pytrace=False,
        )
