"""Length-prefixed frames; every length is held against a hard limit before anything is allocated.

A frame is `u32 header bytes | u32 buffers | u64 bytes that follow`, the buffers' lengths (u64
each), the header, padding to 16, and the buffers, each padded to 16. The two ends take strict
turns, so at most one frame is on its way, and bytes after it are an error.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch

from .errors import DeadlinePassed, PeerGone, ProtocolError

MAX_HEADER = 4 << 20
MAX_FRAME = 256 << 20
MAX_BUFFERS = 4096
BUDGET = 512 << 20
_PREFIX = struct.Struct("<IIQ")
_SCRATCH = 1 << 16
_PAD = bytes(16)


class Wire(Protocol):
    """What a frame travels on: a connected stream socket, or a channel with a deadline."""

    def recv_into(self, buffer: memoryview, /) -> int: ...
    def sendall(self, data: bytes, /) -> Any: ...
    def sendmsg(self, buffers: Any, /) -> int: ...


@dataclass(slots=True)
class Frame:
    """A header, and byte tensors that own their memory, aligned as torch aligns its own."""

    header: bytes
    buffers: list[torch.Tensor]


def _bytes_of(tensor: torch.Tensor) -> memoryview:
    array: Any = tensor.numpy()
    return memoryview(array)


def _padding(size: int) -> int:
    return -size % 16


class Frames:
    """Sends and receives frames.

    Attributes:
        taken: bytes received so far.
        budget: how far `taken` may go; beyond it a frame is refused unread.
    """

    def __init__(self, wire: Wire, budget: int | None = BUDGET) -> None:
        self._wire = wire
        self.taken = 0
        self.budget = budget
        self._scratch = torch.empty(_SCRATCH, dtype=torch.uint8)
        self._view = _bytes_of(self._scratch)

    def renew(self, budget: int | None) -> None:
        """Allow `budget` more bytes from now on."""
        self.budget = None if budget is None else self.taken + budget

    def send(self, header: bytes, buffers: Sequence[memoryview]) -> None:
        """Send one frame; PeerGone when the other end is gone, ProtocolError when it is too big."""
        sizes = [len(b) for b in buffers]
        lead = 8 * len(sizes) + len(header)
        total = lead + _padding(lead) * bool(sizes) + sum(n + _padding(n) for n in sizes)
        if len(header) > MAX_HEADER or total > MAX_FRAME or len(sizes) > MAX_BUFFERS:
            raise ProtocolError("too much data for one call")
        prefix = _PREFIX.pack(len(header), len(sizes), total) + struct.pack(
            f"<{len(sizes)}Q", *sizes
        )
        parts: list[bytes | memoryview] = [prefix, header]
        if sizes:
            parts.append(_PAD[: _padding(lead)])
            for buffer in buffers:
                parts.append(buffer)
                parts.append(_PAD[: _padding(len(buffer))])
        try:
            if total < _SCRATCH:
                self._wire.sendall(b"".join(parts))
            else:
                self._send_parts([memoryview(p).cast("B") for p in parts if len(p)])
        except TimeoutError:
            raise DeadlinePassed("the time limit passed") from None
        except OSError as error:
            raise PeerGone(f"cannot send: {error.strerror or error}") from None

    def _send_parts(self, parts: list[memoryview]) -> None:
        done = 0
        while done < len(parts):
            sent = self._wire.sendmsg(parts[done : done + 64])
            while done < len(parts) and sent >= len(parts[done]):
                sent -= len(parts[done])
                done += 1
            if sent:
                parts[done] = parts[done][sent:]

    def receive(self) -> Frame:
        """Receive one frame.

        Raises:
            PeerGone: the stream ended, or (DeadlinePassed) the time limit passed.
            ProtocolError: a length is over its limit or does not add up, or the budget is spent.
        """
        view = self._view
        got = self._more(view, 0, _PREFIX.size)
        header_size, count, total = _PREFIX.unpack_from(view)
        self._check(header_size, count, total)
        if got > _PREFIX.size + total:
            raise ProtocolError("bytes after the frame")
        if _PREFIX.size + total <= _SCRATCH:
            got = self._more(view, got, _PREFIX.size + total)
            if got > _PREFIX.size + total:
                raise ProtocolError("bytes after the frame")
            return self._small(header_size, count, total)
        return self._large(got, header_size, count, total)

    def _check(self, header_size: int, count: int, total: int) -> None:
        if header_size > MAX_HEADER or count > MAX_BUFFERS or total > MAX_FRAME:
            raise ProtocolError("frame too big")
        if total < header_size + 8 * count:
            raise ProtocolError("frame lengths do not add up")
        if self.budget is not None and self.taken + total > self.budget:
            raise ProtocolError("too much data in one test")
        self.taken += _PREFIX.size + total

    def _sizes(self, raw: Any, offset: int, header_size: int, count: int, total: int) -> list[int]:
        sizes = list(struct.unpack_from(f"<{count}Q", raw, offset))
        lead = 8 * count + header_size
        whole = lead + _padding(lead) * bool(count) + sum(n + _padding(n) for n in sizes)
        if whole != total:
            raise ProtocolError("frame lengths do not add up")
        return sizes

    def _small(self, header_size: int, count: int, total: int) -> Frame:
        at = _PREFIX.size
        sizes = self._sizes(self._view, at, header_size, count, total)
        at += 8 * count
        header = bytes(self._view[at : at + header_size])
        at += header_size + _padding(8 * count + header_size)
        buffers = []
        for size in sizes:
            buffers.append(self._scratch.narrow(0, at, size).clone())
            at += size + _padding(size)
        return Frame(header, buffers)

    def _large(self, got: int, header_size: int, count: int, total: int) -> Frame:
        lead = _PREFIX.size + 8 * count
        got = self._more(self._view, got, lead)
        sizes = self._sizes(self._view, _PREFIX.size, header_size, count, total)
        rest = bytearray(self._view[lead:got])
        header = bytearray(header_size)
        rest = self._fill(memoryview(header), rest)
        if sizes:
            gap = bytearray(_padding(8 * count + header_size))
            rest = self._fill(memoryview(gap), rest)
        buffers = []
        for size in sizes:
            padded = torch.empty(size + _padding(size), dtype=torch.uint8)
            if len(padded):
                rest = self._fill(_bytes_of(padded), rest)
            buffers.append(padded[:size])
        return Frame(bytes(header), buffers)

    def _fill(self, target: memoryview, ready: bytearray) -> bytearray:
        take = min(len(ready), len(target))
        target[:take] = ready[:take]
        done = take
        while done < len(target):
            done += self._recv(target[done:])
        return ready[take:]

    def _more(self, view: memoryview, got: int, need: int) -> int:
        while got < need:
            got += self._recv(view[got:])
        return got

    def _recv(self, view: memoryview) -> int:
        try:
            count = self._wire.recv_into(view)
        except TimeoutError:
            raise DeadlinePassed("the time limit passed") from None
        except OSError as error:
            raise PeerGone(f"cannot receive: {error.strerror or error}") from None
        if not count:
            raise PeerGone("the stream ended")
        return count
