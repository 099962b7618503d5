"""Mistakes and alternatives become whole student files."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from grading.bank import read_bank, substitute
from grading.errors import GraderError

SOLUTION = '''import math


def f(x):
    """Doc."""
    return x


class Model:
    scale = 2

    @staticmethod
    def go(x):
        return f(x) * Model.scale

    def stay(self):
        return 1
'''

BANK = """from grading.bank import alternative, mistake


@mistake("f", "off_by_one", "You added one.", guide="#f")
def f(x):
    return x + 1


@mistake(
    "go",
    "no_scale",
    "The scale is missing.",
    replaces="Model.go",
)
def go(x):
    return f(x)


@alternative("f", "by math")
def f(x):
    return math.fsum([x])
"""


def bank(tmp_path: Path, text: str = BANK) -> Path:
    path = tmp_path / "misconceptions.py"
    path.write_text(text, encoding="utf-8")
    return path


def test_entries_give_whole_files(tmp_path: Path) -> None:
    wrong, scaleless, other = read_bank(bank(tmp_path))
    assert (wrong.task, wrong.slug, wrong.says, wrong.guide) == (
        "f",
        "off_by_one",
        "You added one.",
        "#f",
    )
    for entry, f2, go2 in ((wrong, 3, 6), (scaleless, 2, 2), (other, 2, 4)):
        namespace: dict[str, object] = {}
        exec(entry.applied_to(SOLUTION), namespace)
        assert namespace["f"](2) == f2  # type: ignore[operator]
        assert namespace["Model"].go(2) == go2  # type: ignore[attr-defined]
        assert namespace["Model"]().stay() == 1  # type: ignore[operator]


def test_a_method_keeps_its_place_and_indent() -> None:
    text = substitute(SOLUTION, "Model.stay", "def stay(self):\n    if True:\n        return 2\n")
    namespace: dict[str, object] = {}
    exec(text, namespace)
    assert namespace["Model"]().stay() == 2  # type: ignore[operator]
    assert namespace["Model"].go(1) == 2  # type: ignore[attr-defined]


def test_the_decorator_of_what_is_replaced_goes_too() -> None:
    text = substitute(SOLUTION, "Model.go", "@staticmethod\ndef go(x):\n    return 0\n")
    assert text.count("@staticmethod") == 1


def test_unknown_definition(tmp_path: Path) -> None:
    with pytest.raises(GraderError, match=r"no definition 'Model\.nope'"):
        substitute(SOLUTION, "Model.nope", "def nope(): pass\n")


def test_two_entries_of_one_name(tmp_path: Path) -> None:
    twice = BANK.replace('"go",\n    "no_scale"', '"f",\n    "off_by_one"')
    with pytest.raises(GraderError, match="two entries f/off_by_one"):
        read_bank(bank(tmp_path, twice))


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("def f", "def (", "cannot be read"),
        ('"off_by_one"', "f.__name__", "line 5: 'slug' is not a plain string"),
        ('"You added one."', '""', "line 5: @mistake needs task, slug, says"),
        ("guide=", "gide=", "line 5: 'gide' is not a plain string that @mistake takes"),
    ],
)
def test_a_broken_bank_is_the_graders_error(tmp_path: Path, old: str, new: str, says: str) -> None:
    with pytest.raises(GraderError, match=re.escape(says)):
        read_bank(bank(tmp_path, BANK.replace(old, new, 1)))


def test_a_bank_can_be_imported(tmp_path: Path) -> None:
    exec(bank(tmp_path).read_text(encoding="utf-8"), {})
