"""Reads what a student handed in through an allow-list, so that nothing else reaches the worker."""

from __future__ import annotations

import re
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

from grading.errors import SubmissionError, UsageError
from grading.intake import (
    MAX_ENTRIES,
    RESERVED,
    Folder,
    bad_name,
    checked_source,
    descend,
    folder_inside,
    is_link,
    printable,
    read_checked,
    wrong_kind,
)

MAX_TOTAL = 8 << 20
MAX_FILES = 200
MAX_DEPTH = 6
MAX_NOTES = 100

_CONFIG = frozenset(
    {
        *("conftest.py", "pytest.ini", ".pytest.ini", "pytest.toml", ".pytest.toml"),
        *("pyproject.toml", "setup.cfg", "tox.ini", "sitecustomize.py", "usercustomize.py"),
    }
)
_PROVIDED = frozenset(
    {
        *("torch", "torchvision", "torchgen", "functorch", "numpy", "scipy", "matplotlib"),
        *("sympy", "mpmath", "networkx", "msgpack", "psutil", "pytest", "_pytest", "pluggy"),
        *("iniconfig", "py", "packaging", "pytest_timeout", "pytest_jsonreport", "hypothesis"),
        *("pytest_metadata", "click", "rich", "pygments", "pydantic", "pydantic_core", "jinja2"),
        *("watchfiles", "junitparser", "setuptools", "pkg_resources", "distutils", "filelock"),
        *("typing_extensions", "fsspec", "grading", "exam", "lab"),
    }
)
_PART = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_CLUTTER = frozenset({"__pycache__", "node_modules", "venv", "env", "build", "dist", "instructor"})


class LeftOut(NamedTuple):
    """Something that was handed in and not taken along."""

    name: str
    reason: str


