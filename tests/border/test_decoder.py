"""Whatever bytes come from a worker, the judge's decoder gives values or a ProtocolError."""

from __future__ import annotations

import contextlib
import random
import socket
import struct
import tracemalloc
from typing import Any

import msgpack
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from grading.border.errors import PeerGone, ProtocolError, Unsendable, rebuild, safe_text
from grading.border.frames import MAX_FRAME, Frames
from grading.border.values import Codec, Incoming, Outgoing


class _Bytes:
    """A wire that holds what was written, and gives it out once."""

    def __init__(self, data: bytes = b"", most: int = 1 << 30) -> None:
        self.data = bytearray(data)
        self.most = most
        self.calls = 0

    def recv_into(self, view: memoryview) -> int:
        self.calls += 1
        n = min(len(view), len(self.data), self.most)
        view[:n] = self.data[:n]
        del self.data[:n]
        return n

    def sendall(self, data: bytes) -> None:
        self.calls += 1
        self.data += data

    def sendmsg(self, parts: Any) -> int:
        whole = b"".join(parts)[: self.most]
        self.data += whole
        return len(whole)


VALUES: list[Any] = [
    None, True, -(2**63), 2**64 - 1, 2**200, 1.5, float("inf"), "text é", b"\0\xff", 3 - 4j,
    [1, [2, (3, ())]],
    {"a": 1, 2: {None: (1, 2)}}, {1, 2}, frozenset({3}), slice(1, None, 2), range(3),
    ..., torch.float64, torch.device("cpu"), torch.Size([2, 3]), torch.arange(6).view(2, 3),
    torch.tensor(True),
    torch.zeros(0, 3), torch.randn(3, 4).t(), np.float32(2.5), np.arange(4.0),
    [torch.ones(2)] * 3,
]  # fmt: skip


def _encode(value: Any) -> bytes:
    wire, out = _Bytes(), Outgoing("output")
    header = Codec().pack_value(value, out)
    Frames(wire).send(header, out.buffers)
    return bytes(wire.data)


def _decode(data: bytes, most: int = 1 << 30) -> Any:
    frame = Frames(_Bytes(data, most)).receive()
    return Codec().read_value(frame.header, Incoming(frame.buffers))


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, torch.Tensor):
        return a.dtype == b.dtype and torch.equal(a, b)
    if isinstance(a, np.ndarray):
        return bool((a == b).all()) and a.dtype == b.dtype
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(_same, a, b))
    return type(a) is type(b) and a == b


@pytest.mark.parametrize("value", VALUES, ids=lambda v: type(v).__name__)
def test_values_come_over_exactly(value: Any) -> None:
    data = _encode(value)
    assert _same(value, _decode(data))
    assert _same(value, _decode(data, most=3))


def test_a_large_frame_in_pieces() -> None:
    value = [torch.randn(300, 300), torch.randn(5), torch.zeros(0), torch.randn(70_000)]
    assert _same(value, _decode(_encode(value), most=4097))
    wire = _Bytes(most=1000)
    out = Outgoing("output")
    Frames(wire).send(Codec().pack_value(value, out), out.buffers)
    assert _same(value, _decode(bytes(wire.data)))


def test_a_small_frame_is_one_send_and_one_receive() -> None:
    wire = _Bytes()
    Frames(wire).send(b"\xc0", [memoryview(bytes(64))])
    Frames(wire).receive()
    assert wire.calls == 2


FRAMES = [
    _encode(v) for v in (VALUES, {"x": torch.randn(3), "y": [(1, 2.0), "é"]}, [torch.ones(2)])
]


def _only_values(data: bytes) -> None:
    with contextlib.suppress(ProtocolError, PeerGone):
        _decode(data)


@settings(max_examples=400, deadline=None)
@given(st.binary(max_size=200))
def test_random_bytes(data: bytes) -> None:
    _only_values(data)


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from(FRAMES),
    st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255)), max_size=5),
)
def test_changed_frames(frame: bytes, changes: list[tuple[int, int]]) -> None:
    data = bytearray(frame)
    for place, byte in changes:
        data[place % len(data)] = byte
    _only_values(bytes(data))


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300))
def test_random_headers(header: bytes) -> None:
    with contextlib.suppress(ProtocolError):
        Codec().read_value(header, Incoming([torch.zeros(8, dtype=torch.uint8)]))


def test_mutations_allocate_little() -> None:
    rng = random.Random(0)
    tracemalloc.start()
    try:
        for _ in range(1500):
            data = bytearray(rng.choice(FRAMES))
            for _ in range(rng.randint(1, 6)):
                data[rng.randrange(len(data))] = rng.choice(
                    [0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)]
                )
            _only_values(bytes(data))
        assert tracemalloc.get_traced_memory()[1] < 24 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "prefix",
    [
        (0xFFFFFFFF, 0, 0xFFFFFFFFFFFFFFFF),
        (5 << 20, 0, 5 << 20),
        (1, 5000, 1 << 20),
        (1, 0, MAX_FRAME + 1),
        (10, 0, 9),
        (10, 0, 11),
    ],
)
def test_forged_lengths_are_refused_before_anything_is_read(prefix: tuple[int, int, int]) -> None:
    wire = _Bytes(struct.pack("<IIQ", *prefix) + bytes(100))
    tracemalloc.start()
    try:
        with pytest.raises(ProtocolError):
            Frames(wire).receive()
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_the_budget_ends_a_flood() -> None:
    data = _encode([torch.zeros(1000)])
    frames = Frames(_Bytes(), budget=3 * len(data))
    with pytest.raises(ProtocolError, match="too much data"):
        for _ in range(4):
            frames._wire.data += data  # type: ignore[attr-defined]
            frames.receive()
    frames.renew(1 << 20)


