"""A worker without a sandbox: a forked process at the other end of a plain socket pair."""

from __future__ import annotations

import faulthandler
import importlib.util
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from grading.border import LocalStudent, Session, Trace, serve

torch.set_num_threads(1)
SAMPLE = Path(__file__).with_name("student_sample.py")


def _keep_only(fd: int) -> None:
    """A child has its socket and nothing of the test run's."""
    faulthandler.disable()
    null = os.open(os.devnull, os.O_RDWR)
    for standard in range(3):
        os.dup2(null, standard)
    os.closerange(3, fd)
    os.closerange(fd + 1, 1024)


@dataclass
class Death:
    kind: str
    message: str


class PlainChannel:
    """A socket with one absolute deadline."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.deadline: float | None = None

    def _arm(self) -> None:
        if self.deadline is None:
            self.sock.settimeout(None)
            return
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self.sock.settimeout(left)

    def recv_into(self, view: memoryview) -> int:
        self._arm()
        return self.sock.recv_into(view)

    def sendall(self, data: bytes) -> None:
        self._arm()
        self.sock.sendall(data)

    def sendmsg(self, parts: Any) -> int:
        self._arm()
        return self.sock.sendmsg(parts)


class PlainWorker:
    """What a session needs of a worker process; `body` runs in the child with its socket."""

    def __init__(self, body: Callable[[socket.socket], Any]) -> None:
        mine, theirs = socket.socketpair()
        self.output = ""
        self.death: Death | None = None
        self.pid = os.fork()
        if not self.pid:
            code = 1
            _keep_only(theirs.fileno())
            try:
                body(theirs)
                code = 0
            finally:
                os._exit(code)
        theirs.close()
        self.channel = PlainChannel(mine)

    def kill(self) -> None:
        if self.death is None:
            done, tries = 0, 0
            while not done and tries < 30:
                time.sleep(0.002)
                done, status = os.waitpid(self.pid, os.WNOHANG)
                tries += 1
            if not done:
                os.kill(self.pid, signal.SIGKILL)
                _, status = os.waitpid(self.pid, 0)
            number = os.waitstatus_to_exitcode(status)
            if number < 0:
                self.death = Death("signal", f"killed by {signal.Signals(-number).name}")
            else:
                self.death = Death("exit", f"exit status {number}")

    def close(self) -> None:
        self.kill()
        self.channel.sock.close()


def load_module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def spawn() -> Iterator[Callable[..., PlainWorker]]:
    """Start a worker that runs `body(socket)`."""
    alive = []

    def start(body: Callable[[socket.socket], Any] = serve) -> PlainWorker:
        alive.append(PlainWorker(body))
        return alive[-1]

    yield start
    for worker in alive:
        worker.channel.sock.close()
        worker.close()


@pytest.fixture
def open_session(spawn: Any, tmp_path: Path) -> Callable[..., Session]:
    """A session on the sample module, or on a source text."""

    def start(source: str | None = None, seconds: float = 20) -> Session:
        path = SAMPLE
        if source is not None:
            path = tmp_path / f"student_{len(list(tmp_path.iterdir()))}.py"
            path.write_text(source)
        session = Session(spawn(), Trace())
        session.limit(seconds)
        session.load(str(path))
        return session

    return start


@pytest.fixture
def session(open_session: Any) -> Session:
    return open_session()


@pytest.fixture(params=["session", "local"])
def student(request: Any) -> Any:
    """The sample module in both modes; a test that uses it holds in both."""
    if request.param == "session":
        yield request.getfixturevalue("session").student
    else:
        twin = LocalStudent(load_module(SAMPLE), Trace())
        yield twin
        twin.unpatch()


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)
    torch.rand(())


@pytest.fixture
def twin() -> Any:
    """The sample module in this process."""
    found = LocalStudent(load_module(SAMPLE), Trace())
    yield found
    found.unpatch()
