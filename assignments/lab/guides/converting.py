"""A guide as a notebook: one that opens cleanly in Jupyter and VS Code, always the same bytes."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from lab.guides.finding import Guide, GuideError, needs

if TYPE_CHECKING:
    from nbformat import NotebookNode


def convert(guide: Guide) -> NotebookNode:
    """The guide as a notebook without outputs; the same guide gives the same notebook.

    Raises:
        GuideError: Jupytext cannot read it, or the result is not a valid notebook.
    """
    with needs("jupytext"):
        import jupytext  # type: ignore[import-untyped]
        import nbformat
    try:
        notebook: NotebookNode = jupytext.reads(guide.path.read_text(encoding="utf-8"), fmt="md")
    except Exception as error:  # its readers raise whatever they like
        raise GuideError(f"Jupytext cannot read {guide.path}: {last_line(error)}.") from None
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number:03d}"  # nbformat would draw it at random
    # Not Jupytext's own key: with it, Jupyter would take the notebook for the guide's twin.
    notebook.metadata = nbformat.from_dict(  # type: ignore[no-untyped-call]
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"file_extension": ".py", "name": "python"},
            "latent_week": {"guide": guide.path.name, "digest": digest(notebook)},
        }
    )
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    try:
        nbformat.validate(notebook)
    except nbformat.ValidationError as error:
        raise GuideError(f"{guide.path} gives no valid notebook: {last_line(error)}.") from None
    return notebook


def digest(notebook: NotebookNode) -> str:
    """SHA-256 of kinds and sources of all cells, as 64 hex digits; outputs do not count."""
    cells = [(cell.cell_type, cell.source) for cell in notebook.cells]
    return hashlib.sha256(json.dumps(cells).encode()).hexdigest()


def last_line(error: Exception) -> str:
    """The last line of what an exception says, without a full stop."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[-1].rstrip(".")
