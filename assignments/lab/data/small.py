"""The small part of MNIST that ships with the course; run as a script, it makes the file anew."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lab.data import cache
from lab.data.cache import Arrays, Bytes
from lab.errors import DataError

TRAIN, TEST = 3_000, 1_000
FILE = Path(__file__).with_name("mnist_small.npz")
_SOURCE = "the small subset that ships with the course"


def read() -> tuple[Arrays, str]:
    """The shipped images, 300 and 100 of each digit in turns, and where they come from.

    Raises:
        DataError: the file of the course is missing or broken.
    """
    try:
        return cache.read(FILE)
    except DataError as error:
        raise DataError(error.what, "Install the course again: the file is part of it.") from None


def make(mnist: Arrays, path: Path, train: int = TRAIN, test: int = TEST) -> None:
    """Write some images of each digit of MNIST's training and test split to `path`.

    The same MNIST gives the same bytes, with the same version of zlib; the arrays are the same
    with any.

    Raises:
        ValueError: there are too few images of a digit.
        StorageError: the file cannot be written.
    """
    train_images, train_labels = _spread(mnist.train_images, mnist.train_labels, train // 10)
    test_images, test_labels = _spread(mnist.test_images, mnist.test_labels, test // 10)
    arrays = Arrays(train_images, train_labels, test_images, test_labels)
    cache.write(path, arrays, _SOURCE, compress=True)


def _spread(images: Bytes, labels: Bytes, count: int) -> tuple[Bytes, Bytes]:
    """`count` images of each digit from all over a split; its beginning is the easier part: the
    first 5,000 test images were written by census employees, the others by pupils."""
    rows = [np.flatnonzero(labels == digit) for digit in range(10)]
    if min(map(len, rows)) < count:
        raise ValueError(f"there are fewer than {count} images of a digit")
    chosen = [some[np.arange(count) * len(some) // count] for some in rows]
    return cache.interleave([images[some] for some in chosen])


if __name__ == "__main__":
    make(cache.read(cache.path_of("mnist", cache.cache_dir()))[0], FILE)
    print(f"{FILE.name}: {FILE.stat().st_size:,} bytes")
