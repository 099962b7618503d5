"""Four submissions that show what the grader does: untouched, half-done, right, hostile."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from grading.audit.hostile import hostile_sources
from grading.bank import read_bank
from grading.skeleton import BEGIN, END, make_skeleton

if TYPE_CHECKING:
    from grading.scoring import Part

_TODO = re.compile(r"# TODO\(([\w.]+)\)")


def samples(part: Part) -> dict[str, str]:
    """Name and text of each; the part must have its instructor's folder."""
    solution = part.solution.read_text(encoding="utf-8")
    blocks = _blocks(solution)
    half = len(blocks) // 2
    started = _without(solution, blocks[half:])
    begun_tasks = {
        task.name
        for task in part.tasks
        if not any(_is_in(function, blocks[half:]) for function in task.functions)
    }
    wrong: set[str] = set()
    entries = read_bank(part.misconceptions_file) if part.misconceptions_file.is_file() else []
    for entry in entries:
        # Every second task of those begun is wrong, so that right and wrong stand side by side.
        if entry.task in begun_tasks and entry.task not in wrong and len(wrong) < 2:
            started = entry.applied_to(started)
            wrong.add(entry.task)
    hostile = hostile_sources(_without(solution, blocks[1:]))
    return {
        "skeleton": make_skeleton(solution),
        "half-done": make_skeleton(started),
        "reference": solution,
        "hostile": hostile["patches comparisons"],
    }


def _blocks(solution: str) -> list[str]:
    """Names in the TODO lines that stand above a solution block, in the file's order."""
    names: list[str] = []
    todo = ""
    for line in solution.splitlines():
        found = _TODO.search(line)
        todo = found[1] if found else todo
        if line.strip() == BEGIN:
            names.append(todo)
    return names


def _is_in(function: str, names: list[str]) -> bool:
    return function in names or function.rpartition(".")[2] in names


def _without(solution: str, names: list[str]) -> str:
    """The solution with the blocks of `names` taken out and the marks of the others removed."""
    out: list[str] = []
    todo, inside = "", ""
    for line in solution.splitlines(keepends=True):
        found = _TODO.search(line)
        todo = found[1] if found else todo
        mark = line.strip()
        if mark == BEGIN:
            inside = "keep" if todo not in names else "drop"
        if mark in (BEGIN, END) and inside == "keep":
            continue
        out.append(line)
    return make_skeleton("".join(out))
