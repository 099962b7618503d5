"""`lab clean`: removes what the lab has written, and nothing else."""

from __future__ import annotations

import shutil
from pathlib import Path

import click

from lab.commands.options import console
from lab.errors import LabError

_WRITTEN = ("ckpts", "logs", "grids", "samples", "reports", "earlier")
_KEPT = ("ckpts", "earlier")  # hours of work, where --keep-checkpoints asks for it


@click.command("clean")
@click.option(
    "--outputs",
    "-o",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("outputs"),
    show_default=True,
    metavar="FOLDER",
)
@click.option("--keep-checkpoints", is_flag=True, help="Remove pictures, logs and reports only.")
def command(outputs: Path, keep_checkpoints: bool) -> int:
    """Remove the pictures, logs, reports and checkpoints in FOLDER; other files stay."""
    where = console()
    for folder in [outputs, *(path for path in outputs.glob("*") if path.is_dir())]:
        for name in _WRITTEN:
            path = folder / name
            if not path.is_dir() or path.is_symlink() or (keep_checkpoints and name in _KEPT):
                continue
            try:
                shutil.rmtree(path)
            except OSError as error:
                raise LabError(f"Cannot remove {path}: {error.strerror}.") from None
            where.print(f"removed {path}", markup=False)
        (folder / ".lock").unlink(missing_ok=True)
    for folder in [*(path for path in outputs.glob("*") if path.is_dir()), outputs]:
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
    return 0
