"""Lets a judge use a student's module whose code never runs in the judge's process."""

from __future__ import annotations

from .errors import InputChanged, PeerGone, ProtocolError, StudentError, WorkerDied
from .judge import Session
from .local import LocalStudent
from .proxy import Method, Proxy
from .student import Student
from .trace import Call, Trace, callable_name, follow
from .worker import serve

__all__ = [
    "Call",
    "InputChanged",
    "LocalStudent",
    "Method",
    "PeerGone",
    "ProtocolError",
    "Proxy",
    "Session",
    "Student",
    "StudentError",
    "Trace",
    "WorkerDied",
    "callable_name",
    "follow",
    "serve",
]
