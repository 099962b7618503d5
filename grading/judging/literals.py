"""Values as Python text, short enough to paste into a prompt."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

_ELEMENTS = 32  # of a tensor that is written out


def literal(value: Any, *, leaves: bool = False) -> str | None:
    """Python source that gives `value` (numbers to 6 digits), None when it would be too long.

    Args:
        leaves: write of tensors that they require a gradient, where they do.
    """
    if isinstance(value, Tensor):
        text = _tensor(value.detach())
        return f"{text}.requires_grad_()" if text and leaves and value.requires_grad else text
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, (bool, int, type(None), torch.dtype)):
        return repr(value)
    if isinstance(value, str):
        return repr(value) if len(value) <= 60 else None
    if isinstance(value, (list, tuple)):
        items = [literal(item, leaves=leaves) for item in value]
        if len(items) > 8 or any(item is None for item in items):
            return None
        text = ", ".join(str(item) for item in items)
        if isinstance(value, list):
            return f"[{text}]"
        return f"({text},)" if len(items) == 1 else f"({text})"
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        pairs = {key: literal(item, leaves=leaves) for key, item in value.items()}
        if len(pairs) > 8 or None in pairs.values():
            return None
        return "{" + ", ".join(f"{key!r}: {item}" for key, item in pairs.items()) + "}"
    if isinstance(value, SimpleNamespace):
        fields = {key: literal(item, leaves=leaves) for key, item in vars(value).items()}
        if None in fields.values():
            return None
        return "SimpleNamespace(" + ", ".join(f"{k}={v}" for k, v in fields.items()) + ")"
    return None


def _float(value: float) -> str:
    if value != value or value in (float("inf"), float("-inf")):
        return f'float("{value}")'
    text = f"{value:.6g}"
    return text if any(mark in text for mark in ".en") else text + "."


def _tensor(value: Tensor) -> str | None:
    if value.layout is not torch.strided or value.device.type != "cpu" or value.is_complex():
        return None
    kind = _dtype_argument(value)
    if value.numel() <= _ELEMENTS:
        return f"torch.tensor({_nested(value.tolist())}{kind})"
    first, size = value.reshape(-1)[0], tuple(value.shape)
    if bool((value == first).all()):
        for number, name in enumerate(("zeros", "ones")):
            if value.is_floating_point() and first.item() == number:
                return f"torch.{name}({', '.join(map(str, size))}{kind})"
        return f"torch.full({size}, {_item(first.item())}{kind})"
    if value.dim() == 1 and value.is_floating_point():
        ends = f"{_item(first.item())}, {_item(value[-1].item())}, {len(value)}{kind}"
        even = torch.linspace(float(first), float(value[-1]), len(value), dtype=value.dtype)
        if torch.allclose(value, even, rtol=1e-5):
            return f"torch.linspace({ends})"
    if value.dim() > 1 and value[0].numel() <= _ELEMENTS and bool((value == value[0]).all()):
        times = (size[0], *(1 for _ in size[1:]))
        return f"torch.tensor({_nested(value[0].tolist())}{kind}).repeat{times}"
    return None


def _dtype_argument(value: Tensor) -> str:
    usual = {torch.float32, torch.int64, torch.bool}
    return "" if value.dtype in usual and value.numel() else f", dtype={value.dtype}"


def _nested(items: Any) -> str:
    if isinstance(items, list):
        return "[" + ", ".join(_nested(item) for item in items) + "]"
    return _item(items)


def _item(item: Any) -> str:
    return _float(item) if isinstance(item, float) else repr(item)
