"""The small rooms alone: filters, tables, text, messages, environment."""

from __future__ import annotations

import os
import socket
import struct
import sys
import time
from pathlib import Path

import pytest

from grading.sandbox import control, environment, probes, seccomp, syscalls
from grading.sandbox.channel import Channel
from grading.sandbox.model import LEVELS
from grading.sandbox.output import Output, safe_text

PID = 77
ALLOW, EPERM, ENOSYS, KILL = 0x7FFF0000, 0x50001, 0x50026, 0x80000000


def run(machine: syscalls.Machine, number: int, *arguments: int, arch: int | None = None) -> int:
    """The verdict of the worker's filter, by a small interpreter of the kernel's instructions."""
    old = syscalls.machine
    syscalls.machine = lambda: machine  # type: ignore[assignment]
    try:
        code = seccomp.worker_filter(PID)._code
    finally:
        syscalls.machine = old
    words = [*arguments, 0, 0, 0, 0, 0, 0][:6]
    data = struct.pack("<iIQ6Q", number, machine.audit if arch is None else arch, 0, *words)
    at = accumulator = 0
    while True:
        operation, yes, no, value = struct.unpack("<HBBI", code[at])
        at += 1
        if operation == 0x06:
            return value
        if operation == 0x20:
            (accumulator,) = struct.unpack_from("<I", data, value)
            continue
        holds = {
            0x15: accumulator == value,
            0x35: accumulator >= value,
            0x45: bool(accumulator & value),
        }[operation]
        at += yes if holds else no


@pytest.fixture(params=sorted(syscalls.MACHINES))
def machine(request: pytest.FixtureRequest) -> syscalls.Machine:
    return syscalls.MACHINES[request.param]


def test_filter_on_every_machine(machine: syscalls.Machine) -> None:
    n = machine.numbers
    assert run(machine, n["read"]) == ALLOW
    assert run(machine, n["openat"]) == ALLOW
    assert run(machine, n["futex"]) == ALLOW
    for name in ("socket", "ptrace", "execve", "mount", "unshare", "kill", "io_uring_setup"):
        assert run(machine, n[name]) == EPERM, name
    assert run(machine, n["clone3"]) == ENOSYS
    assert run(machine, 463) == ENOSYS
    assert run(machine, n["clone"], 0x3D0F00) == ALLOW  # what glibc makes a thread with
    assert run(machine, n["clone"], 0x3D0F00 | 0x10000000) == EPERM
    assert run(machine, n["clone"], 0x1200011) == EPERM
    assert run(machine, n["clone"], 0x3D0F00 | 1 << 60) == ALLOW  # the kernel drops that bit
    assert run(machine, n["tgkill"], PID, 5, 6) == ALLOW
    assert run(machine, n["tgkill"], PID + 1, 5, 6) == EPERM
    assert run(machine, n["prlimit64"], 0) == ALLOW
    assert run(machine, n["prlimit64"], 1) == EPERM
    assert run(machine, n["fcntl"], 9, 1030) == ALLOW
    assert run(machine, n["fcntl"], 9, 8) == EPERM
    assert run(machine, n["ioctl"], 0, 0x5401) == ALLOW
    assert run(machine, n["ioctl"], 0, 0x5412) == EPERM
    assert run(machine, n["ioctl"], 0, 0x5412 | 1 << 32) == EPERM
    assert run(machine, n["prctl"], 15) == ALLOW
    assert run(machine, n["prctl"], 4) == EPERM
    assert run(machine, n["read"], arch=0x40000003) == KILL
    assert run(machine, n["read"] | 0x40000000) == ENOSYS
    assert run(machine, -1) == ENOSYS


def test_tables_agree_with_known_numbers() -> None:
    x86, arm = (syscalls.MACHINES[name].numbers for name in ("x86_64", "aarch64"))
    assert (x86["openat"], x86["clone"], x86["seccomp"], x86["socket"]) == (257, 56, 317, 41)
    assert (arm["openat"], arm["clone"], arm["seccomp"], arm["socket"]) == (56, 220, 277, 198)
    for name in ("clone3", "landlock_create_ruleset", "io_uring_setup", "futex_waitv"):
        assert x86[name] == arm[name] >= 424  # from there on the machines share their numbers
    assert "open" not in arm
    for numbers in (x86, arm):
        assert len(set(numbers.values())) == len(numbers)


