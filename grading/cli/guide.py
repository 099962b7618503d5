"""One section of a guide and the docstrings that go with it, for reading in the terminal."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from grading.scoring.anchors import slug

_HEADING = re.compile(r"(#{1,6})[ \t]+(.*?)[ \t]*#*$")
_FORMULA = re.compile(r"\$\$.+?\$\$", re.DOTALL)
_INLINE = re.compile(r"(?<![$\\`])\$([^$`]+)\$")
_HINTS = re.compile(r"<details>.*?</details>\s*", re.DOTALL)


def section(guide: Path, anchor: str) -> str:
    """The markdown from the heading with this anchor to the next of its rank, "" if not there.

    Folded hints are left out: a terminal cannot fold them, and unfolded they would give too much
    away. So are displayed formulas, which a terminal shows as LaTeX: the docstring has them in
    plain text. Formulas within a line become code, so that Markdown leaves their signs alone.
    """
    if not guide.is_file():
        return ""
    out: list[str] = []
    depth = 0
    fenced = False
    for line in guide.read_text(encoding="utf-8").splitlines():
        fenced ^= line.lstrip().startswith("```")
        found = None if fenced else _HEADING.match(line)
        if found and depth and len(found[1]) <= depth:
            break
        if found and not depth and slug(found[2]) == anchor.removeprefix("#"):
            depth = len(found[1])
        if depth:
            out.append(line)
    text = "\n".join(out)
    note = "\n\n*(Hints in three steps are folded in the guide.)*" if _HINTS.search(text) else ""
    text = _FORMULA.sub("*(drawn in the guide; in plain text below)*", _HINTS.sub("", text))
    return _outside_fences(text) + note


def _outside_fences(text: str) -> str:
    """The text with `$formula$` as code, except in blocks of code."""
    blocks = re.split(r"(^```.*?^```)", text, flags=re.DOTALL | re.MULTILINE)
    return "".join(
        block if block.startswith("```") else _INLINE.sub(_as_code, block) for block in blocks
    )


def _as_code(match: re.Match[str]) -> str:
    return f"`{' '.join(match[1].split())}`"


def docstring(file: Path, name: str) -> str:
    """The docstring of `function` or `Class.method` in a Python file that is read, not run; "" if
    there is none."""
    try:
        body = ast.parse(file.read_text(encoding="utf-8")).body
    except (OSError, SyntaxError, ValueError):
        return ""
    node: ast.AST | None = None
    for part in name.split("."):
        node = next((item for item in body if getattr(item, "name", None) == part), None)
        if not isinstance(node, ast.FunctionDef | ast.ClassDef):
            return ""
        body = node.body
    assert isinstance(node, ast.FunctionDef | ast.ClassDef)
    return ast.get_docstring(node) or ""
