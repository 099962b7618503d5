"""The first process of a sandbox: forks its workers, reaps them, and leaves nothing behind."""

# Descriptors, and paths inside another root: os, not pathlib.

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
from pathlib import Path

from grading.sandbox import control, namespaces, syscalls
from grading.sandbox.preload import Serve
from grading.sandbox.worker_entry import Plan, become_worker

_ROUNDS = 50


class Supervisor:
    """Serves one judge over `ctl` until that end is closed.

    Args:
        scratch: folder in which each worker gets one of its own; unused at L3.
    """

    def __init__(self, plan: Plan, ctl: socket.socket, serve: Serve, scratch: str) -> None:
        self._plan = plan
        self._ctl = ctl
        self._serve = serve
        self._scratch = scratch
        self._workers: dict[int, int] = {}

    def run(self) -> None:
        """Until the judge is gone."""
        while True:
            message, descriptors = control.receive(self._ctl)
            if message is None:
                return
            if message["op"] == "spawn":
                self.spawn(int(message["n"]), descriptors)
            elif message["op"] == "end":
                self._end(int(message["n"]), reply=bool(message["reply"]))

    def spawn(self, n: int, descriptors: list[int]) -> None:
        """Worker `n` with its channel and its output; when it cannot be, both are closed."""
        scratch = namespaces.OWN_SCRATCH
        try:
            if self._plan.level != "L3":
                scratch = os.path.join(self._scratch, str(n))
                os.mkdir(scratch, 0o700)
            pid = os.fork()
            if pid == 0:
                self._ctl.close()
                become_worker(self._plan, descriptors[0], descriptors[1], scratch, self._serve)
            self._workers[n] = pid
        except OSError as error:
            os.write(descriptors[1], f"no worker: {error}\n".encode())
        control.close_all(descriptors)

    def _end(self, n: int, *, reply: bool) -> None:
        answer: control.Message = {"n": n, "status": None, "alive": False, "peak": 0}
        pid = self._workers.pop(n, None)
        if pid is not None:
            done, status, usage = os.wait4(pid, os.WNOHANG)
            if not done:
                _kill(pid)
                _, status, usage = os.wait4(pid, 0)
            code = os.waitstatus_to_exitcode(status)
            # One that was about to end keeps its own status, whatever is sent to it.
            alive = not done and code == -signal.SIGKILL
            answer |= {"status": code, "alive": alive, "peak": usage.ru_maxrss * 1024}
        if self._plan.level != "L3":
            # Before the answer: the next worker must find nothing of this one.
            if pid is not None:
                with contextlib.suppress(OSError):
                    os.killpg(pid, signal.SIGKILL)
            self._end_strays()
            shutil.rmtree(os.path.join(self._scratch, str(n)), ignore_errors=True)
        if reply:
            with contextlib.suppress(OSError):
                control.send(self._ctl, answer)

    def _end_strays(self) -> None:
        """Kill and reap what workers left: orphans become children of this process."""
        for _ in range(_ROUNDS):
            strays = _children() - set(self._workers.values())
            if not strays:
                return
            for pid in strays:
                _kill(pid)
                with contextlib.suppress(OSError):
                    os.waitpid(pid, 0)

    def close(self) -> None:
        """End every worker and everything they left."""
        if self._plan.level == "L3":
            return  # the kernel does it when the first process of a pid namespace ends
        for n in list(self._workers):
            self._end(n, reply=False)
        self._end_strays()
        shutil.rmtree(self._scratch, ignore_errors=True)


def supervise(plan: Plan, ctl: socket.socket, serve: Serve, scratch: str, first: list[int]) -> None:
    """Run as the first process of a sandbox; `first` are the descriptors of worker 0."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    if plan.level != "L3":
        syscalls.prctl(syscalls.PR_SET_CHILD_SUBREAPER, 1)
    supervisor = Supervisor(plan, ctl, serve, scratch)
    try:
        supervisor.spawn(0, first)
        supervisor.run()
    finally:
        supervisor.close()


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _children() -> set[int]:
    me = os.getpid()
    try:
        text = Path(f"/proc/self/task/{me}/children").read_text()
    except OSError:
        return set()
    return {int(word) for word in text.split()}
