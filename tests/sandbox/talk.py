"""The tests' side of `obedient`: sends text to a worker, gives its answer."""

from __future__ import annotations

import ast
import errno
import struct
import time
from pathlib import Path
from typing import Any

from grading.sandbox import ForkServer, WorkerProcess

HERE = Path(__file__).parent


def start() -> ForkServer:
    return ForkServer.start(entry="obedient:serve", entry_root=HERE)


def tell(worker: WorkerProcess, code: str, seconds: float = 10.0) -> None:
    """Send `code` without waiting for an answer."""
    worker.channel.deadline = time.monotonic() + seconds
    data = code.encode()
    worker.channel.sendall(struct.pack("<I", len(data)) + data)


def hear(worker: WorkerProcess) -> str:
    """The answer; EOFError when the worker is gone, TimeoutError past the deadline."""
    (size,) = struct.unpack("<I", _exactly(worker, 4))
    return _exactly(worker, size).decode()


def ask(worker: WorkerProcess, code: str, seconds: float = 10.0) -> str:
    """Run `code` there; the repr of what it assigned to `answer`, or what it raised."""
    tell(worker, code, seconds)
    return hear(worker)


def value(worker: WorkerProcess, code: str, seconds: float = 10.0) -> Any:
    """The same as a Python literal."""
    return ast.literal_eval(ask(worker, code, seconds))


def error(worker: WorkerProcess, code: str) -> str:
    """The name of the OSError that `code` ends with, "none" when it ends well."""
    said = ask(worker, code)
    name, _, number = said.partition(" ")
    return errno.errorcode[int(number)] if name.endswith("Error") else "none"


def _exactly(worker: WorkerProcess, size: int) -> bytes:
    data = bytearray(size)
    view, got = memoryview(data), 0
    while got < size:
        count = worker.channel.recv_into(view[got:])
        if count == 0:
            raise EOFError
        got += count
    return bytes(data)
