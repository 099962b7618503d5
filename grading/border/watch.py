"""Notices that student code changed a tensor it was only to read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch

from .tensors import flat_bytes

KEEP_BYTES = 1 << 16
MAX_TENSORS = 256
_MAX_DEPTH = 4


@dataclass(slots=True)
class Watched:
    """One tensor argument: where it stood, and how it looked before the call."""

    place: str
    tensor: torch.Tensor
    version: int
    kept: torch.Tensor | None
    needs: bool

    def changed(self) -> bool:
        """Whether a large one's version moved or a small one's bytes, as `.data` writes do; or
        whether a leaf began or ceased to require a gradient."""
        if self.tensor.is_leaf and self.tensor.requires_grad != self.needs:
            return True
        if self.kept is None:
            return version(self.tensor) != self.version
        return not same_bytes(self.tensor, self.kept)


def version(tensor: torch.Tensor) -> int:
    """The tensor's in-place counter; 0 for an inference tensor, which has none."""
    return 0 if tensor.is_inference() else tensor._version


def same_bytes(a: torch.Tensor, b: torch.Tensor) -> bool:
    """Bitwise equality of values, so that NaN equals NaN; False when shape or dtype differ."""
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    a, b = a.detach(), b.detach()
    if torch.equal(a, b):
        return True
    if not (a.is_floating_point() or a.is_complex()):
        return False
    a, b = a.resolve_conj().resolve_neg(), b.resolve_conj().resolve_neg()
    return torch.equal(flat_bytes(a), flat_bytes(b))


def tensors_in(args: Any, kwargs: dict[str, Any]) -> Iterator[tuple[str, torch.Tensor]]:
    """Tensors of a call with their places, `0`, `1.0`, `mu`; small containers are entered."""
    for i, value in enumerate(args):
        yield from _walk(str(i), value, 0)
    for name, value in kwargs.items():
        yield from _walk(name, value, 0)


def _walk(place: str, value: Any, depth: int) -> Iterator[tuple[str, torch.Tensor]]:
    if isinstance(value, torch.Tensor):
        yield place, value
    elif depth < _MAX_DEPTH:
        if isinstance(value, list | tuple) and len(value) <= MAX_TENSORS:
            for i, item in enumerate(value):
                yield from _walk(f"{place}.{i}", item, depth + 1)
        elif type(value) is dict and len(value) <= MAX_TENSORS:
            for key, item in value.items():
                yield from _walk(f"{place}.{key}", item, depth + 1)


def watch(named: Iterator[tuple[str, torch.Tensor]]) -> list[Watched]:
    """Start watching tensors: the version of each, and a copy of each small one."""
    found: list[Watched] = []
    for place, tensor in named:
        if len(found) >= MAX_TENSORS:
            break
        found.append(Watched(place, tensor, version(tensor), _copy(tensor), tensor.requires_grad))
    return found


def _copy(tensor: torch.Tensor) -> torch.Tensor | None:
    if tensor.layout is not torch.strided or tensor.is_meta:
        return None
    if torch._C._functorch.is_functorch_wrapped_tensor(tensor):
        return None
    if tensor.numel() * tensor.element_size() > KEEP_BYTES:
        return None
    return tensor.detach().clone()
