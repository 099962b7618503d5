"""Whoever dies, the others end or say so in one sentence; nobody waits for ever."""

from __future__ import annotations

import contextlib
import gc
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from grading.errors import GraderError
from grading.sandbox import LEVELS, ForkServer, Level, Limits, Sandbox, WorkerProcess
from tests.sandbox.conftest import EXPECTED
from tests.sandbox.talk import HERE, ask, start, value

JUDGE = """
import sys, time
sys.path.insert(0, {root!r})
from pathlib import Path
from tests.sandbox.talk import start, tell
server = start()
boxes = [server.sandbox(Path({folder!r}), levels=(level,)) for level in {levels!r}]
workers = [box.spawn() for box in boxes]
for worker in workers: tell(worker, "while True: pass", 60)
print(" ".join(str(box.supervisor) for box in boxes), server.pid, flush=True)
time.sleep(60)
"""


def _gone(processes: list[psutil.Process], seconds: float = 20.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not any(_runs(process) for process in processes):
            return True
        time.sleep(0.02)
    return False


def _runs(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def test_a_killed_judge_leaves_nothing(submission: Path, tmp_path: Path) -> None:
    levels = LEVELS[LEVELS.index(EXPECTED) :]
    code = JUDGE.format(root=str(HERE.parents[1]), folder=str(submission), levels=levels)
    root = str(HERE.parents[1])
    environment = {**os.environ, "PYTHONPATH": root, "TMPDIR": str(tmp_path)}
    if os.geteuid() == 0:
        tmp_path.chmod(0o755)
    judge = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, env=environment, text=True
    )
    assert judge.stdout is not None
    assert select.select([judge.stdout], [], [], 60)[0]
    heads = [psutil.Process(int(word)) for word in judge.stdout.readline().split()]
    family = [*heads, *(child for head in heads for child in head.children(recursive=True))]
    assert len(family) >= 2 + 2 * len(levels)
    judge.kill()
    judge.wait()
    judge.stdout.close()
    assert _gone(family), [process for process in family if _runs(process)]
    deadline = time.monotonic() + 5
    while list(tmp_path.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert list(tmp_path.iterdir()) == []


def test_a_killed_fork_server_is_one_sentence(submission: Path) -> None:
    with start() as server:
        server.wait_ready()
        with server.sandbox(submission, levels=("L2", "L1")) as box:
            process = psutil.Process(server.pid)
            family = [process, *process.children()]
            os.kill(server.pid, signal.SIGKILL)
            assert _gone([one for one in family if one.pid != box.supervisor])
            begin = time.monotonic()
            with pytest.raises(
                GraderError, match=r"fork server was killed by SIGKILL .*\."
            ) as told:
                server.sandbox(submission)
            assert time.monotonic() - begin < 5
            assert "\n" not in str(told.value)
            assert ask(box.spawn(), "answer = 1") == "1"  # what is open does not need it


def test_a_fork_server_that_cannot_start_is_one_sentence(submission: Path) -> None:
    with ForkServer.start(entry="no_such_room:serve", entry_root=HERE) as server:
        with pytest.raises(GraderError, match="No module named 'no_such_room'") as told:
            server.wait_ready()
        assert "\n" not in str(told.value)


def test_waiting_for_the_fork_server_ends(submission: Path) -> None:
    with start() as server:
        os.kill(server.pid, signal.SIGSTOP)
        begin = time.monotonic()
        with pytest.raises(GraderError, match="not ready in 0 s"):
            server.wait_ready(0.2)
        assert time.monotonic() - begin < 10


def test_start_returns_at_once() -> None:
    begin = time.monotonic()
    with start() as server:
        started = time.monotonic()
        server.wait_ready()  # it imports torch first
        assert started - begin < (time.monotonic() - begin) / 2


def test_a_killed_supervisor_is_one_sentence(
    server: ForkServer, submission: Path, level: Level
) -> None:
    box = server.sandbox(submission, levels=(level,))
    worker = box.spawn()
    family = psutil.Process(box.supervisor).children(recursive=True)
    os.kill(box.supervisor, signal.SIGKILL)
    with pytest.raises((EOFError, BrokenPipeError)):
        ask(worker, "import time; time.sleep(20)", 5)
    with pytest.raises(GraderError, match="supervisor was killed") as told:
        worker.kill()
    assert "\n" not in str(told.value)
    with pytest.raises(GraderError, match="supervisor was killed"):
        box.spawn()
    assert _gone(family)
    worker.close()
    box.close()


def test_a_stopped_supervisor_does_not_hold_the_judge(
    server: ForkServer, submission: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("grading.sandbox.box._END_SECONDS", 0.3)
    monkeypatch.setattr("grading.sandbox.box._OPEN_SECONDS", 0.3)
    box = server.sandbox(submission, levels=("L2", "L1"))
    worker = box.spawn()
    os.kill(box.supervisor, signal.SIGSTOP)
    begin = time.monotonic()
    with pytest.raises(GraderError, match="does not answer"):
        worker.kill()
    with pytest.raises(GraderError, match="No worker was ready"):
        box.spawn()
    assert time.monotonic() - begin < 10
    os.kill(box.supervisor, signal.SIGKILL)
    box.close()


def test_forked_judges_share_one_server(server: ForkServer, submission: Path) -> None:
    server.wait_ready()
    children = []
    for n in range(4):
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            status = 1
            with contextlib.suppress(BaseException):
                limits = Limits(file_mb=n + 1)
                with server.sandbox(submission, limits) as box:
                    worker = box.spawn()
                    code = "import resource\nanswer = resource.getrlimit(resource.RLIMIT_FSIZE)[0]"
                    for _ in range(5):
                        assert value(worker, code) == (n + 1) << 20
                        worker.close()
                        worker = box.spawn()
                    os.write(write, b"good")
                    status = 0
            os._exit(status)
        os.close(write)
        children.append((pid, read))
    for pid, read in children:
        assert select.select([read], [], [], 30)[0]
        assert os.read(read, 4) == b"good"
        os.close(read)
        assert os.waitpid(pid, 0)[1] == 0


def test_several_sandboxes_are_open_at_a_time(server: ForkServer, submission: Path) -> None:
    boxes = [server.sandbox(submission) for _ in range(3)]
    workers = [box.spawn() for box in boxes]
    for n, worker in enumerate(workers):
        assert ask(worker, f"mine = {n}; answer = 1") == "1"
    boxes[1].close()
    assert [ask(workers[n], "answer = mine") for n in (0, 2)] == ["0", "2"]
    for box in boxes:
        box.close()


def test_prepare_has_the_next_worker_waiting(sandbox: Sandbox, worker: WorkerProcess) -> None:
    def family() -> set[int]:
        return {child.pid for child in psutil.Process(sandbox.supervisor).children(recursive=True)}

    before, deadline = family(), time.monotonic() + 20
    sandbox.prepare()
    while family() <= before and time.monotonic() < deadline:
        time.sleep(0.01)
    ready = family()
    assert ready > before
    worker.close()
    following = sandbox.spawn()
    assert family() <= ready  # nobody was born for it
    assert ask(following, "answer = 1") == "1"
    following.close()


def test_a_closed_sandbox_says_so(server: ForkServer, submission: Path) -> None:
    box = server.sandbox(submission)
    box.close()
    box.close()
    with pytest.raises(GraderError, match="closed"):
        box.spawn()


def test_no_descriptor_leaks_in_the_judge(server: ForkServer, submission: Path) -> None:
    def count() -> int:
        gc.collect()
        return len(list(Path("/proc/self/fd").iterdir()))

    server.sandbox(submission).close()
    before = count()
    for _ in range(3):
        box = server.sandbox(submission)
        box.prepare()
        worker = box.spawn()
        ask(worker, "answer = 1")
        worker.close()
        box.spawn()
        box.prepare()
        box.close()
    assert count() == before
