"""`grade demo`: four submissions side by side, to see what the grader makes of each."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path

import click

from grading.cli.options import assignments_option, complete_part, parts_named
from grading.errors import UsageError


@click.command("demo")
@click.argument("part", default="vae", shell_complete=complete_part)
@assignments_option
def command(part: str, assignments: Path | None) -> None:
    """Grade a skeleton, a half-done, a right and a hostile submission of PART, side by side.

    The half-done one has its second half still to write and a known mistake in each task of its
    first; the hostile one attacks the grader in each task but the first, which is right.
    """
    from grading.sandbox import start_server

    server = start_server()
    try:
        (chosen,) = parts_named(assignments, (part,))
        if not chosen.solution.is_file():
            raise UsageError(
                f"The part {part} has no solution here.", "Run the demo in the course repository."
            )
        from grading.audit.samples import samples
        from grading.judging.run import Options, grade
        from grading.judging.warm import WarmJudge
        from grading.reports import make_console, print_comparison, print_report

        judge = WarmJudge([chosen])
        options = Options()
        named = []
        for name, source in samples(chosen).items():
            with tempfile.TemporaryDirectory(prefix="demo-") as folder:
                Path(folder, f"{part}.py").write_text(source, encoding="utf-8")
                job = partial(grade, [chosen], Path(folder), server, options)
                named.append((name, judge.run(job)))
    finally:
        server.close()
    console = make_console()
    print_comparison(named, console)
    half = dict(named)["half-done"]
    console.print()
    console.print("The half-done submission in full:", style="bold")
    print_report(half, console)
