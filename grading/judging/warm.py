"""A judge that has everything imported: each submission is judged in a fork of it."""

from __future__ import annotations

import gc
import json
import os
import selectors
import signal
import sys
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NoReturn

from grading.errors import CourseError, GraderError

if TYPE_CHECKING:
    from grading.judging.judge import Listener
    from grading.scoring import Part, Report

Job = Callable[["Listener"], "Report"]

CAN_FORK = hasattr(os, "fork") and sys.platform != "darwin"  # macOS frameworks break after fork


def preload(*, everything: bool = False) -> None:
    """Import torch and pytest without collecting garbage in between.

    Collecting while torch's modules are made costs a fifth of its import.

    Args:
        everything: also what the first comparison and the first optimizer would import.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        import pytest  # noqa: F401
        import torch

        torch.set_num_threads(1)
        if everything:
            import importlib

            from _pytest.config import default_plugins

            for name in (
                "pdb",
                *(f"_pytest.{plugin}" for plugin in default_plugins),
                "torch._dynamo",
                "torch.distributed.tensor",
                "torch.distributions",
                "torch.optim",
                "torch.testing",
                "pytest_timeout",
                "pytest_jsonreport.plugin",
                "grading.border",
                "grading.check",
                "grading.judging.ceiling",
                "grading.judging.diagnosis",
                "grading.judging.judge",
                "grading.judging.plugin",
                "grading.judging.run",
                "grading.judging.session",
                "grading.judging.workers",
                "grading.sandbox",
                "grading.scoring",
            ):
                importlib.import_module(name)
    finally:
        if enabled:
            gc.enable()


class WarmJudge:
    """Runs each job in a forked child that has nothing left to import.

    A child leaves nothing behind: no pytest state, no random state, no memory. Where processes
    cannot be forked a job runs in this process, one after the other, which is slower but the same.

    Args:
        parts: whose known mistakes every child will need at hand.
    """

    def __init__(self, parts: Iterable[Part] = ()) -> None:
        preload(everything=True)
        from grading.bank import read_bank

        for part in parts:
            if part.misconceptions_file.is_file():
                read_bank(part.misconceptions_file)
        if CAN_FORK:
            gc.collect()
            # pytest ends with a collection that would walk, and so copy, all of torch's objects.
            gc.freeze()

    def run(self, job: Job, *, listener: Listener | None = None, seconds: float = 600.0) -> Report:
        """The report that `job` makes.

        Args:
            job: makes the report; what it tells its listener is passed on to `listener`.
            seconds: the child is killed after this long.

        Raises:
            GraderError: the child died, or took too long.
            CourseError: what the job raised, again with its sentences and exit code.
        """
        listener = listener or Deaf()
        if not CAN_FORK:
            return job(listener)
        read, write = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            os.close(read)
            _child(job, write)
        os.close(write)
        try:
            return _listen(read, listener, time.monotonic() + seconds)
        finally:
            os.close(read)
            _reap(pid)


class Deaf:
    """A listener that does nothing."""

    def collected(self, count: int) -> None:
        """So many tests are about to run."""

    def ended(self, name: str, status: str) -> None:
        """A test has its verdict."""


class _Messenger:
    """A listener in the child that tells the parent's."""

    def __init__(self, tell: Callable[..., None]) -> None:
        self._tell = tell

    def collected(self, count: int) -> None:
        self._tell("collected", count)

    def ended(self, name: str, status: str) -> None:
        self._tell("ended", name, status)


def _child(job: Job, write: int) -> NoReturn:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent answers Ctrl-C
    status = 1
    with os.fdopen(write, "w", encoding="utf-8") as out:

        def tell(kind: str, *rest: Any) -> None:
            out.write(json.dumps([kind, *rest]) + "\n")
            out.flush()

        try:
            report = job(_Messenger(tell))
            tell("report", report.model_dump_json())
            status = 0
        except CourseError as error:
            tell("error", error.what, error.next_step, error.exit_code)
        except BaseException as error:
            tell("error", f"The judge ended with {error!r}"[:2000], "", GraderError.exit_code)
    os._exit(status)


def _listen(read: int, listener: Listener, deadline: float) -> Report:
    from grading.scoring import Report

    rest = b""
    with selectors.DefaultSelector() as ready:
        ready.register(read, selectors.EVENT_READ)
        while ready.select(max(deadline - time.monotonic(), 0)):
            data = os.read(read, 1 << 16)
            if not data:
                raise GraderError("The judge's process died before it had a score.")
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                kind, *fields = json.loads(line)
                if kind == "collected":
                    listener.collected(*fields)
                elif kind == "ended":
                    listener.ended(*fields)
                elif kind == "report":
                    return Report.model_validate_json(fields[0])
                else:
                    what, next_step, code = fields
                    error = CourseError(what, next_step)
                    error.exit_code = code
                    raise error
    raise GraderError("The judge took too long and was ended.")


def _reap(pid: int) -> None:
    """Wait for a child that is about to end; kill one that is not."""
    for _ in range(200):
        if os.waitpid(pid, os.WNOHANG)[0]:
            return
        time.sleep(0.001)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
