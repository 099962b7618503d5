"""Runs a piece of a judge under circumstances that a test needs, in a process of its own.

`python stage.py CIRCUMSTANCE CODE`; what happens is the real thing: the kernel itself refuses.
"""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def without_user_namespaces() -> None:
    """As after `sysctl user.max_user_namespaces=0`, in a namespace where we may write that."""
    from grading.sandbox import syscalls

    uid, gid = os.getuid(), os.getgid()
    syscalls.unshare(syscalls.CLONE_NEWUSER)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
    Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
    Path("/proc/sys/user/max_user_namespaces").write_text("0")


def _refused(names: list[str], error: int, *, clone: bool = False) -> None:
    from grading.sandbox import seccomp, syscalls

    here = syscalls.machine()
    assert here is not None
    program = seccomp.Filter(here)
    program.refuse(names, error)
    if clone:
        program.refuse_any_bit("clone", 0x7E020000, error)
    program.otherwise(allow=True)
    program.install()


def without_landlock() -> None:
    """As on a kernel before 5.13."""
    _refused(["landlock_create_ruleset"], errno.ENOSYS)


def in_docker() -> None:
    """As under Docker's own filter: no namespaces, no mounts."""
    _refused(["unshare", "setns", "mount", "pivot_root"], errno.EPERM, clone=True)


def in_bare_docker() -> None:
    """The same on a kernel without Landlock."""
    _refused(["unshare", "setns", "mount", "landlock_create_ruleset"], errno.EPERM, clone=True)


def plainly() -> None:
    """Nothing special."""


def as_ordinary_user() -> None:
    """As a user who is nobody, who can reach this interpreter even when it lies in root's home."""
    if os.geteuid() != 0:
        return
    from grading.sandbox import namespaces, syscalls

    syscalls.unshare(syscalls.CLONE_NEWNS)
    syscalls.mount(None, "/", None, 16384 | 1 << 18)
    needed = {Path(sys.base_prefix), Path(sys.prefix), ROOT, Path(sys.executable).parent}
    # Opened before anything is hidden, and the outer ones first: an environment that lies in the
    # repository comes with it.
    opened = {place: os.open(place, os.O_PATH) for place in sorted(needed)}
    for place, source in opened.items():
        ways = [up for up in [*place.parents][::-1] if up.exists()]
        closed = next((up for up in ways if not up.stat().st_mode & 1), None)
        if closed is not None:
            syscalls.mount("tmpfs", str(closed), "tmpfs", 0, "size=1m,mode=755")
        if not place.exists():
            place.mkdir(parents=True)
            syscalls.mount(f"/proc/self/fd/{source}", str(place), None, 4096 | 16384)
        os.close(source)
    namespaces.become(60999)
    os.environ.update(HOME="/", USER="nobody")


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    globals()[sys.argv[1]]()
    program = compile(sys.argv[2], "stage", "exec")
    exec(program, {"__name__": "stage"})
