"""The decoded data sets on this computer: one file each, trusted only if its checksum holds."""

from __future__ import annotations

import contextlib
import hashlib
import os
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lab.errors import DataError, StorageError

Bytes = NDArray[np.uint8]

_MEMBERS = ("train_images", "train_labels", "test_images", "test_labels")
# What a file may hold at most once it is unpacked; CIFAR-10 is 184 MB.
_MAX_BYTES = 1 << 30
_EPOCH = (1980, 1, 1, 0, 0, 0)


class Missing(DataError):
    """There is no such file."""


class Broken(DataError):
    """A file is there, and its content is of no use."""


class Arrays(NamedTuple):
    """A decoded data set.

    Args:
        train_images: uint8 `(N, C, H, W)`.
        train_labels: uint8 `(N,)`.
        test_images: uint8 `(M, C, H, W)`.
        test_labels: uint8 `(M,)`.
    """

    train_images: Bytes
    train_labels: Bytes
    test_images: Bytes
    test_labels: Bytes


def cache_dir() -> Path:
    """Where data sets lie: `LATENT_WEEK_DATA`, else a folder in the user's cache."""
    chosen = os.environ.get("LATENT_WEEK_DATA", "").strip()
    if chosen:
        return Path(chosen).expanduser().absolute()
    import platformdirs

    return platformdirs.user_cache_path("latent-week", appauthor=False) / "data"


def path_of(name: str, root: Path) -> Path:
    """The file that holds a data set."""
    return root / f"{name}.npz"


def interleave(classes: Sequence[Bytes]) -> tuple[Bytes, Bytes]:
    """Images of one class after another to a split whose classes take turns: 0 1 2 … 0 1 2 …

    Args:
        classes: for each label as many images, uint8 `(n, C, H, W)`.

    Returns:
        Images `(n K, C, H, W)` and labels `(n K,)`, so that the first images of it are balanced.
    """
    stacked = np.stack(classes, axis=1)
    images = stacked.reshape(-1, *stacked.shape[2:])
    return images, np.tile(np.arange(len(classes), dtype=np.uint8), len(stacked))


def digest(arrays: Arrays) -> str:
    """SHA-256 over dtype, shape and bytes of all four arrays, as 64 hex digits."""
    total = hashlib.sha256()
    for array in arrays:
        total.update(f"{array.dtype.str}{array.shape}".encode())
        total.update(np.ascontiguousarray(array).data)
    return total.hexdigest()


def write(path: Path, arrays: Arrays, source: str, *, compress: bool = False) -> None:
    """Write a data set whole or not at all; the same arrays and source give the same bytes.

    Uncompressed, since inflating full MNIST takes longer than reading it from any disk.

    Raises:
        StorageError: the disk is full or the folder cannot be written; the old file is untouched.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("wb") as file:
            _write(file, arrays, source, compress)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        raise no_room(path, error) from None
    finally:
        with contextlib.suppress(OSError):
            beside.unlink()


def _write(file: BinaryIO, arrays: Arrays, source: str, compress: bool) -> None:
    # Not np.savez: it stamps the members with the time of day, so no two files would be equal.
    notes = {"digest": np.array(digest(arrays)), "source": np.array(source)}
    method = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, array in (*arrays._asdict().items(), *notes.items()):
            info = zipfile.ZipInfo(f"{name}.npy", _EPOCH)
            info.compress_type = method
            with archive.open(info, "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)


def read(path: Path) -> tuple[Arrays, str]:
    """Open a data set and check it against its own checksum.

    Full MNIST takes 0.05 s, more than half of it for the checksum.

    Returns:
        The arrays and where they came from.

    Raises:
        Missing: there is no such file.
        Broken: it is cut short, altered, or not one of ours.
        DataError: it cannot be read.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(member.file_size for member in archive.infolist()) > _MAX_BYTES:
                raise ValueError("it is far too large")
        with np.load(path, allow_pickle=False) as members:
            arrays = Arrays(*(members[name] for name in _MEMBERS))
            wanted, source = str(members["digest"]), str(members["source"])
        if any(array.dtype != np.uint8 for array in arrays) or digest(arrays) != wanted:
            raise ValueError("its checksum does not hold")
    except FileNotFoundError:
        raise Missing(f"There is no file {path}.", f"Run {remedy(path)}.") from None
    except zipfile.BadZipFile:
        raise broken(path, "it was cut short or altered") from None
    except KeyError:
        raise broken(path, "it lacks images or labels") from None
    except OSError as error:
        raise DataError(
            f"Cannot read {path}: {error.strerror or error}.", f"Run {remedy(path)} again."
        ) from None
    except (ValueError, EOFError, zlib.error, MemoryError, RuntimeError, SyntaxError) as error:
        raise broken(path, str(error).split("\n")[0] or "it cannot be unpacked") from None
    return arrays, source


def broken(path: Path, why: str) -> Broken:
    """The error for a file whose content is of no use."""
    return Broken(f"{path} is broken: {why}.", f"Run {remedy(path)} again: it replaces the file.")


def remedy(path: Path) -> str:
    """The command that fills a file of the cache."""
    return "`make data`" if path.stem == "mnist" else f"`lab data {path.stem}`"


def no_room(path: Path, error: OSError) -> StorageError:
    """The error for a data file that cannot be written."""
    return StorageError(
        f"Cannot write {path}: {error.strerror or error}.",
        "Free some space, or set LATENT_WEEK_DATA to a folder with room for it.",
    )
