"""Progress is a live line on a terminal, a plain line now and then elsewhere, nothing if quiet."""

from __future__ import annotations

import io

from rich.console import Console

from grading.reports import Progress, make_console


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def run(out: io.StringIO, console: Console, *, quiet: bool = False) -> str:
    clock = Clock()
    with Progress(console, label="vae", quiet=quiet, clock=clock) as progress:
        progress.resize(6)
        for index in range(6):
            progress.start(f"test_{index}[/red]\x1b[2J")
            clock.now += 0.9
            progress.done()
        progress.note("next [part]")
    return out.getvalue()


def test_plain_lines() -> None:
    out = io.StringIO()
    assert run(out, make_console(out, width=80)).split("\n") == [
        "vae: 3/6 tests, 2.7 s, now test_3[/red]",
        "next [part]",
        "vae: 6/6 tests in 5.4 s",
        "",
    ]


def test_quiet() -> None:
    out = io.StringIO()
    assert run(out, make_console(out, width=80, color=True), quiet=True) == ""


def test_live_line_is_erased() -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=80, _environ={"TERM": "xterm"})
    text = run(out, console)
    assert "6/6" in text and "tests in" not in text
    assert text.rstrip().endswith("\x1b[2K"), "the line is erased at the end"
    assert "[2J" not in text and "test_5[/red]" in text


def test_an_error_passes_through() -> None:
    out = io.StringIO()
    try:
        with Progress(make_console(out, width=80), 1):
            raise KeyError("x")
    except KeyError:
        pass
    assert out.getvalue() == ""
