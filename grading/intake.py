"""Opens and checks one handed-in file at a time; knows nothing of parts and courses."""

from __future__ import annotations

import os
import re
import stat
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from grading.errors import SubmissionError

MAX_FILE = 1 << 20
MAX_ENTRIES = 10_000
MAX_LINE = 20_000

_TOO_BIG = f"it is larger than {MAX_FILE >> 20} MiB"
RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?$", re.IGNORECASE)
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,95}\.[a-z0-9]{1,8}")
_COOKIE = re.compile(r"[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")
_BLANK = re.compile(r"[ \t\f]*(#.*)?$", re.DOTALL)


class Folder:
    """A folder held open by descriptor: what was checked is what is read, whatever is swapped."""

    def __init__(self, at: int | Path) -> None:
        self._at = at

    @classmethod
    def open_root(cls, path: Path) -> Folder:
        """Open the folder that the caller named; it alone may be reached through a link."""
        if os.open in os.supports_dir_fd and os.scandir in os.supports_fd:
            return cls(os.open(path, _flags("O_DIRECTORY", "O_CLOEXEC")))
        return cls(path)

    def names(self) -> list[str]:
        """Sorted names of what lies in it; SubmissionError if there are absurdly many."""
        with os.scandir(self._at) as entries:
            found = [entry.name for entry in islice(entries, MAX_ENTRIES + 1)]
        if len(found) > MAX_ENTRIES:
            raise SubmissionError(
                f"A folder of the submission holds more than {MAX_ENTRIES} files.",
                "Hand in the student folder alone.",
            )
        return sorted(found)

    def lstat(self, name: str) -> os.stat_result:
        """What the name stands for, a link being a link."""
        if isinstance(self._at, Path):
            return os.lstat(self._at / name)
        return os.stat(name, dir_fd=self._at, follow_symlinks=False)

    def enter(self, name: str) -> Folder:
        """Open a folder inside this one; OSError if it is a link or no folder."""
        if not isinstance(self._at, Path):
            flags = _flags("O_DIRECTORY", "O_NOFOLLOW", "O_CLOEXEC")
            return Folder(os.open(name, flags, dir_fd=self._at))
        info = self.lstat(name)
        if is_link(info) or not stat.S_ISDIR(info.st_mode):
            raise NotADirectoryError(name)
        return Folder(self._at / name)

    def open_file(self, name: str) -> int:
        """Open for reading, never waiting for a FIFO's other end and never through a link."""
        flags = _flags("O_NOFOLLOW", "O_NONBLOCK", "O_NOCTTY", "O_CLOEXEC", "O_BINARY")
        if isinstance(self._at, Path):
            return os.open(self._at / name, flags)
        return os.open(name, flags, dir_fd=self._at)

    def close(self) -> None:
        """Let go of the descriptor."""
        if not isinstance(self._at, Path):
            os.close(self._at)


def _flags(*names: str) -> int:
    """These flags as far as the system has them."""
    return sum(getattr(os, name, 0) for name in names) | os.O_RDONLY


@contextmanager
def descend(root: Folder, where: tuple[str, ...]) -> Iterator[Folder]:
    """Open a folder below `root` one component at a time, following no link."""
    folder = root
    try:
        for name in where:
            inner = folder.enter(name)
            if folder is not root:
                folder.close()
            folder = inner
        yield folder
    finally:
        if folder is not root:
            folder.close()


def folder_inside(folder: Folder, name: str) -> bool:
    """Whether the name is a real folder and no link to one."""
    try:
        info = folder.lstat(name)
    except OSError:
        return False
    return stat.S_ISDIR(info.st_mode) and not is_link(info)


def read_checked(folder: Folder, name: str) -> tuple[str, bytes]:
    """The bytes of a file, or why not; what was looked at and what is read are the same file."""
    before = folder.lstat(name)
    reason = wrong_kind(before)
    if reason:
        return reason, b""
    handle = folder.open_file(name)
    try:
        info = os.fstat(handle)
        if (info.st_dev, info.st_ino) != (before.st_dev, before.st_ino):
            return "it changed while it was read", b""
        reason = wrong_kind(info)
        if reason:
            return reason, b""
        with os.fdopen(handle, "rb", closefd=False) as stream:
            data = stream.read(MAX_FILE + 1)
    finally:
        os.close(handle)
    if len(data) > MAX_FILE:
        return _TOO_BIG, b""
    return "", data


def checked_source(data: bytes) -> tuple[str, bytes]:
    """UTF-8 without a byte order mark, or why the text cannot be taken; it is never parsed here."""
    data = data.removeprefix(b"\xef\xbb\xbf")
    if b"\0" in data:
        return "it holds NUL characters, so it is not a text file", b""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        place = data.count(b"\n", 0, error.start) + 1
        return f"line {place} is not UTF-8; save the file as UTF-8", b""
    lines: list[str] = re.split(r"\r\n|\r|\n", text)
    for number, line in enumerate(lines, 1):
        if len(line) > MAX_LINE:
            return f"line {number} has more than {MAX_LINE} characters", b""
    for line in lines[:2]:
        cookie = _COOKIE.match(line)
        if cookie and not _is_utf8(cookie[1]):
            return f"it declares the encoding {printable(cookie[1])}; save it as UTF-8", b""
        if not _BLANK.match(line):
            break
    return "", data


def _is_utf8(name: str) -> bool:
    plain = name.lower().replace("_", "-")
    return plain in ("utf-8", "utf8") or plain.startswith("utf-8-")


def wrong_kind(info: os.stat_result) -> str:
    """Why this is no file that can be handed in; empty if it is one."""
    if is_link(info):
        return "it is a link; hand in the file itself"
    if stat.S_ISDIR(info.st_mode):
        return "folders beside a part are not read; put the code into one file"
    if not stat.S_ISREG(info.st_mode):
        return "it is a device, pipe or socket"
    if info.st_nlink > 1:
        return "it is a hard link to another file; hand in a copy"
    if info.st_size > MAX_FILE:
        return _TOO_BIG
    return ""


def is_link(info: os.stat_result) -> bool:
    """Whether this leads elsewhere."""
    # On Windows a junction is no symbolic link, but it leads elsewhere all the same.
    reparse = getattr(stat, "FILE_ATTRIBUTE_REPARSE_POINT", 0)
    attributes = getattr(info, "st_file_attributes", 0)
    return stat.S_ISLNK(info.st_mode) or bool(attributes & reparse)


def bad_name(name: str) -> str:
    """Why a file cannot be called so; empty if it can."""
    if any(unicodedata.category(character).startswith("C") for character in name):
        return "its name holds control or invisible characters"
    if RESERVED.match(name):
        return "Windows reserves its name"
    if name.endswith((".py", ".md")) and not _PLAIN.fullmatch(name):
        return "its name may hold letters a to z, digits and _ alone"
    return ""


def printable(text: str) -> str:
    """The text with everything that could steer a terminal or hide something spelled out."""
    shown = "".join(
        c if not unicodedata.category(c).startswith(("C", "Z")) or c == " " else ascii(c)[1:-1]
        for c in text[:300]
    )
    return shown + ("…" if len(text) > 300 else "")
