"""Grades submissions with the real grader, in a process of its own that the attacks can aim at."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

PR_SET_CHILD_SUBREAPER = 36


class Grader:
    """The real grader, warm: one judge, one fork server, any number of submissions."""

    def __init__(self, day: Path) -> None:
        from grading.judging.warm import WarmJudge
        from grading.sandbox import ForkServer
        from grading.scoring import load_assignment

        self.server = ForkServer.start()
        self.warm = WarmJudge()
        self.parts = load_assignment(day / "assignment.toml").parts
        self.server.wait_ready(timeout=60)

    def grade(self, path: Path, level: str, seconds: float = 3.0) -> dict[str, Any]:
        """The report on a submission, as plain data.

        Args:
            level: the one isolation level that will do.
            seconds: time limit of one test; import and all tests together have more, so that
                a busy machine takes no points that a submission deserves.
        """
        from grading.judging.run import Options, grade

        options = Options(
            levels=(level,),
            test_seconds=seconds,
            import_seconds=max(seconds, 3.0),
            part_seconds=4 * seconds + 6,
        )

        def job(say: Any) -> Any:
            return grade(self.parts, path, self.server, options, say)

        report = self.warm.run(job, seconds=60)
        return json.loads(report.model_dump_json())

    def close(self) -> None:
        self.server.close()


def serve() -> None:
    """Answer one JSON line with another until there are no more."""
    if "--user" in sys.argv:
        from tests.sandbox.stage import as_ordinary_user

        as_ordinary_user()
    import psutil

    if sys.platform == "linux":
        # Whoever is orphaned below becomes a child of this process, and is seen.
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    me = psutil.Process()
    try:
        grader = Grader(Path(sys.argv[1]))
    except BaseException as error:
        print(json.dumps({"error": f"{type(error).__name__}: {error}"}), file=answers, flush=True)
        return
    # The fork server stays, and so does the one child that it forks ahead; nothing else.
    allowed = len(me.children(recursive=True))
    print(json.dumps({"ready": os.getpid()}), file=answers, flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        start, answer = time.monotonic(), {}
        try:
            answer["report"] = grader.grade(Path(asked["path"]), asked["level"], asked["seconds"])
        except BaseException as error:
            answer["error"] = f"{type(error).__name__}: {error}"
        answer["seconds"] = time.monotonic() - start
        answer["left"] = _left(me, allowed)
        answer["descriptors"] = len(list(Path("/dev/fd").iterdir()))
        print(json.dumps(answer), file=answers, flush=True)
    grader.close()


def _left(me: Any, allowed: int) -> list[str]:
    """Processes that a submission left behind, after a moment to go."""
    import psutil

    deadline = time.monotonic() + 3
    while True:
        told = []
        for child in me.children(recursive=True):
            with contextlib.suppress(psutil.Error, ChildProcessError):
                if child.status() == psutil.STATUS_ZOMBIE and child.ppid() == me.pid:
                    os.waitpid(child.pid, os.WNOHANG)
                else:
                    told.append(f"{child.pid} {child.status()} {' '.join(child.cmdline())[:80]}")
        if len(told) <= allowed:
            return []
        if time.monotonic() > deadline:
            return told
        time.sleep(0.02)


class Client:
    """A grader's process as the tests use it; one request at a time."""

    def __init__(self, day: Path, env: dict[str, str], user: bool = False) -> None:
        import subprocess

        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).resolve()), str(day), *["--user"] * user],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=env,
            cwd=ROOT,
        )
        self._errors: list[str] = []
        threading.Thread(target=self._drain, daemon=True).start()
        first = self._answer()
        if "ready" not in first:
            raise RuntimeError(first.get("error", "no grader"))
        self.pid: int = first["ready"]

    def _drain(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self._errors = [*self._errors[-50:], line]

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            return {"error": "the grader's process died: " + "".join(self._errors)[-2000:]}
        return json.loads(line)

    def grade(self, path: Path, level: str, seconds: float) -> dict[str, Any]:
        assert self._process.stdin is not None
        try:
            asked = {"path": str(path), "level": level, "seconds": seconds}
            self._process.stdin.write(json.dumps(asked) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass
        return self._answer()

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except Exception:
            self._process.kill()
            self._process.wait()


if __name__ == "__main__":
    serve()
