"""What a run leaves behind to read: train.log, metrics.csv and TensorBoard."""

from __future__ import annotations

import contextlib
import csv
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from lab import records
from lab.errors import StorageError
from lab.outputs import Outputs, write_bytes

_ENDURES = "eval"  # rows of the evaluation: going on with a training does not undo them


class RunLog:
    """Writes one run's numbers and words; used as a context.

    Args:
        outputs: the run's folder.
        tensorboard: write event files too, where the library is there.
        step: the step of the checkpoint that a run goes on from; None for a new run.

    Raises:
        StorageError: the files cannot be written.
    """

    def __init__(self, outputs: Outputs, *, tensorboard: bool, step: int | None = None) -> None:
        self._outputs = outputs
        self._step = step
        self._wanted = tensorboard
        self._board: Any = None
        self.tensorboard_problem = ""

    def __enter__(self) -> RunLog:
        if self._step is not None:
            _drop_after(self._outputs, self._step)
        else:
            for path in (self._outputs.metrics, self._outputs.train_log):
                write_bytes(path, b"")
            for stale in self._outputs.tensorboard.glob("events.out.tfevents.*"):
                with contextlib.suppress(OSError):
                    stale.unlink()
        if self._wanted:
            self._open_board()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._guarded("close")

    def text(self, line: str) -> None:
        """Add a line to train.log, with the time of day.

        Raises:
            StorageError: it cannot be written.
        """
        path = self._outputs.train_log
        try:
            with path.open("a", encoding="utf-8") as file:
                file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {line}\n")
        except OSError as error:
            raise StorageError(
                f"Cannot write {path}: {error.strerror or error}.", "Free some space."
            ) from None

    def metrics(self, phase: str, epoch: float, step: int, values: Mapping[str, float]) -> None:
        """Add rows to metrics.csv and points to TensorBoard.

        Raises:
            StorageError: metrics.csv cannot be written.
        """
        records.append(self._outputs.metrics, phase, epoch, step, values)
        for name, value in values.items():
            self._guarded("add_scalar", f"{phase}/{name}", value, step)

    def _open_board(self) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter

            purge = None if self._step is None else self._step + 1
            self._board = SummaryWriter(str(self._outputs.tensorboard), purge_step=purge)
        except ImportError:
            self.tensorboard_problem = (
                "TensorBoard is not installed, so no event files are written; metrics.csv has "
                "every number."
            )
        except Exception as error:
            self._give_up_board(error)

    def _guarded(self, method: str, *arguments: Any) -> None:
        """A problem of TensorBoard's never ends a training."""
        if self._board is None:
            return
        try:
            getattr(self._board, method)(*arguments)
        except Exception as error:
            self._give_up_board(error)

    def _give_up_board(self, error: Exception) -> None:
        self._board = None
        self.tensorboard_problem = (
            f"TensorBoard stopped ({type(error).__name__}: {error}); metrics.csv has every number."
        )


def _drop_after(outputs: Outputs, step: int) -> None:
    """Take out rows that the steps after the checkpoint will write again, and a row cut short."""
    path = outputs.metrics
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return
    except OSError as error:
        raise StorageError(
            f"Cannot read {path}: {error.strerror or error}.", "Check the file and its folder."
        ) from None
    kept = [",".join(records.COLUMNS)]
    for line in text.splitlines():
        row = next(csv.reader([line]), [])
        if len(row) != len(records.COLUMNS) or tuple(row) == records.COLUMNS:
            continue
        phase, at = row[0], row[2]
        if phase == _ENDURES or (at.isdecimal() and int(at) <= step):
            kept.append(line)
    write_bytes(path, "".join(f"{line}\r\n" for line in kept).encode())
