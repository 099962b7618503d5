"""Checkpoints: what comes back is what was saved, and no file can make the lab stumble."""

from __future__ import annotations

import io
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch

from lab.config import Config, parse
from lab.errors import CheckpointError, LabError, StorageError
from lab.models import build
from lab.outputs import Outputs
from lab.training import checkpoint, open_run
from lab.training.checkpoint import Saved

SHAPE = (1, 8, 8)


def config(**model: Any) -> Config:
    sizes = {"name": "mlp", "latent_dim": 3, "hidden_dim": 5} | model
    return parse({"model": sizes}, "test")


def saved(chosen: Config | None = None, **changes: Any) -> Saved:
    chosen = chosen or config()
    weights = build(chosen.model, SHAPE).state_dict()
    found = Saved(chosen, "synthetic", 100, SHAPE, 7, 1, 99.5, weights, None, {"counters": {}})
    return found._replace(**changes)


def raw(path: Path, **changes: Any) -> None:
    """A checkpoint with some fields replaced, as another program might write it."""
    fields = saved()._asdict()
    fields |= {"schema": checkpoint.SCHEMA, "config": config().model_dump(mode="json")} | changes
    torch.save({key: value for key, value in fields.items() if value is not ...}, path)


@pytest.fixture
def outputs(tmp_path: Path) -> Outputs:
    (tmp_path / "ckpts").mkdir()
    return Outputs(tmp_path)


def test_everything_comes_back(outputs: Outputs) -> None:
    due = saved(config(name="dae", latent_dim=4), neg_elbo=1.5)
    checkpoint.save(outputs.best, due)
    found = checkpoint.load(outputs.best)
    assert found._replace(model={}) == due._replace(model={})
    assert all(torch.equal(found.model[key], due.model[key]) for key in due.model)
    run = open_run(outputs)
    assert type(run.model).__name__ == "DenoisingAutoencoder"
    assert (run.step, run.epoch, run.image_shape) == (7, 1, SHAPE)
    assert not run.model.training


def test_averaged_weights_are_opened_where_there_are_any(outputs: Outputs) -> None:
    average = build(config().model, SHAPE).state_dict()
    checkpoint.save(outputs.last, saved(ema=average))
    for which in ("last", "best"):  # there is no best yet
        found = open_run(outputs, which).model.state_dict()
        assert all(torch.equal(found[key], average[key]) for key in average)


def test_opening_draws_no_random_numbers(outputs: Outputs) -> None:
    checkpoint.save(outputs.best, saved())
    torch.manual_seed(1)
    due = torch.rand(3)
    torch.manual_seed(1)
    open_run(outputs)
    assert torch.equal(torch.rand(3), due)


