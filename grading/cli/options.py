"""Options and completions that several commands share."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from grading.errors import ManifestError, UsageError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from grading.scoring import Assignment, Part

assignments_option = click.option(
    "--assignments",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    default=None,
    metavar="FOLDER",
    help="The course's own assignments (default: found from here upward).",
)


def assignments_root(given: Path | None) -> Path:
    """The folder that holds the assignments: given, else found upward from the current one.

    An installation that is a checkout of the course repository serves as the last resort, so that
    `grade` works from any folder.
    """
    if given is not None:
        return given
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "assignment.toml").is_file() or (folder / "assignments").is_dir():
            return folder
    home = Path(__file__).resolve().parents[2]
    if (home / "assignments").is_dir():
        return home
    raise UsageError(
        f"No assignments found in {here} or above it.",
        "Go into the course repository, or name it with --assignments FOLDER.",
    )


def load(given: Path | None) -> list[Assignment]:
    """All assignments of the course."""
    from grading.scoring import find_assignments

    return find_assignments(assignments_root(given))


def parts_named(given: Path | None, names: tuple[str, ...]) -> list[Part]:
    """The parts with these names, every part when there is none."""
    from grading.scoring import find_part

    if not names:
        return [part for assignment in load(given) for part in assignment.parts]
    try:
        assignments = load(given)
    except ManifestError as error:
        # Another day may be under repair: it matters only if a part that is wanted is not found.
        assignments = _loadable(given)
        known = {part.name for assignment in assignments for part in assignment.parts}
        if not known.issuperset(names):
            raise error
    return [find_part(assignments, name) for name in dict.fromkeys(names)]


def _loadable(given: Path | None) -> list[Assignment]:
    from grading.scoring import load_assignment

    found = []
    for path in sorted(assignments_root(given).glob("assignments/*/assignment.toml")):
        with contextlib.suppress(ManifestError):
            found.append(load_assignment(path))
    return found


def complete_part(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Names of parts for the shell; reads plain TOML, since completion must be quick."""
    return _items(incomplete, _raw_names(ctx, tasks=False))


def complete_task(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Names of tasks for the shell."""
    return _items(incomplete, _raw_names(ctx, tasks=True))


def _items(incomplete: str, names: list[tuple[str, str]]) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    return [CompletionItem(n, help=title) for n, title in names if n.startswith(incomplete)]


def _raw_names(ctx: click.Context, *, tasks: bool) -> list[tuple[str, str]]:
    import tomllib

    names: list[tuple[str, str]] = []
    try:
        root = assignments_root(ctx.params.get("assignments"))
        files = [root / "assignment.toml", *root.glob("assignments/*/assignment.toml")]
        for path in filter(Path.is_file, files):
            for part in tomllib.loads(path.read_text(encoding="utf-8")).get("part", []):
                rows: list[Any] = part.get("task", []) if tasks else [part]
                names += [(str(row["name"]), str(row.get("title", ""))) for row in rows]
    except Exception:
        return []  # a broken manifest must not break the shell's prompt
    return names
