"""From a forked child to a confined worker: the last trusted code before the student's."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
from dataclasses import dataclass

from grading.sandbox import landlock, namespaces, probes, report, seccomp, syscalls
from grading.sandbox.environment import Environment
from grading.sandbox.limits import Baseline
from grading.sandbox.limits import apply as apply_limits
from grading.sandbox.model import Level, Limits
from grading.sandbox.namespaces import SetupError, step
from grading.sandbox.preload import Serve

CHANNEL = 3


@dataclass(frozen=True)
class Plan:
    """Everything a worker of one sandbox needs to know to confine itself."""

    level: Level
    environment: Environment
    folder: str
    limits: Limits
    base: Baseline
    targets: probes.Targets
    own_count: bool
    ruleset: landlock.Ruleset | None = None


def become_worker(plan: Plan, channel: int, output: int, scratch: str, serve: Serve) -> None:
    """Confine this process, prove it on the channel, then serve. Never returns."""
    status = 97
    try:
        _arrange(channel, output)
        proof = _confine(plan, scratch)
        if _report({"proof": proof, "pid": os.getpid()}):
            status = 98  # only serve can still raise from here on
            sock = socket.socket(fileno=CHANNEL)
            serve(sock)
            status = 0
    except SetupError as error:
        _report({"step": error.step, "errno": error.number})
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else 1
    except BaseException as error:
        with contextlib.suppress(BaseException):
            sys.stderr.write(f"the worker ended: {type(error).__name__}: {error}\n")
    finally:
        with contextlib.suppress(BaseException):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status & 0xFF)


def _report(message: dict[str, object]) -> bool:
    data = report.frame(message)
    try:
        return os.write(CHANNEL, data) == len(data)
    except OSError:
        return False


def _arrange(channel: int, output: int) -> None:
    """Standard streams, the channel, and no other descriptor but Landlock's, closed later."""
    null = os.open("/dev/null", os.O_RDONLY)
    wanted = {0: null, 1: output, 2: output, CHANNEL: channel}
    high = {place: _above(descriptor) for place, descriptor in wanted.items()}
    for place, descriptor in high.items():
        os.dup2(descriptor, place)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN if number == signal.SIGPIPE else signal.SIG_DFL)
    signal.set_wakeup_fd(-1)
    with contextlib.suppress(OSError):
        os.setsid()


def _above(descriptor: int) -> int:
    import fcntl

    return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 64)


def _confine(plan: Plan, scratch: str) -> dict[str, str]:
    proof: dict[str, str] = {}
    if plan.level == "L3":
        with step("scratch"):
            namespaces.private_scratch(plan.limits.scratch_mb)
    os.chdir(scratch)
    for name in set(os.environ) - set(probes.ENVIRONMENT):
        del os.environ[name]
    os.environ.update(HOME=scratch, TMPDIR=scratch)
    apply_limits(plan.limits, plan.base, count_tasks=plan.own_count)
    if plan.level == "L3":
        proof |= probes.before_landlock()
    with step("capabilities"):
        namespaces.drop_capabilities()
        syscalls.prctl(syscalls.PR_SET_PDEATHSIG, signal.SIGKILL)
        syscalls.prctl(syscalls.PR_SET_NO_NEW_PRIVS, 1)
    if plan.level != "L1":
        with step("landlock"):
            assert plan.ruleset is not None
            plan.ruleset.enforce()
        unlisted = namespaces.UNLISTED if plan.level == "L3" else plan.targets.secret
        proof |= probes.before_seccomp(unlisted)
    pid = os.getpid()
    syscalls.close_all_but([0, 1, 2, CHANNEL])
    try:
        with step("seccomp"):
            seccomp.worker_filter(pid).install()
    except SetupError:
        if plan.level != "L1":  # which promises nothing of it, and takes it where it is
            raise
    return proof | probes.confined(plan.targets, scratch)


def make_ruleset(plan: Plan, scratch: str) -> landlock.Ruleset:
    """What the workers of a sandbox may open: the environment, the submission, their scratch.

    Args:
        scratch: the folder that holds each worker's own.

    Raises:
        OSError: the kernel has no Landlock.
    """
    ruleset = landlock.Ruleset()
    inside = plan.environment
    if plan.level == "L3":  # what is to be hidden is not there
        ruleset.read([*inside.trees, *inside.hidden, *inside.files, namespaces.SUBMISSION])
    else:
        ruleset.read([*inside.visible, plan.folder])
        # Importing lists a folder before it opens a file: names, nothing below can be opened.
        ruleset.list([*inside.trees, *inside.hidden])
    ruleset.write([scratch, "/dev/null"])
    return ruleset
