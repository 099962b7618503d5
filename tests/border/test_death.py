"""However a worker ends, the judge gets WorkerDied, at once and on every later call."""

from __future__ import annotations

import os
import socket
import struct
import time
from typing import Any

import pytest
import torch

from grading.border import Session, Trace, WorkerDied, serve


class _Cut:
    """A worker's socket that breaks off after so many bytes sent."""

    def __init__(self, sock: socket.socket, most: int) -> None:
        self.sock, self.left = sock, most

    def recv_into(self, view: memoryview) -> int:
        return self.sock.recv_into(view)

    def sendall(self, data: bytes) -> None:
        self.sock.sendall(bytes(data[: self.left]))
        self.left -= len(data)
        if self.left <= 0:
            os._exit(7)

    def sendmsg(self, parts: Any) -> int:
        self.sendall(b"".join(parts))
        return sum(map(len, parts))


class _Tap:
    """Notes what the judge reads from a worker."""

    def __init__(self, inner: Any) -> None:
        self.inner, self.read = inner, bytearray()

    def recv_into(self, view: memoryview) -> int:
        n = self.inner.recv_into(view)
        self.read += view[:n]
        return n

    def sendall(self, data: bytes) -> None:
        self.inner.sendall(data)

    def sendmsg(self, parts: Any) -> int:
        return self.inner.sendmsg(parts)

    deadline = None


def _script(student: Any) -> None:
    x = torch.ones(2, requires_grad=True)
    student.kl_divergence(x, x).backward()
    student.apply_twice(lambda v: v * 2, x)
    model = student.VAE(2, 2, 1)
    list(model.parameters())


def _sample() -> str:
    from pathlib import Path

    return str(Path(__file__).with_name("student_sample.py"))


def _recorded(spawn: Any) -> bytes:
    worker = spawn()
    plain, worker.channel = worker.channel, _Tap(worker.channel)
    session = Session(worker)
    torch.manual_seed(0)
    session.load(_sample())
    _script(session.student)
    whole = bytes(worker.channel.read)
    worker.channel = plain
    return whole


class _Replay:
    """Gives out the start of a recorded worker's bytes, then the end of the stream."""

    deadline = None

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def recv_into(self, view: memoryview) -> int:
        from grading.border.frames import _PREFIX

        # One frame at a time, as a worker that takes turns would send them.
        if not hasattr(self, "ends"):
            self.ends, i = [], 0
            while i + _PREFIX.size <= len(self.data):
                i += _PREFIX.size + _PREFIX.unpack_from(self.data, i)[2]
                self.ends.append(i)
        stop = next((e for e in self.ends if e > self.at), len(self.data))
        n = min(len(view), min(stop, len(self.data)) - self.at)
        view[:n] = self.data[self.at : self.at + n]
        self.at += n
        return n

    def sendall(self, data: bytes) -> None:
        pass

    def sendmsg(self, parts: Any) -> int:
        return sum(map(len, parts))


class _Dead:
    """A process that only its channel tells of."""

    def __init__(self, channel: Any) -> None:
        self.channel, self.death, self.killed = channel, None, 0

    def kill(self) -> None:
        self.killed += 1


def test_every_truncation_of_every_answer(spawn: Any) -> None:
    whole = _recorded(spawn)
    session = Session(_Dead(_Replay(whole)))
    torch.manual_seed(0)
    session.load(_sample())
    _script(session.student)
    for end in range(0, len(whole), 1 if len(whole) < 3000 else 3):
        worker = _Dead(_Replay(whole[:end]))
        session = Session(worker)
        with pytest.raises(WorkerDied) as caught:
            session.load(_sample())
            _script(session.student)
        assert caught.value.kind == "exit" and worker.killed == 1
        with pytest.raises(WorkerDied):
            session.load(_sample())
        assert worker.killed == 1


