"""The state of a run in one file: written whole or not at all, and trusted only once verified."""

from __future__ import annotations

import io
import math
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from lab.config import Config, parse
from lab.errors import CheckpointError, ConfigError, LabError
from lab.models import build
from lab.models.base import LatentModel
from lab.outputs import Outputs, write_bytes
from lab.training import seeds

SCHEMA = "latent-week/checkpoint/1"
_LARGEST = 4 * 2**30  # bytes; what a file may claim to unpack to
_ANEW = "Remove it and train anew: `lab train`."
# Keys that say where and how closely a run is watched, not what it computes.
_FREE = ("outputs", "eval.", "train.device", "train.checkpoint_seconds", "train.tensorboard")


class Saved(NamedTuple):
    """What a checkpoint holds.

    Args:
        config: of the run.
        dataset: the name of the images that were really used.
        images: how many of them were trained on.
        image_shape: `(C, H, W)`.
        step: optimizer steps taken.
        epoch: epochs finished.
        neg_elbo: the best −ELBO on held-out images so far, in nats; NaN before the first.
        model: weights and buffers.
        ema: those of the averaged model; None without an average.
        state: what only going on needs: optimizer, generators, counters; None in `best.pt`.
    """

    config: Config
    dataset: str
    images: int
    image_shape: tuple[int, int, int]
    step: int
    epoch: int
    neg_elbo: float
    model: dict[str, Tensor]
    ema: dict[str, Tensor] | None
    state: dict[str, Any] | None


class Run(NamedTuple):
    """A trained model and where it stands.

    Args:
        model: averaged weights where there are any, in eval mode.
        config: that it was trained with.
        step: optimizer steps taken.
        epoch: epochs finished.
        image_shape: `(C, H, W)`.
    """

    model: LatentModel
    config: Config
    step: int
    epoch: int
    image_shape: tuple[int, int, int]


def save(path: Path, saved: Saved) -> None:
    """Write a checkpoint; the old one stays until the new one is whole on the disk.

    Raises:
        StorageError: it cannot be written; the old one is untouched.
    """
    values = saved._asdict() | {"schema": SCHEMA, "config": saved.config.model_dump(mode="json")}
    buffer = io.BytesIO()
    torch.save(values, buffer)
    write_bytes(path, buffer.getvalue())


def load(path: Path) -> Saved:
    """Read a checkpoint without running anything that it holds, and verify it.

    Raises:
        CheckpointError: it is missing, broken, foreign, or of another version of the lab.
    """
    values = _read(path)
    if not isinstance(values, dict) or not isinstance(values.get("schema"), str):
        raise CheckpointError(f"{path} is a file of torch's, but no checkpoint of the lab.", _ANEW)
    if values["schema"] != SCHEMA:
        raise CheckpointError(
            f"{path} is a {values['schema'][:60]!r}; this version of the lab reads {SCHEMA!r}.",
            "Use the version that wrote it, or train anew.",
        )
    missing = [name for name in Saved._fields if name not in values]
    if missing:
        raise CheckpointError(f"{path} lacks {', '.join(missing)}.", _ANEW)
    saved = Saved(**{name: values[name] for name in Saved._fields})
    try:
        config = parse(saved.config, str(path))  # type: ignore[arg-type]
    except (ConfigError, TypeError) as error:
        raise CheckpointError(
            f"{path} holds a configuration that this version of the lab cannot use: {error}", _ANEW
        ) from None
    problem = _problem(saved)
    if problem:
        raise CheckpointError(f"{path} is broken: {problem}.", _ANEW)
    return saved._replace(config=config, image_shape=tuple(saved.image_shape))  # type: ignore[arg-type]


def open_run(outputs: Outputs, which: str = "best") -> Run:
    """The model that a run has trained, on the CPU, ready to be looked at.

    Args:
        which: `best` (on held-out images) or `last`; before the first epoch has ended there is
            no best, and the last is opened.

    Raises:
        CheckpointError: there is none, or it cannot be used.
        LabError: it needs a student's file that cannot be used.
    """
    path = outputs.last if which == "last" else outputs.best
    if which == "best" and not path.exists() and outputs.last.exists():
        path = outputs.last
    saved = load(path)
    with seeds.borrowed(0):
        try:
            model = build(saved.config.model, saved.image_shape)
        except (RuntimeError, MemoryError):
            raise CheckpointError(f"{path} describes a model that cannot be made.", _ANEW) from None
    fit(model, saved.ema or saved.model, path)
    return Run(model.eval(), saved.config, saved.step, saved.epoch, saved.image_shape)


