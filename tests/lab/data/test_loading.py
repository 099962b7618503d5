"""What `load` gives, and what it says where nothing is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from lab import data
from lab.data import cache
from lab.data.sources import RECIPES
from lab.errors import DataError
from tests.lab.data.world import Server, tiny


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
