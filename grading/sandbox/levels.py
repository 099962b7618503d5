"""What each isolation level is, what proves it, and what to do when it cannot be had."""

# Descriptors, and paths inside another root: os, not pathlib.

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from pathlib import Path

from grading.sandbox.model import Level

_CALLS = frozenset({"EPERM", "ENOSYS"})
_FILTERED = (
    "fork", "execute", "unshare", "mount", "io_uring", "bpf", "userfaultfd", "keyctl",
    "shared_memory", "memfd", "terminal", "signal_judge", "trace_judge", "read_judge",
    "limit_judge", "socket_unix", "socket_inet", "socket_netlink", "socket_packet", "socket_alg",
    "socket_vsock",
)  # fmt: skip
_ALWAYS: dict[str, frozenset[str]] = {
    "scratch": frozenset({"allowed"}),
    "new_privileges": frozenset({"none"}),
    "environment": frozenset({"clean"}),
    "descriptors": frozenset({"0,1,2,3"}),
}
_BOTH: dict[str, frozenset[str]] = {
    **_ALWAYS,
    **dict.fromkeys(_FILTERED, _CALLS),
    "clone3": frozenset({"ENOSYS"}),
}
REQUIRED: dict[Level, dict[str, frozenset[str]]] = {
    "L3": {
        **_BOTH,
        "secret": frozenset({"ENOENT"}),
        "procfs": frozenset({"ENOENT"}),
        "write_outside": frozenset({"ENOENT"}),
        "landlock": frozenset({"EACCES"}),
        "network": frozenset({"ENETUNREACH"}),
        "processes": frozenset({"1"}),  # the parent is the first process of its own world
        "namespace": frozenset({"own"}),
    },
    "L2": {
        **_BOTH,
        "secret": frozenset({"EACCES"}),
        "procfs": frozenset({"EACCES"}),
        "write_outside": frozenset({"EACCES"}),
        "landlock": frozenset({"EACCES"}),
    },
    "L1": dict(_ALWAYS),
}

WHAT: dict[Level, str] = {
    "L3": "namespaces, Landlock, seccomp and limits",
    "L2": "Landlock, seccomp and limits, without namespaces",
    "L1": "a separate process with limits, which can read this user's files",
}


def failed(level: Level, proof: Mapping[str, str]) -> dict[str, str]:
    """The probes that did not end as `level` promises: name -> what they ended with."""
    return {
        name: proof.get(name, "not tried")
        for name, accepted in REQUIRED[level].items()
        if proof.get(name) not in accepted
    }


def explain_failed(level: Level, wrong: Mapping[str, str]) -> str:
    """One sentence for a level that was set up and did not hold."""
    probes = ", ".join(f"{name}: {result}" for name, result in wrong.items())
    return f"{level} was set up but did not hold what it promises ({probes}); please report this."


def explain(step: str, number: int) -> str:
    """One sentence: why a step of the confinement failed here and what to do about it.

    Args:
        step: as in `namespaces.SetupError`.
        number: errno.
    """
    name = errno.errorcode.get(number, str(number))
    if step in ("namespaces", "user map", "mount", "scratch", "host name"):
        return f"{_namespaces(step, number)} ({step}: {name})"
    if step == "landlock":
        return (
            "This kernel has no Landlock, or it is switched off: use Linux 5.13 or newer with "
            f"landlock in the lsm= list of its command line. ({step}: {name})"
        )
    if step == "seccomp":
        return (
            "This kernel takes no system-call filter from us: use a kernel with "
            f"CONFIG_SECCOMP_FILTER on x86_64 or aarch64. ({step}: {name})"
        )
    if step == "read":
        return (
            "The user that the sandbox runs as cannot read this Python installation: make its "
            f"files readable for everybody (chmod -R a+rX), or grade as an ordinary user. ({name})"
        )
    return f"The step '{step}' failed with {name}: please report this."


def _namespaces(step: str, number: int) -> str:
    if _setting("kernel/apparmor_restrict_unprivileged_userns") == "1":
        return (
            "AppArmor restricts user namespaces here, as Ubuntu does from 23.10 on: run `sudo "
            "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0`, or give this Python an "
            "AppArmor profile that allows userns."
        )
    if _setting("user/max_user_namespaces") == "0" or number == errno.ENOSPC:
        return (
            "User namespaces are switched off here: run `sudo sysctl -w "
            "user.max_user_namespaces=10000`."
        )
    if _setting("kernel/unprivileged_userns_clone") == "0":
        return (
            "User namespaces are for root only here: run `sudo sysctl -w "
            "kernel.unprivileged_userns_clone=1`."
        )
    if is_container():
        return (
            "This runs in a container that forbids namespaces: grade outside of it, or start it "
            "with `--security-opt seccomp=unconfined --security-opt apparmor=unconfined "
            "--security-opt systempaths=unconfined`."
        )
    if step == "mount":
        return "The sandbox may not mount its own root folder here: grade outside of containers."
    return "The kernel refuses user namespaces: grade on a system that allows them."


def is_container() -> bool:
    """Whether this looks like the inside of a container; for the wording of advice only."""
    if any(os.path.exists(mark) for mark in ("/.dockerenv", "/run/.containerenv")):
        return True
    try:
        return "container=" in Path("/proc/1/environ").read_text(errors="replace")
    except OSError:
        return False


def _setting(name: str) -> str:
    try:
        return Path("/proc/sys", name).read_text().strip()
    except OSError:
        return ""
