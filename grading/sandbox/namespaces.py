"""Namespaces and the worker's own root folder, built where the power to mount is."""

# Descriptors, and paths inside another root: os, not pathlib.

from __future__ import annotations

import contextlib
import os
import socket
import stat
import struct
from collections.abc import Iterator

from grading.sandbox import syscalls
from grading.sandbox.environment import Environment, is_below

SUBMISSION = "/submission"
SCRATCH = "/scratch"
OWN_SCRATCH = "/scratch/own"
UNLISTED = "/unlisted"  # there and readable, but not on Landlock's list: a probe of Landlock

_RDONLY, _NOSUID, _NODEV, _NOEXEC, _REMOUNT, _BIND = 1, 2, 4, 8, 32, 4096
_REC, _PRIVATE, _NOATIME, _RELATIME = 16384, 1 << 18, 0x400, 0x200000
_TMPFS = _NOSUID | _NODEV | _NOEXEC
_ALL = (
    syscalls.CLONE_NEWUSER
    | syscalls.CLONE_NEWNS
    | syscalls.CLONE_NEWPID
    | syscalls.CLONE_NEWNET
    | syscalls.CLONE_NEWIPC
    | syscalls.CLONE_NEWUTS
)


class SetupError(Exception):
    """A step of the confinement failed.

    Attributes:
        step: which one.
        number: errno.
    """

    def __init__(self, step: str, error: OSError) -> None:
        super().__init__(f"{step}: {error}")
        self.step = step
        self.number = error.errno or 0


@contextlib.contextmanager
def step(name: str) -> Iterator[None]:
    """Turns an OSError inside into a SetupError that names the step."""
    try:
        yield
    except OSError as error:
        raise SetupError(name, error) from error


