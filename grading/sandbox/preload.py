"""What a worker's process imports before it is confined, once."""

from __future__ import annotations

import contextlib
import importlib
import socket
import sys
from collections.abc import Callable
from typing import Any

from grading.sandbox.environment import Environment, find, restrict_imports

Serve = Callable[[socket.socket], Any]

# What the first optimizer, distribution, comparison or picture of a student would import, 1.4 s.
PRELOAD = (
    "numpy.random",
    "torch._dynamo",
    "torch.distributions",
    "torch.nn.functional",
    "torch.optim",
    "torch.testing",
    "torch.utils.data",
    "torch.utils.checkpoint",
)
# Trusted code imports these only after it has confined itself.
_LATE = ("fcntl", "resource", "traceback", "linecache", "copy", "dataclasses", "typing", "math")


def load(search: list[str], roots: list[str], entry: str) -> tuple[Environment, Serve]:
    """Import torch and the worker's entry; leave only the student's side on `sys.path`.

    Args:
        roots: folders that hold the packages of the entry.
        entry: "module:function".
    """
    environment = find(search, exclude=roots)
    sys.path[:] = [*environment.path, *roots]
    place, _, function = entry.partition(":")
    serve: Serve = getattr(importlib.import_module(place), function)
    torch = importlib.import_module("torch")
    for name in (*PRELOAD, *_LATE):
        with contextlib.suppress(ModuleNotFoundError):  # another torch, another system
            importlib.import_module(name)
    torch.set_num_threads(1)
    torch.backends.cpu.get_cpu_capability()  # reads procfs, which a worker has not
    restrict_imports(environment)
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == __package__.partition(".")[0] and hasattr(module, "__path__"):
            module.__path__ = []  # nothing more of the grader can be imported
    return environment, serve
