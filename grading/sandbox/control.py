"""Messages between trusted processes: JSON datagrams with descriptors, never past a deadline."""

from __future__ import annotations

import array
import contextlib
import json
import os
import select
import socket
import time
from collections.abc import Sequence
from typing import Any

_BIGGEST = 1 << 16
_MOST_DESCRIPTORS = 4

Message = dict[str, Any]


def pair() -> tuple[socket.socket, socket.socket]:
    """Two connected ends that keep message borders."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def send(
    to: socket.socket, message: Message, descriptors: Sequence[int] = (), *, seconds: float = 10.0
) -> None:
    """Send one message.

    Raises:
        TimeoutError: nobody took it in time.
        OSError: nobody is there.
    """
    data = json.dumps(message).encode()
    passed = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))]
    deadline = time.monotonic() + seconds
    while True:
        try:
            to.sendmsg([data], passed if descriptors else [], socket.MSG_DONTWAIT)
            return
        except BlockingIOError:
            _wait(to, select.POLLOUT, deadline)


def receive(
    sock: socket.socket, *, seconds: float | None = None
) -> tuple[Message | None, list[int]]:
    """The next message and its descriptors; (None, []) when the other end is gone.

    Raises:
        TimeoutError: nothing came in time.
    """
    deadline = None if seconds is None else time.monotonic() + seconds
    _wait(sock, select.POLLIN, deadline)
    try:
        data, descriptors, _, _ = socket.recv_fds(sock, _BIGGEST, _MOST_DESCRIPTORS)
    except ConnectionResetError:
        return None, []
    for descriptor in descriptors:
        os.set_inheritable(descriptor, False)
    if not data:
        close_all(descriptors)
        return None, []
    message = json.loads(data)
    assert isinstance(message, dict)
    return message, descriptors


def close_all(descriptors: Sequence[int]) -> None:
    """Close descriptors, whether they are open or not."""
    for descriptor in descriptors:
        with contextlib.suppress(OSError):
            os.close(descriptor)


def _wait(sock: socket.socket, event: int, deadline: float | None) -> None:
    waiting = select.poll()
    waiting.register(sock, event)
    left = None if deadline is None else max(0.0, deadline - time.monotonic()) * 1000
    if not waiting.poll(left):
        raise TimeoutError("no answer in time")
