"""The report as GitHub markdown, where text from a submission stays text."""

from __future__ import annotations

import html
import re

from grading.scoring.report import PartReport, Report, TaskReport, TestReport, next_task

MAX_BYTES = 1 << 20
_HEADROOM = 4096

_BLANK = "\u200b"
_PUNCTUATION = re.compile(r"([\\`*_\[\]|~$])")
_START = re.compile(r"^(?:([#+=-])|(\d+)(?=[.)]))")
_PLAIN = re.compile(r"[\w.,#/ -]+")
_LINK = re.compile(r"(://|www(?=\\?\.))", re.IGNORECASE)
_MENTION = re.compile(r"(@|#(?=\d+\b)|\bGH-(?=\d))", re.IGNORECASE)
_EMOJI = re.compile(r":(?=[a-z0-9_+\\-]+:)", re.IGNORECASE)
_COMMAND = re.compile(r"^(\s*)(?=::)|(?<=#)(?=#\[)", re.MULTILINE)
_FENCES = re.compile(r"`{3,}")

_MARKS = {"all": "✅", "some": "🟡", "none": "❌", "untouched": "⬜"}
_WHY = {
    "cannot_import": "Your file cannot be imported, so no test could run.",
    "missing_file": "The file is missing, so no test could run.",
    "grader_failed": "The grader failed. Your code is not at fault, and this is not your score.",
}


def markdown(report: Report, limit: int = MAX_BYTES) -> str:
    """A step summary or release body; at most `limit` bytes of UTF-8, hints last to go in.

    The table of every part comes first and always; then what was lost, while there is room.
    """
    head = [_head(report, part) for part in report.parts]
    details = [
        _task(task)
        for part in report.parts
        if part.status not in _WHY
        for task in part.tasks
        if task.lost and not task.not_implemented
    ]
    text = _safe("\n".join([*head, _next(report)]))
    if details:
        text += "\n### Lost points\n\n"
    room = limit - _HEADROOM - len(text.encode())
    for index, detail in enumerate(details):
        detail = _safe(detail)
        room -= len(detail.encode()) + 1
        if room < 0:
            text += f"_{len(details) - index} more tasks are in the full report._\n"
            break
        text += detail + "\n"
    return _cut(text, limit)


def escape(text: str) -> str:
    """`text` as inline markdown that shows as it is: no markup, links, mentions or commands."""
    text = _inert(_PUNCTUATION.sub(r"\\\1", " ".join(text.split())))
    return _START.sub(_started, text)


def inline_code(text: str) -> str:
    """A name in backticks, where that is safe; anything else escaped."""
    return f"`{text}`" if _PLAIN.fullmatch(text) else escape(text)


def code(text: str, language: str = "text") -> str:
    """`text` as a fenced block whose fence is longer than any in the text."""
    longest = max((len(ticks) for ticks in _FENCES.findall(text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def _head(report: Report, part: PartReport) -> str:
    bonus = f" · bonus {part.bonus} / {part.max_bonus}" if part.max_bonus else ""
    title = f": {escape(part.title)}" if part.title else ""
    lines = [
        f"## {escape(part.part)}{title}",
        "",
        f"**{part.score} / {part.max_score}**{bonus}",
        "",
    ]
    if part.status in _WHY:
        lines += [_WHY[part.status], ""]
        if part.message:
            lines += [code(part.message), ""]
        return "\n".join(lines)
    lines += ["| | Task | | Points | Tests |", "|---|---|---|---:|---:|"]
    lines += [_row(task) for task in (*part.regular, *part.extras)]
    only = " · public tests only: more points come from tests you cannot see"
    only = only if part.public_only else ""
    lines += ["", f"<sub>isolation {part.isolation} · seed {report.seed}{only}</sub>", ""]
    return "\n".join(lines)


def _row(task: TaskReport) -> str:
    bonus = " _(bonus)_" if task.bonus else ""
    points = f"{task.points} / {task.max_points}"
    return (
        f"| {_mark(task)} | {inline_code(task.task)}{bonus} | {escape(task.title)} "
        f"| {points} | {task.passed} / {len(task.tests)} |"
    )


def _mark(task: TaskReport) -> str:
    if not task.lost:
        return _MARKS["all"]
    if task.not_implemented:
        return _MARKS["untouched"]
    return _MARKS["some" if task.points else "none"]


def _task(task: TaskReport) -> str:
    lines = [
        f"<details><summary>{_mark(task)} {_inert(task.task)}: {task.lost} of "
        f"{task.max_points} points lost</summary>",
        "",
    ]
    for test in task.tests:
        if test.status != "passed":
            lines += [*_test(test), ""]
    if task.guide:
        lines += [f"Read {inline_code(task.guide)}.", ""]
    return "\n".join([*lines, "</details>", ""])


def _test(test: TestReport) -> list[str]:
    hidden = ", hidden" if test.visibility == "hidden" else ""
    lines = [f"**{inline_code(test.name)}** ({test.status}{hidden}, −{test.lost})", ""]
    if test.symptom:
        lines += [escape(test.symptom), ""]
    elif test.message:
        lines += [code(test.message), ""]
    if test.call:
        lines += [code(test.call, "python"), ""]
    values = [
        label + value.replace("\n", "\n" + " " * len(label))
        for label, value in (("expected  ", test.expected), ("got       ", test.got))
        if value
    ]
    if values:
        lines += [code("\n".join(values)), ""]
    if test.misconception:
        guide = f" ({inline_code(test.misconception.guide)})" if test.misconception.guide else ""
        lines += [f"**Likely mistake:** {escape(test.misconception.says)}{guide}", ""]
    return lines


def _next(report: Report) -> str:
    if any(part.status in _WHY for part in report.parts):
        return ""
    found = next_task(report)
    if not found:
        return "**Every point is yours.**\n"
    _, task = found
    name = inline_code(task.function or task.task)
    return f"**What next:** {name} ({task.lost} points). {escape(task.hint)}\n"


def _started(match: re.Match[str]) -> str:
    return f"\\{match[1]}" if match[1] else f"{match[2]}{_BLANK}"


def _inert(text: str) -> str:
    """Text without tags, links, mentions, issue numbers, emoji: invisible blanks break them."""
    text = html.escape(text, quote=False)
    text = _EMOJI.sub(f":{_BLANK}", _LINK.sub(rf"\1{_BLANK}", text))
    return _MENTION.sub(rf"\1{_BLANK}", text)


def _safe(text: str) -> str:
    """No line can be read as a workflow command, should the file be echoed to a log."""
    return _COMMAND.sub(rf"\g<1>{_BLANK}", text)


def _cut(text: str, limit: int) -> str:
    data = text.encode()
    if len(data) <= limit:
        return text
    return data[: max(limit - 4, 0)].decode(errors="ignore") + "\n"
