"""`lab notebooks`: writes the guides of the week as notebooks, and runs them on request."""

from __future__ import annotations

from pathlib import Path

import click

from lab.commands.options import console


@click.command("notebooks")
@click.argument("parts", nargs=-1, metavar="[PART]...")
@click.option("--execute", is_flag=True, help="Run each from top to bottom, with your own files.")
@click.option(
    "--root",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="The course's folder (default: found from here upward).",
)
def command(parts: tuple[str, ...], execute: bool, root: Path | None) -> int:
    """Write the guides as .ipynb files beside their Markdown, all of them or those of PARTS."""
    from lab import guides

    where = console()
    for guide in guides.find(root, parts):
        where.print(f"wrote {guides.write(guide, execute=execute)}", markup=False)
    return 0
