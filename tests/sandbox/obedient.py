"""What the tests' workers serve instead of the border: they run the text they are sent."""

from __future__ import annotations

import socket
import struct
import sys
from typing import Any


def serve(sock: socket.socket) -> None:
    names: dict[str, Any] = {}
    while head := sock.recv(4):
        (size,) = struct.unpack("<I", head)
        text = b""
        while len(text) < size:
            text += sock.recv(size - len(text))
        names["sock"] = sock
        names["answer"] = None
        try:
            exec(text.decode(), names)
            answer = repr(names["answer"])
        except OSError as error:
            answer = f"{type(error).__name__} {error.errno}"
        except Exception as error:
            answer = f"{type(error).__name__} {error}"
        sys.stdout.flush()
        data = answer.encode("utf-8", "backslashreplace")
        sock.sendall(struct.pack("<I", len(data)) + data)
