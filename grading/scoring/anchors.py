"""A task points at a section of its guide; this knows which sections there are."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterator

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_ATX = re.compile(r" {0,3}#{1,6}(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*$")
_SETEXT = re.compile(r" {0,3}(?:=+|-+)[ \t]*$")
_NOT_PARAGRAPH = re.compile(r"\s*$| {0,3}(?:[>|#]|[-*+][ \t]|\d+[.)][ \t]|<!--)| {4}|\t")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_EXPLICIT = re.compile(r"""<a\s+(?:id|name)=["']([^"'<>]{1,200})["']""")
_IMAGE = re.compile(r"!\[[^\]]*\]\([^)]*\)")
_LINK = re.compile(r"\[([^\]]*)\](?:\([^)]*\)|\[[^\]]*\])")
_TAG = re.compile(r"</?[A-Za-z][^<>]*>")
_UNDERSCORES = re.compile(r"(?<!\w)(_{1,3})(?=\S)(.+?)(?<=\S)\1(?!\w)")
_WORD = frozenset({"Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Pc"})
_MAX_HEADING = 500


def slug(heading: str) -> str:
    """The anchor GitHub gives a heading: lower case, word characters, hyphens for spaces.

    >>> slug("6. `kl_divergence`: the *closed* form")
    '6-kl_divergence-the-closed-form'
    """
    text = "".join(_plain(heading[:_MAX_HEADING])).strip().lower()
    kept = (c for c in text if c in "- " or unicodedata.category(c) in _WORD)
    return "".join(kept).replace(" ", "-")


def anchors(markdown: str) -> frozenset[str]:
    """Every anchor of a markdown text, without the "#"; a repeated heading gets -1, -2, …"""
    found: set[str] = set(_EXPLICIT.findall(markdown))
    seen: dict[str, int] = {}
    for heading in _headings(_COMMENT.sub(_same_lines, markdown)):
        name = slug(heading)
        unique = name
        while unique in seen:
            seen[name] += 1
            unique = f"{name}-{seen[name]}"
        seen[unique] = 0
        found.add(unique)
    return frozenset(found)


def _same_lines(match: re.Match[str]) -> str:
    return "\n" * match[0].count("\n")


def _headings(markdown: str) -> Iterator[str]:
    lines = markdown.splitlines()
    at = _after_front_matter(lines)
    fence = ""
    previous = ""
    for line in lines[at:]:
        opened = _FENCE.match(line)
        if fence:
            closes = opened and opened[1].startswith(fence) and not line.strip().strip(fence[0])
            fence = "" if closes else fence
            previous = ""
        elif opened:
            fence, previous = opened[1], ""
        elif match := _ATX.match(line[: _MAX_HEADING + 8]):
            yield match[1] or ""
            previous = ""
        elif _SETEXT.match(line) and not _NOT_PARAGRAPH.match(previous):
            yield previous.strip()
            previous = ""
        else:
            previous = line


def _after_front_matter(lines: list[str]) -> int:
    if lines and lines[0].rstrip() == "---":
        for index, line in enumerate(lines[1:], start=1):
            if line.rstrip() == "---":
                return index + 1
    return 0


def _plain(heading: str) -> Iterator[str]:
    """The heading's text as rendered, piece by piece; code spans keep their underscores."""
    for index, piece in enumerate(heading.split("`")):
        if index % 2:
            yield piece
            continue
        piece = _LINK.sub(r"\1", _IMAGE.sub("", piece))
        piece = _UNDERSCORES.sub(r"\2", _TAG.sub("", piece))
        yield html.unescape(piece)
