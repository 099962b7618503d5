"""The judge's end of a worker: every wait obeys one deadline, drains output and keeps watch."""

from __future__ import annotations

import contextlib
import select
import socket
import time
from collections.abc import Callable, Iterable

from grading.sandbox.output import Output

WATCH_SECONDS = 0.1
_MOST_PARTS = 64


class Channel:
    """A connected socket to a worker.

    Args:
        watch: called about every `WATCH_SECONDS` during waits and transfers.

    Attributes:
        deadline: `time.monotonic()` after which every call raises TimeoutError, None for never.
        timed_out: whether that has happened.
        at_end: whether the worker's end was found closed.
    """

    def __init__(
        self, sock: socket.socket, output: Output, watch: Callable[[], None] = lambda: None
    ) -> None:
        self.deadline: float | None = None
        self.timed_out = False
        self.at_end = False
        self._sock = sock
        self._output = output
        self._watch = watch
        self._next_watch = time.monotonic() + WATCH_SECONDS
        sock.setblocking(False)

    def recv_into(self, buffer: memoryview | bytearray) -> int:
        """Receive up to `len(buffer)` bytes; 0 at the end of the stream.

        Raises:
            TimeoutError: the deadline has passed.
        """
        self._tick()
        while True:
            try:
                count = self._sock.recv_into(buffer)
            except (BlockingIOError, InterruptedError):
                self._wait(write=False)
                continue
            except OSError:  # reset: it ended with our bytes unread
                count = 0
            if count == 0:
                self.at_end = True
            return count

    def sendall(self, data: bytes | bytearray | memoryview) -> None:
        """Send everything.

        Raises:
            TimeoutError: the deadline has passed.
            BrokenPipeError: the worker's end is closed.
        """
        rest = memoryview(data).cast("B")
        while len(rest):
            rest = rest[self.sendmsg([rest]) :]

    def sendmsg(self, parts: Iterable[bytes | bytearray | memoryview]) -> int:
        """Send some of `parts`; the number of bytes that went.

        Raises:
            TimeoutError: the deadline has passed.
            BrokenPipeError: the worker's end is closed.
        """
        some = list(parts)[:_MOST_PARTS]
        self._tick()
        while True:
            try:
                return self._send(some)
            except (BlockingIOError, InterruptedError):
                self._wait(write=True)
            except OSError as error:
                self.at_end = True
                raise BrokenPipeError(error.errno, "the worker is gone") from None

    def _send(self, parts: list[bytes | bytearray | memoryview]) -> int:
        if hasattr(self._sock, "sendmsg"):
            return self._sock.sendmsg(parts)
        return self._sock.send(parts[0])  # Windows

    def _tick(self) -> None:
        now = time.monotonic()
        if self.deadline is not None and now > self.deadline:
            self.timed_out = True
            raise TimeoutError("time limit")
        if now >= self._next_watch:
            self._next_watch = now + WATCH_SECONDS
            self._output.drain()
            self._watch()

    def _wait(self, *, write: bool) -> None:
        """Until the socket is ready; output that comes meanwhile is taken."""
        while True:
            seconds = WATCH_SECONDS
            if self.deadline is not None:
                seconds = min(seconds, max(0.0, self.deadline - time.monotonic()))
            output = self._output.descriptor if self._output.open else None
            ready, talks = _poll(self._sock, write=write, output=output, seconds=seconds)
            if talks:
                self._output.drain()
            self._tick()
            if ready:
                return

    def close(self) -> None:
        """Close this end; the worker sees the end of the stream."""
        with contextlib.suppress(OSError):
            self._sock.close()


def _poll(
    sock: socket.socket, *, write: bool, output: int | None, seconds: float
) -> tuple[bool, bool]:
    """Whether the socket and the output have something, after at most `seconds`."""
    if not hasattr(select, "poll"):
        sockets = [sock]
        readable, writable, _ = select.select(
            [] if write else sockets, sockets if write else [], [], seconds
        )
        return bool(readable or writable), False
    waiting = select.poll()
    waiting.register(sock, select.POLLOUT if write else select.POLLIN)
    if output is not None:
        waiting.register(output, select.POLLIN)
    # rounded up: a wait must never end before the deadline and spin
    events = dict(waiting.poll(int(seconds * 1000) + 1))
    return sock.fileno() in events, output is not None and output in events
