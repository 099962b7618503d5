"""The server of macOS and Windows, as far as Linux can show it: same interface, level L1."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from grading.errors import GraderError
from grading.sandbox import Limits, PortableServer
from tests.sandbox.talk import HERE, ask, tell, value

LIMITS = Limits(memory_mb=200, scratch_mb=8, output_kb=16, threads=12, file_mb=4, cpu_s=20)


@pytest.fixture(scope="module", params=[False, True], ids=["pair", "loopback"])
def portable(request: pytest.FixtureRequest) -> Iterator[PortableServer]:
    with PortableServer.start(
        entry="obedient:serve", entry_root=HERE, loopback=request.param
    ) as server:
        yield server


def test_only_l1_can_be_had(portable: PortableServer, submission: Path) -> None:
    with pytest.raises(GraderError, match="grade on Linux"):
        portable.sandbox(submission, levels=("L3", "L2"))
    with portable.sandbox(submission) as box:
        assert box.isolation.level == "L1"
        assert set(box.isolation.reasons) == {"L3", "L2"}


def test_a_bomb_of_many_processes_and_its_daemons(
    portable: PortableServer, submission: Path
) -> None:
    """One worker sees it all: output, environment, then the bomb."""
    with portable.sandbox(submission, LIMITS) as box:
        worker = box.spawn()
        assert value(worker, "import torch; answer = float(torch.ones(3).sum())", 60) == 3.0
        assert value(worker, f"answer = open({box.folder_inside + '/vae.py'!r}).read()")
        assert "pytest" not in ask(worker, "import os; answer = sorted(os.environ)")
        assert ask(worker, "import pytest").startswith("ModuleNotFoundError")
        ask(worker, "print('x' * 100_000 + '\\x1b[2J', flush=True)")
        code = (
            "import os, time\npids = []\n"
            "for _ in range(4):\n"
            "    read, write = os.pipe()\n"
            "    if os.fork() == 0:\n"
            "        os.setsid(); time.sleep(0.5)\n"
            "        if os.fork(): time.sleep(0.5); os._exit(0)\n"  # its child is nobody's
            "        os.write(write, b'x'); time.sleep(1.5)\n"
            "        x = bytearray(120 << 20); time.sleep(60)\n"
            "    os.read(read, 1)\ntime.sleep(60)"
        )
        tell(worker, code, 60)
        seen: list[psutil.Process] = []
        with pytest.raises(EOFError):
            while True:
                for child in psutil.Process().children(recursive=True):
                    if child not in seen:
                        seen.append(child)
                if worker.channel.recv_into(bytearray(1)) == 0:
                    raise EOFError
        assert worker.death is not None
        assert worker.death.kind == "memory"
        assert "200 MB" in worker.death.message
        assert "x" * 100 in worker.output
        assert worker.output_lost > 80_000
        worker.close()
        mine = psutil.Process().children(recursive=True)
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline and any(
            p.is_running() and p.status() != "zombie" for p in seen if p not in mine
        ):
            time.sleep(0.05)
        assert not [p for p in seen if p not in mine and p.is_running() and p.status() != "zombie"]


def test_deadline_and_exit(portable: PortableServer, submission: Path) -> None:
    with portable.sandbox(submission, LIMITS) as box:
        worker = box.spawn()
        with pytest.raises(TimeoutError):
            ask(worker, "while True: pass", 0.3)
        assert worker.death is not None
        assert worker.death.kind == "timeout"
        worker.close()
