"""One call for every data set, wherever its images come from."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from pathlib import Path

import torch

from lab.data import cache
from lab.data.archive import Undecodable
from lab.data.cache import Arrays
from lab.data.fetching import fetch as fill_cache
from lab.data.sources import RECIPES
from lab.data.store import Dataset, Split
from lab.errors import DataError

SMALL = "mnist-small"
_DRAWN = ("synthetic", "synthetic-rgb")
NAMES = (*RECIPES, SMALL, *_DRAWN)


def load(
    name: str,
    *,
    root: Path | None = None,
    fetch: bool = False,
    limit: int | None = None,
    allow_small: bool = False,
    report: Callable[[str], object] = lambda line: None,
) -> Dataset:
    """Open a data set.

    Args:
        name: one of `NAMES`. `mnist-small` ships with the course, `synthetic` (1×28×28) and
            `synthetic-rgb` (3×32×32) are drawn in code; the others lie in the cache.
        root: the cache; `cache_dir()` if None.
        fetch: get it where the cache lacks it or holds it broken.
        limit: use only the first so many training images; the test images stay whole.
        allow_small: take `mnist-small` where `mnist` is not to be had; its `source` says so.
        report: is told what is tried while fetching, a line for each source.

    Raises:
        DataError: no such data set, it is not in the cache, its file is broken, or no source has
            it; or `limit` is not positive.
        StorageError: what was fetched cannot be written.
    """
    if name not in NAMES:
        near = difflib.get_close_matches(str(name), NAMES, n=1)
        hint = f"Did you mean {near[0]}?" if near else f"Choose one of: {', '.join(NAMES)}."
        raise DataError(f"There is no data set {str(name)[:60]!r}.", hint)
    if limit is not None and limit < 1:
        raise DataError(f"A data set cannot be limited to {limit} images.", "Use 1 or more.")
    if name in _DRAWN:
        from lab.data import synthetic

        return synthetic.dataset(rgb=name == "synthetic-rgb", limit=limit)
    if name == SMALL:
        return _small(limit)
    root = cache.cache_dir() if root is None else root
    try:
        arrays, source = _cached(name, root, fetch, report)
    except DataError as error:
        if name == "mnist" and allow_small and (fetch or isinstance(error, cache.Missing)):
            return _small(limit)
        raise
    return _dataset(name, arrays, RECIPES[name].classes, source, limit)


def overview(root: Path | None = None) -> list[str]:
    """Lines for people: where the cache is, and for each data set what is there."""
    root = cache.cache_dir() if root is None else root
    lines = [f"cache: {root}"]
    for name, recipe in RECIPES.items():
        path = cache.path_of(name, root)
        try:
            _, source = cache.read(path)
            state = f"here, {path.stat().st_size / 1e6:.0f} MB, from {source}"
        except cache.Missing:
            size = recipe.sources[0].size / 1e6
            state = f"not here, {size:.0f} MB to fetch: {cache.remedy(path)}"
        except (DataError, OSError):
            state = f"broken, to be fetched anew: {cache.remedy(path)}"
        lines.append(f"{name}: {state}")
    lines.append(f"{SMALL}: ships with the course")
    return [*lines, *(f"{name}: drawn in code" for name in _DRAWN)]


def _cached(
    name: str, root: Path, fetch: bool, report: Callable[[str], object]
) -> tuple[Arrays, str]:
    """Read from the cache; where that fails and `fetch` allows it, fill it first."""
    path = cache.path_of(name, root)
    try:
        arrays, source = _read(name, path)
    except DataError:
        if not fetch:
            raise
        arrays, source = _read(name, fill_cache(name, root, report))
    return arrays, source


def _read(name: str, path: Path) -> tuple[Arrays, str]:
    recipe = RECIPES[name]
    try:
        arrays, source = cache.read(path)
        recipe.check(arrays)
    except cache.Missing:
        what = f"{recipe.title} is not on this computer: there is no {path}."
        other = " or use mnist-small, which ships with the course" if name == "mnist" else ""
        raise cache.Missing(what, f"Run {cache.remedy(path)}{other}.") from None
    except Undecodable as error:
        raise cache.broken(path, str(error)) from None
    return arrays, source


def _small(limit: int | None) -> Dataset:
    from lab.data import small

    arrays, source = small.read()
    return _dataset(SMALL, arrays, RECIPES["mnist"].classes, source, limit)


def _dataset(
    name: str, arrays: Arrays, classes: tuple[str, ...], source: str, limit: int | None
) -> Dataset:
    train = Split(
        torch.from_numpy(arrays.train_images), torch.from_numpy(arrays.train_labels).long()
    )
    test = Split(torch.from_numpy(arrays.test_images), torch.from_numpy(arrays.test_labels).long())
    return Dataset(name, train.take(limit), test, classes, source)
