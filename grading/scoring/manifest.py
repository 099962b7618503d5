"""What an assignment consists of: its parts, tasks, tests and points, as frozen objects."""

from __future__ import annotations

import contextlib
import functools
import keyword
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from grading.errors import ManifestError
from grading.scoring.anchors import anchors
from grading.scoring.locate import Key
from grading.scoring.manifest_file import (
    AssignmentTable,
    PartTable,
    Source,
    TaskTable,
    nearest,
    parse,
    read_source,
)
from grading.scoring.split import split_points
from grading.scoring.text import clean, show

FILE_NAME = "assignment.toml"
PART_POINTS = 100

Visibility = Literal["public", "hidden"]

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_TEST = re.compile(r"test_[A-Za-z0-9_]+")
_FUNCTION = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")
_RESERVED = {"con", "prn", "aux", "nul"} | {f"{n}{i}" for n in ("com", "lpt") for i in range(10)}


@dataclass(frozen=True)
class PartLimits:
    """What the student's code may use: seconds for one test, MiB of memory."""

    test_seconds: int = 10
    memory_mb: int = 1024


@dataclass(frozen=True)
class Test:
    """One test function; `points` is its share of the task's points."""

    __test__ = False

    name: str
    visibility: Visibility
    weight: int
    points: int


@dataclass(frozen=True)
class Task:
    """One thing a student writes; `functions` are qualified names in the student's file."""

    name: str
    functions: tuple[str, ...]
    title: str
    guide: str
    points: int
    bonus: bool
    minutes: int | None
    tests: tuple[Test, ...]


@dataclass(frozen=True)
class Part:
    """One student file with its guide, tests and tasks. `folder` is the day's folder."""

    name: str
    title: str
    day: str
    folder: Path
    limits: PartLimits
    tasks: tuple[Task, ...]

    @property
    def student_file(self) -> Path:
        """The skeleton, which the student fills in."""
        return self.folder / "student" / f"{self.name}.py"

    @property
    def guide_file(self) -> Path:
        """The guide."""
        return self.folder / f"{self.name}.md"

    @property
    def public_tests(self) -> Path:
        """The tests a student sees."""
        return self.folder / "tests" / f"test_{self.name}.py"

    @property
    def instructor_folder(self) -> Path:
        """What never leaves with the template."""
        return self.folder / "instructor" / self.name

    @property
    def hidden_tests(self) -> Path:
        """The tests a student does not see."""
        return self.instructor_folder / "test_hidden.py"

    @property
    def solution(self) -> Path:
        """The reference, and the source of the skeleton."""
        return self.instructor_folder / "solution.py"

    @property
    def misconceptions_file(self) -> Path:
        """The wrong implementations that students write."""
        return self.instructor_folder / "misconceptions.py"

    @property
    def alternatives_file(self) -> Path:
        """Other right implementations."""
        return self.instructor_folder / "alternatives.py"

    def tests_file(self, visibility: Visibility) -> Path:
        """The file that holds the tests of one visibility."""
        return self.public_tests if visibility == "public" else self.hidden_tests

    def task(self, name: str) -> Task | None:
        """The task of that name, if there is one."""
        return next((task for task in self.tasks if task.name == name), None)


@dataclass(frozen=True)
class Assignment:
    """One day."""

    day: str
    title: str
    folder: Path
    parts: tuple[Part, ...]


def load_assignment(path: Path | str) -> Assignment:
    """Reads an `assignment.toml`, or the one in the folder `path`.

    Raises:
        ManifestError: one sentence that names the file, the line and the key.
    """
    path = Path(path)
    # read_source says what is wrong with a path that cannot even be looked at.
    with contextlib.suppress(OSError, ValueError):
        path = path / FILE_NAME if path.name != FILE_NAME and path.is_dir() else path
    return parse_assignment(read_source(path), path)


def parse_assignment(text: str, path: Path) -> Assignment:
    """The assignment that `text`, the content of the file `path`, describes.

    Raises:
        ManifestError: see `load_assignment`.
    """
    table, source = parse(text, str(path))
    _check_names(table, source)
    parts = tuple(
        _part(part, ("part", index), table.day, path.parent, source)
        for index, part in enumerate(table.part)
    )
    return Assignment(table.day, clean(table.title, 120), path.parent, parts)


def find_assignments(root: Path | str) -> list[Assignment]:
    """The assignments `assignments/*/assignment.toml` below `root`, or `root` itself if a day.

    Raises:
        ManifestError: none is there, one is wrong, or two share a part's name.
    """
    root = Path(root)
    if (root / FILE_NAME).exists():
        return [load_assignment(root)]
    files = sorted(root.glob(f"assignments/*/{FILE_NAME}"))
    if not files:
        raise ManifestError(
            f"There is no assignment below {clean(str(root), 300)}.",
            f"Go to a folder that holds {FILE_NAME} or assignments/.",
        )
    found = [load_assignment(file) for file in files]
    homes: dict[str, str] = {}
    for part in (part for assignment in found for part in assignment.parts):
        if part.name in homes:
            raise ManifestError(
                f"The part {show(part.name)} is in {homes[part.name]} and in {part.folder}.",
                "Rename one of them.",
            )
        homes[part.name] = str(part.folder)
    return found


