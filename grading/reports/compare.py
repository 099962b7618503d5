"""Several reports side by side: what a skeleton, half a solution and a whole one score."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from grading.reports.screen import Screen, no_commands, score_style
from grading.scoring.report import PartReport, Report, TaskReport


def print_comparison(named: Sequence[tuple[str, Report]], console: Console) -> None:
    """Prints one table: a row for each task, a column for each (name, report)."""
    screen = Screen(console)
    table = Table(
        box=box.ASCII if screen.ascii_only else box.SIMPLE_HEAD,
        pad_edge=False,
        header_style="bold",
    )
    table.add_column("Task", overflow="fold")
    for name, _ in named:
        table.add_column(screen.text(name), justify="right", overflow="fold")
    for part_name in dict.fromkeys(part.part for _, report in named for part in report.parts):
        _add_part(table, screen, part_name, [report for _, report in named])
    if any(len(report.parts) > 1 for _, report in named):
        scores = [Text(f"{report.score}/{report.max_score}", style="bold") for _, report in named]
        table.add_row(Text("all parts", style="bold"), *scores)
    with no_commands(console):
        screen.console.print(table, width=screen.width)


def _add_part(table: Table, screen: Screen, name: str, reports: Sequence[Report]) -> None:
    parts = [next((p for p in report.parts if p.part == name), None) for report in reports]
    tasks = dict.fromkeys(
        (task.task, task.bonus) for part in parts if part is not None for task in part.tasks
    )
    for task_name, bonus in tasks:
        label = screen.text(task_name)
        if bonus:
            label.append(" bonus", style="magenta")
        table.add_row(label, *(_cell(_find(part, task_name)) for part in parts))
    table.add_section()
    table.add_row(screen.text(name, "bold"), *(_score(part) for part in parts), end_section=True)


def _find(part: PartReport | None, name: str) -> TaskReport | None:
    return next((task for task in part.tasks if task.task == name), None) if part else None


def _cell(task: TaskReport | None) -> Text:
    if task is None:
        return Text("")
    style = score_style(task.points, task.max_points)
    return Text(f"{task.points}/{task.max_points}", style=style)


def _score(part: PartReport | None) -> Text:
    if part is None:
        return Text("")
    if part.status == "grader_failed":
        return Text("failed", style="bold magenta")
    style = f"bold {score_style(part.score, part.max_score)}"
    return Text(f"{part.score}/{part.max_score}", style=style)
