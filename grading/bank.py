"""The bank of an assignment: wrong and alternative implementations, each a whole student file."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from grading.errors import GraderError

_Def = TypeVar("_Def", bound=Callable[..., Any])


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
    """

    task: str
    slug: str
    says: str
    guide: str
    replaces: str
    source: str

    def applied_to(self, solution: str) -> str:
        """The solution's text with this definition in place of the original one."""
        return substitute(solution, self.replaces, self.source)


_reading: list[Entry] | None = None


def mistake(
    task: str, slug: str, says: str, *, guide: str = "", replaces: str = ""
) -> Callable[[_Def], _Def]:
    """Register the decorated definition as a wrong implementation that students write.

    Args:
        task: name of the task that it must lose points in.
        slug: short name, unique within the task.
        says: one sentence to the student that names the mistake and what it does.
        guide: anchor of the guide's section; the task's own when left out.
        replaces: qualified name that it stands in for; the definition's own name when left out.
    """
    return _register(task, slug, says, guide, replaces)


def alternative(task: str, slug: str, *, replaces: str = "") -> Callable[[_Def], _Def]:
    """Register the decorated definition as another right implementation: full marks are due."""
    return _register(task, slug, "", "", replaces)


def _register(task: str, slug: str, says: str, guide: str, replaces: str) -> Callable[[_Def], _Def]:
    def register(definition: _Def) -> _Def:
        if _reading is not None:
            text = _without_decorators(textwrap.dedent(inspect.getsource(definition)))
            name = replaces or definition.__name__
            _reading.append(Entry(task, slug, says, guide, name, text))
        return definition

    return register


def read_bank(path: Path) -> list[Entry]:
    """All entries of a misconceptions.py or alternatives.py, in the file's order.

    Raises:
        GraderError: the file cannot be run, or two entries share task and slug.
    """
    global _reading
    entries: list[Entry] = []
    _reading = entries
    module = ModuleType(path.stem)
    module.__file__ = str(path)
    try:
        exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), module.__dict__)
    except Exception as error:
        raise GraderError(f"{path} cannot be read: {error!r}.", "Mend the bank.") from error
    finally:
        _reading = None
    seen: set[tuple[str, str]] = set()
    for entry in entries:
        if (entry.task, entry.slug) in seen:
            raise GraderError(
                f"{path} holds two entries {entry.task}/{entry.slug}.", "Rename one of them."
            )
        seen.add((entry.task, entry.slug))
    return entries


def _without_decorators(source: str) -> str:
    node = ast.parse(source).body[0]
    return "".join(source.splitlines(keepends=True)[node.lineno - 1 :])


def substitute(solution: str, qualified: str, replacement: str) -> str:
    """`solution` with the definition `qualified` ("f" or "Class.method") replaced.

    Raises:
        GraderError: the solution has no such definition.
    """
    node = _find(ast.parse(solution), qualified)
    if node is None:
        raise GraderError(
            f"The solution has no definition {qualified!r}.", "Correct `replaces` in the bank."
        )
    lines = solution.splitlines(keepends=True)
    first = min([node.lineno, *(d.lineno for d in node.decorator_list)]) - 1
    assert node.end_lineno is not None
    text = textwrap.indent(textwrap.dedent(replacement).rstrip() + "\n", " " * node.col_offset)
    return "".join([*lines[:first], text, *lines[node.end_lineno :]])


def _find(
    tree: ast.AST, qualified: str
) -> ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | None:
    body: list[ast.stmt] = tree.body  # type: ignore[attr-defined]
    name, _, rest = qualified.partition(".")
    for node in body:
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            continue
        if node.name == name:
            return _find(node, rest) if rest else node
    return None
