"""The same interface where there is no fork server: a fresh process for each worker, level L1.

For macOS and Windows, whose processes do not survive a fork of torch; it runs on Linux too, where
it is tested.
"""

from __future__ import annotations

import atexit
import contextlib
import dataclasses
import hmac
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import psutil  # type: ignore[import-untyped]

from grading.errors import GraderError
from grading.sandbox import report
from grading.sandbox.channel import Channel
from grading.sandbox.client import CLEAN, ENTRY, package_root, search_path
from grading.sandbox.memory import Ceiling
from grading.sandbox.model import Isolation, Level, Limits
from grading.sandbox.output import Output, ThreadedOutput
from grading.sandbox.process import Ended, WorkerProcess

_PROGRAM = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); "
    "from grading.sandbox.portable_worker import main; main()"
)
_START_SECONDS = 120.0
_GRACE_SECONDS = 0.3
_ONLY_LINUX = (
    "Only Linux can confine a process that far without root: grade on Linux, on Windows in WSL 2."
)


class _Started:
    """A process that imports torch, or has, and waits to be told what for."""

    def __init__(self, entry: str, roots: list[str], *, loopback: bool, keep: int) -> None:
        self.place = tempfile.mkdtemp(prefix="latent-week-")
        options: dict[str, object] = {"entry": entry, "roots": roots, "search": search_path()}
        token = secrets.token_bytes(32)
        mine, theirs = (None, None) if loopback else socket.socketpair()
        listener = socket.create_server(("127.0.0.1", 0), backlog=8) if loopback else None
        if theirs is not None:
            options["descriptor"] = theirs.fileno()
        if listener is not None:
            options |= {"port": listener.getsockname()[1], "token": token.hex()}
        read, write = os.pipe()
        self.output = (ThreadedOutput if loopback else Output)(read, keep)
        self.process = subprocess.Popen(
            [sys.executable, "-S", "-s", "-P", "-B", "-X", "utf8", "-c", _PROGRAM, package_root()],
            env={**CLEAN, **_needed(), **dict.fromkeys(("HOME", "TMPDIR", "TEMP"), self.place)},
            cwd=self.place,
            stdin=subprocess.PIPE,
            stdout=write,
            stderr=write,
            pass_fds=() if theirs is None else (theirs.fileno(),),
            start_new_session=os.name == "posix",
        )
        os.close(write)
        if theirs is not None:
            theirs.close()
        assert self.process.stdin is not None
        with contextlib.suppress(OSError), self.process.stdin as stdin:
            stdin.write(json.dumps(options).encode())
        self._socket, self._listener, self._token = mine, listener, token

    def connected(self) -> socket.socket:
        """The judge's end, once the process has shown its token.

        Raises:
            GraderError: it ended first, or took too long.
        """
        if self._socket is None:
            self._socket = self._accept()
        return self._socket

    def _accept(self) -> socket.socket:
        assert self._listener is not None
        deadline = time.monotonic() + _START_SECONDS
        with self._listener as listener:
            while time.monotonic() < deadline:
                listener.settimeout(0.2)
                try:
                    sock, _ = listener.accept()
                    sock.settimeout(5.0)
                    shown = b""
                    while len(shown) < 32 and (part := sock.recv(32 - len(shown))):
                        shown += part
                except TimeoutError:
                    if self.process.poll() is not None:
                        break
                    continue
                if hmac.compare_digest(shown, self._token):
                    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    return sock
                sock.close()  # somebody else on this machine
        self.output.drain_all()
        raise GraderError(f"A worker did not start: {self.output.text().strip()}.", report.AGAIN)

    def end(self, known: list[psutil.Process]) -> None:
        """Kill it and everything that it is known to have started."""
        family = list(known)
        with contextlib.suppress(psutil.Error):
            family += psutil.Process(self.process.pid).children(recursive=True)
        self.process.kill()
        for process in family:
            if process.pid != self.process.pid:
                with contextlib.suppress(psutil.Error):
                    process.kill()
        if os.name == "posix":
            with contextlib.suppress(OSError):
                os.killpg(self.process.pid, 9)
        self.process.wait()

    def close(self) -> None:
        self.end([])
        for sock in (self._socket, self._listener):
            if sock is not None:
                sock.close()
        self.output.close()
        shutil.rmtree(self.place, ignore_errors=True)