def enter(environment: Environment, folder: str, uid: int | None) -> None:
    """Put this process's next child into namespaces of its own, behind a root of its own.

    With root's power the root folder is built first and as root, since only root may reach the
    interpreter where it lies in a private folder; the mounts are locked for what comes after.

    Args:
        folder: the submission; it is at `SUBMISSION` inside, read-only.
        uid: whom to become when this is root, None to stay.

    Raises:
        SetupError: the kernel or the system's rules refuse.
    """
    process = os.open("/proc/self", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    built = False
    if uid is not None:
        with contextlib.suppress(OSError):
            syscalls.unshare(syscalls.CLONE_NEWNS)
            built = True
    if built:
        with step("mount"):
            _build_root(environment, folder, copy=True)
    if uid is not None:
        with step("user"):
            become(uid)
        _check_readable(environment if built else None)
    inside = os.getuid(), os.getgid()
    with step("namespaces"):
        syscalls.unshare(_ALL)
    with step("user map"):
        for name, text in (
            ("setgroups", "deny"),
            ("uid_map", f"{inside[0]} {inside[0]} 1"),
            ("gid_map", f"{inside[1]} {inside[1]} 1"),
        ):
            _write_at(process, name, text)
    os.close(process)
    if not built:
        with step("mount"):
            _build_root(environment, folder, copy=False)
    with step("host name"):
        socket.sethostname("sandbox")


def become(uid: int) -> None:
    """From root to an ordinary user for good."""
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    syscalls.prctl(syscalls.PR_SET_DUMPABLE, 1)  # else /proc/self still belongs to root


def private_scratch(megabytes: int) -> None:
    """A file system of this process's own at `OWN_SCRATCH`, gone with it."""
    syscalls.unshare(syscalls.CLONE_NEWNS)
    options = f"size={megabytes}m,nr_inodes=4k,mode=700"
    syscalls.mount("tmpfs", OWN_SCRATCH, "tmpfs", _TMPFS, options)


def drop_capabilities() -> None:
    """Give up every capability, also those that an execve could bring back."""
    for number in range(64):
        try:
            syscalls.prctl(syscalls.PR_CAPBSET_DROP, number)
        except OSError:
            break
    with contextlib.suppress(OSError):
        syscalls.prctl(syscalls.PR_CAP_AMBIENT, 4)
    syscalls.syscall("capset", struct.pack("<Ii", 0x20080522, 0), bytes(24))


def _write_at(folder: int, name: str, text: str) -> None:
    descriptor = os.open(name, os.O_WRONLY | os.O_CLOEXEC, dir_fd=folder)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


def _check_readable(environment: Environment | None) -> None:
    """Whether the user that this process has become can read what was mounted for it."""
    if environment is None:
        return
    with step("read"):
        for path in (os.__file__, *environment.entries):
            os.close(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
        os.close(os.open(SUBMISSION, os.O_RDONLY | os.O_CLOEXEC))


def _build_root(environment: Environment, folder: str, *, copy: bool) -> None:
    """The new root, entered; the submission as a copy when its reader may not read root's."""
    syscalls.mount(None, "/", None, _REC | _PRIVATE)
    new = "/tmp"
    builder = _Root(new)
    trees = sorted(environment.trees, key=lambda tree: tree.count("/"))
    trees = [tree for n, tree in enumerate(trees) if not is_below(tree, trees[:n])]
    names = [*trees, *environment.entries, *environment.files, *([] if copy else [folder])]
    contents = _contents(folder) if copy else {}
    builder.open(names)  # before the new root hides what lies in its place
    syscalls.mount("tmpfs", new, "tmpfs", _NOSUID | _NODEV, "size=1m,nr_inodes=4k,mode=755")
    for link in ("/lib", "/lib32", "/lib64", "/usr/lib64"):
        builder.copy_link(link)
    for tree in trees:
        builder.bind(tree, tree)
    masks = [name for name in environment.hidden if is_below(name, trees)]
    for mask in masks:
        syscalls.mount("tmpfs", new + mask, "tmpfs", _TMPFS, "size=64k,nr_inodes=1k,mode=755")
    for name in (*environment.entries, *environment.files):
        builder.bind(name, name)
    for mask in masks:
        syscalls.mount(None, new + mask, None, _BIND | _REMOUNT | _RDONLY | _TMPFS)
    if copy:
        _fill(new + SUBMISSION, contents)
    else:
        builder.bind(folder, SUBMISSION)
    os.makedirs(new + OWN_SCRATCH)
    os.close(os.open(new + UNLISTED, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o644))
    builder.close()
    os.chdir(new)
    syscalls.syscall("pivot_root", b".", b".")
    syscalls.umount_lazily(".")
    syscalls.mount(None, "/", None, _REMOUNT | _BIND | _RDONLY | _NOSUID | _NODEV)
    os.chdir("/")


def _contents(folder: str) -> dict[str, bytes | None]:
    """Every file below `folder` by its relative name, None for a folder; no links."""
    found: dict[str, bytes | None] = {}
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = os.path.join(place, name)
            mode = os.lstat(path).st_mode
            if stat.S_ISDIR(mode):
                found[os.path.relpath(path, folder)] = None
            elif stat.S_ISREG(mode):
                with open(path, "rb") as file:
                    found[os.path.relpath(path, folder)] = file.read()
    return found


def _fill(target: str, contents: dict[str, bytes | None]) -> None:
    os.makedirs(target)
    pages = sum(len(data or b"") // 4096 + 2 for data in contents.values()) + 16
    options = f"size={pages * 4}k,nr_inodes={len(contents) + 16},mode=755"
    syscalls.mount("tmpfs", target, "tmpfs", _TMPFS, options)
    for name, data in contents.items():
        path = os.path.join(target, name)
        if data is None:
            os.mkdir(path, 0o755)
            os.chmod(path, 0o755)
        else:
            with open(path, "xb") as file:
                file.write(data)
                os.fchmod(file.fileno(), 0o444)
    syscalls.mount(None, target, None, _BIND | _REMOUNT | _RDONLY | _TMPFS)


class _Root:
    """A new root folder under construction at `new`."""

    def __init__(self, new: str) -> None:
        self._new = new
        self._sources: dict[str, int] = {}
        self._links: dict[str, str] = {}

    def open(self, names: list[str]) -> None:
        for name in names:
            self._sources[name] = os.open(name, os.O_PATH | os.O_CLOEXEC)

    def close(self) -> None:
        for descriptor in self._sources.values():
            os.close(descriptor)

    def copy_link(self, name: str) -> None:
        """The same symbolic link in the new root, where the system has one."""
        if os.path.islink(name):
            os.makedirs(os.path.dirname(self._new + name), exist_ok=True)
            os.symlink(os.readlink(name), self._new + name)

    def bind(self, name: str, place: str) -> None:
        source, target = self._sources[name], self._new + place
        if stat.S_ISDIR(os.fstat(source).st_mode):
            os.makedirs(target, exist_ok=True)
        elif not os.path.exists(target):
            os.makedirs(os.path.dirname(target), exist_ok=True)
            os.close(os.open(target, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o644))
        syscalls.mount(f"/proc/self/fd/{source}", target, None, _BIND)
        flags = _BIND | _REMOUNT | _RDONLY | _NOSUID | _locked(source)
        syscalls.mount(None, target, None, flags if place.startswith("/dev/") else flags | _NODEV)


def _locked(source: int) -> int:
    """Flags that a less privileged namespace inherits and must repeat."""
    have = os.fstatvfs(source).f_flag
    pairs = (
        (os.ST_NOEXEC, _NOEXEC),
        (os.ST_NOATIME, _NOATIME),
        (os.ST_RELATIME, _RELATIME),
        (os.ST_NODEV, _NODEV),
    )
    return sum(flag for bit, flag in pairs if have & bit)
