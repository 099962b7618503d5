"""A small network that knows the data set's classes: the eyes behind the Fréchet distance."""

from __future__ import annotations

import contextlib
import hashlib
import io
import math
import pickle
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lab.data import Dataset, Split, cache_dir
from lab.errors import DataError, StorageError
from lab.evaluation.walk import batches, looking
from lab.outputs import write_bytes

FEATURES = 64
_VERSION = 1  # part of the fingerprint: raise it when the network or its training changes
_BATCH = 128
_FEWEST_STEPS = 300  # a data set of a thousand images needs more than two epochs
_LR = 3e-3
_SEED = 20240


class Classifier(nn.Module):
    """Two convolutions and two linear layers.

    Args:
        image_shape: `(C, H, W)`.
        classes: how many.
    """

    def __init__(self, image_shape: tuple[int, int, int], classes: int) -> None:
        super().__init__()
        channels, height, width = image_shape
        grid = math.ceil(height / 4) * math.ceil(width / 4)
        self.body = nn.Sequential(
            nn.Conv2d(channels, 16, 5, stride=2, padding=2),
            nn.LeakyReLU(0.1),
            nn.Conv2d(16, 32, 3, stride=2, padding=1),
            nn.LeakyReLU(0.1),
            nn.Flatten(),
            nn.Linear(32 * grid, FEATURES),
            nn.LeakyReLU(0.1),
        )
        self.head = nn.Linear(FEATURES, classes)

    def features(self, x: Tensor) -> Tensor:
        """`(B, C, H, W)` in [0, 1] to what the last layer decides on, `(B, 64)`."""
        h: Tensor = self.body(2 * x - 1)
        return h

    def forward(self, x: Tensor) -> Tensor:
        """`(B, C, H, W)` in [0, 1] to logits `(B, classes)`."""
        logits: Tensor = self.head(self.features(x))
        return logits


@dataclass(frozen=True)
class Trained:
    """A classifier and what to know before its features are trusted.

    Args:
        model: in eval mode, on the CPU.
        accuracy: on the test images, 0 to 1; NaN without any.
        fingerprint: of its training images and settings; distances of two different fingerprints
            cannot be compared.
        cached: whether it was read from the cache.
    """

    model: Classifier
    accuracy: float
    fingerprint: str
    cached: bool


def classifier(dataset: Dataset, *, epochs: int = 2, folder: Path | None = None) -> Trained:
    """The classifier of a data set, from the cache or trained in seconds.

    Always on the CPU, so that the same images give the same features wherever the model runs.

    Args:
        dataset: its training split is learned, its test split gives the accuracy.
        epochs: passes over the training images; at least 300 steps are taken.
        folder: where it is kept; a folder in the data cache by default.

    Raises:
        DataError: the training split holds no images, or labels that are no classes.
    """
    split = dataset.train
    if len(split) == 0:
        raise DataError(
            f"{dataset.name} has no training images to learn its classes from.", "Run `make data`."
        )
    if int(split.labels.min()) < 0 or int(split.labels.max()) >= len(dataset.classes):
        raise DataError(
            f"{dataset.name} has labels beyond its {len(dataset.classes)} classes.",
            "Run `make data` again.",
        )
    model = _seeded(split, len(dataset.classes))
    fingerprint = _fingerprint(split, epochs)
    path = (folder or cache_dir() / "classifiers") / f"{dataset.name}-{fingerprint}.pt"
    cached = _read(model, path)
    if not cached:
        _train(model, split, epochs)
        with contextlib.suppress(StorageError):  # it is trained anew next time
            _write(model, path)
    model.eval()
    return Trained(model, _accuracy(model, dataset.test), fingerprint, cached)


def _seeded(split: Split, classes: int) -> Classifier:
    channels, height, width = split.images.shape[1:]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_SEED)
        return Classifier((channels, height, width), classes)


def _train(model: Classifier, split: Split, epochs: int) -> None:
    generator = torch.Generator().manual_seed(_SEED)
    count = len(split)
    a_pass = math.ceil(count / _BATCH)
    steps = max(epochs * a_pass, _FEWEST_STEPS)
    optimizer = torch.optim.Adam(model.parameters(), lr=_LR)
    order = torch.empty(0, dtype=torch.long)
    with torch.enable_grad():
        for step in range(steps):
            if len(order) == 0:
                order = torch.randperm(count, generator=generator)
            rows, order = order[:_BATCH], order[_BATCH:]
            for group in optimizer.param_groups:
                group["lr"] = _LR * 0.5 * (1 + math.cos(math.pi * step / steps))
            x = split.images[rows].float().div_(255)
            loss = F.cross_entropy(model(x), split.labels[rows])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()


def _accuracy(model: Classifier, split: Split) -> float:
    if len(split) == 0:
        return math.nan
    with looking(model, _SEED) as device:
        guesses = [model(x).argmax(dim=1) for x in batches(split.images, device)]
    return (torch.cat(guesses) == split.labels).double().mean().item()


def _fingerprint(split: Split, epochs: int) -> str:
    total = hashlib.sha256(f"{_VERSION} {epochs} {tuple(split.images.shape)}".encode())
    total.update(split.images.contiguous().numpy().data)
    total.update(split.labels.contiguous().numpy().data)
    return total.hexdigest()[:12]


def _write(model: Classifier, path: Path) -> None:
    buffer = io.BytesIO()
    torch.save(model.state_dict(), buffer)
    write_bytes(path, buffer.getvalue())


def _read(model: Classifier, path: Path) -> bool:
    """Fill the model from a file; False where there is none, or none that fits."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        if not all(value.isfinite().all() for value in state.values()):
            return False
        model.load_state_dict(state)
    except (OSError, RuntimeError, ValueError, TypeError, AttributeError, KeyError, EOFError):
        return False
    except pickle.UnpicklingError:
        return False
    return True
