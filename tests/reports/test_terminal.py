"""What is printed is right, fits, needs no color, and is never markup of a submission's."""

from __future__ import annotations

import io
import re
from collections.abc import Callable

import pytest
from rich.cells import cell_len

from grading.reports import make_console, print_comparison, print_report
from grading.reports.screen import Screen
from grading.scoring import PartReport, Report


def printed(
    report: Report,
    width: int = 80,
    encoding: str = "utf-8",
    *,
    color: bool | None = False,
    verbose: bool = False,
    earlier: Report | None = None,
) -> str:
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding=encoding, newline="")
    console = make_console(out, width=width, color=color)
    print_report(report, console, verbose=verbose, earlier=earlier)
    out.flush()
    return raw.getvalue().decode(encoding)


def test_half_done(half: Report, full: Report) -> None:
    text = printed(half, earlier=full)
    for piece in (
        "14 / 100", "bonus 3 / 8", "isolation L3", "seed 5f3a9c0de1", "kl_divergence  −8 of 12",
        "The KL of the prior with itself is not 0.", "expected  0.0", "got       1.5",
        "Likely mistake: You left out the −1", "Read vae.md#6-kl-divergence",
        "test_kl_gradient −4, hidden", "test_a −3, took too long", "test_b −3, crashed",
        "test_c −3, did not run", "and 1 more lost (--verbose shows them): test_d",
        "compute_elbo  −40",
        "Since last time: −90 encode  (100 → 14)", "What next: kl_divergence (8 points).",
    ):  # fmt: skip
        assert piece in text, piece
    assert text.count("You left out") == 2, "a mistake is named once, and once as what is next"


def test_the_call_can_be_pasted(half: Report) -> None:
    call = half.parts[0].tasks[1].tests[1].call
    assert max(map(len, call.split("\n"))) > 80
    for color in (False, True):
        text = re.sub(r"\x1b\[[0-9;]*m", "", printed(half, 60, color=color))
        assert f"\n{call}\n" in text


def test_verbose_shows_every_test(half: Report) -> None:
    text = printed(half, verbose=True)
    assert "σ is e^{logvar}" in text and "more lost" not in text


def test_skeleton_is_one_line_a_task(skeleton: Report) -> None:
    text = printed(skeleton)
    assert text.count("compute_elbo") == 2  # its name and its guide, on one line
    assert len(text.strip().split("\n")) < 14
    assert "What next: encode (25 points). Not implemented yet, about 8 minutes." in text


def test_full(full: Report) -> None:
    assert "every point is yours; bonus is left in slerp (5)" in printed(full)


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_lines_fit(half: Report, skeleton: Report, full: Report, width: int) -> None:
    for report in (half, skeleton, full):
        code = {
            line
            for p in report.parts
            for t in p.tasks
            for s in t.tests
            for line in s.call.split("\n")
        }
        for line in printed(report, width).split("\n"):
            assert cell_len(line) <= min(width, 100) or line in code


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1", "cp437", "gbk"])
def test_poor_encodings(half: Report, hostile: Report, encoding: str) -> None:
    text = printed(half, 60, encoding)
    assert "14 / 100" in text and "kl_divergence" in text
    if encoding == "ascii":
        assert "kl_divergence  -8 of 12" in text and "You left out the -1" in text
        assert "sigma is e^{logvar}" in printed(half, 60, encoding, verbose=True)
    assert "alert(1)" in printed(hostile, 60, encoding)


def test_color_only_where_it_is_wanted(half: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[" in printed(half, color=True)
    assert "\x1b[" not in printed(half, color=False)
    assert "\x1b[" not in printed(half, color=None)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]m", printed(half, color=None))


@pytest.mark.parametrize("width", [60, 100])
def test_hostile_text_is_text(hostile: Report, width: int) -> None:
    text = printed(hostile, width, color=True)
    assert set(re.findall(r"\x1b.", text)) == {"\x1b["}
    assert all(code.endswith("m") for code in re.findall(r"\x1b\[[0-9;?]*[a-zA-Z]", text))
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    assert "[red]x[/red]" in plain and ":smile:" in plain and "\x1b" not in plain
    assert not set("\u202e\u2066\x00\x07") & set(plain)
    assert len(plain.split("\n")) < 140, "a huge message is not printed whole"


def test_ungraded(part_of: Callable[..., PartReport], report_of: Callable[..., Report]) -> None:
    for status, says, then in (
        ("cannot_import", "cannot be imported", "correct vae.py first"),
        ("missing_file", "file is missing", "correct vae.py first"),
        ("grader_failed", "Your code is not at fault", "show this to your instructor"),
    ):
        text = printed(report_of(part_of(status=status, message="SyntaxError: line 3")))
        assert says in text and then in text and "SyntaxError: line 3" in text


def test_runner_commands_are_stopped(half: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    first, *_, last = printed(half).strip().split("\n")
    token = first.removeprefix("::stop-commands::")
    assert len(token) == 32 and last == f"::{token}::"
    assert token not in printed(half)


def test_bar_tells_full_from_nearly() -> None:
    screen = Screen(make_console(io.StringIO(), width=80))
    bars = [screen.bar(points, 100, 10).plain.count("█") for points in (0, 1, 50, 99, 100)]
    assert bars == [0, 1, 5, 9, 10]


def test_comparison(half: Report, skeleton: Report, full: Report, hostile: Report) -> None:
    out = io.StringIO()
    named = [("skeleton", skeleton), ("half", half), ("reference", full)]
    print_comparison(named, make_console(out, width=80))
    rows = [line.split() for line in out.getvalue().split("\n") if line.strip()]
    assert rows[0] == ["Task", "skeleton", "half", "reference"]
    assert ["kl_divergence", "0/25", "4/12"] in rows
    assert ["vae", "0/100", "14/100", "100/100"] in rows
    print_comparison([*named, ("hostile", hostile)], make_console(out, width=60))
    assert "[red]x[/red]" in out.getvalue()
