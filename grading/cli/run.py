"""`grade run`: a submission in, a score out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from grading.cli.options import assignments_option, complete_part, complete_task, parts_named
from grading.errors import UsageError

if TYPE_CHECKING:
    from grading.reports import Progress
    from grading.sandbox import Level
    from grading.scoring import Part, Report


_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command("run")
@click.argument("parts", nargs=-1, metavar="[PART]...", shell_complete=complete_part)
@click.option(
    "--submission",
    type=click.Path(path_type=Path),
    default=Path(),
    show_default="this folder",
    metavar="PATH",
    help="A repository, a folder with PART.py files, or one file.",
)
@assignments_option
@click.option(
    "--task", "tasks", multiple=True, shell_complete=complete_task, help="Grade this task alone."
)
@click.option("--public-only", is_flag=True, help="Leave the hidden tests out.")
@click.option("--seed", default=None, metavar="HEX", help="Repeat the inputs of an earlier run.")
@click.option(
    "--isolation",
    type=click.Choice(["L3", "L2", "L1"]),
    default="L1",
    show_default=True,
    help="The weakest isolation that will do; the strongest to be had is taken.",
)
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write the report here.")
@click.option(
    "--markdown", "markdown_file", type=click.Path(path_type=Path), help="Write markdown."
)
@click.option("--junit", "junit_file", type=click.Path(path_type=Path), help="Write JUnit XML.")
@click.option(
    "--fail-under",
    type=click.IntRange(0, 100),
    default=None,
    metavar="PERCENT",
    help="Exit with 1 when the score is below this share of the points.",
)
@click.option("-v", "--verbose", is_flag=True, help="Show every lost test in full.")
@click.option("-q", "--quiet", is_flag=True, help="Print the score line alone.")
def command(
    parts: tuple[str, ...],
    submission: Path,
    assignments: Path | None,
    tasks: tuple[str, ...],
    public_only: bool,
    seed: str | None,
    isolation: Level,
    json_file: Path | None,
    markdown_file: Path | None,
    junit_file: Path | None,
    fail_under: int | None,
    verbose: bool,
    quiet: bool,
) -> int:
    """Grade the PARTs of a submission; every part that it holds when none is named.

    Nothing of the submission runs in the grader's own process.
    """
    from grading.sandbox import start_server

    # The server imports torch on the other core while this process imports its own.
    server = start_server()
    try:
        named = parts_named(assignments, parts)
        chosen = _only(tasks, named) if tasks else named
        from grading.judging.warm import preload

        preload()
        from grading.judging.run import ALL_LEVELS, Options, grade
        from grading.judging.seeds import fresh_seed, read_seed
        from grading.reports import Progress, make_console

        options = Options(
            seed=read_seed(seed) if seed else fresh_seed(),
            levels=ALL_LEVELS[: ALL_LEVELS.index(isolation) + 1],
            public_only=public_only,
            task=" or ".join(tasks),
        )
        with Progress(make_console(stderr=True), quiet=quiet) as progress:
            report = grade(chosen, submission, server, options, _Shown(progress))
    finally:
        server.close()
    if not parts and not tasks:
        report = _handed_in(report)
    _write(report, json_file, markdown_file, junit_file)
    _print(report, quiet, verbose)
    if report.grader_failed:
        return 3
    if fail_under is not None and report.score * 100 < fail_under * report.max_score:
        return 1
    return 0


class _Shown:
    """Passes what the judge tells on to the progress display."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._total = 0

    def collected(self, count: int) -> None:
        self._total += count
        self._progress.resize(self._total)

    def ended(self, name: str, status: str) -> None:
        self._progress.start(name)
        self._progress.done()


def _only(names: tuple[str, ...], parts: list[Part]) -> list[Part]:
    """The parts that have these tasks, with no other task."""
    for name in names:
        homes = [part.name for part in parts if part.task(name)]
        if not homes:
            import difflib

            known = [task.name for part in parts for task in part.tasks]
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"Did you mean {near[0]!r}?" if near else f"There are: {', '.join(known)}."
            raise UsageError(f"There is no task {name!r}.", hint)
        if len(homes) > 1:
            raise UsageError(
                f"The task {name!r} is in several parts: {', '.join(homes)}.",
                "Name the part before --task.",
            )
    chosen = [
        replace(part, tasks=tuple(task for task in part.tasks if task.name in names))
        for part in parts
    ]
    return [part for part in chosen if part.tasks]


def _handed_in(report: Report) -> Report:
    """The report without the parts that the submission has no file for, unless it has none."""
    from grading.scoring import make_report

    there = [part for part in report.parts if part.status != "missing_file"]
    return make_report(there or report.parts, report.seed, report.generator)


def _write(
    report: Report, json_file: Path | None, markdown_file: Path | None, junit_file: Path | None
) -> None:
    from grading.scoring import write_json, write_text

    if json_file:
        write_json(report, json_file)
    if markdown_file:
        from grading.reports import markdown

        write_text(markdown(report), markdown_file)
    if junit_file:
        from grading.reports import junit

        write_text(junit(report), junit_file)


def _print(report: Report, quiet: bool, verbose: bool) -> None:
    from grading.reports import make_console, print_report

    if quiet:
        for part in report.parts:
            bonus = f" + {part.bonus} bonus" if part.bonus else ""
            click.echo(f"{part.part}: {part.score}/{part.max_score}{bonus} ({part.isolation})")
    else:
        print_report(report, make_console(), verbose=verbose)
