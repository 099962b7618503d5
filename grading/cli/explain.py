"""`grade explain`: what a task asks for, without leaving the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from grading.cli.options import assignments_option, complete_task, load
from grading.errors import UsageError

if TYPE_CHECKING:
    from grading.scoring import Part, Task


@click.command("explain")
@click.argument("task", shell_complete=complete_task)
@assignments_option
def command(task: str, assignments: Path | None) -> None:
    """Show TASK (or PART/TASK, or a function): its points, tests, and section of the guide."""
    from rich.markdown import Markdown

    from grading.cli.guide import docstring, section
    from grading.reports import make_console

    parts = [part for assignment in load(assignments) for part in assignment.parts]
    part, item = _find(parts, task)
    console = make_console()
    kind = "bonus points" if item.bonus else "points"
    time = f", about {item.minutes} minutes" if item.minutes else ""
    console.print(f"{part.name}/{item.name}", style="bold", markup=False)
    public = sum(test.points for test in item.tests if test.visibility == "public")
    parted = f" ({public} public, {item.points - public} hidden)"
    console.print(f"{item.title}: {item.points} {kind}{parted}{time}", markup=False)
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
    for name in item.functions:
        words = docstring(part.student_file, name)
        if words:
            console.print(f"\n{name}", style="bold", markup=False)
            console.print(words, markup=False, highlight=False)


def _find(parts: list[Part], text: str) -> tuple[Part, Task]:
    """The task with this name, else the one that asks for this function, else the only one whose
    name begins so; `PART/` in front chooses among equals."""
    wanted, _, rest = text.rpartition("/")
    pairs = [(part, item) for part in parts if wanted in ("", part.name) for item in part.tasks]
    found: list[tuple[Part, Task]] = []
    for fits in (
        lambda item: item.name == rest,
        lambda item: any(rest in (name, name.rpartition(".")[2]) for name in item.functions),
        lambda item: item.name.startswith(rest),
    ):
        found = found or [(part, item) for part, item in pairs if fits(item)]
    if not found:
        import difflib

        names = list(dict.fromkeys(item.name for _, item in pairs))
        near = difflib.get_close_matches(rest, names, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else f"There are: {', '.join(names)}."
        raise UsageError(f"There is no task {rest!r}.", hint)
    if len(found) > 1:
        homes = ", ".join(f"{part.name}/{item.name}" for part, item in found)
        raise UsageError(f"The task {rest!r} could be several.", f"Name one of {homes}.")
    return found[0]
