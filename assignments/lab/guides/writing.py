"""Notebooks on the disk, written so that nothing of what a student typed is ever lost."""

from __future__ import annotations

from pathlib import Path

from lab.guides.converting import convert, digest
from lab.guides.finding import Guide, GuideError, needs
from lab.guides.running import run
from lab.outputs import write_bytes


def write(guide: Guide, folder: Path | None = None, *, execute: bool = False) -> Path:
    """Write the guide's notebook, beside the guide or into a folder; what a student changed stays.

    A notebook that was made from this very guide is left as it is, whatever was typed into it. One
    that was made from an older guide is replaced if nobody changed its cells.

    Args:
        guide: which.
        folder: where to; beside the guide if None.
        execute: run the guide with the student's own file, and write what its cells print and draw.

    Raises:
        GuideError: notebook and guide have both been changed since, or a cell failed.
        StorageError: the folder cannot be written.
    """
    path = (folder or guide.folder) / f"{guide.notebook}.ipynb"
    notebook = convert(guide)
    wanted = notebook.metadata.latent_week.digest
    made, now = _digests(path) if path.exists() else (wanted, wanted)
    if made != now and made != wanted:
        raise GuideError(
            f"{path} holds changes of yours, and its guide has changed, too.",
            "Rename your notebook, then call this again.",
        )
    if execute:
        notebook = run(guide).notebook
    if path.exists() and made == wanted and (made != now or not execute):
        return path
    with needs("nbformat"):
        import nbformat
    text: str = nbformat.writes(notebook)  # type: ignore[no-untyped-call]
    write_bytes(path, (text.rstrip("\n") + "\n").encode())
    return path


def _digests(path: Path) -> tuple[str, str]:
    """The digest of the cells that a notebook was made with, and of those that it has now."""
    import nbformat

    try:
        text = path.read_text(encoding="utf-8")
        notebook = nbformat.reads(text, as_version=4)  # type: ignore[no-untyped-call]
        return str(notebook.metadata.latent_week.digest), digest(notebook)
    except Exception:  # no notebook, or none of ours
        return "unknown", "another"
