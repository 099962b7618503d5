"""Whether two recorded calls gave the same: how a mistake is recognized by its numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from grading.border import Call, Trace

# Two right ways to compute one float32 number differ in its last digits, two formulas in the first.
_RTOL, _ATOL = 1e-4, 1e-6


def alike(a: Any, b: Any) -> bool:
    """Whether two results are the same up to rounding; objects of a student's class always are."""
    if isinstance(a, Tensor) or isinstance(b, Tensor):
        return isinstance(a, Tensor) and isinstance(b, Tensor) and _tensors_alike(a, b)
    if isinstance(a, (bool, str, bytes, type(None))) or isinstance(
        b, (bool, str, bytes, type(None))
    ):
        return type(a) is type(b) and bool(a == b)
    if isinstance(a, (int, float)) and isinstance(b, (int, float)):
        return _numbers_alike(a, b)
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return list(a) == list(b) and all(alike(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(map(alike, a, b))
    plain = (int, float, list, tuple, Mapping)
    return not isinstance(a, plain) and not isinstance(b, plain)


def _numbers_alike(a: float, b: float) -> bool:
    if a == b or (a != a and b != b):
        return True
    try:
        return abs(a - b) <= _ATOL + _RTOL * abs(b)
    except OverflowError:  # an integer that no float can hold
        return False


def _tensors_alike(a: Tensor, b: Tensor) -> bool:
    if a.shape != b.shape or a.dtype != b.dtype or a.requires_grad != b.requires_grad:
        return False
    if a.layout is not torch.strided or b.layout is not torch.strided:
        return a.layout is b.layout
    if a.device.type == "meta" or b.device.type == "meta":
        return a.device == b.device
    if not (a.is_floating_point() or a.is_complex()):
        return bool(torch.equal(a, b))
    return bool(torch.allclose(a.detach(), b.detach(), rtol=_RTOL, atol=_ATOL, equal_nan=True))


def calls_alike(a: Call, b: Call) -> bool:
    """Whether two calls of one test asked for the same and gave the same."""
    if a.name != b.name or (a.error is None) != (b.error is None):
        return False
    if a.error is not None and b.error is not None:
        return error_name(a.error) == error_name(b.error)
    if not alike(a.result, b.result):
        return False
    if set(a.arg_grads) != set(b.arg_grads):
        return False
    if not all(alike(a.arg_grads[key], b.arg_grads[key]) for key in a.arg_grads):
        return False
    return len(a.callbacks) == len(b.callbacks) and all(
        alike(list(x[1]), list(y[1])) for x, y in zip(a.callbacks, b.callbacks, strict=True)
    )


def error_name(error: BaseException) -> str:
    return str(getattr(error, "type_name", type(error).__name__))


def first_difference(student: Trace, other: Trace) -> int | None:
    """Index of the first call of `student` that `other` answered differently, None for no such."""
    for index, call in enumerate(student.calls):
        if index >= len(other.calls) or not calls_alike(call, other.calls[index]):
            return index
    return None
