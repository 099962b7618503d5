"""Reports as the grader makes them: half-done, untouched, complete, hostile, not gradable."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from grading.scoring import (
    Generator,
    Misconception,
    PartReport,
    Report,
    TaskReport,
    TestReport,
    make_report,
)

HOSTILE = (
    "\x1b]0;owned\x07\x1b[2J[red]x[/red] ``` `a` |pipe| <script>alert(1)</script> @teacher #12 "
    "\n::error::forged\n##[error]forged\n\u202egnp.exe\u2066 \x00\ud800\uffff ![x](http://evil) "
    "</details> --- https://evil.example www.evil.example $x$ :smile: 漢字 🎉 \\ ~~s~~ &amp; *b*"
)


def a_test(
    name: str, status: str = "passed", worth: int = 5, hidden: bool = False, **more: Any
) -> TestReport:
    file = "test_hidden.py" if hidden else "test_vae.py"
    return TestReport(
        id=f"{file}::{name}",
        visibility="hidden" if hidden else "public",
        status=status,
        points=worth if status == "passed" else 0,
        max_points=worth,
        **more,
    )


def a_task(name: str, *tests: TestReport, bonus: bool = False, **more: Any) -> TaskReport:
    more = {"title": name.replace("_", " ").capitalize(), "function": name} | more
    return TaskReport(
        task=name,
        guide=more.pop("guide", f"vae.md#{name}"),
        bonus=bonus,
        points=sum(test.points for test in tests),
        max_points=sum(test.max_points for test in tests),
        tests=list(tests),
        **more,
    )


def a_part(*tasks: TaskReport, status: str = "graded", **more: Any) -> PartReport:
    more = {"part": "vae", "title": "The variational autoencoder", "isolation": "L3"} | more
    return PartReport(
        day="day2_vae",
        score=sum(task.points for task in tasks if not task.bonus),
        max_score=sum(task.max_points for task in tasks if not task.bonus),
        bonus=sum(task.points for task in tasks if task.bonus),
        max_bonus=sum(task.max_points for task in tasks if task.bonus),
        status=status,
        tasks=list(tasks),
        **more,
    )


def a_report(*parts: PartReport) -> Report:
    return make_report(list(parts), "5f3a9c0de1", Generator(version="0.1.0"))


def not_yet(name: str, worth: int = 5, **more: Any) -> TestReport:
    return a_test(
        name, "failed", worth, not_implemented=True, message="not implemented yet", **more
    )


def half_part(**more: Any) -> PartReport:
    """Right, partly right, wrong in five ways, untouched, and bonus."""
    kl = Misconception(
        slug="minus_one_forgotten",
        says="You left out the −1: the KL of the prior with itself comes out as D/2, not 0.",
        guide="vae.md#6-kl-divergence",
    )
    call = (
        "mu = torch.zeros(4, 3)\nlogvar = torch.zeros(4, 3)\nkl_divergence(mu, logvar)"
        "  # (B, D), (B, D) -> scalar; the sum over dimensions and then the mean over the batch"
    )
    return a_part(
        a_task(
            "encode", a_test("test_shapes", worth=4), a_test("test_heads", worth=6, hidden=True)
        ),
        a_task(
            "kl_divergence",
            a_test("test_kl_adds_up", worth=4),
            a_test(
                "test_kl_at_prior_is_zero",
                "failed",
                4,
                symptom="The KL of the prior with itself is not 0.",
                got="1.5",
                expected="0.0",
                call=call,
                misconception=kl,
            ),
            a_test("test_kl_gradient", "failed", 4, True, misconception=kl, symptom="Gradient."),
            title="KL divergence in closed form",
            guide="vae.md#6-kl-divergence",
            hint=kl.says,
        ),
        a_task(
            "reparameterize",
            a_test("test_a", "timeout", 3, message="No answer within 10 s."),
            a_test("test_b", "crashed", 3, message="The process was killed by SIGSEGV."),
            a_test("test_c", "missing", 3, message="The test did not run."),
            a_test(
                "test_d", "failed", 3, symptom="σ is e^{logvar}, not e^{logvar/2}.", got="a\n" * 9
            ),
            hint="No answer within 10 s. Read vae.md#reparameterize.",
        ),
        a_task("compute_elbo", not_yet("test_e", 20), not_yet("test_f", 20)),
        a_task("interpolate", not_yet("test_g", 26, hidden=True)),
        a_task("cyclical_beta", a_test("test_h", worth=3), bonus=True),
        a_task("slerp", not_yet("test_i", 5), bonus=True),
        **more,
    )


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GITHUB_ACTIONS", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def half() -> Report:
    return a_report(half_part())


@pytest.fixture
def skeleton() -> Report:
    names = ("encode", "kl_divergence", "compute_elbo", "interpolate")
    tasks = [
        a_task(
            name,
            not_yet(f"test_{name}_1", 10),
            not_yet(f"test_{name}_2", 15),
            hint=f"Not implemented yet, about 8 minutes. Read vae.md#{name}.",
        )
        for name in names
    ]
    return a_report(a_part(*tasks, status="not_started"))


@pytest.fixture
def full() -> Report:
    slerp = a_task("slerp", not_yet("test_i", 5), bonus=True)
    return a_report(a_part(a_task("encode", a_test("test_a", worth=100)), slerp))


@pytest.fixture
def hostile() -> Report:
    evil = Misconception(slug=HOSTILE, says=HOSTILE, guide=HOSTILE)
    test = a_test(
        "test_" + HOSTILE,
        "failed",
        symptom=HOSTILE,
        got=HOSTILE * 40,
        expected=HOSTILE,
        call=HOSTILE,
        message=HOSTILE,
        misconception=evil,
    )
    second = a_test("test_b", "failed", message=HOSTILE * 100)
    task = a_task(
        HOSTILE, test, second, title=HOSTILE, function=HOSTILE, hint=HOSTILE, guide=HOSTILE
    )
    part = a_part(task, part=HOSTILE, title=HOSTILE, message=HOSTILE)
    broken = a_part(task, part="b", status="cannot_import", message=HOSTILE, isolation="L1")
    return a_report(part, broken)


@pytest.fixture
def part_of() -> Callable[..., PartReport]:
    return half_part


@pytest.fixture
def report_of() -> Callable[..., Report]:
    return a_report
