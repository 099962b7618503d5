"""How the judge's own objects are told to the worker: callables, modules, configurations."""

from __future__ import annotations

import dataclasses
import sys
import sysconfig
import types
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import nn

from .errors import Unsendable

_SCALARS = (type(None), bool, int, float, str, torch.dtype, torch.Size)
_SHORT = 32
_MODULE_METHODS = frozenset({"train", "eval", "zero_grad"})
_OPTIMIZER_METHODS = frozenset({"step", "zero_grad"})
_FUNCTIONS = (types.FunctionType, types.MethodType, types.BuiltinFunctionType, type)
_LIBRARIES = tuple(
    Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "purelib", "platlib")
)


def kind_of(thing: Any) -> str:
    """`space`, `module`, `iterator` or `guest`; Unsendable for what has no place in a worker."""
    if isinstance(thing, nn.Module):
        return "module"
    if isinstance(thing, types.SimpleNamespace):
        return "space"
    if dataclasses.is_dataclass(thing) and not isinstance(thing, type) and not methods_of(thing):
        return "space"
    if isinstance(thing, Iterator):
        return "iterator"
    if (
        callable(thing)
        or isinstance(thing, torch.optim.Optimizer)
        or _is_own(type(thing).__module__)
    ):
        return "guest"
    raise Unsendable(f"a {type(thing).__name__} cannot be sent to the student's code")


@cache
def _is_own(module: str) -> bool:
    """Whether a module is a test's own and no library: a Path would open the judge's files."""
    top = module.partition(".")[0]
    if top in sys.stdlib_module_names or top in ("builtins", "grading", "torch"):
        return top == "__main__"
    file = getattr(sys.modules.get(module), "__file__", None)
    if file is None:
        return True
    return not any(library in Path(file).resolve().parents for library in _LIBRARIES)


def space_of(thing: Any) -> dict[str, Any]:
    """The public attributes of a configuration, sent by value."""
    if dataclasses.is_dataclass(thing) and not isinstance(thing, type):
        return {f.name: getattr(thing, f.name) for f in dataclasses.fields(thing)}
    return dict(vars(thing))


def methods_of(thing: Any) -> list[str]:
    """Names of the public methods that the student's code may call."""
    if isinstance(thing, _FUNCTIONS):
        return []
    if isinstance(thing, torch.optim.Optimizer):
        return sorted(_OPTIMIZER_METHODS)
    found = set(_MODULE_METHODS) if isinstance(thing, nn.Module) else set()
    for cls in type(thing).__mro__:
        if _is_own(cls.__module__):
            for name, value in vars(cls).items():
                if isinstance(value, types.FunctionType | classmethod | staticmethod):
                    found.add(name)
    return sorted(name for name in found if not name.startswith("_") and name != "forward")


def attributes_of(thing: Any) -> dict[str, Any]:
    """Public attributes that are numbers, strings and the like; never tensors, lists of calls, …"""
    if isinstance(thing, _FUNCTIONS):
        return {}
    found = {}
    named = {k: v for c in reversed(type(thing).__mro__[:-1]) for k, v in vars(c).items()}
    if isinstance(thing, nn.Module):
        named = {k: v for k, v in named.items() if not hasattr(nn.Module, k)}
    named.update(getattr(thing, "__dict__", {}))
    for name, value in named.items():
        if not name.startswith("_") and name != "training" and _simple(value):
            found[name] = value
    return found


def _simple(value: Any) -> bool:
    if type(value) in _SCALARS:
        return True
    return (
        type(value) in (list, tuple)
        and len(value) <= _SHORT
        and all(type(item) in _SCALARS for item in value)
    )


def caps_of(thing: Any) -> str:
    """What a guest can do: c(all), i(terate), l(en), g(etitem)."""
    cls = type(thing)
    caps = "c" if callable(thing) else ""
    if not callable(thing) and _is_own(cls.__module__):
        caps += "i" * hasattr(cls, "__iter__") + "l" * hasattr(cls, "__len__")
        caps += "g" * hasattr(cls, "__getitem__")
    return caps


def torch_class(module: nn.Module) -> str:
    """The name in torch.nn of the nearest class that a module is of; `Module` if of none."""
    for cls in type(module).__mro__:
        if (
            cls.__module__.startswith("torch.nn.modules.")
            and getattr(nn, cls.__name__, None) is cls
        ):
            return str(cls.__name__)
    return "Module"