def find_part(assignments: Iterable[Assignment], name: str) -> Part:
    """The part of that name.

    Raises:
        ManifestError: there is none; says which were meant, or which there are.
    """
    assignments = list(assignments)
    parts = {part.name: part for assignment in assignments for part in assignment.parts}
    if name in parts:
        return parts[name]
    for assignment in assignments:
        if assignment.day == name:
            names = ", ".join(part.name for part in assignment.parts)
            raise ManifestError(f"{show(name)} is a day, not a part.", f"Its parts are: {names}.")
    hint = nearest(name, parts) or f"There are: {', '.join(parts)}."
    raise ManifestError(f"There is no part {show(name)}.", hint)


def _check_names(table: AssignmentTable, source: Source) -> None:
    _name(table.day, ("day",), source)
    parts = _Unique("part", source)
    for p, part in enumerate(table.part):
        _name(part.name, ("part", p, "name"), source)
        parts.add(part.name, ("part", p, "name"))
        tasks, tests = _Unique("task", source), _Unique("test", source)
        for t, task in enumerate(part.task):
            key: Key = ("part", p, "task", t)
            _name(task.name, (*key, "name"), source)
            tasks.add(task.name, (*key, "name"))
            for f, function in enumerate(task.function):
                if not _FUNCTION.fullmatch(function) or not function.isascii():
                    raise source.error(
                        (*key, "function", f),
                        f'"function" is {show(function)}, which is no name',
                        'Write it as "kl_divergence" or "VAE.encode".',
                    )
            for visibility in ("public", "hidden"):
                for name in getattr(task.tests, visibility):
                    test_key = (*key, "tests", visibility, name)
                    if not _TEST.fullmatch(name) or len(name) > 100:
                        raise source.error(
                            test_key,
                            f"{show(name, 60)} is not the name of a test function",
                            "Write it as test_something.",
                        )
                    tests.add(name, test_key)


class _Unique:
    """Names that may be given once."""

    def __init__(self, kind: str, source: Source) -> None:
        self._kind, self._source = kind, source
        self._lines: dict[str, int] = {}

    def add(self, name: str, key: Key) -> None:
        if name in self._lines:
            first = self._lines[name]
            what = f"the {self._kind} {show(name, 60)} is already on line {first}"
            raise self._source.error(key, what, "Rename or remove one.")
        self._lines[name] = self._source.locations.line(key)


def _name(name: str, key: Key, source: Source) -> None:
    label = f"{show(key[-1])} is {show(name)}"
    if "/" in name or "\\" in name or ".." in name:
        raise source.error(key, f"{label}, which is a path", "Write a plain name.")
    if not _NAME.fullmatch(name):
        raise source.error(
            key, label, "Names are lower case letters, digits and _, beginning with a letter."
        )
    if name in _RESERVED or keyword.iskeyword(name):
        whose = "Python" if keyword.iskeyword(name) else "Windows"
        raise source.error(key, f"{label}, which {whose} keeps for itself", "Choose another name.")


def _part(table: PartTable, key: Key, day: str, folder: Path, source: Source) -> Part:
    limits = PartLimits(table.limits.test_seconds, table.limits.memory_mb)
    tasks = tuple(_task(t, (*key, "task", i), source) for i, t in enumerate(table.task))
    total = sum(task.points for task in tasks if not task.bonus)
    if total != PART_POINTS:
        what = f'the "points" of part {show(table.name)} add up to {total}, not {PART_POINTS}'
        raise source.error(key, what, "Tasks with bonus = true do not count.")
    part = Part(table.name, clean(table.title, 120), day, folder, limits, tasks)
    _check_guide(part, key, source)
    return part


def _task(table: TaskTable, key: Key, source: Source) -> Task:
    names: list[tuple[str, Visibility, int]] = [
        *((name, "public", weight) for name, weight in table.tests.public.items()),
        *((name, "hidden", weight) for name, weight in table.tests.hidden.items()),
    ]
    if not names:
        what = f'the "tests" of task {show(table.name)} are empty'
        raise source.error((*key, "tests"), what, "Name at least one public or hidden test.")
    shares = split_points(table.points, [weight for _, _, weight in names])
    for (name, visibility, _), share in zip(names, shares, strict=True):
        if share == 0:
            raise source.error(
                (*key, "tests", visibility, name),
                f"the test {show(name, 60)} is worth none of the {table.points} points of its task",
                'Give it a greater weight, the task more "points", or fewer tests.',
            )
    tests = tuple(Test(*name, share) for name, share in zip(names, shares, strict=True))
    return Task(
        table.name,
        tuple(table.function),
        clean(table.title, 120),
        table.guide,
        table.points,
        table.bonus,
        table.minutes,
        tests,
    )


def _check_guide(part: Part, key: Key, source: Source) -> None:
    for index, task in enumerate(part.tasks):
        here = (*key, "task", index, "guide")
        if not task.guide.startswith("#"):
            raise source.error(
                here,
                f'"guide" is {show(task.guide)}, which is no anchor',
                f'Write "#section", a heading of {part.name}.md.',
            )
        known = _anchors_of(part.guide_file)
        if known is not None and task.guide[1:] not in known:
            what = (
                f'"guide" is {show(task.guide, 80)}, and {part.guide_file.name} has no such heading'
            )
            raise source.error(
                here, what, nearest(task.guide, sorted("#" + name for name in known))
            )


def _anchors_of(guide: Path) -> frozenset[str] | None:
    """The anchors of a guide; None where there is no guide (yet)."""
    try:
        state = guide.stat()
    except (OSError, ValueError):
        return None
    return _anchors_at(guide, state.st_mtime_ns, state.st_size)


@functools.lru_cache(maxsize=64)
def _anchors_at(guide: Path, _mtime: int, _size: int) -> frozenset[str]:
    return anchors(read_source(guide))
