"""Sources are tried in turn; what is not the data set, byte for byte, is refused."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from lab import data
from lab.data import cache, fetching, idx
from lab.data.archive import Undecodable
from lab.data.cache import Arrays
from lab.data.sources import RECIPES
from lab.errors import DataError, StorageError
from tests.lab.data.world import (
    ALTERED,
    FIRST,
    GZ,
    Server,
    babbles,
    circles,
    drips,
    leftovers,
    recipe,
    silent,
    stops_halfway,
    tiny,
)


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
