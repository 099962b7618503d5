"""The bank of an assignment: wrong and alternative implementations, each a whole student file."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from grading.errors import GraderError

_Def = TypeVar("_Def", bound=Callable[..., Any])
_Definition: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@dataclass(frozen=True)
class Entry:
    """One implementation that stands in for a definition of the solution.

    Attributes:
        task: the task it belongs to.
        slug: its short name, unique within the task.
        says: for a mistake the sentence to the student, "" for an alternative.
        guide: section of the guide that clears the mistake up, "" = the task's own.
        replaces: qualified name of the definition it stands in for, such as "VAE.encode".
        source: its text, dedented, without the decorator.
        unseeded: its numbers differ from run to run, whatever the seed.
    """

    task: str
    slug: str
    says: str
    guide: str
    replaces: str
    source: str
    unseeded: bool = False

    def applied_to(self, solution: str) -> str:
        """The solution's text with this definition in place of the original one."""
        return substitute(solution, self.replaces, self.source)


def mistake(
    task: str, slug: str, says: str, *, guide: str = "", replaces: str = "", unseeded: bool = False
) -> Callable[[_Def], _Def]:
    """Register the decorated definition as a wrong implementation that students write.

    Args:
        task: name of the task that it must lose points in.
        slug: short name, unique within the task.
        says: one sentence to the student that names the mistake and what it does.
        guide: anchor of the guide's section; the task's own when left out.
        replaces: qualified name that it stands in for; the definition's own name when left out.
        unseeded: it draws noise that no seed repeats, so that its numbers cannot tell who made it:
            a test that fails with the same symptom is enough.
    """
    return _as_it_is


def alternative(task: str, slug: str, *, replaces: str = "") -> Callable[[_Def], _Def]:
    """Register the decorated definition as another right implementation: full marks are due."""
    return _as_it_is


def _as_it_is(definition: _Def) -> _Def:
    """The decorators mark; `read_bank` reads the marks from the text."""
    return definition


def read_bank(path: Path) -> list[Entry]:
    """All entries of a misconceptions.py or alternatives.py, in the file's order.

    The file is read, not run: a bank of hundreds is read for each submission that loses a point.

    Raises:
        GraderError: it cannot be read, an argument is no plain string, or two entries share task
            and slug.
    """
    try:
        state = path.stat()
    except OSError as error:
        raise GraderError(f"{path} cannot be read: {error}.", "Restore the bank.") from None
    return list(_entries(path, state.st_mtime_ns, state.st_size))


@lru_cache(maxsize=32)
def _entries(path: Path, _mtime: int, _size: int) -> tuple[Entry, ...]:
    try:
        text = path.read_text(encoding="utf-8")
        tree = ast.parse(text)
    except (OSError, ValueError, SyntaxError) as error:
        raise GraderError(f"{path} cannot be read: {error}.", "Mend the bank.") from None
    lines = text.splitlines(keepends=True)
    entries: list[Entry] = []
    seen: set[tuple[str, str]] = set()
    for node in tree.body:
        if not isinstance(node, _DEFINITIONS):
            continue
        for call in node.decorator_list:
            if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
                continue
            kind = call.func.id
            if kind not in ("mistake", "alternative"):
                continue
            entry = _entry(path, kind, call, node, lines)
            if (entry.task, entry.slug) in seen:
                raise GraderError(
                    f"{path}, line {node.lineno}: there are two entries {entry.task}/{entry.slug}.",
                    "Rename one of them.",
                )
            seen.add((entry.task, entry.slug))
            entries.append(entry)
    return tuple(entries)


def _entry(path: Path, kind: str, call: ast.Call, node: _Definition, lines: list[str]) -> Entry:
    order = ("task", "slug", "says") if kind == "mistake" else ("task", "slug")
    given = dict(zip(order, call.args, strict=False))
    given |= {keyword.arg or "": keyword.value for keyword in call.keywords}
    values = {"task": "", "slug": "", "says": "", "guide": "", "replaces": node.name}
    unseeded = False
    if kind == "mistake" and "unseeded" in given:
        unseeded = getattr(given.pop("unseeded"), "value", None) is True
    for name, value in given.items():
        try:
            values[name] = ast.literal_eval(value)
        except ValueError:
            values[name] = None  # type: ignore[assignment]
        if name not in {*order, "guide", "replaces"} or not isinstance(values[name], str):
            raise GraderError(
                f"{path}, line {node.lineno}: {name!r} is not a plain string that @{kind} takes.",
                f"Write @{kind}({', '.join(order)}).",
            )
    if not all(values[name] for name in order):
        raise GraderError(
            f"{path}, line {node.lineno}: @{kind} needs {', '.join(order)}.", "Add what is missing."
        )
    source = "".join(lines[node.lineno - 1 : node.end_lineno])
    return Entry(**values, source=source, unseeded=unseeded)


def substitute(solution: str, qualified: str, replacement: str) -> str:
    """`solution` with the definition `qualified` ("f" or "Class.method") replaced.

    Raises:
        GraderError: the solution has no such definition.
    """
    node = _find(_parsed(solution), qualified)
    if node is None:
        raise GraderError(
            f"The solution has no definition {qualified!r}.", "Correct `replaces` in the bank."
        )
    lines = solution.splitlines(keepends=True)
    first = min([node.lineno, *(d.lineno for d in node.decorator_list)]) - 1
    assert node.end_lineno is not None
    text = textwrap.indent(textwrap.dedent(replacement).rstrip() + "\n", " " * node.col_offset)
    return "".join([*lines[:first], text, *lines[node.end_lineno :]])


@lru_cache(maxsize=8)
def _parsed(text: str) -> ast.Module:
    return ast.parse(text)


def _find(tree: ast.Module | _Definition, qualified: str) -> _Definition | None:
    name, _, rest = qualified.partition(".")
    for node in tree.body:
        if isinstance(node, _DEFINITIONS) and node.name == name:
            return _find(node, rest) if rest else node
    return None
