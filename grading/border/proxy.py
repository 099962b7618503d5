"""What a test holds in its hands: objects that live with the student's code, in either mode."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

from torch import nn

from . import rng
from .backend import Backend
from .core import Core
from .errors import InputChanged, ProtocolError
from .host import LISTINGS, Info
from .trace import Call, Trace

__tracebackhide__ = True  # pytest shows the test and the student's file instead

_SAME = frozenset(dir(nn.Module)) - {"forward", "apply", "__call__"}
_SILENT = frozenset(
    {"__len__", "__contains__", "__enter__", "__exit__", "__setitem__", "__delitem__"}
)
_KINDS = frozenset({"class", "module", "function", "object"})
_CAPS = frozenset("cinlgw")
_MAX_LENGTH = 1_000_000


class Proxy:
    """An object of the student's; attributes, calls, items and iteration reach the real one.

    `isinstance(layer, nn.Conv2d)` tells the truth for classes of torch.nn and torch.optim;
    equality is identity. It cannot be pickled, and torch.func transforms do not pass through it.
    """

    __slots__ = ("__weakref__", "_border_core")
    _border_core: Core

    def __init__(self, core: Core) -> None:
        object.__setattr__(self, "_border_core", core)

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return self._border_core.lie or type(self)

    def __getattr__(self, name: str) -> Any:
        core = self._border_core
        if name.startswith("__"):
            return _special(self, name)
        if name in core.known or (
            core.info.kind == "module" and name in _SAME and name in _CERTAIN
        ):
            return Method(self, name)
        method, value = core.backend.get(self, name)
        if method:
            core.known.add(name)
            return Method(self, name)
        if isinstance(value, Proxy):
            _adopt(value, _origin(self), name)
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        core = self._border_core
        core.known.discard(name)
        core.backend.set(self, name, value)

    def __delattr__(self, name: str) -> None:
        core = self._border_core
        core.known.discard(name)
        core.backend.delete(self, name)

    def __bool__(self) -> bool:
        return True

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)

    def __dir__(self) -> list[str]:
        return self._border_core.backend.names(self)

    def __repr__(self) -> str:
        info = self._border_core.info
        return f"<student's {info.kind} {info.name}>"

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return self._border_core.backend.copy(self)

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise TypeError(
            "an object of the student's cannot be pickled; save its state_dict() instead"
        )


_CERTAIN = LISTINGS | {"train", "eval", "state_dict", "load_state_dict", "zero_grad"}


class _Callable(Proxy):
    __slots__ = ()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return run_call(self, None, args, kwargs)


class _Iterable(Proxy):
    __slots__ = ()

    def __iter__(self) -> Iterator[Any]:
        return iter_proxy(self)


class _Iterator(Proxy):
    __slots__ = ()

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        return next_item(self)


class _Sized(Proxy):
    __slots__ = ()

    def __len__(self) -> int:
        size = run_call(self, "__len__", (), {})
        # tuple(proxy) and list(proxy) reserve that much memory before they ask for an item.
        if type(size) is not int or not 0 <= size <= _MAX_LENGTH:
            self._border_core.backend.fault("bad length")
        return size


class _Indexed(Proxy):
    __slots__ = ()

    def __getitem__(self, key: Any) -> Any:
        value = run_call(self, "__getitem__", (key,), {})
        if isinstance(value, Proxy):
            _adopt(value, _origin(self), f"[{key!r}]")
        return value

    def __setitem__(self, key: Any, value: Any) -> None:
        run_call(self, "__setitem__", (key, value), {})

    def __contains__(self, key: Any) -> bool:
        return run_call(self, "__contains__", (key,), {}) is True


class _Context(Proxy):
    __slots__ = ()

    def __enter__(self) -> Any:
        return run_call(self, "__enter__", (), {})

    def __exit__(self, *exc: object) -> bool:
        return run_call(self, "__exit__", (None, None, None), {}) is True


_MIXINS = {
    "c": _Callable,
    "n": _Iterator,
    "i": _Iterable,
    "l": _Sized,
    "g": _Indexed,
    "w": _Context,
}
_kinds_made: dict[str, type[Proxy]] = {}


def make_proxy(backend: Backend, ref: Any, info: Info) -> Proxy:
    """A proxy that can do what `info.caps` says; ProtocolError for an unknown one."""
    if info.kind not in _KINDS or not set(info.caps) <= _CAPS:
        raise ProtocolError("bad description of an object")
    key = "".join(c for c in _MIXINS if c in info.caps and not (c == "i" and "n" in info.caps))
    made = _kinds_made.get(key)
    if made is None:
        bases = tuple(_MIXINS[c] for c in key) or (Proxy,)
        made = _kinds_made[key] = type("Proxy", bases, {"__slots__": (), "__doc__": property(_doc)})
    return made(Core(backend, ref, info))


class Method:
    """A function or method found on a proxy; calling it runs the student's code."""

    __slots__ = ("_border_name", "_border_owner")

    def __init__(self, owner: Proxy, name: str) -> None:
        self._border_owner = owner
        self._border_name = name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        result = run_call(self._border_owner, self._border_name, args, kwargs)
        return iter(result) if self._border_name in LISTINGS and type(result) is list else result

    def __getattr__(self, name: str) -> Any:
        return _special(self._border_owner, name, self._border_name)

    def __repr__(self) -> str:
        return f"<student's {join(_origin(self._border_owner)[1], self._border_name)}>"

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Method)
            and self._border_owner is other._border_owner
            and self._border_name == other._border_name
        )

    def __hash__(self) -> int:
        return hash((id(self._border_owner), self._border_name))


