"""What a student's code can import: torch, numpy, msgpack, what these require, and the stdlib.

No pytest, no grading and no course tests: what is not listed here is neither mounted nor readable.
"""

# Descriptors, and paths inside another root: os, not pathlib.

from __future__ import annotations

import functools
import importlib.metadata
import os
import re
import sys
import sysconfig
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.machinery import (
    BYTECODE_SUFFIXES,
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    ModuleSpec,
    SourceFileLoader,
    SourcelessFileLoader,
)
from pathlib import Path
from types import ModuleType
from typing import Any

ROOTS = ("torch", "numpy", "msgpack")

_SYSTEM_FILES = (
    "/etc/ld.so.cache",
    "/proc/cpuinfo",  # torch chooses its vector instructions, so the last digits, by these two
    "/sys/devices/system/cpu",
    "/dev/null",
    "/dev/zero",
    "/dev/urandom",
    "/dev/random",
)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class Environment:
    """The files of the student's side.

    Attributes:
        path: `sys.path`.
        trees: folders of the stdlib and of shared libraries.
        hidden: site folders, which may lie inside `trees`.
        entries: what of `hidden` is visible all the same.
        files: single system files and devices.
    """

    path: tuple[str, ...]
    trees: tuple[str, ...]
    hidden: tuple[str, ...]
    entries: tuple[str, ...]
    files: tuple[str, ...]

    @functools.cached_property
    def visible(self) -> list[str]:
        """The fewest paths that cover everything visible and nothing hidden."""
        covered = [path for tree in self.trees for path in _cover(tree, self.hidden)]
        return [*covered, *self.entries, *self.files]


def find(search: Iterable[str], exclude: Sequence[str] = ()) -> Environment:
    """The environment of this interpreter.

    Args:
        search: folders in which distributions are looked for, the judge's `sys.path`.
        exclude: folders that must not stay on `sys.path`.

    Raises:
        LookupError: one of `ROOTS` is not installed.
    """
    installed = {
        _normal(name): dist
        for dist in importlib.metadata.distributions(path=list(search))
        if (name := dist.metadata["Name"])
    }
    wanted = _closure(installed)
    sites: dict[str, None] = {}
    entries: dict[str, None] = {}
    for dist in wanted:
        site = os.path.realpath(str(dist.locate_file("")))
        sites[site] = None
        entries.update((f"{site}/{name}", None) for name in _top_level(dist))
    stdlib = _stdlib()
    hidden = dict.fromkeys([*sites, *_sites_below(stdlib)])
    return Environment(
        path=(*_stdlib_path(exclude), *sites),
        trees=tuple(stdlib),
        hidden=tuple(hidden),
        entries=tuple(entry for entry in entries if os.path.exists(entry)),
        files=tuple(file for file in _SYSTEM_FILES if os.path.exists(file)),
    )


def with_libraries(environment: Environment) -> Environment:
    """The same plus the folders of every shared library that this process has mapped."""
    known = [*environment.trees, *environment.entries, *environment.hidden]
    found: dict[str, None] = {}
    for line in Path("/proc/self/maps").read_text().splitlines():
        file = line[line.find("/") :] if "/" in line else ""
        folder = os.path.dirname(file)
        if ".so" in os.path.basename(file) and not is_below(folder, known) and folder != "/":
            found[folder] = None
    trees = tuple(dict.fromkeys([*environment.trees, *found]))
    return Environment(
        environment.path, trees, environment.hidden, environment.entries, environment.files
    )


class _Listed:
    """Finds in one site folder only what the student's side has, at every level alike."""

    def __init__(self, site: str, names: frozenset[str]) -> None:
        self._finder = FileFinder(site, *_loaders())
        self._names = names

    def find_spec(self, name: str, target: ModuleType | None = None) -> ModuleSpec | None:
        if name.partition(".")[0] not in self._names:
            return None
        return self._finder.find_spec(name, target)

    def invalidate_caches(self) -> None:
        self._finder.invalidate_caches()


