"""Images as tensors: what a data set is, and the two ways to take part of one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from lab.errors import DataError


@dataclass(frozen=True)
class Split:
    """Training or test images with their labels.

    Args:
        images: uint8 `(N, C, H, W)`, 0 to 255.
        labels: long `(N,)`.

    Raises:
        ValueError: another dtype or shape.
    """

    images: Tensor
    labels: Tensor

    def __post_init__(self) -> None:
        if self.images.dtype != torch.uint8 or self.images.ndim != 4:
            raise ValueError(
                "images must be uint8 (N, C, H, W), "
                f"not {self.images.dtype} {tuple(self.images.shape)}"
            )
        if self.labels.dtype != torch.int64 or self.labels.shape != self.images.shape[:1]:
            raise ValueError(
                f"labels must be int64 ({len(self.images)},), "
                f"not {self.labels.dtype} {tuple(self.labels.shape)}"
            )

    def __len__(self) -> int:
        return len(self.images)

    def take(self, count: int | None) -> Split:
        """The first `count` images, or all of them where there are no more; shares memory."""
        return Split(self.images[:count], self.labels[:count])


@dataclass(frozen=True)
class Dataset:
    """One data set as the commands see it.

    Args:
        name: what `load` knows it by.
        train: to learn from.
        test: to measure on.
        classes: a name for each label.
        source: where the images come from, for people.
    """

    name: str
    train: Split
    test: Split
    classes: tuple[str, ...]
    source: str

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """`(C, H, W)`."""
        channels, height, width = self.train.images.shape[1:]
        return channels, height, width


def describe(dataset: Dataset) -> str:
    """One line for people: name, counts, shape, classes, source."""
    shape = "×".join(str(size) for size in dataset.image_shape)
    return (
        f"{dataset.name}: {len(dataset.train):,} training and {len(dataset.test):,} test images, "
        f"{shape}, {len(dataset.classes)} classes, from {dataset.source}"
    )


def hold_out(split: Split, count: int, seed: int) -> tuple[Split, Split]:
    """Take `count` images out of a split, drawn without replacement from `seed`.

    Returns:
        `(train, valid)`, `N - count` and `count` images, both in their old order.

    Raises:
        DataError: nothing would be left to train on.
    """
    if count < 0:
        raise ValueError(f"cannot hold out {count} images")
    if count >= len(split):
        raise DataError(
            f"Cannot hold {count:,} images out of {len(split):,}: none would be left to train on.",
            f"Set data.valid below {len(split):,}.",
        )
    generator = torch.Generator().manual_seed(seed)
    held = torch.zeros(len(split), dtype=torch.bool)
    held[torch.randperm(len(split), generator=generator)[:count]] = True
    held = held.to(split.images.device)
    return (
        Split(split.images[~held], split.labels[~held]),
        Split(split.images[held], split.labels[held]),
    )


def batches(
    split: Split,
    batch_size: int,
    *,
    order: Tensor | None = None,
    device: str | torch.device = "cpu",
) -> Iterator[tuple[Tensor, Tensor]]:
    """Go through a split once; the last batch may be smaller.

    Args:
        split: what to go through.
        batch_size: B.
        order: long `(N,)`, a permutation of the images (or the rest of one, to go on after an
            interruption); as they lie if None.
        device: where the batches are wanted. They travel as uint8, a quarter of the bytes.

    Yields:
        `(x, labels)`: x float `(B, C, H, W)` in [0, 1], labels long `(B,)`.

    Raises:
        ValueError: at the call, not at the first batch: a batch size or an order of no use.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size is {batch_size}, it must be positive")
    if order is not None and (order.ndim != 1 or order.dtype != torch.int64):
        raise ValueError(f"order must be int64 (N,), not {order.dtype} {tuple(order.shape)}")
    return _batches(split, batch_size, order, torch.device(device))


def _batches(
    split: Split, batch_size: int, order: Tensor | None, device: torch.device
) -> Iterator[tuple[Tensor, Tensor]]:
    if order is not None:
        order = order.to(split.images.device)
    for start in range(0, len(split) if order is None else len(order), batch_size):
        rows = slice(start, start + batch_size)
        chosen = rows if order is None else order[rows]
        x = split.images[chosen].to(device).float().div_(255)
        yield x, split.labels[chosen].to(device)
