"""`metrics.csv`: every number of a run, one a row, shared by training and evaluation."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lab.errors import LabError, StorageError

COLUMNS = ("phase", "epoch", "step", "metric", "value")


@dataclass(frozen=True)
class Record:
    """One number.

    Args:
        phase: `train`, `valid` or `eval`.
        epoch: epochs finished; may be a fraction.
        step: optimiser steps taken.
        metric: its name, for example `neg_elbo`.
        value: nats, decibels or whatever the metric's unit is; NaN where it could not be had.
    """

    phase: str
    epoch: float
    step: int
    metric: str
    value: float


def append(path: Path, phase: str, epoch: float, step: int, metrics: Mapping[str, float]) -> None:
    """Add a row for each metric; writes the header first where the file is new.

    Raises:
        StorageError: the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        new = not path.exists() or path.stat().st_size == 0
        with path.open("a", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            if new:
                writer.writerow(COLUMNS)
            for name, value in metrics.items():
                writer.writerow((phase, f"{epoch:g}", step, name, repr(float(value))))
    except OSError as error:
        raise StorageError(
            f"Cannot write {path}: {error.strerror or error}.", "Free some space and start again."
        ) from None


def read(path: Path) -> list[Record]:
    """All rows of a file, in order; a row cut short by a crash is left out.

    Raises:
        LabError: no such file.
    """
    try:
        with path.open(newline="", encoding="utf-8", errors="replace") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise LabError(
            f"Cannot read {path}: {error.strerror or error}.", "Train first: `lab train`."
        ) from None
    records = []
    for row in rows:
        try:
            value = float(row["value"])
            records.append(
                Record(row["phase"], float(row["epoch"]), int(row["step"]), row["metric"], value)
            )
        except (KeyError, TypeError, ValueError):
            continue
    return records


def series(records: list[Record], phase: str, metric: str) -> tuple[list[float], list[float]]:
    """Epochs and values of one metric, ready to draw; NaN is left out."""
    rows = [r for r in records if r.phase == phase and r.metric == metric]
    rows = [r for r in rows if math.isfinite(r.value)]
    return [r.epoch for r in rows], [r.value for r in rows]
