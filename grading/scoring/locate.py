"""tomllib forgets where a key stood; an error message must not."""

from __future__ import annotations

import contextlib
import re
from bisect import bisect_right

Key = tuple[str | int, ...]

MAX_DEPTH = 16

_SPACE = re.compile(r"[ \t]*+")
_BLANK = re.compile(r"(?:[ \t\n]|#[^\n]*+)*+")
_REST = re.compile(r"[ \t]*+(?:#[^\n]*+)?(?:\n|\Z)")
_BARE = re.compile(r"[A-Za-z0-9_-]++")
_BASIC = re.compile(r'"((?:[^"\\\n]|\\.)*+)"')
_LITERAL = re.compile(r"'([^'\n]*+)'")
_LONG_BASIC = re.compile(r'"""(?:[^"\\]|\\.|"{1,2}(?!"))*+"{3,5}', re.DOTALL)
_LONG_LITERAL = re.compile(r"'''(?:[^']|'{1,2}(?!'))*+'{3,5}", re.DOTALL)
_SCALAR = re.compile(r"[^\s,#\]}=\"'\[{][^,#\]}\n=\"'\[{]*+")
_UNESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))")
_SHORT = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r"}


class TooDeepError(Exception):
    """Keys or values nest deeper than any manifest needs; `line` says where."""

    def __init__(self, line: int) -> None:
        super().__init__(f"line {line}")
        self.line = line


class _StopError(Exception):
    """The text is not TOML from here on; tomllib says it better."""


class Locations:
    """Line numbers (from 1) of the keys of one TOML text."""

    def __init__(self, lines: dict[Key, int]) -> None:
        self._lines = lines

    def line(self, key: Key) -> int:
        """The line of `key`, or of the nearest table around it, or 1."""
        while key:
            if key in self._lines:
                return self._lines[key]
            key = key[:-1]
        return 1


def locate(source: str) -> Locations:
    """Finds the keys of a TOML text: tables and arrays of them, inline, dotted, quoted.

    A text that is not TOML is located up to its first error.

    Raises:
        TooDeepError: more than `MAX_DEPTH` names or brackets inside each other.
    """
    scanner = _Scanner(source.replace("\r\n", "\n"))
    with contextlib.suppress(_StopError):
        scanner.document()
    return Locations(scanner.lines)


class _Scanner:
    def __init__(self, source: str) -> None:
        self.source = source
        self.at = 0
        self.lines: dict[Key, int] = {}
        self._counts: dict[Key, int] = {}
        self._starts = [0, *(match.end() for match in re.finditer("\n", source))]

    def document(self) -> None:
        table: Key = ()
        while True:
            self._skip(_BLANK)
            if self.at >= len(self.source):
                return
            if self._take("["):
                many = self._take("[")
                table = self._header(self._key(), many)
                self._need("]]" if many else "]")
            else:
                self._pair(table, 0)
            if not self._skip(_REST):
                raise _StopError

    def _header(self, names: list[str], many: bool) -> Key:
        path: Key = (*self._inside((), names[:-1]), names[-1])
        if many:
            self._counts[path] = self._counts.get(path, 0) + 1
            self._note(path)
        if path in self._counts:
            path += (self._counts[path] - 1,)
        self._note(path)
        return path

    def _inside(self, path: Key, names: list[str]) -> Key:
        for name in names:
            path += (name,)
            self._note(path)
            if path in self._counts:
                path += (self._counts[path] - 1,)
        return path

    def _pair(self, table: Key, depth: int) -> None:
        names = self._key()
        path = (*self._inside(table, names[:-1]), names[-1])
        self._note(path)
        self._need("=")
        self._skip(_SPACE)
        self._value(path, depth + 1)

    def _key(self) -> list[str]:
        names: list[str] = []
        while True:
            self._skip(_SPACE)
            names.append(self._name())
            if len(names) > MAX_DEPTH:
                raise TooDeepError(self._line())
            self._skip(_SPACE)
            if not self._take("."):
                return names

    def _name(self) -> str:
        for pattern in (_BARE, _BASIC, _LITERAL):
            match = pattern.match(self.source, self.at)
            if match:
                self.at = match.end()
                if pattern is _BASIC:
                    return _UNESCAPE.sub(_unescaped, match[1])
                return match[match.re.groups]
        raise _StopError

    def _value(self, path: Key, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise TooDeepError(self._line())
        if self._take("["):
            self._array(path, depth)
        elif self._take("{"):
            self._inline(path, depth)
        elif self.source.startswith('"""', self.at):
            self._must(_LONG_BASIC)
        elif self.source.startswith("'''", self.at):
            self._must(_LONG_LITERAL)
        elif self.source.startswith('"', self.at):
            self._must(_BASIC)
        elif self.source.startswith("'", self.at):
            self._must(_LITERAL)
        else:
            self._must(_SCALAR)

    def _array(self, path: Key, depth: int) -> None:
        index = 0
        self._skip(_BLANK)
        while not self._take("]"):
            self._note((*path, index))
            self._value((*path, index), depth + 1)
            index += 1
            self._skip(_BLANK)
            if self._take(","):
                self._skip(_BLANK)
            elif not self.source.startswith("]", self.at):
                raise _StopError

    def _inline(self, path: Key, depth: int) -> None:
        # TOML 1.1 lets an inline table span lines, so blanks are skipped as in an array.
        self._skip(_BLANK)
        while not self._take("}"):
            self._pair(path, depth)
            self._skip(_BLANK)
            if self._take(","):
                self._skip(_BLANK)
            elif not self.source.startswith("}", self.at):
                raise _StopError

    def _line(self) -> int:
        return bisect_right(self._starts, self.at)

    def _note(self, path: Key) -> None:
        self.lines.setdefault(path, self._line())

    def _take(self, text: str) -> bool:
        if self.source.startswith(text, self.at):
            self.at += len(text)
            return True
        return False

    def _need(self, text: str) -> None:
        self._skip(_SPACE)
        if not self._take(text):
            raise _StopError

    def _skip(self, pattern: re.Pattern[str]) -> bool:
        match = pattern.match(self.source, self.at)
        if match is None:
            return False
        self.at = match.end()
        return True

    def _must(self, pattern: re.Pattern[str]) -> None:
        if not self._skip(pattern):
            raise _StopError


def _unescaped(match: re.Match[str]) -> str:
    number = match[1] or match[2]
    if number:
        code = int(number, 16)
        return chr(code) if code < 0x110000 else ""
    return _SHORT.get(match[3], match[3])
