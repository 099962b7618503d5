"""The skeleton that students get: the solution with the marked bodies taken out."""

from __future__ import annotations

import re

from grading.errors import GraderError

BEGIN = "# BEGIN SOLUTION"
END = "# END SOLUTION"
NOT_IMPLEMENTED = "not implemented yet"
_TODO = re.compile(r"^\s*# TODO\((?P<name>[A-Za-z_][\w.]*)\)")


def make_skeleton(solution: str, name: str = "solution.py") -> str:
    """The text of `student/PART.py` that belongs to the text of `solution.py`.

    Each block from `# BEGIN SOLUTION` to `# END SOLUTION` becomes one line that raises
    `NotImplementedError` with the name in the nearest `# TODO(name)` above it.

    Args:
        solution: text of the solution.
        name: how messages call it.

    Raises:
        GraderError: a block is not closed, not opened, empty, or has no TODO above it.
    """
    out: list[str] = []
    task = ""
    begun = 0
    body = 0
    for number, line in enumerate(solution.splitlines(keepends=True), start=1):
        mark = line.strip()
        if begun:
            if mark == END:
                if not body:
                    raise _bad(name, begun, "the block is empty")
                begun = 0
            elif mark == BEGIN:
                raise _bad(name, number, f"the block of line {begun} is not closed")
            else:
                body += bool(mark)
            continue
        if mark == END:
            raise _bad(name, number, "a block is closed that was not opened")
        if mark == BEGIN:
            if not task:
                raise _bad(name, number, "there is no `# TODO(name)` above the block")
            indent = line[: len(line) - len(line.lstrip())]
            out.append(f'{indent}raise NotImplementedError("{task}: {NOT_IMPLEMENTED}")\n')
            begun, body, task = number, 0, ""
            continue
        found = _TODO.match(line)
        if found:
            task = found["name"]
        out.append(line)
    if begun:
        raise _bad(name, begun, "the block is not closed")
    return "".join(out)


def stub_of(message: str) -> str:
    """The task whose stub raised this message, "" for a message that no stub gives."""
    task, colon, rest = message.partition(": ")
    return task if colon and rest == NOT_IMPLEMENTED else ""


def _bad(name: str, line: int, why: str) -> GraderError:
    return GraderError(f"{name}, line {line}: {why}.", f"Mend the {BEGIN} / {END} marks.")
