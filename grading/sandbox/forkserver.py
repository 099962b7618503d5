"""The warm process: imports torch once, runs nothing, and forks a sandbox on request.

It is executed afresh with a clean environment, so that nothing of the judge's, neither a test nor
a descriptor nor a variable, is in the memory that student code will share.
"""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import json
import os
import shutil
import signal
import socket
import sys
import tempfile

from grading.sandbox import control, limits, namespaces, probes, supervisor, syscalls
from grading.sandbox.environment import Environment, with_libraries
from grading.sandbox.model import Limits
from grading.sandbox.preload import Serve, load
from grading.sandbox.worker_entry import Plan, make_ruleset

_NEXT, _LAST = b"n", b"l"
# Users that no account has: systemd's range for services that run without one.
_FIRST_USER, _USERS = 61184, 4000


def main() -> None:
    """`FD OPTIONS`: serve the judges at the other end of socket FD until all are gone."""
    gc.disable()
    ctl = socket.socket(fileno=int(sys.argv[1]))
    options = json.loads(sys.argv[2])
    del sys.argv[1:]
    environment, serve = load(options["search"], options["roots"], options["entry"])
    syscalls.prctl(syscalls.PR_SET_CHILD_SUBREAPER, 1)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # children are reaped by the kernel
    environment = with_libraries(environment)
    _ = environment.visible  # looked up once here, not in each sandbox
    server = ForkServer(ctl, environment, serve)
    gc.freeze()  # without a collection first: it would walk all of torch, 0.2 s, to free little
    gc.enable()
    server.base = limits.baseline()
    server.run()
    shutil.rmtree(options["probes"], ignore_errors=True)  # when the judge could not


class ForkServer:
    """Forks one sandbox for each request; answers only on the descriptors of that request."""

    def __init__(self, ctl: socket.socket, environment: Environment, serve: Serve) -> None:
        self._ctl = ctl
        self._environment = environment
        self._serve = serve
        self.base = limits.Baseline()

    def run(self) -> None:
        """Until every judge is gone.

        One child is always forked ahead and waits for the next request, so that a judge does not
        wait for that fork.
        """
        while True:
            read, write = os.pipe()
            server = os.getpid()
            if os.fork() == 0:
                os.close(read)
                try:
                    self._serve_one(server, write)
                finally:
                    os._exit(0)
            os.close(write)
            last = os.read(read, 1) == _LAST
            os.close(read)
            if last:
                return

    def _serve_one(self, server: int, parent: int) -> None:
        """In a child: answer pings, take one request, and have the next child forked."""
        syscalls.prctl(syscalls.PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != server:  # it died before it could be watched
            return
        while True:
            message, descriptors = control.receive(self._ctl)
            if message is None:
                os.write(parent, _LAST)
                return
            if message["op"] != "ping":
                break
            with socket.socket(fileno=descriptors.pop()) as reply:
                control.send(reply, {"ready": True, "resident": self.base.resident})
        self._ctl.close()
        syscalls.prctl(syscalls.PR_SET_PDEATHSIG, 0)  # from here it lives as long as its judge
        os.write(parent, _NEXT)
        os.close(parent)
        self._open(message, descriptors)

    def _open(self, message: control.Message, descriptors: list[int]) -> None:
        """In a forked child: confine what is to come, and fork the first process of the sandbox."""
        ctl = socket.socket(fileno=descriptors[0])
        _forget_streams()
        try:
            plan, scratch = self._plan(message)
        except namespaces.SetupError as error:
            control.send(ctl, {"step": error.step, "errno": error.number})
            return
        pid = os.fork()
        if pid == 0:
            supervisor.supervise(plan, ctl, self._serve, scratch, descriptors[1:])
            os._exit(0)
        control.send(ctl, {"supervisor": pid, "scratch": scratch})

    def _plan(self, message: control.Message) -> tuple[Plan, str]:
        level, folder = message["level"], message["folder"]
        user = _user(_FIRST_USER + os.getpid() % _USERS)
        plan = Plan(
            level=level,
            environment=self._environment,
            folder=folder,
            limits=Limits(**message["limits"]),
            base=self.base,
            targets=probes.Targets(**message["targets"]),
            own_count=True,
        )
        if level == "L3":
            namespaces.enter(self._environment, folder, user)
            return _with_ruleset(plan, namespaces.SCRATCH), ""
        if user is not None and _may_read(user, [*self._environment.entries, folder]):
            with namespaces.step("user"):
                namespaces.become(user)
        else:
            plan = dataclasses.replace(plan, own_count=False)
        with namespaces.step("scratch folder"):
            scratch = _scratch([message["temporary"], "/tmp", "/var/tmp"])
        return _with_ruleset(plan, scratch) if level == "L2" else plan, scratch


def _with_ruleset(plan: Plan, scratch: str) -> Plan:
    with namespaces.step("landlock"):
        return dataclasses.replace(plan, ruleset=make_ruleset(plan, scratch))


def _scratch(places: list[str]) -> str:
    """A new folder in the first of `places` where this user may make one."""
    for place in places[:-1]:
        with contextlib.suppress(OSError):
            return tempfile.mkdtemp(prefix="latent-week-", dir=place)
    return tempfile.mkdtemp(prefix="latent-week-", dir=places[-1])


def _forget_streams() -> None:
    null = os.open("/dev/null", os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    os.close(null)


def _user(wanted: int) -> int | None:
    """`wanted` when this is root and may become that user, else None."""
    if os.geteuid() != 0:
        return None
    try:
        os.seteuid(wanted)
    except OSError:
        return None
    os.seteuid(0)
    return wanted


def _may_read(user: int, paths: list[str]) -> bool:
    """Whether another user can open the interpreter's library and `paths`, found by trying."""
    groups = os.getgroups()
    os.setgroups([])
    os.setegid(user)
    os.seteuid(user)
    try:
        for path in (os.__file__, *paths):
            os.close(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
    except OSError:
        return False
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)
    return True