def test_bytes_after_a_frame_are_refused() -> None:
    with pytest.raises(ProtocolError, match="after"):
        _decode(_encode([1]) + b"x")


def _ext(code: int, payload: Any) -> bytes:
    return msgpack.packb(msgpack.ExtType(code, msgpack.packb(payload)))


def _bomb(code: int, depth: int) -> bytes:
    packed = msgpack.packb([])
    for _ in range(depth):
        packed = msgpack.packb(msgpack.ExtType(code, packed))
    return packed


@pytest.mark.parametrize(
    "header",
    [
        b"\xdd\xff\xff\xff\xff",  # a list of 2**32 items
        b"\xdf\xff\xff\xff\xff",  # a map of as many
        b"\xdb\xff\xff\xff\xff",  # a string of 4 GB
        b"\x90" * 3_000_000,
        b"\xdd" + struct.pack(">I", 100_000) + b"\x90" * 100_000,
        b"\x91" * 100_000 + b"\xc0",
        _bomb(2, 2000),
        _bomb(2, 60),
        _ext(1, ["float32", [1 << 39, 1 << 39], 0]),
        _ext(1, ["float32", [3], 0]),
        _ext(1, ["object", [2], 0]),
        _ext(1, ["float32", [-1], 0]),
        _ext(1, ["float32", [2], 1]),
        _ext(1, ["float32", [2], True]),
        _ext(1, ["float32", [2], 0, [5, True]]),
        _ext(6, ["__import__('os')", ["a"], [1]]),
        _ext(6, ["class", ["a"], [1]]),
        _ext(6, ["Out", ["_a"], [1]]),
        _ext(6, ["Out", ["a", "a"], [1, 2]]),
        _ext(6, ["Out", [f"f{i}" for i in range(80)], list(range(80))]),
        _ext(8, "float32"),
        _ext(17, ["mine", 2, True, True, None, None]),
        _ext(18, b"state"),
        _ext(16, 0),
        _ext(99, None),
        msgpack.packb({1: 1}) + b"\x01",
        b"\x81\x90\x01",  # a list as a key
        b"\xa2\xff\xfe",  # a string that is no UTF-8
    ],
)
def test_malformed_headers(header: bytes) -> None:
    with pytest.raises(ProtocolError):
        Codec().read_value(header, Incoming([torch.zeros(8, dtype=torch.uint8)]))


def test_one_buffer_cannot_make_many_tensors() -> None:
    header = b"\x92" + _ext(1, ["float32", [2], 0]) * 2
    with pytest.raises(ProtocolError, match="twice"):
        Codec().read_value(header, Incoming([torch.zeros(8, dtype=torch.uint8)]))


def test_kinds_of_named_tuples_are_limited(monkeypatch: Any) -> None:
    from grading.border import forms

    monkeypatch.setattr(forms, "_tuple_classes", {})
    with pytest.raises(ProtocolError, match="too many kinds"):
        for i in range(400):
            Codec().read_value(_ext(6, [f"Out{i}", ["a"], [1]]), Incoming([]))


def test_odd_bytes_in_a_bool_tensor_are_made_true() -> None:
    raw = torch.tensor([0, 1, 2, 255], dtype=torch.uint8)
    got = Codec().read_value(_ext(1, ["bool", [4], 0]), Incoming([raw]))
    assert got.view(torch.uint8).tolist() == [0, 1, 1, 1]


@pytest.mark.parametrize(
    "value",
    [object(), lambda: 1, torch.zeros(2).to_sparse(), torch.zeros(2, device="meta"), 1 << 9000],
)
def test_what_has_no_plain_form_is_refused(value: Any) -> None:
    with pytest.raises(Unsendable):
        Codec().pack_value(value, Outgoing("output"))
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(Unsendable):
        Codec().pack_value(loop, Outgoing("output"))


@pytest.mark.parametrize(
    "told",
    [
        None,
        {},
        {"type": "A", "mro": [], "message": 3, "frames": [], "origin": None},
        {"type": "A", "mro": "AB", "message": "", "frames": [], "origin": None},
        {"type": "A", "mro": [], "message": "", "frames": [[1, 2, 3]], "origin": None},
        {"type": "A", "mro": [None], "message": "", "frames": [], "origin": None},
    ],
)
def test_malformed_exceptions(told: Any) -> None:
    with pytest.raises(ProtocolError):
        rebuild(told)


def test_text_for_a_report_has_no_control_characters() -> None:
    assert safe_text("a\x1b[31mb\n\u202ec\ud800") == "a\\x1b[31mb\n\\u202ec\\ud800"
    assert len(safe_text("x" * 10_000)) < 4100


def test_a_closed_socket_is_a_gone_peer() -> None:
    a, b = socket.socketpair()
    b.close()
    with a, pytest.raises(PeerGone):
        Frames(a).receive()