def test_safe_text() -> None:
    assert safe_text("a\tb\nσ² ∇ 😀") == "a\tb\nσ² ∇ 😀"
    assert safe_text("\x1b[31m") == "\\x1b[31m"
    assert safe_text("a\r\nb\rc") == "a\nb\\rc"
    assert safe_text("\u202e\u2066\u200d\ufeff\x85\u2028\ud800\x00") == (
        "\\u202e\\u2066\\u200d\\ufeff\\x85\\u2028\\ud800\\x00"
    )


def test_output_keeps_a_cap_and_counts_the_rest() -> None:
    read, write = os.pipe()
    output = Output(read, 10)
    os.write(write, b"0123456789abcde")
    output.drain()
    assert (output.text(), output.lost) == ("0123456789", 5)
    os.close(write)
    output.drain_all()
    assert not output.open


def test_channel_obeys_its_deadline_while_output_floods() -> None:
    mine, theirs = socket.socketpair()
    read, write = os.pipe()
    seen: list[float] = []
    channel = Channel(mine, Output(read, 10), lambda: seen.append(time.monotonic()))
    channel.deadline = time.monotonic() + 0.35
    os.write(write, bytes(60_000))
    with pytest.raises(TimeoutError):
        channel.recv_into(bytearray(1))
    assert channel.timed_out
    assert 2 <= len(seen) <= 5  # each 100 ms
    with pytest.raises(TimeoutError):
        channel.sendall(b"x")
    channel.deadline = None
    theirs.sendall(b"ab")
    buffer = bytearray(5)
    assert channel.recv_into(buffer) == 2
    theirs.close()
    assert channel.recv_into(buffer) == 0
    assert channel.at_end
    with pytest.raises(BrokenPipeError):
        channel.sendall(b"x")
    channel.close()
    os.close(write)


def test_control_messages_carry_descriptors_and_end() -> None:
    a, b = control.pair()
    read, write = os.pipe()
    control.send(a, {"op": "x"}, [write])
    message, descriptors = control.receive(b, seconds=1)
    assert message == {"op": "x"}
    os.write(descriptors[0], b"through")
    assert os.read(read, 7) == b"through"
    assert not os.get_inheritable(descriptors[0])
    with pytest.raises(TimeoutError):
        control.receive(b, seconds=0.05)
    with pytest.raises(TimeoutError):
        for _ in range(100_000):
            control.send(a, {"fill": "x" * 1000}, seconds=0.05)
    a.close()
    while control.receive(b, seconds=1)[0] is not None:
        pass
    control.close_all([*descriptors, read, write])
    b.close()


def test_environment_is_the_closure_of_three(tmp_path: Path) -> None:
    found = environment.find(sys.path)
    names = {Path(entry).name for entry in found.entries}
    assert {"torch", "numpy", "msgpack", "sympy", "typing_extensions.py"} <= names
    for name in ("pytest", "_pytest", "psutil", "grading", "pip", "rich", "pydantic"):
        assert name not in names
    for path in found.visible:
        assert not environment.is_below(path, found.hidden) or path in found.entries
    stdlib = str(Path(os.__file__).resolve().parent)
    assert f"{stdlib}/json" in found.visible or stdlib in found.visible
    with pytest.raises(LookupError, match="torch"):
        environment.find([str(tmp_path)])


def test_visible_covers_everything_but_the_hidden(tmp_path: Path) -> None:
    for name in ("lib/a/x", "lib/site-packages/pytest", "lib/site-packages/torch", "lib/b"):
        (tmp_path / name).mkdir(parents=True)
    lib, site = str(tmp_path / "lib"), str(tmp_path / "lib/site-packages")
    found = environment.Environment((), (lib,), (site,), (f"{site}/torch",), ())
    assert found.visible == [f"{lib}/a", f"{lib}/b", f"{site}/torch"]


def test_probe_outcomes() -> None:
    assert probes.outcome(lambda: os.open("/nowhere/at/all", os.O_RDONLY)) == "ENOENT"
    assert probes.outcome(lambda: None) == "allowed"
    assert LEVELS == ("L3", "L2", "L1")