@dataclass
class Submission:
    """A clean copy of a submission; as a context manager it deletes the copy at the end.

    Attributes:
        folder: the fresh folder; readable by every user, since the worker may be another one.
        origin: what was handed in.
        files: for each part that was found, its file inside `folder`.
        left_out: what was not copied, with one sentence each; names are safe to print.
    """

    folder: Path
    origin: Path
    files: dict[str, Path] = field(default_factory=dict)
    left_out: list[LeftOut] = field(default_factory=list)

    def why_missing(self, part: str) -> str:
        """One sentence that says why `part` is not in `files`, for the report."""
        wanted = f"{part}.py"
        for name, reason in self.left_out:
            if name.rpartition("/")[2].casefold() == wanted.casefold():
                return f"{name} was not read: {reason}."
        return f"There is no file named {wanted} in the submission."

    def close(self) -> None:
        """Delete the copy; calling it twice is harmless."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Submission:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def collect(
    path: Path,
    parts: Sequence[str],
    into: Path | None = None,
    *,
    extras: Sequence[str] = ("*.md",),
) -> Submission:
    """Copy what belongs to `parts` out of `path` into a fresh folder.

    Only regular `*.py` files beside a part's own file are taken, and those that match `extras`.
    No link is followed below `path`, nothing is executed or parsed, and no special file is opened.

    Args:
        path: a repository root, a day folder, a folder with `PART.py` files, or one file.
        parts: names of the parts; with one part, a single file may have any name.
        into: the folder to make; must not exist yet or be empty. Default: a temporary folder.
        extras: patterns of other text files that belong to an answer.

    Returns:
        The copy. A part that was not found is simply absent from its `files`.

    Raises:
        SubmissionError: `path` cannot be read, or two files claim to be the same part.
    """
    for part in parts:
        if not _PART.fullmatch(part):
            raise UsageError(f"{printable(part)} is not the name of a part.")
    submission = Submission(_fresh_folder(into), Path(path))
    try:
        _Intake(submission, extras).read(Path(path), list(dict.fromkeys(parts)))
    except BaseException:
        submission.close()
        raise
    return submission


class _Intake:
    """One reading of one submission."""

    def __init__(self, submission: Submission, extras: Sequence[str]) -> None:
        self._result = submission
        self._extras = extras
        self._bytes = 0
        self._count = 0

    def read(self, path: Path, parts: list[str]) -> None:
        try:
            info = path.lstat()
            if stat.S_ISDIR(info.st_mode) or path.is_dir():
                self._read_folder(path, parts)
            else:
                self._read_one(path, parts)
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise SubmissionError(
                f"The submission {printable(str(path))} cannot be read: {printable(why)}.",
                "Check the path and its permissions.",
            ) from error

    def _read_one(self, path: Path, parts: list[str]) -> None:
        part = path.stem if path.stem in parts else parts[0] if len(parts) == 1 else None
        if part is None or path.suffix != ".py":
            wanted = ", ".join(f"{name}.py" for name in parts)
            raise SubmissionError(
                f"{printable(path.name)} is none of the files {wanted}.",
                "Name one part, or hand in a folder.",
            )
        root = Folder.open_root(path.absolute().parent)
        try:
            target = self._result.folder / part
            self._take(root, path.name, f"{part}.py", target, (), part=part)
        finally:
            root.close()

    def _read_folder(self, path: Path, parts: list[str]) -> None:
        root = Folder.open_root(path)
        try:
            homes = self._homes(root, parts)
            targets: dict[tuple[str, ...], Path] = {}
            for where in homes.values():
                if where not in targets:
                    targets[where] = self._result.folder / self._label(where, targets)
            for where, target in targets.items():
                here = [part for part, home in homes.items() if home == where]
                with descend(root, where) as folder:
                    self._copy_folder(folder, where, target, here)
        finally:
            root.close()

    def _homes(self, root: Folder, parts: list[str]) -> dict[str, tuple[str, ...]]:
        """For each part the folder its file lies in: the usual places first, then anywhere."""
        days = self._subfolders(root, ("assignments",))
        usual = [("student",), *(("assignments", day, "student") for day in days)]
        homes: dict[str, tuple[str, ...]] = {}
        self._choose(parts, [self._listing(root, where) for where in usual], homes)
        if len(homes) < len(parts):
            # A repository of the course has its places; elsewhere the file may lie deeper.
            others = [self._listing(root, ())] if days else list(self._walk(root))
            nested = [place for place in others if place[0][-1:] == ("student",)]
            top = [place for place in others if not place[0]]
            for group in (nested, top, others):
                self._choose([part for part in parts if part not in homes], group, homes)
        return homes

    def _choose(
        self,
        parts: Sequence[str],
        places: Sequence[tuple[tuple[str, ...], list[str]]],
        homes: dict[str, tuple[str, ...]],
    ) -> None:
        for part in parts:
            found = [where for where, names in places if f"{part}.py" in names]
            if len(found) > 1:
                both = " and ".join(
                    printable("/".join((*where, f"{part}.py"))) for where in found[:2]
                )
                raise SubmissionError(
                    f"It is not clear which file is the part {part}: {both}.",
                    "Keep one of them, or name the file itself.",
                )
            if found:
                homes[part] = found[0]
            for where, names in places:
                for name in names:
                    if name.casefold() == f"{part}.py".casefold() and name != f"{part}.py":
                        self._note((*where, name), f"the file must be named exactly {part}.py")

    def _listing(self, root: Folder, where: tuple[str, ...]) -> tuple[tuple[str, ...], list[str]]:
        try:
            with descend(root, where) as folder:
                return where, folder.names()
        except OSError:
            self._note_links(root, where)
            return where, []

    def _note_links(self, root: Folder, where: tuple[str, ...]) -> None:
        for depth in range(len(where)):
            try:
                with descend(root, where[:depth]) as folder:
                    if is_link(folder.lstat(where[depth])):
                        self._note(where[: depth + 1], "it is a link; folders are not followed")
            except OSError:
                return

    def _subfolders(self, root: Folder, where: tuple[str, ...]) -> list[str]:
        try:
            with descend(root, where) as folder:
                names = [name for name in folder.names() if not _hidden(name)]
                if where == ("assignments",):
                    for name in names:
                        self._note_links(root, (*where, name))
                return [name for name in names if folder_inside(folder, name)]
        except OSError:
            self._note_links(root, where)
            return []

    def _walk(self, root: Folder) -> Iterator[tuple[tuple[str, ...], list[str]]]:
        level: list[tuple[str, ...]] = [()]
        seen = 0
        for _ in range(MAX_DEPTH):
            below: list[tuple[str, ...]] = []
            for where in level:
                _, names = self._listing(root, where)
                seen += len(names)
                if seen > MAX_ENTRIES:
                    self._note(where, f"only the first {MAX_ENTRIES} files were looked at")
                    return
                yield where, names
                below += [(*where, name) for name in self._subfolders(root, where)]
            level = below

    def _label(self, where: tuple[str, ...], taken: dict[tuple[str, ...], Path]) -> str:
        """A plain name for the copy of a folder: a student's folder is called after its day."""
        names = [name for name in where if name not in ("student", "assignments")]
        label = re.sub(r"[^A-Za-z0-9_]", "_", names[-1])[:40] if names else "submission"
        if RESERVED.match(label) or any(
            label.casefold() == p.name.casefold() for p in taken.values()
        ):
            label = f"{label}_{len(taken)}"
        return label

    def _copy_folder(
        self, folder: Folder, where: tuple[str, ...], target: Path, parts: list[str]
    ) -> None:
        names = folder.names()
        own = {f"{part}.py": part for part in parts}
        twins = {name.casefold() for name in own}
        for name in (*own, *(n for n in names if n not in own)):
            if _hidden(name) and name not in _CONFIG:
                continue
            reason = self._why_not(folder, name, twins if name not in own else set())
            if reason:
                self._note((*where, name), reason)
                continue
            if name in own or self._allowed(name):
                twins.add(name.casefold())
                self._take(folder, name, name, target, where, part=own.get(name))
            else:
                self._note((*where, name), "only Python files and written answers are read")

    def _allowed(self, name: str) -> bool:
        return name.endswith(".py") or any(fnmatchcase(name, pattern) for pattern in self._extras)

    def _why_not(self, folder: Folder, name: str, twins: set[str]) -> str:
        if name in _CONFIG or name.endswith(".pth"):
            return "it would change how the grader runs"
        reason = bad_name(name)
        if reason:
            return reason
        if name.casefold() in twins:
            return "another file has the same name but for upper and lower case"
        stem, _, suffix = name.rpartition(".")
        if suffix == "py" and (stem in sys.stdlib_module_names or stem in _PROVIDED):
            return f"it would hide the module {stem}"
        try:
            return wrong_kind(folder.lstat(name))
        except OSError as error:
            return f"it cannot be read ({error.strerror})"

    def _take(
        self,
        folder: Folder,
        name: str,
        new_name: str,
        target: Path,
        where: tuple[str, ...],
        part: str | None,
    ) -> None:
        """Copy one file, or note why not."""
        if self._count >= MAX_FILES:
            self._note((*where, name), f"a submission may have {MAX_FILES} files")
            return
        try:
            reason, data = read_checked(folder, name)
        except OSError as error:
            reason, data = f"it cannot be read ({error.strerror})", b""
        if not reason and self._bytes + len(data) > MAX_TOTAL:
            reason = f"a submission may have {MAX_TOTAL >> 20} MiB in all"
        if not reason:
            reason, data = checked_source(data)
        if reason:
            self._note((*where, name), reason)
            return
        self._bytes += len(data)
        self._count += 1
        target.mkdir(exist_ok=True)
        target.chmod(0o755)
        copy = target / new_name
        copy.write_bytes(data)
        copy.chmod(0o644)
        if part is not None:
            self._result.files[part] = copy

    def _note(self, where: tuple[str, ...], reason: str) -> None:
        note = LeftOut(printable("/".join(where)), reason)
        notes = self._result.left_out
        if note in notes or len(notes) > MAX_NOTES:
            return
        if len(notes) == MAX_NOTES:
            note = LeftOut("…", f"and more: only the first {MAX_NOTES} are listed")
        notes.append(note)


def _fresh_folder(into: Path | None) -> Path:
    if into is None:
        folder = Path(tempfile.mkdtemp(prefix="submission-"))
    else:
        folder = into
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise UsageError(f"The folder {folder} is not empty.", "Name a new folder.")
    folder.chmod(0o755)
    return folder


def _hidden(name: str) -> bool:
    return name.startswith(".") or name in _CLUTTER
