"""Strings from a submission are made harmless once, here, before they enter a report."""

from __future__ import annotations

import re
import unicodedata

ELLIPSIS = "…"

# Whole escape sequences first, so that "\x1b[31mred" leaves "red" and not "[31mred".
_ESCAPES = re.compile(
    r"\x1b(?:[\]PX^_][^\x07\x1b\x9c]*+(?:\x07|\x1b\\|\x9c)?|\[[0-?]*+[ -/]*+[@-~]?|[ -/]*+[0-~]?)"
    r"|\x9b[0-?]*+[ -/]*+[@-~]?"
)
_BREAKS = re.compile(r"\r\n?|[\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_DROPPED = frozenset({"Cc", "Cf", "Cs"})


def _kept(char: str) -> bool:
    if char in "\n\t":
        return True
    # Noncharacters are legal in str and illegal in XML.
    return unicodedata.category(char) not in _DROPPED and (ord(char) & 0xFFFE) != 0xFFFE


def clean(text: str, cap: int, *, multiline: bool = False) -> str:
    """`text` without terminal escapes, control, bidi and surrogate characters, at most `cap` long.

    Args:
        text: any string at all.
        cap: greatest number of characters of the result, at least 1; a cut ends in "…".
        multiline: keep line breaks (as "\\n") and tabs; otherwise white space becomes one space.

    Cleaning a cleaned text changes nothing.
    """
    # Nobody reads past the cap, and a gigabyte of escapes must not cost a minute.
    cut = len(text) > 8 * cap + 4096
    text = text[: 8 * cap + 4096]
    if not text.isprintable():
        text = _BREAKS.sub("\n", _ESCAPES.sub("", text))
        if not text.isprintable():
            text = "".join(filter(_kept, text))
    text = text.strip("\n").rstrip() if multiline else " ".join(text.split())
    if len(text) > cap or (cut and text):
        return text[: cap - 1].rstrip() + ELLIPSIS
    return text


def show(value: object, cap: int = 40) -> str:
    """A value from a file as a person would write it, short enough for a sentence."""
    if isinstance(value, str):
        return f'"{clean(value, cap)}"'
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value) if abs(value) < 10**12 else "a huge number"
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "a list"
    return f"a {type(value).__name__}"