def test_a_write_that_fails_leaves_the_old_file(
    outputs: Outputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint.save(outputs.best, saved())
    before = outputs.best.read_bytes()

    def full(file: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="No space left on device"):
        checkpoint.save(outputs.best, saved(step=8))
    assert outputs.best.read_bytes() == before
    assert [path.name for path in outputs.best.parent.iterdir()] == ["best.pt"]


class Evil:
    """Writes a file when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return Path.touch, (self.mark,)


def bomb(path: Path) -> None:
    """A small file that claims to unpack to 8 GiB."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("data.pkl", "data/0"):
            archive.writestr(f"archive/{name}", b"\0" * 2**20)
    data = bytearray(path.read_bytes())
    at = -1
    while (at := data.find(b"PK\x01\x02", at + 1)) >= 0:
        data[at + 24 : at + 28] = (2**32 - 2).to_bytes(4, "little")
    path.write_bytes(data)


def broken_files(folder: Path) -> dict[str, tuple[bytes | Any, str]]:
    """Name -> (content or writer, what the error must say)."""
    buffer = io.BytesIO()
    torch.save(saved()._asdict() | {"config": {}, "schema": checkpoint.SCHEMA}, buffer)
    whole = buffer.getvalue()
    flipped = bytearray(whole)
    at = whole.index(b"data.pkl") + 40
    flipped[at : at + 200] = os.urandom(200)
    mark = folder / "mark"
    model = build(config().model, SHAPE)
    nan = {key: value * float("nan") for key, value in model.state_dict().items()}
    wide = {key: torch.zeros(1).expand(10**12) for key in model.state_dict()}
    return {
        "empty": (b"", "is empty"),
        "cut short": (whole[: len(whole) // 2], "is cut short"),
        "text": (b"epoch,loss\n1,2\n", "is cut short, or is no checkpoint"),
        "bits flipped": (bytes(flipped), "is broken"),
        "huge": (bomb, "would take 8 GiB"),
        "plain pickle": (pickle.dumps({"model": 1}), "is cut short, or is no checkpoint"),
        "hostile": (lambda path: torch.save({"x": Evil(mark)}, path), "nothing of it was run"),
        "whole model": (lambda path: torch.save(model, path), "holds more than numbers"),
        "weights only": (lambda path: torch.save(model.state_dict(), path), "no checkpoint of the"),
        "a tensor": (lambda path: torch.save(torch.zeros(3), path), "no checkpoint of the lab"),
        "schema": (lambda path: raw(path, schema="latent-week/checkpoint/9"), "checkpoint/9"),
        "field": (lambda path: raw(path, epoch=...), "lacks epoch"),
        "config key": (lambda path: raw(path, config={"modle": {}}), "unknown key modle"),
        "config type": (lambda path: raw(path, config=[1]), "configuration that this version"),
        "shape": (lambda path: raw(path, image_shape=(28, 28)), "image_shape is no"),
        "count": (lambda path: raw(path, step=-1), "a count is no whole number"),
        "count type": (lambda path: raw(path, epoch=1.5), "a count is no whole number"),
        "elbo": (lambda path: raw(path, neg_elbo="low"), "wrong type"),
        "state": (lambda path: raw(path, state=[1]), "state is no table"),
        "weights": (lambda path: raw(path, model=[1, 2]), "no table of weights"),
        "weight": (lambda path: raw(path, model={"mu.weight": 1}), "no plain tensor"),
        "NaN": (lambda path: raw(path, model=nan), "holds NaN or infinity"),
        "claims": (lambda path: raw(path, model=wide), "claims more numbers than it has"),
        "another model": (lambda path: raw(path, model={"a": torch.zeros(2)}), "does not fit"),
        "too large": (
            lambda path: raw(path, config=config(hidden_dim=10**15).model_dump(mode="json")),
            "cannot be made",
        ),
    }


@pytest.mark.parametrize("name", broken_files(Path()))
def test_a_file_of_no_use_is_one_clear_error(outputs: Outputs, name: str) -> None:
    content, says = broken_files(outputs.root)[name]
    if isinstance(content, bytes):
        outputs.best.write_bytes(content)
    else:
        content(outputs.best)
    with pytest.raises(CheckpointError) as caught:
        open_run(outputs)
    assert says in caught.value.what
    assert str(outputs.best) in caught.value.what
    assert caught.value.next_step
    assert caught.value.__cause__ is None
    assert not (outputs.root / "mark").exists()


def test_no_file_at_all(outputs: Outputs) -> None:
    with pytest.raises(CheckpointError, match=r"no checkpoint .*best\.pt") as caught:
        open_run(outputs)
    assert "lab train" in caught.value.next_step
    outputs.best.mkdir()
    with pytest.raises(CheckpointError, match="There is no checkpoint"):
        open_run(outputs)


def test_every_cut_is_noticed(outputs: Outputs) -> None:
    checkpoint.save(outputs.best, saved())
    whole = outputs.best.read_bytes()
    for length in range(0, len(whole), 997):
        outputs.best.write_bytes(whole[:length])
        with pytest.raises(CheckpointError):
            open_run(outputs)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"hidden_dim": 6}, r"enc.0.weight is \(5, 64\), the model's is \(6, 64\) \(and 6 more\)"),
        ({"latent_dim": 4}, r"mu.weight is \(3, 5\), the model's is \(4, 5\)"),
        ({"name": "dae"}, r"does not fit a DenoisingAutoencoder: it lacks code.weight"),
    ],
)
def test_weights_of_another_architecture(
    outputs: Outputs, change: dict[str, Any], says: str
) -> None:
    raw(outputs.best, config=config(**change).model_dump(mode="json"))
    with pytest.raises(CheckpointError, match=says) as caught:
        open_run(outputs)
    assert str(outputs.best) in caught.value.what


def test_a_students_model_needs_its_file(outputs: Outputs, tmp_path: Path) -> None:
    chosen = config(name="student", student_file=str(tmp_path / "vae.py"))
    raw(outputs.best, config=chosen.model_dump(mode="json"))
    with pytest.raises(LabError, match=r"vae\.py"):
        open_run(outputs)


def test_differences_name_what_makes_another_run() -> None:
    before = parse({"optim": {"lr": 0.1}, "eval": {"limit": 5}, "train": {"seed": 1}}, "a")
    now = parse(
        {
            "optim": {"lr": 0.2, "epochs": 99},
            "eval": {"limit": 6},
            "train": {"seed": 2, "checkpoint_seconds": 1, "tensorboard": False},
            "outputs": "elsewhere",
        },
        "b",
    )
    assert checkpoint.differences(before, now) == [
        "optim.lr was 0.1, is 0.2",
        "train.seed was 1, is 2",
    ]