def fit(model: nn.Module, tensors: dict[str, Tensor], path: Path) -> None:
    """Put saved weights into a model of the very same layers.

    Raises:
        CheckpointError: a layer is missing, unknown, or of another shape.
    """
    own = model.state_dict()
    problems = [f"it lacks {name}" for name in own if name not in tensors]
    problems += [f"it holds {name}, which the model lacks" for name in tensors if name not in own]
    problems += [
        f"{name} is {_shape(tensors[name])}, the model's is {_shape(value)}"
        for name, value in own.items()
        if name in tensors and _shape(tensors[name]) != _shape(value)
    ]
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise CheckpointError(
            f"{path} does not fit a {type(model).__name__}: {problems[0]}{more}.",
            "Use the configuration and the model that it was trained with, or train anew.",
        )
    model.load_state_dict(tensors)


def differences(saved: Config, now: Config) -> list[str]:
    """The keys that would make going on another run: `optim.lr was 0.001, is 0.01`.

    More epochs are not among them.
    """
    before, after = _flat(saved.model_dump(mode="json")), _flat(now.model_dump(mode="json"))
    return [
        f"{key} was {before[key]}, is {after[key]}"
        for key in before
        if before[key] != after[key] and not key.startswith(_FREE) and key != "optim.epochs"
    ]


def _read(path: Path) -> object:
    """What the file unpickles to, from an allow-list of types."""
    try:
        if not path.is_file():
            raise CheckpointError(f"There is no checkpoint {path}.", "Train first: `lab train`.")
        size = path.stat().st_size
        if size == 0:
            raise CheckpointError(f"{path} is empty.", _ANEW)
        if not zipfile.is_zipfile(path):
            raise CheckpointError(f"{path} is cut short, or is no checkpoint.", _ANEW)
        with zipfile.ZipFile(path) as archive:
            # Compressed records could unpack to far more than the file holds.
            unpacked = sum(record.file_size for record in archive.infolist())
        if max(unpacked, size) > _LARGEST:
            raise CheckpointError(
                f"{path} would take {unpacked / 2**30:.0f} GiB, more than any model of the lab.",
                _ANEW,
            )
        return torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise CheckpointError(
            f"Cannot read {path}: {error.strerror or error}.", "Check the file and its folder."
        ) from None
    except LabError:
        raise
    except Exception:
        # torch.load has no error of its own: what broken bytes raise depends on where they break.
        raise CheckpointError(
            f"{path} is broken, or holds more than numbers; nothing of it was run.", _ANEW
        ) from None


def _problem(saved: Saved) -> str:
    """What is wrong with the values, or nothing."""
    shape = saved.image_shape
    if not isinstance(shape, list | tuple) or len(shape) != 3:
        return "image_shape is no (C, H, W)"
    counts = (*shape, saved.step, saved.epoch, saved.images)
    if not all(type(count) is int and 0 <= count < 2**40 for count in counts):
        return "a count is no whole number"
    if not isinstance(saved.neg_elbo, float) or not isinstance(saved.dataset, str):
        return "neg_elbo or dataset is of the wrong type"
    if not isinstance(saved.state, dict | None):
        return "state is no table"
    weights = [("model", saved.model)] + ([("ema", saved.ema)] if saved.ema is not None else [])
    for name, tensors in weights:
        if not isinstance(tensors, dict) or not all(isinstance(key, str) for key in tensors):
            return f"{name} is no table of weights"
        for key, value in tensors.items():
            if not isinstance(value, Tensor) or value.layout is not torch.strided:
                return f"{name}.{key} is no plain tensor"
            if math.prod(value.shape) > value.untyped_storage().nbytes():
                return f"{name}.{key} claims more numbers than it has"
            if not bool(torch.isfinite(value).all()):
                return f"{name}.{key} holds NaN or infinity"
    return ""


def _shape(tensor: Tensor) -> tuple[int, ...]:
    return tuple(tensor.shape)


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """`{"optim": {"lr": 1}}` as `{"optim.lr": 1}`."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        name = f"{prefix}{key}"
        flat |= _flat(value, f"{name}.") if isinstance(value, dict) else {name: value}
    return flat
