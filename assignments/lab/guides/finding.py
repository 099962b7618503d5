"""Which guides there are, and what their headers say.

A guide is Jupytext Markdown. Its YAML header has, below `jupyter:`, two keys of the course:

    notebook: 01_VAE_practical   # the notebook's name; the guide's own where it is missing
    quick: {EPOCHS: 1}           # least values of the cell tagged `parameters`, for a quick run
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.errors import LabError, MissingLibrary

WHERE = ("assignments/day*/*.md", "assignments/lab/notebooks/*.md")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


class GuideError(LabError):
    """A guide cannot be read, turned into a notebook, or run."""

    exit_code = 1


@dataclass(frozen=True)
class Guide:
    """One guide of the course.

    Args:
        path: the Markdown file.
        notebook: the name of its notebook, without a suffix.
        quick: parameter -> its value in a quick run.
    """

    path: Path
    notebook: str
    quick: Mapping[str, int | float] = field(default_factory=dict)

    @property
    def part(self) -> str:
        """The part that the guide belongs to."""
        return self.path.stem

    @property
    def folder(self) -> Path:
        """Where it lies and where its cells run."""
        return self.path.parent


def find(root: Path | None = None, parts: Collection[str] = ()) -> list[Guide]:
    """Every guide of a repository: the days in their order, in a day by the notebook's name.

    Args:
        root: the repository; found from the current folder upward if None.
        parts: only the guides of these parts, if any are named.

    Raises:
        GuideError: there is none, a part has none, a header is of no use, or two notebooks share
            a name.
    """
    root = _root() if root is None else root
    guides: list[Guide] = []
    for pattern in WHERE:
        found = [read(path) for path in root.glob(pattern) if _header(path) is not None]
        guides += sorted(found, key=lambda guide: (guide.folder, guide.notebook.lower()))
    if not guides:
        raise GuideError(
            f"There are no guides below {root}.", "Call this in the course's repository."
        )
    seen: dict[str, Guide] = {}
    for guide in guides:
        twin = seen.setdefault(guide.notebook.lower(), guide)
        if twin is not guide:
            raise GuideError(
                f"{guide.path} and {twin.path} both name their notebook {guide.notebook!r}.",
                "Change the key `notebook` in one of the two headers.",
            )
    names = [guide.part for guide in guides]
    for part in parts:
        if part not in names:
            raise GuideError(
                f"There is no guide for {part[:60]!r}.", f"Choose from: {', '.join(names)}."
            )
    return [guide for guide in guides if not parts or guide.part in parts]


def _root() -> Path:
    here = Path.cwd()
    for folder in (here, *here.parents):
        if next(folder.glob(WHERE[0]), None):
            return folder
    return here


def read(path: Path) -> Guide:
    """The guide that a Markdown file holds.

    Raises:
        GuideError: the file has no header of Jupytext's, or its keys are of no use.
    """
    header = _header(path)
    if header is None:
        raise GuideError(
            f"{path} has no header with the key `jupyter`, so it is no guide.",
            "Copy the lines between the two --- from another guide.",
        )
    name = header.get("notebook", path.stem)
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise GuideError(
            f"The header of {path} names its notebook {name!r}.",
            "Use letters, digits, - and _ only, and no suffix.",
        )
    quick = header.get("quick") or {}
    if not isinstance(quick, dict) or not all(
        isinstance(key, str) and key.isidentifier() and type(value) in (int, float)
        for key, value in quick.items()
    ):
        raise GuideError(
            f"The key `quick` in the header of {path} is {quick!r}.",
            "Write it as one number for each parameter, such as EPOCHS: 1.",
        )
    return Guide(path, name, quick)


def _header(path: Path) -> dict[str, Any] | None:
    """What stands below `jupyter:`, None in an ordinary Markdown file."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise GuideError(f"Cannot read {path}: {error}.") from None
    parts = re.split(r"^---[ \t]*\n", text, maxsplit=2, flags=re.MULTILINE)
    if len(parts) < 3 or parts[0]:
        return None
    with needs("yaml"):
        import yaml
    try:
        header = yaml.safe_load(parts[1])
    except yaml.YAMLError as error:
        problem = str(error).splitlines()[0]
        raise GuideError(f"The header of {path} is not YAML: {problem}.") from None
    below = header.get("jupyter") if isinstance(header, dict) else None
    return below if isinstance(below, dict) else None


@contextmanager
def needs(library: str) -> Iterator[None]:
    """Say what to install where the library that is imported below is missing."""
    try:
        yield
    except ImportError:
        raise MissingLibrary(
            f"Guides cannot become notebooks here: {library} is not installed.",
            "Run `make install-notebooks`.",
        ) from None
