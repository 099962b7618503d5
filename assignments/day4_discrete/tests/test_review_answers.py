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
MARK = "**Answer:**"
_HEADING = re.compile(rf"^## ([1-{QUESTIONS}])\. .*$", re.MULTILINE)
_WORD = re.compile(r"[^\W\d_]{2,}")


def sections(text: str) -> dict[int, str]:
    """What stands below the heading of each question; a number's first heading counts."""
    found: dict[int, re.Match[str]] = {}
    for match in _HEADING.finditer(text):
        found.setdefault(int(match[1]), match)
    starts = sorted(match.start() for match in found.values())
    return {
        number: text[match.end() : next((s for s in starts if s > match.start()), len(text))]
        for number, match in found.items()
    }


def words_in(text: str) -> set[str]:
    return set(_WORD.findall(text.lower()))


def answers_of(request: pytest.FixtureRequest) -> str:
    given = request.config.getoption("--student")
    folder = Path(given).parent if given else Path(__file__).parents[1] / "student"
    path = folder / "review_answers.md"
    if not path.is_file():
        pytest.fail(f"There is no {path.name} beside review.py.", pytrace=False)
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        pytest.fail(f"{path.name} is not UTF-8: save it with that encoding.", pytrace=False)


@pytest.mark.parametrize("number", range(1, QUESTIONS + 1))
def test_question_is_answered(request: pytest.FixtureRequest, number: int) -> None:
    found = sections(answers_of(request))
    if number not in found:
        pytest.fail(f"The heading of question {number} is gone: put it back.", pytrace=False)
    _, mark, answer = found[number].partition(MARK)
    if not mark:
        pytest.fail(
            f"The line {MARK} of question {number} is gone: put it back and write below it.",
            pytrace=False,
        )
    asked = set().union(*(words_in(body.partition(MARK)[0]) for body in found.values()))
    words = len(words_in(answer) - asked)
    if words < LEAST_WORDS:
        pytest.fail(
            f"Question {number} is not answered yet: below {MARK} stand {words} different words "
            f"that are not the questions' own, and {LEAST_WORDS} at least make an answer.",
            pytrace=False,
        )
