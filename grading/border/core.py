"""A proxy's own state, apart from the names that it shows of the student's object."""

from __future__ import annotations

import sys
from typing import Any

import torch
from torch import nn

from .backend import Backend
from .host import Info

__tracebackhide__ = True  # pytest shows the test and the student's file instead

_LIES = {"torch.nn.": nn.Module, "torch.optim.": torch.optim.Optimizer}


class Core:
    """The proxy's own state, kept in one slot so that no student name can collide with it."""

    __slots__ = ("backend", "info", "known", "lie", "origin", "ref")

    def __init__(self, backend: Backend, ref: Any, info: Info) -> None:
        self.backend = backend
        self.ref = ref
        self.info = info
        self.known: set[str] = set()
        self.origin: tuple[int | None, str] | None = None
        self.lie = _library_class(info.mro) if info.kind != "class" else type


def _library_class(mro: tuple[str, ...]) -> type | None:
    for path in mro:
        module, _, name = path.rpartition(".")
        for prefix, base in _LIES.items():
            if module.startswith(prefix):
                found = getattr(sys.modules.get(module), name, None)
                if isinstance(found, type) and issubclass(found, base):
                    return found
    return None
