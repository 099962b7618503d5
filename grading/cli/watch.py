"""`grade watch`: the score again, each time the file is saved."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from grading.cli.options import assignments_option, complete_part, parts_named
from grading.errors import CourseError, UsageError

if TYPE_CHECKING:
    from grading.scoring import Report


@click.command("watch")
@click.argument("part", shell_complete=complete_part)
@click.option(
    "--submission",
    type=click.Path(path_type=Path),
    default=None,
    metavar="PATH",
    help="The file to watch (default: student/PART.py of this repository).",
)
@assignments_option
@click.option("--public-only", is_flag=True, help="Leave the hidden tests out.")
@click.option("--once", is_flag=True, hidden=True, help="Stop after the first change.")
def command(
    part: str, submission: Path | None, assignments: Path | None, public_only: bool, once: bool
) -> None:
    """Grade PART now and each time its file is saved, and show what changed; Ctrl-C ends it.

    Everything stays loaded in between, so that a score takes a moment only.
    """
    from grading.sandbox import start_server

    server = start_server()
    try:
        (chosen,) = parts_named(assignments, (part,))
        path = submission or chosen.student_file
        path = path / f"{part}.py" if path.is_dir() and (path / f"{part}.py").is_file() else path
        if not path.is_file():
            raise UsageError(f"There is no file {path}.", "Name it with --submission PATH.")
        from watchfiles import watch

        from grading.judging.run import Options, grade
        from grading.judging.warm import WarmJudge
        from grading.reports import make_console, print_report

        judge, console = WarmJudge([chosen]), make_console()
        earlier: Report | None = None

        def again() -> None:
            nonlocal earlier
            options = Options(public_only=public_only)
            click.echo(f"Grading {path.name} ...", err=True)
            try:
                report = judge.run(partial(grade, [chosen], path, server, options))
            except CourseError as error:
                # A file caught while an editor replaces it: the next save tells more.
                click.echo(f"grade: {error}", err=True)
                return
            if console.is_terminal:
                console.clear()
            print_report(report, console, earlier=earlier)
            earlier = report

        again()
        console.print(f"Watching {path}; save it to grade again, Ctrl-C to stop.", style="dim")
        # The folder, not the file: editors save by replacing.
        for changes in watch(path.parent, step=20, debounce=200, recursive=False):
            if any(Path(name).name == path.name for _, name in changes):
                again()
                if once:
                    return
    except KeyboardInterrupt:
        click.echo("")
    finally:
        server.close()