def test_every_single_byte_changed(spawn: Any) -> None:
    from grading.border import StudentError

    whole = _recorded(spawn)
    for place in range(0, len(whole), max(1, len(whole) // 600)):
        data = bytearray(whole)
        data[place] ^= 0xFF
        session = Session(_Dead(_Replay(bytes(data))))
        try:
            session.load(_sample())
            _script(session.student)
        except (WorkerDied, StudentError, AttributeError, TypeError, RuntimeError, ValueError):
            # A wrong value can make the test's own code fail, as any wrong value may.
            pass


@pytest.mark.parametrize("most", [0, 1, 15, 16, 17, 100, 1500, 2500])
def test_a_process_that_dies_in_the_middle(spawn: Any, most: int) -> None:
    session = Session(spawn(lambda sock: serve(_Cut(sock, most))), Trace())
    session.limit(10)
    with pytest.raises(WorkerDied, match="exit status 7") as caught:
        session.load(_sample())
        for _ in range(50):
            session.student.fresh(3)
    assert caught.value.kind == "exit"
    start = time.monotonic()
    with pytest.raises(WorkerDied, match="exit status 7"):
        session.student.fresh(3)
    assert time.monotonic() - start < 5 and session.dead  # it does not wait for its limit


SWALLOW = """while True:
        try:
            while True: pass
        except BaseException: pass"""
FORGE = """import os
    for fd in range(3, 64):
        try: os.write(fd, b"x" * 100)
        except OSError: pass"""
CLOSE = """import gc, socket
    for s in gc.get_objects():
        if isinstance(s, socket.socket):
            try: s.close()
            except OSError: pass"""


@pytest.mark.parametrize(
    ("body", "kind", "message"),
    [
        ("import os; os._exit(0)", "exit", "exit status 0"),
        ("import os; os.kill(os.getpid(), 11)", "signal", "SIGSEGV"),
        ("import time; time.sleep(60)", "timeout", r"time limit passed \(0\.3 s\)"),
        (SWALLOW, "timeout", "time limit"),
        (FORGE, "protocol", "broke the protocol"),
        (CLOSE, "exit signal", "exit status|SIGKILL"),
    ],
)
def test_what_student_code_does_to_its_process(
    open_session: Any, body: str, kind: str, message: str
) -> None:
    session = open_session(f"def f():\n    {body}\ndef g(): return 1\n")
    assert session.student.g() == 1
    session.limit(0.3 if kind == "timeout" else 10)
    start = time.monotonic()
    with pytest.raises(WorkerDied, match=message) as caught:
        session.student.f()
    assert caught.value.kind in kind.split() and time.monotonic() - start < 20
    with pytest.raises(WorkerDied):
        session.student.g()
    assert isinstance(session.trace.calls[1].error, WorkerDied)


def test_a_slow_dribble_ends_at_the_deadline(spawn: Any) -> None:
    def dribble(sock: socket.socket) -> None:
        sock.recv(100)
        for byte in struct.pack("<IIQ", 1000, 0, 1000) + bytes(1000):
            sock.sendall(bytes([byte]))
            time.sleep(0.02)

    session = Session(spawn(dribble))
    session.limit(0.5)
    start = time.monotonic()
    with pytest.raises(WorkerDied) as caught:
        session.load("/nowhere.py")
    assert caught.value.kind == "timeout" and 0.4 < time.monotonic() - start < 10


def test_a_worker_that_reads_nothing_cannot_hold_the_judge(spawn: Any) -> None:
    session = Session(spawn(lambda sock: time.sleep(60)))
    session.limit(0.5)
    with pytest.raises(WorkerDied) as caught:
        session.student.f(torch.zeros(4 << 20))
    assert caught.value.kind == "timeout"


def test_a_flood_of_callbacks_meets_the_budget(open_session: Any) -> None:
    session = open_session(
        "import torch\ndef f(g):\n    x = torch.zeros(1 << 18)\n    while True: g(x)\n"
    )
    session.limit(20, budget=8 << 20)
    with pytest.raises(WorkerDied, match="too much data") as caught:
        session.student.f(lambda x: None)
    assert caught.value.kind == "protocol"


def test_a_death_inside_a_callback_is_not_swallowed(open_session: Any) -> None:
    session = open_session(
        "import os\ndef f(g):\n    try: return g(1)\n    except BaseException: return 5\n"
        "def die(): os._exit(3)\n"
    )
    with pytest.raises(WorkerDied, match="exit status 3"):
        session.student.f(lambda x: session.student.die())


def test_an_interrupt_ends_the_session(open_session: Any) -> None:
    session = open_session("def f(g): return g(1)\n")

    def stop(x: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        session.student.f(stop)
    assert session.dead
