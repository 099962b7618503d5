"""Tensors as dtype, shape and bytes."""

from __future__ import annotations

from typing import Any

import torch

from .errors import ProtocolError

_MAX_DIMS = 16
DTYPES: dict[str, torch.dtype] = {
    name: getattr(torch, name)
    for name in [
        "float32",
        "float64",
        "float16",
        "bfloat16",
        "int64",
        "int32",
        "int16",
        "int8",
        "uint8",
        "uint16",
        "uint32",
        "uint64",
        "bool",
        "complex64",
        "complex128",
    ]
}
NAMES = {dtype: name for name, dtype in DTYPES.items()}


def raw_bytes(tensor: torch.Tensor) -> memoryview:
    """A strided CPU tensor's values as bytes; no copy when it is contiguous."""
    tensor = tensor.detach()
    if tensor.is_conj() or tensor.is_neg():
        tensor = tensor.resolve_conj().resolve_neg()
    if not tensor.numel():
        return memoryview(b"")
    array: Any = flat_bytes(tensor).numpy()
    return memoryview(array)


def flat_bytes(tensor: torch.Tensor) -> torch.Tensor:
    """The bytes of a strided tensor that is not empty, as a 1-D uint8 tensor."""
    flat = tensor.contiguous().reshape(-1)
    if flat.stride(0) != 1:
        # One element of an expanded tensor counts as contiguous whatever its stride.
        flat = flat.clone(memory_format=torch.contiguous_format)
    return flat.view(torch.uint8)


def check_shape(dtype: Any, shape: Any) -> tuple[torch.dtype, tuple[int, ...], int]:
    """The dtype, shape and size in bytes that a header claims; ProtocolError if impossible."""
    found = DTYPES.get(dtype) if type(dtype) is str else None
    if found is None or type(shape) is not list or len(shape) > _MAX_DIMS:
        raise ProtocolError("bad tensor header")
    size = found.itemsize
    for n in shape:
        if type(n) is not int or not 0 <= n < 1 << 40:
            raise ProtocolError("bad tensor shape")
        size *= n
    return found, tuple(shape), size
