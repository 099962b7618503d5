"""What can be done to a student's objects; the worker and the in-process twin do just the same."""

from __future__ import annotations

import collections
import copy
import functools
import importlib
import importlib.util
import inspect
import itertools
import sys
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

__tracebackhide__ = True  # pytest shows the test and the student's file instead

OWN = "student"  # how a patch names the student's own module

# Answered by lists, since a generator of theirs runs none of the student's code.
LISTINGS = frozenset(
    [
        "parameters",
        "named_parameters",
        "buffers",
        "named_buffers",
        "modules",
        "named_modules",
        "children",
        "named_children",
    ]
)
_DRAWS = frozenset(
    [
        "randn",
        "rand",
        "randint",
        "randperm",
        "randn_like",
        "rand_like",
        "randint_like",
        "normal_",
        "uniform_",
        "bernoulli_",
        "bernoulli",
        "normal",
        "multinomial",
        "exponential_",
        "random_",
        "poisson",
        "native_dropout",
    ]
)
_CONTAINERS = (collections.OrderedDict, collections.defaultdict, collections.Counter)
_ATOMS = (
    type(None), bool, int, float, complex, str, bytes, range, slice, type(...),
    torch.dtype, torch.device, torch.Size, torch.Tensor, np.ndarray, np.generic,
)  # fmt: skip
_MISSING = object()


@dataclass(frozen=True, slots=True)
class Info:
    """What the judge needs to know of an object that stays with the student's code.

    `caps` says what it can do: c(all), i(terate), n(ext), l(en), g(etitem), w(ith).
    """

    kind: str
    name: str
    caps: str
    mro: tuple[str, ...]


def is_plain(value: Any) -> bool:
    """Whether a value comes over by value, leaving the contents of containers aside."""
    kind = type(value)
    return (
        isinstance(value, _ATOMS)
        or kind in (list, tuple, dict, set, frozenset)
        or kind in _CONTAINERS
        or (isinstance(value, tuple) and hasattr(value, "_fields"))
    )


def inform(thing: Any) -> Info:
    """Describe an object; nothing here calls the student's code except attribute look-ups."""
    cls = thing if isinstance(thing, type) else type(thing)
    if isinstance(thing, type):
        kind = "class"
    elif isinstance(thing, nn.Module):
        kind = "module"
    elif isinstance(thing, types.FunctionType | types.MethodType | types.BuiltinFunctionType):
        kind = "function"
    else:
        kind = "object"
    caps = "c" if callable(thing) else ""
    if kind != "class":
        has = {name: hasattr(cls, name) for name in ("__iter__", "__next__", "__getitem__")}
        caps += "i" * (has["__iter__"] or has["__getitem__"]) + "n" * has["__next__"]
        caps += "l" * hasattr(cls, "__len__") + "g" * has["__getitem__"]
        caps += "w" * (hasattr(cls, "__enter__") and hasattr(cls, "__exit__"))
    name = getattr(thing, "__name__", None) if kind in ("class", "function") else cls.__name__
    mro = tuple(f"{c.__module__}.{c.__qualname__}" for c in cls.__mro__[:12])
    return Info(kind, str(name), caps, mro)