def restrict_imports(environment: Environment) -> None:
    """Leave only `environment` to what this process and its children import from now on."""
    sys.path[:] = environment.path
    for name in list(sys.path_importer_cache):
        if not is_below(name, environment.path):
            del sys.path_importer_cache[name]
    names = frozenset(os.path.basename(entry).partition(".")[0] for entry in environment.entries)
    for site in environment.path:
        if site in environment.hidden:
            sys.path_importer_cache[site] = _Listed(site, names)


def _loaders() -> list[tuple[Any, list[str]]]:
    return [
        (ExtensionFileLoader, EXTENSION_SUFFIXES),
        (SourceFileLoader, SOURCE_SUFFIXES),
        (SourcelessFileLoader, BYTECODE_SUFFIXES),
    ]


def is_below(path: str, folders: Iterable[str]) -> bool:
    """Whether `path` is one of `folders` or lies in one."""
    return any(
        path == folder or path.startswith((folder.rstrip("/") + "/", folder + os.sep))
        for folder in folders
    )


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _closure(
    installed: dict[str, importlib.metadata.Distribution],
) -> list[importlib.metadata.Distribution]:
    found: dict[str, importlib.metadata.Distribution] = {}
    todo = list(ROOTS)
    while todo:
        name = todo.pop(0)
        if name in found:
            continue
        if name not in installed:
            if name in ROOTS:
                raise LookupError(name)
            continue  # a requirement for another system
        found[name] = installed[name]
        for line in installed[name].requires or ():
            match = _NAME.match(line)
            if match and "extra ==" not in line.replace("'", '"').replace('extra=="', "extra =="):
                todo.append(_normal(match[0]))
    return list(found.values())


def _top_level(dist: importlib.metadata.Distribution) -> list[str]:
    record = dist.read_text("RECORD")
    if record is None:  # packages of a Linux distribution have none
        names = (dist.read_text("top_level.txt") or dist.metadata["Name"]).split()
        return [*names, *(f"{name}.py" for name in names)]
    first = {line.partition(",")[0].partition("/")[0] for line in record.splitlines()}
    return sorted(
        name
        for name in first
        if name not in ("", "..", "__pycache__") and not name.endswith((".pth", '"'))
    )


def _stdlib() -> list[str]:
    bases = {"base": sys.base_prefix, "platbase": sys.base_exec_prefix}
    names = [os.path.dirname(os.__file__)]
    names += [sysconfig.get_path(name, vars=bases) for name in ("stdlib", "platstdlib")]
    return [name for name in dict.fromkeys(map(os.path.realpath, names)) if os.path.isdir(name)]


def _stdlib_path(exclude: Sequence[str]) -> list[str]:
    """What of `sys.path` belongs to Python itself; on Windows also its folder of DLLs."""
    sites = _sites_below(_stdlib())
    bases = [os.path.realpath(base) for base in (sys.base_prefix, sys.base_exec_prefix)]
    return [
        name
        for name in sys.path
        if name not in exclude
        and is_below(os.path.realpath(name), bases)
        and not is_below(os.path.realpath(name), sites)
    ]


def _sites_below(folders: Iterable[str]) -> list[str]:
    return [
        f"{folder}/{name}"
        for folder in folders
        for name in ("site-packages", "dist-packages")
        if os.path.isdir(f"{folder}/{name}")
    ]


def _cover(tree: str, hidden: Iterable[str]) -> list[str]:
    if is_below(tree, hidden):
        return []
    if not any(is_below(name, [tree]) for name in hidden):
        return [tree]
    return [
        path
        for entry in sorted(os.scandir(tree), key=lambda entry: entry.name)
        for path in (
            _cover(entry.path, hidden) if entry.is_dir(follow_symlinks=False) else [entry.path]
        )
    ]
