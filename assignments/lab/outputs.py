"""Where a run's files lie, so that every command finds what another one wrote."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

from lab.errors import StorageError


@dataclass(frozen=True)
class Outputs:
    """The folder of one run; a property for each file that more than one room knows.

    Args:
        root: `outputs` unless a configuration says otherwise.
    """

    root: Path

    @property
    def last(self) -> Path:
        """The checkpoint that training goes on from."""
        return self.root / "ckpts" / "last.pt"

    @property
    def best(self) -> Path:
        """The checkpoint with the lowest −ELBO on held-out images; what the other commands open."""
        return self.root / "ckpts" / "best.pt"

    @property
    def metrics(self) -> Path:
        """Every number of training and evaluation, one a row."""
        return self.root / "logs" / "metrics.csv"

    @property
    def train_log(self) -> Path:
        return self.root / "logs" / "train.log"

    @property
    def tensorboard(self) -> Path:
        return self.root / "logs" / "tensorboard"

    def grid(self, name: str) -> Path:
        """A picture of reconstructions or latents: `grids/NAME.png`."""
        return self.root / "grids" / f"{name}.png"

    def sample(self, name: str) -> Path:
        """A picture of generated images: `samples/NAME.png`."""
        return self.root / "samples" / f"{name}.png"

    def report(self, name: str) -> Path:
        """A text for people: `reports/NAME.md`."""
        return self.root / "reports" / f"{name}.md"


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file whole or not at all: beside it, flushed to the disk, then moved into place.

    Raises:
        StorageError: the disk is full or the folder cannot be written; the old file is untouched.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise StorageError(
            f"Cannot write {path}: {error.strerror or error}.",
            "Free some space or choose another folder with --outputs; what was there is untouched.",
        ) from None
