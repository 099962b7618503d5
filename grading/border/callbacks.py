"""The judge's objects as the student's code sees them: each use of one is asked of the judge."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from torch import nn


class Asker(Protocol):
    """Who asks the judge."""

    def callback(self, number: int, name: str | None, args: Any, kwargs: Any) -> Any: ...
    def next_of(self, number: int) -> tuple[bool, Any]: ...


class Guest:
    """A function or an object of the judge's."""

    def __init__(self, asker: Asker, number: int, name: str, methods: Any, attributes: Any) -> None:
        space = self.__dict__
        space.update(attributes)
        space["__name__"] = name
        space["_border"] = (asker, number, frozenset(methods))

    def __getattr__(self, name: str) -> Any:
        asker, number, methods = self.__dict__["_border"]
        if name not in methods:
            raise AttributeError(f"{self.__dict__['__name__']} has no attribute {name}")

        def method(*args: Any, **kwargs: Any) -> Any:
            return asker.callback(number, name, args, kwargs)

        method.__name__ = name
        return method

    def __deepcopy__(self, memo: Any) -> Guest:
        return self

    def __repr__(self) -> str:
        return f"<{self.__dict__['__name__']}>"


def _call(self: Guest, *args: Any, **kwargs: Any) -> Any:
    asker, number, _ = self.__dict__["_border"]
    return asker.callback(number, None, args, kwargs)


def _iter(self: Guest) -> Iterator[Any]:
    asker, number, _ = self.__dict__["_border"]
    return iter(asker.callback(number, "__iter__", (), {}))


def _len(self: Guest) -> Any:
    asker, number, _ = self.__dict__["_border"]
    return asker.callback(number, "__len__", (), {})


def _getitem(self: Guest, key: Any) -> Any:
    asker, number, _ = self.__dict__["_border"]
    return asker.callback(number, "__getitem__", (key,), {})


_DOES = {
    "c": ("__call__", _call),
    "i": ("__iter__", _iter),
    "l": ("__len__", _len),
    "g": ("__getitem__", _getitem),
}
_made: dict[str, type[Guest]] = {}


def make_guest(
    asker: Asker, number: int, name: str, caps: str, methods: Any, attributes: Any
) -> Guest:
    """A guest that can do what `caps` says."""
    if caps not in _made:
        _made[caps] = type("Guest", (Guest,), dict(_DOES[c] for c in caps))
    return _made[caps](asker, number, name, methods, attributes)


class GuestModule(nn.Module):
    """A module of the judge's: `forward` is asked of the judge, parameters are mirrored.

    It is also of the torch.nn class that the judge's module is of: `isinstance(m, nn.Linear)`.
    """

    def __init__(self, asker: Asker, number: int) -> None:
        nn.Module.__init__(self)
        self.__dict__["_border"] = (asker, number, frozenset())

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        asker, number, _ = self.__dict__["_border"]
        return asker.callback(number, None, args, kwargs)

    def train(self, mode: bool = True) -> Any:
        nn.Module.train(self, mode)
        return self

    def __setattr__(self, name: str, value: Any) -> None:
        if (
            name == "training"
            and "_border" in self.__dict__
            and value != self.__dict__.get("training")
        ):
            asker, number, _ = self.__dict__["_border"]
            asker.callback(number, "train" if value else "eval", (), {})
        nn.Module.__setattr__(self, name, value)

    def __getattr__(self, name: str) -> Any:
        asker, number, methods = self.__dict__["_border"]
        if name not in methods:
            return nn.Module.__getattr__(self, name)

        def method(*args: Any, **kwargs: Any) -> Any:
            return asker.callback(number, name, args, kwargs)

        return method

    def __deepcopy__(self, memo: Any) -> Any:
        raise TypeError(
            "this model is the test's and cannot be copied; copy its state_dict() instead"
        )


_module_classes: dict[str, type[GuestModule]] = {}


def make_module(asker: Asker, number: int, library_class: str) -> GuestModule:
    """An empty module that is of a class of torch.nn."""
    made = _module_classes.get(library_class)
    if made is None:
        base = getattr(nn, library_class, nn.Module)
        bases = (GuestModule,) if base is nn.Module else (GuestModule, base)
        made = _module_classes[library_class] = type(library_class, bases, {})
    return made(asker, number)


def fill_module(module: GuestModule, row: Any, build: Any) -> GuestModule:
    """Bring a module up to date with what the judge told of it; `build` makes its children."""
    number, _, training, methods, attributes, parameters, buffers, children = row
    asker = module.__dict__["_border"][0]
    space = module.__dict__
    space["training"] = training
    space["_border"] = (asker, number, frozenset(methods) - {"train", "eval", "zero_grad"})
    space.update({k: v for k, v in attributes.items() if k not in ("training", "_border")})
    for name, parameter in parameters:
        module._parameters[name] = parameter
    for name, buffer in buffers:
        module._buffers[name] = buffer
    for name, child in children:
        module._modules[name] = build(child)
    return module


def judge_iterator(asker: Asker, number: int) -> Iterator[Any]:
    """The items of a judge's iterator, each asked for when needed."""
    more, item = asker.next_of(number)
    while more:
        yield item
        more, item = asker.next_of(number)
