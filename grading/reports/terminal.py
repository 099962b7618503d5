"""The report on a terminal: what was lost, why, and what to do about it."""

from __future__ import annotations

from rich import box
from rich.console import Console, OverflowMethod
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from grading.reports.screen import Screen, no_commands, score_style, styled
from grading.scoring.report import (
    PartReport,
    Report,
    TaskReport,
    TestReport,
    changes,
    next_task,
)

_SHOWN = 3
_VALUE_LINES = 6
_VALUE_CHARS = 600
_LEVELS = {
    "L3": "sandbox with namespaces",
    "L2": "sandbox without namespaces",
    "L1": "separate process, no sandbox",
    "L0": "in process, unprotected",
    "none": "no code ran",
}
_FATES = {
    "timeout": "took too long",
    "crashed": "crashed",
    "missing": "did not run",
    "failed": "failed",
    "passed": "passed",
}
_WHY = {
    "cannot_import": "Your file cannot be imported, so no test could run.",
    "missing_file": "The file is missing, so no test could run.",
    "grader_failed": "The grader failed. Your code is not at fault, and this is not your score.",
}


def print_report(
    report: Report,
    console: Console,
    *,
    verbose: bool = False,
    earlier: Report | None = None,
) -> None:
    """Prints a report.

    Args:
        verbose: every lost test in full, not only the first three of a task.
        earlier: an older report of the same submission; adds what changed since.
    """
    screen = Screen(console)
    with no_commands(console):
        for part in report.parts:
            _part(screen, report, part, verbose)
        if len(report.parts) > 1:
            screen.write(_total(report))
        if earlier is not None:
            screen.write(change_line(earlier, report, screen))
        screen.write(_what_next(screen, report))


def change_line(earlier: Report, later: Report, screen: Screen) -> Text:
    """ "+12 kl_divergence  −3 encode  (62 → 71)", or that the score is as it was."""
    moved = changes(earlier, later)
    line = styled("Since last time: ", "bold")
    if not moved:
        return line.append("no change", style="dim")
    for name, by in moved:
        sign = "+" if by > 0 else screen.signs.minus
        line.append(f"{sign}{abs(by)} ", style="green" if by > 0 else "red")
        line.append_text(screen.text(f"{name}  "))
    before, after = earlier.score, later.score
    return line.append(f"({before} {screen.signs.arrow} {after})", style="dim")


def _part(screen: Screen, report: Report, part: PartReport, verbose: bool) -> None:
    _header(screen, report, part)
    if part.status in _WHY:
        screen.console.print()
        _ungraded(screen, part)
        screen.console.print()
    else:
        _tasks(screen, part)
        _lost(screen, part, verbose)


def _header(screen: Screen, report: Report, part: PartReport) -> None:
    name = screen.text(part.part, "bold cyan")
    if part.title:
        name.append("  ").append_text(screen.text(part.title, "bold"))
    screen.write(name)
    style = f"bold {score_style(part.score, part.max_score)}"
    line = Text("  ").append(f"{part.score} / {part.max_score}", style=style).append("  ")
    room = max(10, min(40, screen.width - len(line) - (20 if part.max_bonus else 2)))
    line.append_text(screen.bar(part.score, part.max_score, room))
    if part.max_bonus:
        line.append(f"  bonus {part.bonus} / {part.max_bonus}", style="magenta")
    screen.write(line)
    facts = [f"isolation {part.isolation} ({_LEVELS[part.isolation]})", f"seed {report.seed}"]
    if part.public_only:
        facts.append("public tests only: more points come from tests you cannot see")
    dot = f" {screen.signs.point} "
    screen.indent(screen.text(dot.join(facts), "dim"))


def _ungraded(screen: Screen, part: PartReport) -> None:
    style = "bold magenta" if part.status == "grader_failed" else "bold red"
    screen.write(screen.text(_WHY[part.status], style))
    if part.message:
        screen.indent(screen.text(part.message))


