"""`grade audit`: the gate for an assignment, as a table and an exit code."""

from __future__ import annotations

import os
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from grading.cli.options import assignments_option, complete_part, parts_named
from grading.errors import UsageError

if TYPE_CHECKING:
    from grading.audit import Outcome


_EVERY_S = 15.0  # between lines of progress where there is no terminal


@click.command("audit")
@click.argument("parts", nargs=-1, metavar="[PART]...", shell_complete=complete_part)
@assignments_option
@click.option("--seeds", type=click.IntRange(1, 1000), default=5, show_default=True)
@click.option(
    "--json", "json_file", type=click.Path(path_type=Path), help="Write the figures here."
)
@click.option(
    "--sample",
    type=click.IntRange(0),
    default=0,
    metavar="N",
    help="Try N mistakes, alternatives and hostile ones, evenly spread; 0 tries all.",
)
@click.option(
    "--jobs",
    type=click.IntRange(1, 64),
    default=os.cpu_count() or 1,
    show_default="one a core",
    help="Processes that judge side by side.",
)
@click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
def command(
    parts: tuple[str, ...],
    assignments: Path | None,
    seeds: int,
    json_file: Path | None,
    sample: int,
    jobs: int,
    quiet: bool,
) -> int:
    """Prove that the tests of each PART tell right from wrong; exit 1 where they do not.

    The solution must have full marks with every seed, the skeleton none, every known mistake must
    lose points in its own task, every alternative must be accepted, nothing hostile may gain.
    """
    import json
    import sys

    from grading.sandbox import start_server

    server = start_server()
    try:
        chosen = parts_named(assignments, parts)
        bare = [part.name for part in chosen if not part.solution.is_file()]
        if bare:
            raise UsageError(
                f"The part {bare[0]} has no instructor/{bare[0]}/solution.py here.",
                "Audit in the course repository, not in a student's.",
            )
        from grading.audit import audit_part
        from grading.judging.warm import WarmJudge

        judge = WarmJudge(chosen)
        show = sys.stderr.isatty() and not quiet
        spoke = time.monotonic()

        def say(text: str) -> None:
            nonlocal spoke
            if show:
                click.echo(f"\r\033[K{text[:78]}", nl=False, err=True)
            elif not quiet and time.monotonic() - spoke > _EVERY_S:
                spoke = time.monotonic()
                click.echo(text, err=True)

        outcomes = [
            audit_part(part, server, judge, seeds=seeds, sample=sample, jobs=jobs, say=say)
            for part in chosen
        ]
        if show:
            click.echo("\r\033[K", nl=False, err=True)
    finally:
        server.close()
    for outcome in outcomes:
        _print(outcome)
    if json_file:
        from grading.scoring import write_text

        write_text(
            json.dumps([asdict(outcome) for outcome in outcomes], indent=2) + "\n", json_file
        )
    return 1 if any(outcome.findings for outcome in outcomes) else 0


def _print(outcome: Outcome) -> None:
    green = "green" if not outcome.findings else f"{len(outcome.findings)} findings"
    click.echo(f"{outcome.part}: {green} (isolation {outcome.isolation})")
    rows = [
        ("solution at full marks", f"{outcome.seeds} seeds"),
        (
            "mistakes tried / caught / named",
            f"{outcome.mistakes} / {outcome.caught} / {outcome.named + outcome.named_as_twin}",
        ),
        ("  of them named as a twin", str(outcome.named_as_twin)),
        ("alternatives tried / accepted", f"{outcome.alternatives} / {outcome.accepted}"),
        ("hostile tried / repelled", f"{outcome.hostile} / {outcome.repelled}"),
    ]
    for name, value in rows:
        click.echo(f"  {name:<38}{value}")
    if outcome.unnamed:
        click.echo(f"  caught, not named: {', '.join(outcome.unnamed)}")
    for finding in outcome.findings:
        click.echo(f"  {finding.check}: {finding.subject}: {finding.what}")
