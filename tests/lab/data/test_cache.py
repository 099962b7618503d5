"""A cache file is whole or refused, and never half-made."""

from __future__ import annotations

import errno
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lab import data
from lab.data import cache
from lab.data.cache import Arrays
from lab.errors import StorageError
from tests.lab.data.world import leftovers, tiny


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
