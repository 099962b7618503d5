"""Where student code runs: confined processes, forked from a warm server."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from grading.sandbox.box import Sandbox
    from grading.sandbox.channel import Channel
    from grading.sandbox.client import ForkServer
    from grading.sandbox.model import LEVELS, Death, Isolation, Level, Limits
    from grading.sandbox.portable import PortableSandbox, PortableServer
    from grading.sandbox.process import WorkerProcess

    Server: TypeAlias = ForkServer | PortableServer
    AnySandbox: TypeAlias = Sandbox | PortableSandbox

__all__ = [
    "LEVELS",
    "AnySandbox",
    "Channel",
    "Death",
    "ForkServer",
    "Isolation",
    "Level",
    "Limits",
    "PortableSandbox",
    "PortableServer",
    "Sandbox",
    "Server",
    "WorkerProcess",
    "start_server",
]

_ROOMS = {
    "LEVELS": "model",
    "Channel": "channel",
    "Death": "model",
    "ForkServer": "client",
    "Isolation": "model",
    "Level": "model",
    "Limits": "model",
    "PortableSandbox": "portable",
    "PortableServer": "portable",
    "Sandbox": "box",
    "WorkerProcess": "process",
}


def __getattr__(name: str) -> Any:
    # Lazy, since the fork server uses this package too and must not hold the judge's side.
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_ROOMS[name]}"), name)


def start_server() -> Server:
    """The server that this system can have; returns at once."""
    if sys.platform == "linux":
        from grading.sandbox.client import ForkServer

        return ForkServer.start()
    from grading.sandbox.portable import PortableServer

    return PortableServer.start()