def _tasks(screen: Screen, part: PartReport) -> None:
    wide = screen.width >= 78
    table = Table(
        box=box.ASCII if screen.ascii_only else box.SIMPLE_HEAD,
        width=screen.width,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        header_style="dim",
    )
    table.add_column("", width=1)
    # The name is what --task takes, so it stays whole; not every encoding has an ellipsis.
    longest = max((len(task.task) for task in part.tasks), default=4)
    cut: OverflowMethod = "ellipsis" if screen.plain("…") == "…" else "crop"
    table.add_column(
        "Task",
        min_width=min(longest, screen.width // 2) if wide else None,
        no_wrap=True,
        overflow=cut if wide else "fold",
    )
    if wide:
        table.add_column("", ratio=1, no_wrap=True, overflow=cut, style="dim")
    table.add_column("Points", justify="right", no_wrap=True, overflow=cut)
    if wide:
        table.add_column("", width=10, overflow=cut)
    table.add_column("Tests", justify="right", no_wrap=True, overflow=cut)
    for task in part.regular:
        table.add_row(*_row(screen, task, wide))
    if part.extras:
        table.add_section()
        table.add_row("", styled("Bonus", "magenta"))
    for task in part.extras:
        table.add_row(*_row(screen, task, wide))
    screen.console.print(table, width=screen.width)
    if screen.ascii_only:
        screen.console.print()


def _row(screen: Screen, task: TaskReport, wide: bool) -> list[Text]:
    name = screen.text(task.task)
    points = Text(
        f"{task.points}/{task.max_points}", style=score_style(task.points, task.max_points)
    )
    tests = styled(f"{task.passed}/{len(task.tests)}", "dim")
    if not wide:
        return [_mark(screen, task), name, points, tests]
    bar = screen.bar(task.points, task.max_points, 10)
    about = task.title
    if task.not_implemented and not task.points:
        # The section alone: the guide is the part's, and both together do not fit 80 columns.
        bar, about = styled("to do", "dim"), task.guide[task.guide.find("#") :]
    return [_mark(screen, task), name, screen.text(about), points, bar, tests]


def _mark(screen: Screen, task: TaskReport) -> Text:
    if not task.lost:
        return styled(screen.signs.right, "green")
    if task.not_implemented:
        return styled(screen.signs.untouched, "dim")
    if task.points:
        return styled(screen.signs.partly, "yellow")
    return styled(screen.signs.wrong, "red")


def _lost(screen: Screen, part: PartReport, verbose: bool) -> None:
    wrong = [task for task in part.tasks if task.lost and not task.not_implemented]
    untouched = [task for task in part.tasks if task.lost and task.not_implemented]
    for task in wrong:
        _lost_task(screen, task, verbose)
    # An untouched skeleton has its table, and needs no page a test.
    if not untouched or part.status == "not_started":
        return
    screen.write(styled("Not implemented yet", "bold"))
    for task in untouched:
        line = screen.text(task.function or task.task)
        line.append(f"  {screen.signs.minus}{task.lost}", style="red")
        line.append_text(screen.text(f"  {task.guide}", "dim"))
        screen.indent(line, styled(f"  {screen.signs.untouched} ", "dim"))
    screen.console.print()


def _lost_task(screen: Screen, task: TaskReport, verbose: bool) -> None:
    line = _mark(screen, task).append(" ").append_text(screen.text(task.task, "bold"))
    line.append(f"  {screen.signs.minus}{task.lost} of {task.max_points}", style="red")
    screen.write(line)
    lost = [test for test in task.tests if test.status != "passed"]
    groups: dict[tuple[str, str], list[TestReport]] = {}
    for test in lost:
        slug = test.misconception.slug if test.misconception else ""
        groups.setdefault(("", slug) if slug else (test.symptom or test.message, ""), []).append(
            test
        )
    shown = list(groups.values())
    for index, tests in enumerate(shown if verbose else shown[:_SHOWN]):
        if index:
            screen.console.print()
        _lost_tests(screen, task, tests, verbose)
    rest = [] if verbose else [test for tests in shown[_SHOWN:] for test in tests]
    if rest:
        names = ", ".join(test.name for test in rest)
        more = f"and {len(rest)} more lost (--verbose shows them): {names}"
        screen.indent(screen.text(more, "dim"))
    if task.guide:
        screen.indent(Text("Read ").append_text(screen.text(task.guide, "cyan")))
    screen.console.print()


def _lost_tests(screen: Screen, task: TaskReport, tests: list[TestReport], verbose: bool) -> None:
    """Tests that were lost for one and the same reason; the first is shown."""
    first = tests[0]
    why = first.symptom or first.message or f"{first.name} {_FATES[first.status]}."
    screen.indent(screen.text(_short(why, verbose), "bold" if first.symptom else ""))
    facts = [
        f"{test.name} {screen.signs.minus}{test.lost}"
        + ("" if test.status == "failed" else f", {_FATES[test.status]}")
        + (", hidden" if test.visibility == "hidden" else "")
        for test in tests
    ]
    screen.indent(screen.text(f" {screen.signs.point} ".join(facts), "dim"))
    if first.call:
        # Flush left and never wrapped, so that it can be pasted into Python.
        code = Syntax("", "python", theme="ansi_dark").highlight(screen.plain(first.call))
        code.rstrip()
        screen.console.print(code, soft_wrap=True)
    _values(screen, first, verbose)
    if first.misconception:
        says = styled("Likely mistake: ", "yellow")
        says.append_text(screen.text(first.misconception.says))
        if first.misconception.guide not in ("", task.guide):
            says.append_text(screen.text(f" ({first.misconception.guide})", "cyan"))
        screen.indent(says)


def _values(screen: Screen, test: TestReport, verbose: bool) -> None:
    if not (test.expected or test.got):
        return
    for label, value, style in (("expected", test.expected, "green"), ("got", test.got, "red")):
        if value:
            lead = styled(f"  {label:<8}  ", "dim")
            screen.indent(screen.text(_short(value, verbose), style), lead)


def _short(text: str, verbose: bool) -> str:
    lines = text.split("\n")
    if verbose or (len(lines) <= _VALUE_LINES and len(text) <= _VALUE_CHARS):
        return text
    kept = "\n".join(lines[:_VALUE_LINES])[:_VALUE_CHARS]
    return f"{kept.rstrip()} … ({len(text) - len(kept)} more characters)"


def _total(report: Report) -> Text:
    line = styled("All parts  ", "bold")
    line.append(
        f"{report.score} / {report.max_score}", style=score_style(report.score, report.max_score)
    )
    if report.max_bonus:
        line.append(f"  bonus {report.bonus} / {report.max_bonus}", style="magenta")
    return line


def _what_next(screen: Screen, report: Report) -> Text:
    line = styled("What next: ", "bold")
    for part in report.parts:
        if part.status == "grader_failed":
            return line.append("show this to your instructor; your work is not at fault.")
        if part.status in _WHY:
            return line.append_text(screen.text(f"correct {part.part}.py first, then grade again."))
    found = next_task(report)
    if found:
        _, task = found
        line.append_text(screen.text(task.function or task.task, "bold cyan"))
        line.append_text(screen.text(f" ({_points(task.lost)}). "))
        return line.append_text(screen.text(task.hint))
    extras = [task for part in report.parts for task in part.extras if task.lost]
    if extras and not report.max_score:
        task = extras[0]
        line.append_text(screen.text(task.function or task.task, "bold cyan"))
        line.append_text(screen.text(f" ({_points(task.lost)}). "))
        return line.append_text(screen.text(task.hint))
    if any(part.public_only for part in report.parts):
        line.append("every public point is yours", style="green")
        return line.append(
            "; hidden tests ask for more when your work is graded: gradients, dtypes, other inputs."
        )
    if extras:
        names = ", ".join(f"{task.task} ({task.lost})" for task in extras)
        return line.append_text(screen.text(f"every point is yours; bonus is left in {names}."))
    return line.append("nothing, every point is yours.", style="green")


def _points(count: int) -> str:
    return "1 point" if count == 1 else f"{count} points"
