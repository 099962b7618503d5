"""What is read from archives: IDX, npm's copies, both kinds of CIFAR; and what is refused."""

from __future__ import annotations

import gzip
import io
import json
import os
import struct
import tarfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lab.data import archive, cifar, fashion, idx
from lab.data.archive import Undecodable
from tests.lab.data.world import pack


def test_idx_by_hand() -> None:
    header = b"\0\0\x08\x03" + struct.pack(">3I", 2, 1, 3)
    assert idx.decode(header + bytes(range(6))).tolist() == [[[0, 1, 2]], [[3, 4, 5]]]


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"<!DOCTYPE html>",
        b"\0\0\x09\x01" + struct.pack(">I", 4) + b"\0\0\0\0",
        b"\0\0\x08\x00",
        b"\0\0\x08\x03\0\0",
        b"\0\0\x08\x01" + struct.pack(">I", 5) + b"1234",
        b"\0\0\x08\x01" + struct.pack(">I", 3) + b"1234",
        b"\0\0\x08\x03" + struct.pack(">3I", 2**32 - 1, 2**32 - 1, 2**32 - 1) + b"1",
    ],
)
def test_idx_refuses_what_is_not_idx(bad: bytes) -> None:
    with pytest.raises(Undecodable):
        idx.decode(bad)


def test_an_archive_gives_only_what_is_on_the_list(tmp_path: Path) -> None:
    path = pack(tmp_path / "a.tgz", {"../../evil": b"x", "/etc/evil": b"y", "package/good": b"z"})
    assert archive.members(path, {"package/good": 1}) == {"package/good": b"z"}
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["a.tgz"]


def test_an_archive_with_a_link_a_giant_or_a_hole_is_refused(tmp_path: Path) -> None:
    link = tarfile.TarInfo("package/good")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    for files in ({"package/good": link}, {"package/good": b"12345"}, {"package/other": b"1"}):
        path = pack(tmp_path / "a.tgz", files)
        with pytest.raises(Undecodable, match="package/good"):
            archive.members(path, {"package/good": 4})
    whole = pack(tmp_path / "b.tgz", {"package/good": os.urandom(5000)}).read_bytes()
    for cut in (whole[:3000], b"", b"no archive"):
        (tmp_path / "c.tgz").write_bytes(cut)
        with pytest.raises(Undecodable):
            archive.members(tmp_path / "c.tgz", {"package/good": 5000})


def test_gunzip_stops_at_its_limit(tmp_path: Path) -> None:
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(bytes(10_000)))
    assert archive.gunzip(path, 10_000) == bytes(10_000)
    with pytest.raises(Undecodable, match="more than 9,999"):
        archive.gunzip(path, 9_999)
    path.write_bytes(gzip.compress(bytes(20_000_000)))
    tracemalloc.start()
    with pytest.raises(Undecodable, match="more than 10,000"):
        archive.gunzip(path, 10_000)
    assert tracemalloc.get_traced_memory()[1] < 2_000_000
    tracemalloc.stop()
    path.write_bytes(gzip.compress(bytes(10_000)))
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(Undecodable, match="unpacked"):
        archive.gunzip(path, 10_000)


