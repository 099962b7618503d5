"""The one message on a channel before the border's: what a worker found when it was confined."""

from __future__ import annotations

import json
import socket
import struct
import time
from typing import Any

from grading.errors import GraderError
from grading.sandbox.output import Output

AGAIN = "Run the grading again; if it happens again, please report it."

_BIGGEST = 1 << 16
_SO_PASSCRED, _SCM_CREDENTIALS = 16, 2


def frame(message: dict[str, Any]) -> bytes:
    """u32 length, then JSON."""
    data = json.dumps(message).encode()
    return struct.pack("<I", len(data)) + data


def expect_credentials(sock: socket.socket, wanted: bool) -> None:
    """Have the kernel tell the sender's real process id with what is received (Linux)."""
    sock.setsockopt(socket.SOL_SOCKET, _SO_PASSCRED, int(wanted))


def receive(sock: socket.socket, output: Output, seconds: float) -> tuple[dict[str, Any], int]:
    """The message, and its sender's process id where the kernel tells it, else 0.

    No student code has run yet, so the message is trusted. Not a byte beyond it is taken.

    Raises:
        GraderError: the worker ended first, or took too long.
    """
    deadline = time.monotonic() + seconds
    head, pid = _exactly(sock, output, 4, deadline, seconds)
    (size,) = struct.unpack("<I", head)
    data, _ = _exactly(sock, output, min(size, _BIGGEST), deadline, seconds)
    message = json.loads(data)
    assert isinstance(message, dict)
    return message, pid


def _exactly(
    sock: socket.socket, output: Output, size: int, deadline: float, seconds: float
) -> tuple[bytes, int]:
    data, pid = b"", 0
    while len(data) < size:
        sock.settimeout(max(0.001, deadline - time.monotonic()))
        try:
            part, sender = _receive(sock, size - len(data))
        except TimeoutError:
            raise GraderError(f"No worker was ready in {seconds:.0f} s.", AGAIN) from None
        except OSError:
            part, sender = b"", 0
        if not part:
            output.drain_all()
            said = output.text().strip() or "it said nothing"
            raise GraderError(f"A worker ended before it was ready: {said}.", AGAIN)
        data += part
        pid = sender or pid
    return data, pid


def _receive(sock: socket.socket, size: int) -> tuple[bytes, int]:
    if not hasattr(sock, "recvmsg"):
        return sock.recv(size), 0
    data, extra, _, _ = sock.recvmsg(size, socket.CMSG_SPACE(12))
    for level, kind, value in extra:
        if level == socket.SOL_SOCKET and kind == _SCM_CREDENTIALS:
            return data, int(struct.unpack("3i", value[:12])[0])
    return data, 0