def _doc(proxy: Proxy) -> Any:
    return proxy._border_core.backend.doc(proxy, None)


def _special(proxy: Proxy, name: str, method: str | None = None) -> Any:
    core = proxy._border_core
    info = core.info
    named = method or (info.name if info.kind in ("class", "function") else None)
    if name in ("__name__", "__qualname__") and named:
        return named
    if name == "__doc__":
        return core.backend.doc(proxy, method)
    if name == "__signature__" and (method or "c" in info.caps):
        return _signature(core.backend, core.backend.signature(proxy, method))
    raise AttributeError(name)


def _signature(backend: Backend, rows: Any) -> inspect.Signature:
    if rows is None:
        raise AttributeError("__signature__")
    try:
        return inspect.Signature(
            [
                inspect.Parameter(
                    name,
                    list(inspect._ParameterKind)[kind],
                    default=(value if simple else ...) if has else inspect.Parameter.empty,
                )
                for name, kind, has, value, simple in rows
            ]
        )
    except (TypeError, ValueError, IndexError):
        backend.fault("bad signature")


def join(path: str, name: str) -> str:
    """`enc` and `forward` make `enc.forward`; `enc` and `[0]` make `enc[0]`."""
    return f"{path}{name}" if name.startswith("[") or not path else f"{path}.{name}"


def _origin(proxy: Proxy) -> tuple[int | None, str]:
    core = proxy._border_core
    return core.origin or (None, core.info.name)


def _adopt(proxy: Proxy, origin: tuple[int | None, str], name: str) -> None:
    core = proxy._border_core
    if core.origin is None:
        core.origin = (origin[0], join(origin[1], name))


def _claim(value: Any, index: int, path: str = "", depth: int = 0) -> None:
    """Note on each object in a result which call made it."""
    if isinstance(value, Proxy):
        if value._border_core.origin is None:
            value._border_core.origin = (index, path)
    elif depth < 3 and isinstance(value, list | tuple):
        for i, item in enumerate(value):
            _claim(item, index, f"{path}[{i}]", depth + 1)
    elif depth < 3 and isinstance(value, dict):
        for key, item in value.items():
            # `repr` of a tensor as key takes minutes, of a long integer it raises.
            if (type(key) is str and len(key) < 100) or (type(key) is int and abs(key) < 2**63):
                _claim(item, index, f"{path}[{key!r}]", depth + 1)


def is_quiet(info: Info, name: str | None) -> bool:
    """Whether a call draws no seed and leaves no trace: a module's methods by torch, `len`, …"""
    return name is not None and (name in _SILENT or (info.kind == "module" and name in _QUIET))


_QUIET = _SAME | {"__getitem__", "__iter__", "__next__"}


def run_call(target: Proxy, name: str | None, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call into student code by the RNG rule, with a trace; the same way in both modes."""
    core = target._border_core
    owner, path = _origin(target)
    title = join(path, name) if name is not None else path or "__call__"
    if is_quiet(core.info, name):
        return core.backend.invoke(target, name, args, kwargs, None, title)
    return traced(
        core.backend.trace, title, owner, args, kwargs,
        lambda seed: core.backend.invoke(target, name, args, kwargs, seed, title),
    )  # fmt: skip


def traced(
    trace: Trace | None,
    title: str,
    owner: int | None,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    run: Callable[[int], Any],
) -> Any:
    """Draw a seed, run with it, and note the call."""
    seed = rng.next_seed()
    if trace is None:
        return run(seed)
    call = trace.begin(title, owner, args, kwargs, seed)
    try:
        result = run(seed)
    except BaseException as error:
        _note_change(call, error)
        trace.end(call, error=error)
        raise
    trace.end(call, result)
    if call is not None:
        _claim(result, call.index)
    return result


def _note_change(call: Call | None, error: BaseException) -> None:
    if call is not None and isinstance(error, InputChanged):
        call.changed = list(error.places)


def iter_proxy(target: Proxy) -> Iterator[Any]:
    """`iter()` of a student's object; each item is fetched when it is asked for."""
    core = target._border_core
    found = core.backend.invoke(target, "__iter__", (), {}, None, "__iter__")
    if not isinstance(found, Proxy):
        core.backend.fault("bad iterator")
    if found._border_core.origin is None:
        found._border_core.origin = _origin(target)
    return iter(found)


def next_item(target: Proxy) -> Any:
    """The next item of a student's iterator, drawn with a seed of its own."""
    core = target._border_core
    more, item = core.backend.step(target, rng.next_seed())
    if not more:
        raise StopIteration
    return item
