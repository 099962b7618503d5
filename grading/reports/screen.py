"""What a terminal can show differs; everything printed is fitted to it here."""

from __future__ import annotations

import contextlib
import os
import secrets
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TextIO

from rich.console import Console
from rich.text import Text

from grading.scoring.text import clean

MAX_WIDTH = 100

_SPELLED = {
    "−": "-", "–": "-", "—": "--", "×": "x", "·": "*", "…": "...", "⊙": "*", "√": "sqrt",
    "≤": "<=", "≥": ">=", "≠": "!=", "≈": "~", "→": "->", "←": "<-", "∑": "sum", "Σ": "Sigma",
    "∞": "inf", "²": "^2", "½": "1/2", "“": '"', "”": '"', "„": '"', "‘": "'", "’": "'",
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "eps", "θ": "theta",
    "λ": "lambda", "μ": "mu", "µ": "mu", "π": "pi", "σ": "sigma", "τ": "tau", "φ": "phi",
    "∂": "d", "∇": "grad", "∈": "in", "‖": "||", "│": "|", "ᾱ": "alpha_bar",
}  # fmt: skip


@dataclass(frozen=True)
class Signs:
    """The signs of a screen."""

    right: str
    wrong: str
    untouched: str
    partly: str
    full: str
    empty: str
    minus: str
    point: str
    arrow: str


_UNICODE = Signs("✓", "✗", "○", "◐", "█", "░", "−", "·", "→")
_ASCII = Signs("+", "x", "o", "~", "#", ".", "-", "|", "->")


class Screen:
    """A console, and how to write on it: text as plain text, whatever is in it.

    Args:
        console: where to write.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self.width = min(console.width, MAX_WIDTH)
        self.signs = _UNICODE if self._can("".join(vars(_UNICODE).values())) else _ASCII

    @property
    def ascii_only(self) -> bool:
        """Whether the signs are plain ASCII."""
        return self.signs is _ASCII

    def text(self, text: str, style: str = "") -> Text:
        """`text` itself: no markup, no control characters, only what the encoding can carry."""
        return styled(self.plain(text), style)

    def plain(self, text: str) -> str:
        """The characters of `text` that this console can show; others are spelled out."""
        before, after = (len(text) - len(edge) for edge in (text.lstrip(" "), text.rstrip(" ")))
        inner = clean(text, max(len(text), 1), multiline=True).strip(" ")
        if not self._can(inner):
            inner = "".join(c if self._can(c) else self._spelled(c) for c in inner)
        return " " * before + inner + " " * (after if inner else 0)

    def bar(self, points: int, most: int, width: int) -> Text:
        """A bar of `width` cells; full only for all points, empty only for none."""
        cells = round(width * points / most) if most else 0
        cells = min(max(cells, int(points > 0)), width if points >= most > 0 else width - 1)
        text = styled(self.signs.full * cells, score_style(points, most))
        return text.append(self.signs.empty * (width - cells), style="dim")

    def write(self, *lines: Text) -> None:
        """Prints lines, wrapped to the width."""
        for line in lines:
            self.indent(line, "")

    def indent(self, text: Text, lead: Text | str = "  ") -> None:
        """Prints `text` wrapped, after `lead` on the first line and blanks on the others."""
        lead = Text(lead) if isinstance(lead, str) else lead
        room = max(self.width - lead.cell_len, 10)
        for index, line in enumerate(text.wrap(self.console, room, overflow="fold")):
            line.rstrip()
            first = lead if index == 0 else Text(" " * lead.cell_len)
            self.console.print(Text.assemble(first, line), soft_wrap=True)

    def _can(self, text: str) -> bool:
        try:
            text.encode(self.console.encoding)
        except (UnicodeError, LookupError):
            return False
        return True

    def _spelled(self, char: str) -> str:
        spelled = _SPELLED.get(char, "" if unicodedata.combining(char) else "?")
        return spelled if self._can(spelled) else "?"


def make_console(
    file: TextIO | None = None,
    *,
    stderr: bool = False,
    width: int | None = None,
    color: bool | None = None,
) -> Console:
    """A console for reports; honors NO_COLOR, FORCE_COLOR, TERM=dumb and COLUMNS.

    Args:
        file: where to write; None is standard output, or standard error with `stderr`.
        width: columns; None asks the terminal.
        color: True or False decide; None asks the terminal.
    """
    return Console(
        file=file,
        stderr=stderr,
        width=width,
        force_terminal=color,
        no_color=False if color else (True if color is False else None),
        highlight=False,
        markup=False,
        emoji=False,
        soft_wrap=False,
    )


def styled(text: str, style: str) -> Text:
    """`text` in a style that does not reach what is appended to it."""
    return Text().append(text, style=style)


@contextlib.contextmanager
def no_commands(console: Console) -> Iterator[None]:
    """On a GitHub runner, lines printed inside that look like workflow commands are not obeyed."""
    if os.environ.get("GITHUB_ACTIONS") != "true":
        yield
        return
    token = secrets.token_hex(16)
    console.print(Text(f"::stop-commands::{token}"), soft_wrap=True)
    try:
        yield
    finally:
        console.print(Text(f"::{token}::"), soft_wrap=True)


def score_style(points: int, most: int) -> str:
    """Green for all, red for none, yellow between."""
    if points >= most:
        return "green"
    return "yellow" if points else "red"
