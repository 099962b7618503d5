"""Which of the judge's tensors student code may change in place: none, unless a test says so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn


class Allowance:
    """The tensors named by the `in_place` blocks that are open now."""

    def __init__(self) -> None:
        self._blocks: list[set[int] | None] = []

    @contextmanager
    def block(self, things: tuple[Any, ...]) -> Iterator[None]:
        """Allow these (tensors, modules, containers of them; none named: all) for a while."""
        mine = {id(tensor) for tensor in _tensors(things)} if things else None
        self._blocks.append(mine)
        try:
            # `things` stays alive as this frame's local, and with it the meaning of the ids.
            yield
        finally:
            self._blocks.pop()

    def covers(self, tensor: torch.Tensor) -> bool:
        """Whether an open block names this tensor."""
        return any(block is None or id(tensor) in block for block in self._blocks)


def _tensors(thing: Any) -> Iterator[torch.Tensor]:
    if isinstance(thing, torch.Tensor):
        yield thing
    elif isinstance(thing, nn.Module):
        yield from thing.parameters()
        yield from thing.buffers()
    elif isinstance(thing, dict):
        yield from _tensors(list(thing.values()))
    elif isinstance(thing, list | tuple):
        for item in thing:
            yield from _tensors(item)
