"""Each level holds what it promises, tried by the worker itself and once more from here."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from grading.sandbox import ForkServer, Level, Sandbox, WorkerProcess, levels
from tests.sandbox.conftest import EXPECTED
from tests.sandbox.talk import ask, error, value

REFUSED = {"EPERM", "ENOSYS", "ESRCH"}
C = "import ctypes, os; libc = ctypes.CDLL(None, use_errno=True)\n"


def kernel(number: str, *words: str) -> str:
    """Code for a raw system call, named as in the tables, that raises OSError when it fails."""
    return C + (
        "from grading.sandbox.syscalls import machine\n"
        f"r = libc.syscall(machine().numbers[{number!r}], {', '.join(words)})\n"
        "if r < 0: raise OSError(ctypes.get_errno(), '')\nanswer = r"
    )


def test_the_strongest_level_is_had_here(server: ForkServer, submission: Path) -> None:
    with server.sandbox(submission) as box:
        assert box.isolation.level == EXPECTED, box.isolation.reasons
        assert len(box.isolation.reasons) == ("L3", "L2", "L1").index(EXPECTED)


def test_every_promised_probe_was_tried(sandbox: Sandbox, level: Level) -> None:
    assert sandbox.isolation.level == level
    assert set(levels.REQUIRED[level]) <= set(sandbox.isolation.proof)
    assert levels.failed(level, sandbox.isolation.proof) == {}


@pytest.mark.parametrize("probe", sorted(levels.REQUIRED["L3"]))
def test_a_probe_that_ends_otherwise_costs_the_level(
    server: ForkServer, submission: Path, probe: str
) -> None:
    kept = dict(levels.REQUIRED["L3"])
    good = {name: next(iter(accepted)) for name, accepted in kept.items()}
    assert levels.failed("L3", good) == {}
    assert levels.failed("L3", good | {probe: "something else"}) == {probe: "something else"}
    del good[probe]
    assert levels.failed("L3", good) == {probe: "not tried"}


def test_the_submission_can_be_read_and_not_written(
    sandbox: Sandbox, worker: WorkerProcess, level: Level
) -> None:
    inside = sandbox.folder_inside
    assert value(worker, f"answer = open({inside + '/vae.py'!r}).read()") == "WIDTH = 3\n"
    if level != "L1":
        for path in (inside + "/vae.py", inside + "/new.py"):
            assert error(worker, f"open({path!r}, 'a')") in {"EROFS", "EACCES"}


def test_files_of_the_judge_are_out_of_reach(
    worker: WorkerProcess, level: Level, tmp_path: Path
) -> None:
    if level == "L1":
        pytest.skip("L1 promises nothing about files")
    secret = tmp_path / "hidden_test.py"
    secret.write_text("expected = 42")
    expected = {"ENOENT"} if level == "L3" else {"EACCES"}
    paths = [secret, Path(__file__), Path(levels.__file__), Path("/etc/passwd")]
    for path in paths:
        assert error(worker, f"open({str(path)!r})") in expected, path
    for path in ("/proc/1/environ", "/proc/self/mem", f"/proc/{os.getpid()}/mem"):
        assert error(worker, f"open({path!r})") in expected, path
    assert error(worker, f"open({str(tmp_path / 'report.json')!r}, 'w')") in expected


def test_at_l3_nothing_else_is_there(worker: WorkerProcess, level: Level) -> None:
    if level != "L3":
        pytest.skip("only namespaces take things away")
    # Landlock forbids listing, so ask for each by name.
    # A virtual environment may lie anywhere, and the way to it is there.
    way = {str(up) for place in (sys.prefix, sys.base_prefix) for up in Path(place).parents}
    for name in ("/home", str(Path.home() / ".ssh"), "/etc/passwd", "/run", "/var", "/sys/kernel",
                 "/proc/self", "/proc/1", "/bin", "/usr/bin", "/dev/shm", "/dev/tty",
                 "/tmp"):  # fmt: skip
        if name in way:
            continue
        assert error(worker, f"import os; os.stat({name!r})") == "ENOENT", name


def test_sites_hold_only_what_a_student_needs(worker: WorkerProcess) -> None:
    for name in ("pytest", "psutil", "pip", "grading.check", "grading.judging"):
        assert ask(worker, f"import {name}").startswith("ModuleNotFoundError"), name
    names = "torch.optim, numpy, sympy, msgpack, json, sqlite3, ctypes, unittest"
    assert ask(worker, f"import {names}\nanswer = 1") == "1"


def test_torch_computes_as_it_does_here(worker: WorkerProcess) -> None:
    import torch

    assert value(worker, "import torch\nanswer = torch.backends.cpu.get_cpu_capability()") == (
        torch.backends.cpu.get_cpu_capability()
    )
    code = (
        "torch.manual_seed(0)\nlayer = torch.nn.Conv2d(3, 8, 3)\n"
        "optimizer = torch.optim.Adam(layer.parameters())\n"
        "layer(torch.rand(2, 3, 8, 8)).square().mean().backward()\noptimizer.step()\n"
        "answer = float(layer.weight.detach().sum())"
    )
    names: dict[str, object] = {"torch": torch}
    exec(code, names)
    assert value(worker, code, 20) == pytest.approx(names["answer"], rel=1e-5)
    assert value(worker, "torch.set_num_threads(2)\nanswer = torch.rand(300, 300).mm("
                         "torch.ones(300, 300)).shape[0]", 20) == 300  # fmt: skip


@pytest.mark.parametrize("family", [1, 2, 10, 15, 16, 17, 29, 38, 40, 44])
def test_no_socket_of_any_family(worker: WorkerProcess, family: int) -> None:
    for kind in (1, 2, 3, 5):
        assert error(worker, kernel("socket", str(family), str(kind), "0")) == "EPERM"
    assert error(worker, kernel("socketpair", str(family), "1", "0", "bytes(8)")) == "EPERM"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("ptrace", ("16", str(os.getpid()), "0", "0")),
        ("process_vm_readv", (str(os.getpid()), "0", "0", "0", "0", "0")),
        ("process_vm_writev", (str(os.getpid()), "0", "0", "0", "0", "0")),
        ("pidfd_open", (str(os.getpid()), "0")),
        ("kill", (str(os.getpid()), "0")),
        ("kill", ("-1", "0")),
        ("tkill", (str(os.getpid()), "0")),
        ("tgkill", (str(os.getpid()), str(os.getpid()), "0")),
        ("rt_sigqueueinfo", (str(os.getpid()), "0", "bytes(128)")),
        ("prlimit64", (str(os.getpid()), "7", "0", "ctypes.create_string_buffer(16)")),
        ("kcmp", (str(os.getpid()), "1", "0", "0", "0")),
        ("unshare", ("0x10000000",)),
        ("setns", ("0", "0")),
        ("mount", ("0", "b'/'", "0", "0", "0")),
        ("umount2", ("b'/'", "2")),
        ("pivot_root", ("b'.'", "b'.'")),
        ("open_tree", ("-100", "b'/'", "1")),
        ("fsopen", ("b'tmpfs'", "0")),
        ("chroot", ("b'/'",)),
        ("io_uring_setup", ("1", "ctypes.create_string_buffer(120)")),
        ("bpf", ("0", "bytes(64)", "64")),
        ("perf_event_open", ("bytes(128)", "0", "-1", "-1", "0")),
        ("userfaultfd", ("0",)),
        ("keyctl", ("0", "-3", "0")),
        ("add_key", ("b'user'", "b'x'", "b'y'", "1", "-3")),
        ("memfd_create", ("b'x'", "0")),
        ("shmget", ("0", "4096", "0o1600")),
        ("mq_open", ("b'x'", "0o102", "0o600", "0")),
        ("execve", ("b'/bin/true'", "0", "0")),
        ("execveat", ("-100", "b'/bin/true'", "0", "0", "0")),
        ("seccomp", ("0", "0", "0")),
        ("landlock_create_ruleset", ("0", "0", "1")),
        ("open_by_handle_at", ("-100", "bytes(64)", "0")),
        ("personality", ("0",)),
        ("setpriority", ("0", "0", "19")),
        ("fchmodat", ("-100", "b'.'", "0o777")),
        ("init_module", ("0", "0", "b''")),
        ("syslog", ("10", "0", "0")),
    ],
)
def test_forbidden_calls(worker: WorkerProcess, name: str, words: tuple[str, ...]) -> None:
    assert error(worker, kernel(name, *words)) == "EPERM"


@pytest.mark.parametrize(
    "flags",
    ["17", "0x10000011", "0x20000011", "0x10000", "0x10010000 | 0x900", "17 | 1 << 40", "0x4111"],
)
def test_clone_makes_threads_only(worker: WorkerProcess, flags: str) -> None:
    if flags == "0x10000":  # CLONE_THREAD alone: the filter lets it by, the kernel does not
        assert error(worker, kernel("clone", flags, "0", "0", "0", "0")) == "EINVAL"
    else:
        assert error(worker, kernel("clone", flags, "0", "0", "0", "0")) == "EPERM"


def test_calls_that_hide(worker: WorkerProcess) -> None:
    assert error(worker, kernel("clone3", "bytes(88)", "88")) == "ENOSYS"
    assert error(worker, C + "r = libc.syscall(462, 0, 0, 0)\nraise OSError(ctypes.get_errno(), '')"
                 ) == "ENOSYS"  # fmt: skip
    assert error(worker, C + "r = libc.syscall(0x40000000 | 41, 2, 1, 0)\n"
                 "raise OSError(ctypes.get_errno(), '')") == "ENOSYS"  # fmt: skip
    for request in ("0x5412", "0x5412 | 1 << 32", "0x541C", "0x541C | 7 << 32", "0x8901"):
        assert error(worker, kernel("ioctl", "1", request, "b'x'")) == "EPERM", request
    for command in ("8", "10", "15", "1026", "1033", "8 | 1 << 32"):
        assert error(worker, kernel("fcntl", "1", command, "1")) == "EPERM", command
    for option in ("4", "8", "22", "24", "35", "36", "47"):
        assert error(worker, kernel("prctl", option, "0", "0", "0", "0")) == "EPERM", option


def test_what_is_inherited_is_nothing(worker: WorkerProcess, level: Level) -> None:
    code = "import os\nanswer = sorted(os.environ)"
    assert set(value(worker, code)) <= {
        "HOME", "LANG", "LC_CTYPE", "MKL_NUM_THREADS", "OMP_NUM_THREADS", "TMPDIR"
    }  # fmt: skip
    code = (
        "import os\nanswer = []\n"
        "for fd in range(4096):\n"
        "    try: os.fstat(fd); answer.append(fd)\n"
        "    except OSError: pass\n"
    )
    assert value(worker, code) == [0, 1, 2, 3]
    assert value(worker, "import sys\nanswer = sys.argv[1:]") == []
    assert value(worker, kernel("prctl", "39", "0", "0", "0", "0")) == 1  # no_new_privs
    if level == "L3":
        assert value(worker, "import os\nanswer = os.getppid(), os.uname().nodename") == (
            1,
            "sandbox",
        )
