"""`grade skeleton`: the student files are made from the solutions, never by hand."""

from __future__ import annotations

from pathlib import Path

import click

from grading.cli.options import assignments_option, complete_part, parts_named


@click.command("skeleton")
@click.argument("parts", nargs=-1, metavar="[PART]...", shell_complete=complete_part)
@assignments_option
@click.option("--write", is_flag=True, help="Write the files that differ.")
def command(parts: tuple[str, ...], assignments: Path | None, write: bool) -> int:
    """Compare student/PART.py with what its solution gives; exit 1 when one differs."""
    from grading.skeleton import make_skeleton

    stale = 0
    for part in parts_named(assignments, parts):
        if not part.solution.is_file():
            click.echo(f"{part.name}: there is no solution here")
            continue
        due = make_skeleton(part.solution.read_text(encoding="utf-8"), str(part.solution))
        path = part.student_file
        if path.is_file() and path.read_text(encoding="utf-8") == due:
            click.echo(f"{part.name}: up to date")
        elif write:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(due, encoding="utf-8")
            click.echo(f"{part.name}: written")
        else:
            stale += 1
            click.echo(f"{part.name}: {path.name} differs; run `grade skeleton --write`")
    return 1 if stale else 0
