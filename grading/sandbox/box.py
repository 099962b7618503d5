"""One submission's sandbox as the judge holds it: opened at one level, a worker at a time."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from grading.errors import GraderError
from grading.sandbox import control, levels, namespaces, report
from grading.sandbox.channel import Channel
from grading.sandbox.memory import Ceiling
from grading.sandbox.model import Isolation, Level, Limits
from grading.sandbox.output import Output
from grading.sandbox.process import Ended, WorkerProcess

if TYPE_CHECKING:
    from types import TracebackType

    from grading.sandbox.client import ForkServer

_OPEN_SECONDS = 20.0
_END_SECONDS = 20.0
_OWN_TASKS = 2


class RefusedError(Exception):
    """A level cannot be had here; the text is one sentence that says why and what to do."""


class _Ahead:
    """A worker that was asked for and has not yet reported."""

    def __init__(self, n: int, sock: socket.socket, output: Output) -> None:
        self.n = n
        self.sock = sock
        self.output = output


class Sandbox:
    """Made by `ForkServer.sandbox`.

    Attributes:
        isolation: its level, with the proof.
        folder_inside: the submission's folder as a worker sees it.
        supervisor: process id of the sandbox's first process.
    """

    def __init__(
        self,
        server: ForkServer,
        folder: Path,
        limits: Limits,
        level: Level,
        reasons: dict[str, str],
    ) -> None:
        self.folder_inside = namespaces.SUBMISSION if level == "L3" else str(folder)
        self._limits = limits
        self._level = level
        self._idle = server.resident
        self._workers: dict[int, tuple[WorkerProcess, int]] = {}
        self._next = 1
        self._closed = False
        ctl, other = control.pair()
        self._ctl = ctl
        sock, output, descriptors = self._ends()
        try:
            server.open_sandbox(level, str(folder), limits, [other.fileno(), *descriptors])
        finally:
            other.close()
            control.close_all(descriptors)
        self._ahead: _Ahead | None = _Ahead(0, sock, output)
        try:
            self.supervisor, self._scratch = self._opened(server)
            proof = self._prove(self._ahead)
        except BaseException:
            self.close()
            raise
        self.isolation = Isolation(level, proof, reasons)
        # With namespaces of its own the kernel counts this sandbox's tasks, and nobody else's.
        most = None if level == "L3" else _OWN_TASKS + limits.threads
        self._ceiling = Ceiling(limits, self._idle, descendants=level == "L1", most_tasks=most)

    def _ends(self) -> tuple[socket.socket, Output, list[int]]:
        """The judge's ends of a new worker's channel and output, and the worker's ends."""
        mine, theirs = socket.socketpair()
        report.expect_credentials(mine, True)
        read, write = os.pipe()
        return mine, Output(read, self._limits.output_kb * 1024), [theirs.detach(), write]

    def _opened(self, server: ForkServer) -> tuple[int, str]:
        try:
            answer, _ = control.receive(self._ctl, seconds=_OPEN_SECONDS)
        except TimeoutError:
            raise GraderError(
                f"No sandbox was ready in {_OPEN_SECONDS:.0f} s.", report.AGAIN
            ) from None
        if answer is None:
            raise GraderError(server.what_happened("while it opened a sandbox"), report.AGAIN)
        if "step" in answer:
            raise RefusedError(levels.explain(answer["step"], answer["errno"]))
        return int(answer["supervisor"]), str(answer["scratch"])

    def _prove(self, ahead: _Ahead) -> dict[str, str]:
        """Wait for a worker's report.

        Raises:
            RefusedError: what it tried did not end as the level promises.
        """
        message, pid = report.receive(ahead.sock, ahead.output, _OPEN_SECONDS)
        report.expect_credentials(ahead.sock, False)
        if "step" in message:
            raise RefusedError(levels.explain(str(message["step"]), int(message["errno"])))
        proof = {str(name): str(result) for name, result in message["proof"].items()}
        proof["namespace"] = "own" if message["pid"] != pid else "shared"
        wrong = levels.failed(self._level, proof)
        if wrong:
            raise RefusedError(levels.explain_failed(self._level, wrong))
        self._pid_ahead = pid
        self._proven = ahead.n
        return proof

    def prepare(self) -> None:
        """Have the next worker made ready meanwhile; returns at once.

        Raises:
            GraderError: the sandbox is gone.
        """
        if self._ahead is not None:
            return
        sock, output, descriptors = self._ends()
        n, self._next = self._next, self._next + 1
        try:
            control.send(self._ctl, {"op": "spawn", "n": n}, descriptors)
        except OSError as error:
            sock.close()
            output.close()
            raise self._gone(error) from None
        finally:
            control.close_all(descriptors)
        self._ahead = _Ahead(n, sock, output)

    def spawn(self) -> WorkerProcess:
        """A fresh worker, confined and proved, that has seen no student code yet.

        Raises:
            GraderError: the sandbox is gone, or the worker could not be confined.
        """
        self.prepare()
        ahead, self._ahead = self._ahead, None
        assert ahead is not None
        if ahead.n != self._proven:
            try:
                self._prove(ahead)
            except RefusedError as error:
                raise GraderError(f"A worker is less confined than the first: {error}") from None
        n, pid = ahead.n, self._pid_ahead
        channel = Channel(ahead.sock, ahead.output, self._watch)
        worker = WorkerProcess(
            channel, ahead.output, lambda reply: self._end(n, reply=reply), self._limits, self._idle
        )
        self._workers[n] = worker, pid
        return worker

    def _watch(self) -> None:
        scratch = self._scratch
        what = self._ceiling.breach((pid for _, pid in self._workers.values()), scratch)
        if what is not None:
            for worker, _ in list(self._workers.values()):
                worker.breach(what)

    def _end(self, n: int, *, reply: bool) -> Ended | None:
        self._workers.pop(n, None)
        try:
            control.send(self._ctl, {"op": "end", "n": n, "reply": reply})
            if not reply:
                return None
            answer, _ = control.receive(self._ctl, seconds=_END_SECONDS)
        except OSError as error:  # TimeoutError is one
            raise self._gone(error) from None
        if answer is None:
            raise self._gone(None)
        return Ended(answer["status"], bool(answer["alive"]), int(answer["peak"]))

    def _gone(self, error: OSError | None) -> GraderError:
        if self._closed:
            return GraderError("This sandbox is closed.")
        if isinstance(error, TimeoutError):
            return GraderError("The sandbox's supervisor does not answer any more.", report.AGAIN)
        return GraderError("The sandbox's supervisor was killed from outside.", report.AGAIN)

    def close(self) -> None:
        """End every worker and the sandbox; nothing of it stays."""
        if self._closed:
            return
        for worker, _ in list(self._workers.values()):
            worker.close()
        self._closed = True
        if self._ahead is not None:
            self._ahead.sock.close()
            self._ahead.output.close()
            self._ahead = None
        self._ctl.close()

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