class PortableServer:
    """As ForkServer; a worker costs an import of torch, so one is always started ahead.

    Attributes:
        resident: bytes that a worker has before any student code, 0 until one is ready.
    """

    def __init__(self, entry: str, roots: list[str], *, loopback: bool) -> None:
        self.resident = 0
        self._entry, self._roots, self._loopback = entry, roots, loopback
        self._ahead: _Started | None = None
        self._closed = False
        atexit.register(self.close)
        self.prepare()

    @classmethod
    def start(
        cls, *, entry: str = ENTRY, entry_root: Path | None = None, loopback: bool | None = None
    ) -> PortableServer:
        """Start the first worker's process and return at once.

        Args:
            entry, entry_root: as for `ForkServer.start`.
            loopback: connect over 127.0.0.1 and a token, None for where nothing else works.
        """
        roots = [str(entry_root), package_root()] if entry_root else [package_root()]
        return cls(entry, roots, loopback=os.name != "posix" if loopback is None else loopback)

    def wait_ready(self, timeout: float = 60) -> None:
        """Nothing to wait for: a worker that is not ready yet is waited for in `spawn`."""

    def prepare(self) -> None:
        """Start the next worker's process unless one waits."""
        if self._closed:
            raise GraderError("This server is closed.")
        if self._ahead is None:
            keep = Limits().output_kb * 1024
            self._ahead = _Started(self._entry, self._roots, loopback=self._loopback, keep=keep)

    def take(self) -> _Started:
        """The process that waits; another one is started."""
        self.prepare()
        taken, self._ahead = self._ahead, None
        assert taken is not None
        self.prepare()
        return taken

    def sandbox(
        self,
        folder: Path,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        levels: Sequence[Level] = ("L3", "L2", "L1"),
    ) -> PortableSandbox:
        """As `ForkServer.sandbox`; only L1 can be had.

        Raises:
            GraderError: L1 is not among `levels`.
        """
        if "L1" not in levels:
            raise GraderError(
                f"The isolation that was asked for cannot be had here. {_ONLY_LINUX}",
                "Do that, or allow a weaker level.",
            )
        stronger = levels[: list(levels).index("L1")]
        return PortableSandbox(self, folder.resolve(), limits, stronger)

    def close(self) -> None:
        """End the process that waits."""
        self._closed = True
        atexit.unregister(self.close)
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            ahead.close()

    def __enter__(self) -> PortableServer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class PortableSandbox:
    """As Sandbox, made by `PortableServer.sandbox`."""

    def __init__(
        self, server: PortableServer, folder: Path, limits: Limits, stronger: Sequence[Level]
    ) -> None:
        self.folder_inside = str(folder)
        self.isolation = Isolation("L1", {}, dict.fromkeys(stronger, _ONLY_LINUX))
        self._server = server
        self._limits = limits
        self._workers: list[WorkerProcess] = []

    def prepare(self) -> None:
        """Have the next worker's process started meanwhile."""
        self._server.prepare()

    def spawn(self) -> WorkerProcess:
        """A fresh worker that has seen no student code yet.

        Raises:
            GraderError: it could not be started.
        """
        started = self._server.take()
        started.output.keep = self._limits.output_kb * 1024
        try:
            sock = started.connected()
            sock.sendall(report.frame({"limits": dataclasses.asdict(self._limits)}))
            message, _ = report.receive(sock, started.output, _START_SECONDS)
        except (OSError, GraderError) as error:
            started.close()
            if isinstance(error, GraderError):
                raise
            raise GraderError(f"A worker did not start: {error}.", report.AGAIN) from None
        self.isolation = dataclasses.replace(self.isolation, proof=message["proof"])
        return self._hold(started, sock)

    def _hold(self, started: _Started, sock: socket.socket) -> WorkerProcess:
        process = psutil.Process(started.process.pid)
        self._server.resident = idle = int(process.memory_info().rss)
        most = process.num_threads() + self._limits.threads
        ceiling = Ceiling(self._limits, idle, descendants=True, most_tasks=most)

        def watch() -> None:
            what = ceiling.breach([process.pid], started.place)
            if what is not None:
                worker.breach(what)

        def end(reply: bool) -> Ended:
            if reply and channel.at_end:  # the end of the stream comes before the end of a process
                with contextlib.suppress(subprocess.TimeoutExpired):
                    started.process.wait(_GRACE_SECONDS)
            alive = started.process.poll() is None
            ceiling.breach([process.pid])  # one more look at who is there
            started.end(ceiling.everything())
            shutil.rmtree(started.place, ignore_errors=True)
            if worker in self._workers:
                self._workers.remove(worker)
            return Ended(started.process.returncode, alive)

        channel = Channel(sock, started.output, watch)
        worker = WorkerProcess(channel, started.output, end, self._limits, idle)
        self._workers.append(worker)
        return worker

    def close(self) -> None:
        """End every worker."""
        for worker in list(self._workers):
            worker.close()

    def __enter__(self) -> PortableSandbox:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _needed() -> dict[str, str]:
    """Variables without which Windows starts nothing."""
    return {name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ}
