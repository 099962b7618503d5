"""The process of a portable worker: imports, takes its limits, serves."""

# Descriptors, and paths inside another root: os, not pathlib.

from __future__ import annotations

import contextlib
import gc
import json
import os
import socket
import sys

from grading.sandbox import limits, probes, report
from grading.sandbox.model import Limits
from grading.sandbox.preload import load


def main() -> None:
    """Options come as JSON on stdin; then everything goes over the one socket."""
    options = json.loads(sys.stdin.buffer.read())
    _null_stdin()
    sock = _connect(options)
    gc.disable()
    _, serve = load(options["search"], options["roots"], options["entry"])
    gc.collect()
    gc.enable()
    for name in set(os.environ) - set(probes.ENVIRONMENT):
        with contextlib.suppress(OSError):
            del os.environ[name]
    wanted = Limits(**json.loads(_frame(sock))["limits"])
    limits.apply(wanted, limits.baseline(), count_tasks=False)
    sock.sendall(report.frame({"proof": probes.portable(os.getcwd())}))
    serve(sock)


def _connect(options: dict[str, str]) -> socket.socket:
    if "descriptor" in options:
        sock = socket.socket(fileno=int(options["descriptor"]))
        sock.set_inheritable(False)
        return sock
    sock = socket.create_connection(("127.0.0.1", int(options["port"])), timeout=30)
    sock.sendall(bytes.fromhex(options["token"]))
    sock.settimeout(None)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def _frame(sock: socket.socket) -> bytes:
    size = int.from_bytes(_exactly(sock, 4), "little")
    return _exactly(sock, size)


def _exactly(sock: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = sock.recv(size - len(data))
        if not part:
            sys.exit(0)  # the judge is gone, or wants no worker after all
        data += part
    return data


def _null_stdin() -> None:
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
