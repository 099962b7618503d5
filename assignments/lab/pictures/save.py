"""A picture becomes a file, whole or not at all."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from lab.outputs import write_bytes

if TYPE_CHECKING:
    from PIL.Image import Image


def png(picture: Image) -> bytes:
    """The bytes of a PNG file; the same picture gives the same bytes."""
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    return buffer.getvalue()


def save(picture: Image, path: Path) -> Path:
    """Write a picture as PNG and return where it lies.

    Raises:
        StorageError: the disk is full or the folder cannot be written.
    """
    write_bytes(path, png(picture))
    return path
