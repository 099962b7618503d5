"""Files of a run: rows that survive a crash, writes that are whole or not at all."""

from __future__ import annotations

import errno
import math
import os
from pathlib import Path

import pytest

from lab import records
from lab.errors import LabError, StorageError
from lab.outputs import Outputs, write_bytes


def test_rows_come_back_as_they_went(tmp_path: Path) -> None:
    path = tmp_path / "logs/metrics.csv"
    records.append(path, "train", 0.5, 10, {"loss": 0.1 + 0.2, "kl": math.nan})
    records.append(path, "eval", 1, 20, {"psnr": -math.inf})
    rows = records.read(path)
    assert [(r.phase, r.epoch, r.step, r.metric) for r in rows] == [
        ("train", 0.5, 10, "loss"),
        ("train", 0.5, 10, "kl"),
        ("eval", 1.0, 20, "psnr"),
    ]
    assert rows[0].value == 0.1 + 0.2 and math.isnan(rows[1].value)
    assert path.read_text(encoding="utf-8").count("phase,epoch") == 1


def test_a_row_that_was_cut_short_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    records.append(path, "train", 1, 1, {"loss": 3.0})
    with path.open("ab") as file:
        file.write(b"train,2,2,loss\ntrain,x,1,loss,1\n\xff\xff\ntrain,2")
    assert [row.value for row in records.read(path)] == [3.0]


def test_a_series_leaves_out_what_is_no_number(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    for epoch, value in enumerate((3.0, math.nan, 1.0)):
        records.append(path, "valid", epoch, epoch, {"loss": value})
    assert records.series(records.read(path), "valid", "loss") == ([0.0, 2.0], [3.0, 1.0])
    assert records.series(records.read(path), "train", "loss") == ([], [])


def test_no_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="Train first"):
        records.read(tmp_path / "metrics.csv")


def test_a_write_is_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a/b.bin"
    write_bytes(path, b"old")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="No space left"):
        write_bytes(path, b"new and longer")
    assert path.read_bytes() == b"old"
    assert [item.name for item in path.parent.iterdir()] == ["b.bin"]


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("not a folder", encoding="utf-8")
    with pytest.raises(StorageError, match="logs"):
        records.append(tmp_path / "logs/metrics.csv", "train", 1, 1, {"loss": 1.0})
    with pytest.raises(StorageError, match="logs"):
        write_bytes(tmp_path / "logs/x", b"")


def test_files_lie_where_the_course_says() -> None:
    outputs = Outputs(Path("outputs"))
    assert outputs.best == Path("outputs/ckpts/best.pt")
    assert outputs.metrics == Path("outputs/logs/metrics.csv")
    assert outputs.grid("recon_grid") == Path("outputs/grids/recon_grid.png")
    assert outputs.sample("prior_samples") == Path("outputs/samples/prior_samples.png")
