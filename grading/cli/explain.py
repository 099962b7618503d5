"""`grade explain`: what a task asks for, without leaving the terminal."""

from __future__ import annotations

from pathlib import Path

import click

from grading.cli.options import assignments_option, complete_task, load
from grading.errors import UsageError


@click.command("explain")
@click.argument("task", shell_complete=complete_task)
@assignments_option
def command(task: str, assignments: Path | None) -> None:
    """Show TASK (or PART/TASK): its function, points, tests and section of the guide."""
    from rich.markdown import Markdown

    from grading.cli.guide import section
    from grading.reports import make_console

    wanted, _, rest = task.rpartition("/")
    parts = [part for assignment in load(assignments) for part in assignment.parts]
    found = [
        (part, item)
        for part in parts
        for item in part.tasks
        if item.name == rest and wanted in ("", part.name)
    ]
    if not found:
        import difflib

        names = [item.name for part in parts for item in part.tasks]
        near = difflib.get_close_matches(rest, names, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else f"There are: {', '.join(names)}."
        raise UsageError(f"There is no task {rest!r}.", hint)
    if len(found) > 1:
        homes = ", ".join(f"{part.name}/{item.name}" for part, item in found)
        raise UsageError(f"The task {rest!r} is in several parts.", f"Name one of {homes}.")
    part, item = found[0]
    console = make_console()
    kind = "bonus points" if item.bonus else "points"
    time = f", about {item.minutes} minutes" if item.minutes else ""
    console.print(f"{part.name}/{item.name}", style="bold", markup=False)
    console.print(f"{item.title}: {item.points} {kind}{time}", markup=False)
    written = ", ".join(item.functions)
    console.print(f"write {written} in student/{part.name}.py", markup=False)
    for test in item.tests:
        if test.visibility == "public" or part.hidden_tests.is_file():
            console.print(
                f"  {test.points:>3}  {test.visibility:<6}  {test.name}",
                markup=False,
                highlight=False,
            )
    console.print(f"try it: grade run {part.name} --task {item.name}", markup=False)
    text = section(part.guide_file, item.guide)
    if text:
        console.print()
        console.print(Markdown(text))
