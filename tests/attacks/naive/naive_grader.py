"""A grader as they are usually written: submission and tests in one pytest process, and its word.

It exists to be forged, so that the attacks of the corpus are known to bite. Never grade with it.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
import pytest_jsonreport.plugin  # noqa: F401  warm
import torch
import torch.distributed.tensor
import torch.optim

TIMEOUT = 8.0
AT_ONCE = 2
OPTIONS = [
    *("-q", "-p", "no:cacheprovider", "-p", "no:latent-week", "-p", "no:timeout"),
    *("--json-report", "--json-report-file=report.json", "--junitxml=junit.xml"),
    *("--rootdir=.", "tests"),
]


class Student:
    """The usual fixture: import the submission into this very process."""

    def pytest_configure(self, config):
        config.addinivalue_line("markers", "task(name): the task of a test")

    @pytest.fixture
    def student(self):
        import vae

        return vae


def start(folder: Path, fresh: bool) -> int:
    """Begin grading the submission in `folder`; the process's id."""
    if fresh:
        command = [sys.executable, "-m", "pytest", "-p", "naive_grader", *OPTIONS]
        here = str(Path(__file__).parent)
        return subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{here}"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        ).pid
    pid = os.fork()
    if pid == 0:
        os.setsid()
        null = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(null, number)
        os.chdir(folder)
        sys.path.insert(0, str(folder))
        status = int(pytest.main(OPTIONS, plugins=[Student()]))
        atexit._run_exitfuncs()  # as at the end of an ordinary interpreter
        os._exit(status)
    return pid


def scores(folder: Path, status: int | None, points: dict[str, int]) -> dict[str, float]:
    """What three kinds of trusting graders would say: by exit code, by JSON, by JUnit."""
    total = sum(points.values())
    found: dict[str, float] = {"exit code": total if status == 0 else 0}
    try:
        tests = json.loads((folder / "report.json").read_text())["tests"]
        found["json"] = sum(
            points.get(test["nodeid"].rpartition("::")[2], 0)
            for test in tests
            if test["outcome"] in ("passed", "xpassed")
        )
    except (OSError, ValueError, KeyError):
        pass
    try:
        cases = list(ElementTree.parse(folder / "junit.xml").iter("testcase"))
        ran = [case for case in cases if case.find("skipped") is None]
        good = [case for case in ran if case.find("failure") is None and case.find("error") is None]
        if ran:
            of = sum(points.get(case.get("name", ""), 0) for case in ran)
            found["junit"] = total * sum(points.get(c.get("name", ""), 0) for c in good) / (of or 1)
    except (OSError, ElementTree.ParseError):
        pass
    return found


def main() -> None:
    """Grade what stands on stdin: {"points": …, "work": [[id, folder, fresh], …]}."""
    torch.set_num_threads(1)
    asked = json.load(sys.stdin)
    gc.freeze()
    todo, running, results = list(asked["work"]), {}, {}
    while todo or running:
        while todo and len(running) < AT_ONCE:
            name, folder, fresh = todo.pop(0)
            running[start(Path(folder), fresh)] = (name, Path(folder), time.monotonic())
        time.sleep(0.005)
        for pid, (name, folder, began) in list(running.items()):
            done, status = os.waitpid(pid, os.WNOHANG)
            if not done and time.monotonic() - began < TIMEOUT:
                continue
            if not done:
                os.killpg(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
            code = os.waitstatus_to_exitcode(status) if done else None
            results[name] = {"code": code, **scores(folder, code, asked["points"])}
            del running[pid]
    json.dump(results, sys.stdout)


def pytest_configure(config):
    """In a fresh interpreter this very module is the plugin."""
    config.addinivalue_line("markers", "task(name): the task of a test")


@pytest.fixture
def student():
    import vae

    return vae


if __name__ == "__main__":
    main()
