"""Points come only from tests that ran once and passed, and always add up."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grading.scoring import Part, RawResult, score_part, split_points, ungraded_part, unlisted

ALL = [
    ("test_vae.py", "test_kl_at_prior_is_zero"),
    ("test_hidden.py", "test_kl_gradient"),
    ("test_vae.py", "test_shapes"),
    ("test_vae.py", "test_slerp"),
]


def results(**changed: list[RawResult]) -> list[RawResult]:
    """All tests passed, but for those named."""
    listed = [changed.pop(name, [RawResult(file, name, "", "passed", 0.5)]) for file, name in ALL]
    assert not changed
    return list(itertools.chain(*listed))


def kl(outcome: str, case: str = "", message: str = "", **detail: object) -> RawResult:
    return RawResult("test_hidden.py", "test_kl_gradient", case, outcome, 0.25, message, detail)


@given(st.integers(0, 1000), st.lists(st.integers(1, 100), min_size=1, max_size=30))
def test_split_is_exact_and_fair(points: int, weights: list[int]) -> None:
    shares = split_points(points, weights)
    assert sum(shares) == points
    for share, weight in zip(shares, weights, strict=True):
        assert abs(share - points * weight / sum(weights)) < 1
    for (a, v), (b, w) in itertools.combinations(zip(shares, weights, strict=True), 2):
        assert a >= b if v == w else (a - b) * (v - w) >= 0


def test_split_by_hand() -> None:
    assert split_points(10, [1, 1, 1]) == [4, 3, 3]
    assert split_points(12, [1, 2, 2]) == [2, 5, 5]
    assert split_points(7, [5]) == [7]


def test_all_and_nothing(part: Part) -> None:
    full = score_part(part, results(), isolation="L3")
    assert (full.score, full.max_score, full.bonus, full.max_bonus) == (100, 100, 5, 5)
    assert full.status == "graded" and full.tasks[0].hint == ""
    none = score_part(part, [], isolation="L3")
    assert (none.score, none.max_score, none.bonus, none.max_bonus) == (0, 100, 0, 5)
    assert {t.status for task in none.tasks for t in task.tests} == {"missing"}
    assert none.status == "graded"


@pytest.mark.parametrize(
    ("raw", "status", "says"),
    [
        ([], "missing", "did not run"),
        ([kl("skipped")], "missing", "skipped"),
        ([kl("xfailed")], "missing", "xfailed"),
        ([kl("xpassed")], "missing", "xpassed"),
        ([kl("deselected")], "missing", "deselected"),
        ([kl("error")], "missing", "error"),
        ([kl("PASSED")], "missing", "PASSED"),
        ([kl("")], "missing", ""),
        ([kl("passed"), kl("passed")], "missing", "ran 2 times"),
        ([kl("passed", "a"), kl("passed", "a")], "missing", "[a]"),
        ([kl("passed"), kl("passed", "a")], "missing", "ran 2 times"),
        (
            [kl("passed", "a"), kl("failed", "b", "no")],
            "failed",
            "1 of 2 cases fail, first [b]: no",
        ),
        ([kl("passed", "a"), kl("skipped", "b")], "missing", "skipped [b]"),
        ([kl("timeout")], "timeout", ""),
        ([kl("crashed")], "crashed", ""),
        ([RawResult("test_vae.py", "test_kl_gradient", "", "passed")], "missing", "did not run"),
    ],
)
def test_no_points(part: Part, raw: list[RawResult], status: str, says: str) -> None:
    report = score_part(part, results(test_kl_gradient=raw), isolation="L3")
    test = report.tasks[0].tests[1]
    assert (test.status, test.points, test.max_points) == (status, 0, 40)
    assert says in test.message
    assert (report.score, report.tasks[0].points) == (60, 20)


def test_all_cases_pass(part: Part) -> None:
    raw = [kl("passed", "a"), kl("passed", "b")]
    report = score_part(part, results(test_kl_gradient=raw), isolation="L3")
    assert report.score == 100 and report.tasks[0].tests[1].duration_s == 0.5


def test_unlisted_tests_count_for_nothing(part: Part) -> None:
    extra = [*results(), RawResult("test_vae.py", "test_free_points", "", "passed")]
    assert score_part(part, extra, isolation="L3").score == 100
    assert unlisted(part, extra) == ["test_vae.py::test_free_points"]


def test_public_only(part: Part) -> None:
    report = score_part(part, results(), isolation="L0", public_only=True)
    assert (report.score, report.max_score, report.public_only) == (60, 60, True)
    assert all(t.visibility == "public" for task in report.tasks for t in task.tests)


def test_not_started(part: Part) -> None:
    raw = [
        RawResult(file, name, "", "failed", detail={"not_implemented": True}) for file, name in ALL
    ]
    report = score_part(part, raw, isolation="L3")
    assert report.status == "not_started"
    assert (
        report.tasks[0].hint == "Not implemented yet, about 8 minutes. Read vae.md#6-kl-divergence."
    )
    begun = score_part(part, [*raw[1:], RawResult(*ALL[0], "", "failed")], isolation="L3")
    assert begun.status == "graded"


def test_a_computed_case_is_shown_before_an_untouched_one(part: Part) -> None:
    raw = [kl("failed", "a", not_implemented=True), kl("failed", "b", symptom="Wrong")]
    test = score_part(part, results(test_kl_gradient=raw), isolation="L3").tasks[0].tests[1]
    assert test.symptom == "Wrong" and not test.not_implemented


def test_detail_and_hint(part: Part) -> None:
    named = {"slug": "s", "says": "You left out the −1.", "guide": "#6-kl-divergence"}
    raw = [
        kl("failed", symptom="KL is off", got="1", expected="0", call="f()", misconception=named)
    ]
    task = score_part(part, results(test_kl_gradient=raw), isolation="L3").tasks[0]
    test = task.tests[1]
    assert (test.symptom, test.got, test.expected, test.call) == ("KL is off", "1", "0", "f()")
    assert test.misconception is not None
    assert test.misconception.guide == "vae.md#6-kl-divergence"
    assert task.hint == "You left out the −1." and task.guide == "vae.md#6-kl-divergence"
    raw = [kl("failed", symptom="KL is off")]
    task = score_part(part, results(test_kl_gradient=raw), isolation="L3").tasks[0]
    assert task.hint == "KL is off. Read vae.md#6-kl-divergence."


@pytest.mark.parametrize("junk", [None, 3, [], {}, {"says": 3}, "x", {"slug": object()}])
def test_junk_in_detail(part: Part, junk: object) -> None:
    raw = RawResult(
        "test_hidden.py", "test_kl_gradient", "", "failed", float("nan"), "\ud800\x1b[2J\0" * 9999,
        {"symptom": junk, "got": junk, "misconception": junk, "not_implemented": junk, "x": junk},
    )  # fmt: skip
    test = score_part(part, results(test_kl_gradient=[raw]), isolation="L3").tasks[0].tests[1]
    assert test.misconception is None and not test.not_implemented
    assert (test.status, test.duration_s, test.message) == ("failed", 0.0, "")


def test_ungraded(part: Part) -> None:
    report = ungraded_part(part, "cannot_import", "SyntaxError")
    assert (report.score, report.max_score, report.status) == (0, 100, "cannot_import")
    assert (report.message, report.isolation) == ("SyntaxError", "none")