def test_the_copy_of_fashion_mnist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fashion, "_ROWS", 5)
    monkeypatch.setattr(fashion, "_TEST_ROWS", 2)

    def package(change: Callable[[list[list[int]]], object] = lambda rows: None) -> Path:
        files: dict[str, bytes | tarfile.TarInfo] = {}
        for label in range(10):
            rows = [[10 * label + row] * 784 for row in range(5)]
            if label == 0:
                rows.insert(2, [])
                change(rows)
            files[f"package/src/clothes/{label}.json"] = json.dumps({"data": rows}).encode()
        return pack(tmp_path / "f.tgz", files)

    arrays = fashion.from_package([package()])
    assert arrays.train_images.shape == (30, 1, 28, 28)
    assert arrays.train_labels.tolist() == [*range(10)] * 3
    assert arrays.test_labels.tolist() == [*range(10)] * 2
    # Rows 0 and 1 of a class are for testing, 2 to 4 for training.
    assert arrays.test_images[:, 0, 5, 5].tolist() == [
        10 * k + r for r in (0, 1) for k in range(10)
    ]
    assert arrays.train_images[:, 0, 5, 5].tolist() == [
        10 * k + r for r in (2, 3, 4) for k in range(10)
    ]
    changes: list[Callable[[list[list[int]]], object]] = [
        lambda rows: rows.pop(),
        lambda rows: rows[0].pop(),
        lambda rows: rows[0].__setitem__(0, 256),
        lambda rows: rows[0].__setitem__(0, -1),
        lambda rows: rows[0].__setitem__(0, "x"),  # type: ignore[call-overload]
        lambda rows: rows[0].__setitem__(0, 10**30),
    ]
    for change in changes:
        with pytest.raises(Undecodable, match=r"0\.json"):
            fashion.from_package([package(change)])


def png(
    size: tuple[int, int], mode: str = "RGB", pixels: np.ndarray | None = None, kind: str = "PNG"
) -> bytes:
    from PIL import Image

    picture = Image.new(mode, size) if pixels is None else Image.fromarray(pixels)
    file = io.BytesIO()
    picture.save(file, kind)
    return file.getvalue()


def test_both_kinds_of_cifar_give_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cifar, "_ROWS", 2)
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (12, 3, 32, 32)).astype(np.uint8)
    labels = random.integers(0, 10, 12).astype(np.uint8)
    binary: dict[str, bytes | tarfile.TarInfo] = {}
    package: dict[str, bytes | tarfile.TarInfo] = {
        "package/train_lables.json": json.dumps(labels[:10].tolist()).encode(),
        "package/test_lables.json": json.dumps(labels[10:].tolist()).encode(),
    }
    for part in range(6):
        name = "test_batch" if part == 5 else f"data_batch_{part + 1}"
        rows = slice(2 * part, 2 * part + 2)
        flat = np.concatenate([labels[rows, None], images[rows].reshape(2, -1)], 1)
        binary[f"cifar-10-batches-bin/{name}.bin"] = flat.tobytes()
        pixels = np.ascontiguousarray(images[rows].transpose(0, 2, 3, 1)).reshape(2, 1024, 3)
        package[f"package/{name}.png"] = png((1024, 2), pixels=pixels)
    for decoded in (
        cifar.from_binary([pack(tmp_path / "b.tgz", binary)]),
        cifar.from_package([pack(tmp_path / "p.tgz", package)]),
    ):
        assert np.array_equal(decoded.train_images, images[:10])
        assert np.array_equal(decoded.train_labels, labels[:10])
        assert np.array_equal(decoded.test_images, images[10:])
        assert np.array_equal(decoded.test_labels, labels[10:])
    for name, wrong in {
        "package/data_batch_2.png": [
            png((1024, 3)),
            png((1024, 2), "L"),
            b"GIF89a",
            png((1024, 2), kind="BMP"),
            png((1024, 2))[:60],
            bomb(),
        ],
        "package/train_lables.json": [b"[0, 10]", b"[-1]", b"{}", b"[[0]]", b"nothing", b"[]"],
    }.items():
        for content in wrong:
            with pytest.raises(Undecodable, match=name.split("/")[1]):
                cifar.from_package([pack(tmp_path / "p.tgz", package | {name: content})])
    short = {**binary, "cifar-10-batches-bin/test_batch.bin": b"123"}
    with pytest.raises(Undecodable, match="3 bytes, not 6,146"):
        cifar.from_binary([pack(tmp_path / "b.tgz", short)])


def bomb() -> bytes:
    """A PNG of a few bytes that declares a picture of gigabytes."""
    small_one = bytearray(png((1, 1)))
    small_one[16:24] = struct.pack(">2I", 1024, 2_000_000)
    import zlib

    small_one[29:33] = struct.pack(">I", zlib.crc32(bytes(small_one[12:29])))
    return bytes(small_one)