class DrawLog(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes each random draw as (operation, shape); the student's code could forge it."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.log: list[tuple[str, tuple[int, ...]]] = []

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        name = func._schema.name.split("::")[1]
        if name in _DRAWS:
            first = out[0] if isinstance(out, tuple) else out
            self.log.append((name, tuple(getattr(first, "shape", ()))))
        return out


class Host:
    """Holds the student's module and works on its objects."""

    def __init__(self, root: Any = None) -> None:
        self.root = root
        self.file = str(getattr(root, "__file__", "") or "")
        self._log: DrawLog | None = None
        self._patches: list[tuple[Any, str, Any]] = []

    def load(self, path: str) -> list[str]:
        """Import the file at `path`; its siblings are importable, but shadow nothing."""
        self.file = path
        folder = str(Path(path).parent)
        if folder not in sys.path:
            sys.path.append(folder)
        name = Path(path).stem
        if name in sys.modules:
            name = f"student_{name}"
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None or spec.loader is None:
            raise ImportError(f"{Path(path).name} is not a Python file")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        try:
            with self._noting():
                spec.loader.exec_module(module)
        except BaseException:
            sys.modules.pop(name, None)
            raise
        self.root = module
        return self.public()

    def public(self) -> list[str]:
        """Names of the module that do not begin with an underscore, sorted."""
        return sorted(n for n in vars(self.root) if type(n) is str and not n.startswith("_"))

    def functions(self) -> list[str]:
        """The public names that are plain functions."""
        space = vars(self.root)
        return [n for n in self.public() if isinstance(space[n], types.FunctionType)]

    def get(self, thing: Any, name: str) -> tuple[bool, Any]:
        """(True, None) for a method or function, else (False, value)."""
        with self._noting():
            value = getattr(thing, name)
        method = isinstance(value, types.MethodType | types.BuiltinMethodType | types.FunctionType)
        return (True, None) if method else (False, value)

    def call(self, thing: Any, name: str | None, args: Any, kwargs: dict[str, Any]) -> Any:
        """Call an object or its method; views and the listings of modules come as lists."""
        with self._noting():
            function = thing if name is None else getattr(thing, name)
            result = function(*args, **kwargs)
            if name in LISTINGS and isinstance(thing, nn.Module):
                return list(result)
            if isinstance(result, type({}.keys()) | type({}.values()) | type({}.items())):
                return list(result)
            return result

    def step(self, thing: Any) -> tuple[bool, Any]:
        """(True, next item) of an iterator, or (False, None) at its end."""
        with self._noting():
            item = next(thing, _MISSING)
        return (False, None) if item is _MISSING else (True, item)

    def names(self, thing: Any) -> list[str]:
        """`dir()` of an object."""
        return sorted(itertools.islice((n for n in dir(thing) if type(n) is str), 5000))

    def signature(self, thing: Any, name: str | None) -> list[list[Any]] | None:
        """`[[name, kind, has default, default if plain]]`, or None where there is none."""
        function = thing if name is None else getattr(thing, name)
        try:
            found = inspect.signature(function)
        except (TypeError, ValueError):
            return None
        rows = []
        for p in found.parameters.values():
            simple = type(p.default) in (type(None), bool, int, float, str)
            has = p.default is not p.empty
            rows.append([p.name, int(p.kind), has, p.default if simple else None, simple])
        return rows

    def doc(self, thing: Any, name: str | None) -> str | None:
        """An object's docstring."""
        found = (thing if name is None else getattr(thing, name)).__doc__
        return str(found) if isinstance(found, str) else None

    def copy(self, thing: Any) -> Any:
        """A deep copy."""
        return copy.deepcopy(thing)

    def make(self, dotted: str, args: Any, kwargs: dict[str, Any]) -> Any:
        """Build something from a library beside the student's code, e.g. `torch.optim.Adam`."""
        module, _, name = dotted.rpartition(".")
        with self._noting():
            return getattr(importlib.import_module(module), name)(*args, **kwargs)

    def patch(self, dotted: str, replacement: Callable[..., Any]) -> None:
        """Put `replacement` in place of a function until `unpatch`.

        Args:
            dotted: a library's function such as "torch.randn_like", or "student.kl_divergence",
                "student.VAE.encode" for one of the student's own, which need not be there.
        """
        path, _, name = dotted.rpartition(".")
        owner = self.owner_of(path)
        self._patches.append((owner, name, vars(owner).get(name, _MISSING)))
        takes_seed = getattr(replacement, "takes_seed", False) is True
        if takes_seed or not isinstance(replacement, types.FunctionType):
            replacement = _stand_in(replacement, takes_seed)
        setattr(owner, name, replacement)

    def owner_of(self, path: str) -> Any:
        """The module or class that holds what a patch replaces."""
        first, *rest = path.split(".")
        return functools.reduce(getattr, rest, self.root) if first == OWN else find_owner(path)

    def unpatch(self) -> None:
        """Undo all patches."""
        while self._patches:
            owner, name, value = self._patches.pop()
            if value is _MISSING:
                delattr(owner, name)
            else:
                setattr(owner, name, value)

    def log_start(self) -> None:
        """Begin to note random draws."""
        self._log = DrawLog()

    def log_stop(self) -> list[tuple[str, tuple[int, ...]]]:
        """Stop noting, and say what was drawn."""
        log, self._log = self._log, None
        return log.log if log is not None else []

    @contextmanager
    def _mode(self, log: DrawLog) -> Iterator[None]:
        # The mode object is entered at most once at a time, also when calls nest.
        self._log = None
        try:
            with log:
                yield
        finally:
            self._log = log

    def _noting(self) -> Any:
        return _NOTHING if self._log is None else self._mode(self._log)


def _stand_in(function: Callable[..., Any], takes_seed: bool) -> Callable[..., Any]:
    """A function proper, which in a class is given `self`.

    Args:
        takes_seed: pass `lent_seed`, drawn where the student's code draws: noise that it gets from
            elsewhere must be repeatable, or fresh, just as its own.
    """

    def stand_in(*args: Any, **kwargs: Any) -> Any:
        if takes_seed:
            kwargs["lent_seed"] = int(torch.empty((), dtype=torch.int64).random_())
        return function(*args, **kwargs)

    return stand_in


class _Nothing:
    def __enter__(self) -> None:
        return None

    def __exit__(self, *exc: object) -> None:
        return None


_NOTHING = _Nothing()


def find_owner(path: str) -> Any:
    """The module or class that a dotted path names."""
    first, *rest = path.split(".")
    owner: Any = importlib.import_module(first)
    for i, part in enumerate(rest):
        if not hasattr(owner, part):
            importlib.import_module(".".join([first, *rest[: i + 1]]))
        owner = getattr(owner, part)
    return owner
