"""Checks of plain forms: what is not exactly as it should be is a ProtocolError."""

from __future__ import annotations

import collections
import keyword
from typing import Any

import numpy as np
import torch

from .errors import ProtocolError, Unsendable

_MAX_FIELDS = 64
_MAX_TUPLES = 256
KEYS = (str, int, float, bool, type(None), bytes, tuple, frozenset, complex)
_tuple_classes: dict[tuple[str, tuple[str, ...]], type] = {}


def listed(value: Any) -> list[Any]:
    """A list."""
    if type(value) is not list:
        raise ProtocolError("expected a list")
    return value


def exactly(value: Any, count: int) -> list[Any]:
    """A list of so many items."""
    if type(value) is not list or len(value) != count:
        raise ProtocolError("expected a list of another length")
    return value


def whole(value: Any) -> list[int]:
    """A list of integers."""
    if type(value) is not list or not all(type(n) is int for n in value):
        raise ProtocolError("expected integers")
    return value


def index_in(value: Any, limit: int) -> int:
    """An index below `limit`."""
    if type(value) is not int or not 0 <= value < limit:
        raise ProtocolError("bad index")
    return value


def is_key(value: Any) -> bool:
    """True for what may be a key."""
    if type(value) not in KEYS:
        raise ProtocolError("bad key")
    return True


def named(value: Any) -> Any:
    """A named tuple from `[name, fields, items]`; its class is made of checked names only."""
    name, fields, items = exactly(value, 3)
    fields = listed(fields)
    if len(fields) > _MAX_FIELDS or len(listed(items)) != len(fields):
        raise ProtocolError("bad named tuple")
    for text in (name, *fields):
        if (
            type(text) is not str
            or len(text) > 80
            or not text.isidentifier()
            or keyword.iskeyword(text)
        ):
            raise ProtocolError("bad name in a named tuple")
    if len(set(fields)) != len(fields) or any(f.startswith("_") for f in fields):
        raise ProtocolError("bad name in a named tuple")
    key = (name, tuple(fields))
    made = _tuple_classes.get(key)
    if made is None:
        if len(_tuple_classes) >= _MAX_TUPLES:
            raise ProtocolError("too many kinds of named tuples")
        made = _tuple_classes[key] = collections.namedtuple(name, fields)
    return made(*items)


def as_tensor(thing: Any) -> torch.Tensor:
    """A numpy array or scalar as a tensor."""
    try:
        array = np.ascontiguousarray(thing).reshape(np.shape(thing))
        return torch.from_numpy(array.copy())
    except TypeError:
        raise Unsendable(f"a numpy array of dtype {thing.dtype} cannot be sent") from None


def from_array(value: Any) -> Any:
    """The numpy array, or scalar, of `[is scalar, tensor]`."""
    scalar, tensor = exactly(value, 2)
    if type(scalar) is not bool or not isinstance(tensor, torch.Tensor) or tensor.requires_grad:
        raise ProtocolError("bad array")
    array = tensor.numpy()
    return array[()] if scalar else array
