"""A run's folder: one training at a time, and no earlier run is lost to a new one."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from lab.errors import StorageError, TrainingError
from lab.outputs import Outputs

_PARTS = ("logs", "grids", "samples", "reports", "ckpts")  # checkpoints last: they mark a run


@contextlib.contextmanager
def claimed(outputs: Outputs) -> Iterator[None]:
    """Hold the folder; the system lets go of it when the process dies, however it does.

    Raises:
        StorageError: the folder cannot be written.
        TrainingError: another training writes there.
    """
    path = outputs.root / ".lock"
    try:
        outputs.root.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise StorageError(
            f"Cannot write {outputs.root}: {error.strerror or error}.",
            "Choose another folder with --outputs.",
        ) from None
    try:
        if not _lock(file):
            raise TrainingError(
                f"Another training writes to {outputs.root} right now.",
                "Wait until it has ended, or choose another folder with --outputs.",
            )
        _sweep(outputs)
        yield
    finally:
        os.close(file)


def set_aside(outputs: Outputs) -> Path | None:
    """Move an earlier run to `earlier/N` in the same folder, where every command can open it.

    Returns:
        where it lies now; None if there was none.

    Raises:
        StorageError: it cannot be moved.
    """
    if not (outputs.last.exists() or outputs.best.exists()):
        return None
    shelf = outputs.root / "earlier"
    try:
        shelf.mkdir(exist_ok=True)
        taken = [int(path.name) for path in shelf.iterdir() if path.name.isdecimal()]
        place = shelf / str(max(taken, default=0) + 1)
        place.mkdir()
        for name in _PARTS:
            part = outputs.root / name
            if part.exists():
                part.rename(place / name)
    except OSError as error:
        raise StorageError(
            f"Cannot move the earlier run out of {outputs.root}: {error.strerror or error}.",
            "Go on with it by --resume, or choose another folder with --outputs.",
        ) from None
    return place


def _sweep(outputs: Outputs) -> None:
    """Remove what a process that was killed while it saved has left half-written."""
    for target in (outputs.last, outputs.best, outputs.metrics):
        for half in target.parent.glob(f".{target.name}.*"):
            with contextlib.suppress(OSError):
                half.unlink()


def _lock(file: int) -> bool:
    """Whether the lock could be had; file systems that have none are taken as free."""
    if sys.platform == "win32":
        import msvcrt

        try:
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True
