"""The judge's handle on the fork server: starts it, asks it for sandboxes, notices its end."""

# Descriptors, and paths inside another root: os, not pathlib.

from __future__ import annotations

import atexit
import contextlib
import dataclasses
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from grading.errors import GraderError
from grading.sandbox import control
from grading.sandbox.box import RefusedError, Sandbox
from grading.sandbox.model import Level, Limits

ENTRY = "grading.border.worker:serve"

_PROGRAM = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); "
    "from grading.sandbox.forkserver import main; main()"
)
# A fixed hash seed: the order of a student's set must not differ from one grading to the next.
CLEAN = {
    "PATH": "/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "KMP_INIT_AT_FORK": "FALSE",
    "PYTHONHASHSEED": "0",
    "HOME": "/",
    # Huge pages under the heap: a fork copies 200 times fewer page tables, 1 ms and not 6 ms.
    # They need malloc for everything, and glibc 2.35; elsewhere these two change nothing.
    "PYTHONMALLOC": "malloc",
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
}
_INSTALL = "Install the course's packages (`make install`) and run it again."


class ForkServer:
    """Made by `ForkServer.start`; may be used by forked children of the process that started it.

    Attributes:
        resident: bytes that a worker has before any student code, 0 until the server is ready.
    """

    def __init__(self, process: subprocess.Popen[bytes], ctl: socket.socket, probes: Path) -> None:
        self.resident = 0
        self._process = process
        self._ctl = ctl
        self._probes = probes
        self._owner = os.getpid()
        self._closed = False
        atexit.register(self.close)

    @property
    def pid(self) -> int:
        """The server's process id."""
        return self._process.pid

    @classmethod
    def start(cls, *, entry: str = ENTRY, entry_root: Path | None = None) -> ForkServer:
        """Start the server and return at once; its imports go on in the background.

        Args:
            entry: "module:function", what a confined worker calls with its socket.
            entry_root: the folder that holds that module when it is not this package's.
        """
        roots = [str(entry_root), package_root()] if entry_root else [package_root()]
        probes = _put_up_probes()
        mine, theirs = control.pair()
        options = {"search": search_path(), "roots": roots, "entry": entry, "probes": str(probes)}
        try:
            process = subprocess.Popen(
                # -I would also drop the hash seed; these three with a clean environment are -I
                [sys.executable, "-S", "-s", "-P", "-B", "-X", "utf8", "-c", _PROGRAM,
                 package_root(), str(theirs.fileno()), json.dumps(options)],
                pass_fds=[theirs.fileno()],
                env=CLEAN,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            mine.close()
            shutil.rmtree(probes, ignore_errors=True)
            raise GraderError(f"The fork server could not be started: {error}.") from None
        finally:
            theirs.close()
        return cls(process, mine, probes)

    def wait_ready(self, timeout: float = 60) -> None:
        """Until torch is imported there.

        Raises:
            GraderError: it ended, or was not ready in `timeout` seconds.
        """
        if self.resident:
            return
        reply, other = control.pair()
        try:
            self._send({"op": "ping"}, [other.fileno()])
            other.close()
            answer, _ = control.receive(reply, seconds=timeout)
        except TimeoutError:
            raise GraderError(
                f"The fork server was not ready in {timeout:.0f} s.", "Is the machine very busy?"
            ) from None
        finally:
            other.close()
            reply.close()
        if answer is None:
            raise GraderError(self.what_happened("while it started"), _INSTALL)
        self.resident = int(answer["resident"]) or 1

    def sandbox(
        self,
        folder: Path,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        levels: Sequence[Level] = ("L3", "L2", "L1"),
    ) -> Sandbox:
        """A sandbox for one submission, at the first of `levels` that proves true.

        Args:
            folder: a fresh copy of the submission; its workers can read it and not write it.

        Raises:
            GraderError: none of `levels` can be had, or the server is gone.
        """
        self.wait_ready()
        reasons: dict[str, str] = {}
        for level in levels:
            try:
                return Sandbox(self, folder.resolve(), limits, level, dict(reasons))
            except RefusedError as error:
                reasons[level] = str(error)
        told = " ".join(f"{level}: {reason}" for level, reason in reasons.items())
        raise GraderError(
            f"The isolation that was asked for cannot be had here. {told}",
            "Do that, or allow a weaker level.",
        )

    def open_sandbox(
        self, level: Level, folder: str, limits: Limits, descriptors: list[int]
    ) -> None:
        """Ask for a sandbox; the answer comes over the first of `descriptors`."""
        targets = {
            "judge": os.getpid(),
            "secret": str(self._probes / "secret"),
            "outside": str(self._probes / "outside"),
        }
        message = {
            "op": "sandbox",
            "level": level,
            "folder": folder,
            "limits": dataclasses.asdict(limits),
            "targets": targets,
            "temporary": tempfile.gettempdir(),
        }
        self._send(message, descriptors)

    def _send(self, message: control.Message, descriptors: list[int]) -> None:
        if self._closed:
            raise GraderError("This fork server is closed.")
        try:
            control.send(self._ctl, message, descriptors)
        except TimeoutError:
            raise GraderError("The fork server takes no more requests.") from None
        except OSError:
            raise GraderError(self.what_happened("before it could be asked"), _INSTALL) from None

    def what_happened(self, when: str) -> str:
        """One sentence about a server that is gone."""
        status = None
        if os.getpid() == self._owner:
            with contextlib.suppress(subprocess.TimeoutExpired):
                status = self._process.wait(1.0)
        if status is None:
            how = "ended"
        elif status < 0:
            how = f"was killed by {signal.Signals(-status).name}"
        else:
            how = f"ended with status {status}"
        said = self._last_words()
        return f"The fork server {how} {when}{': ' + said if said else ''}."

    def _last_words(self) -> str:
        stream = self._process.stderr
        if stream is None or stream.closed:
            return ""
        os.set_blocking(stream.fileno(), False)
        deadline = time.monotonic() + 0.2
        text = b""
        while time.monotonic() < deadline:
            part = stream.read()
            if part:
                text += part
            elif part == b"":
                break
            else:
                time.sleep(0.01)
        lines = text.decode(errors="replace").strip().splitlines()
        return lines[-1].rstrip(".") if lines else ""

    def close(self) -> None:
        """End the server. Sandboxes that are open stay until they are closed."""
        if self._closed:
            return
        self._closed = True
        self._ctl.close()
        if os.getpid() != self._owner:
            return
        atexit.unregister(self.close)
        self._process.kill()
        self._process.wait()
        if self._process.stderr is not None:
            self._process.stderr.close()
        shutil.rmtree(self._probes, ignore_errors=True)

    def __enter__(self) -> ForkServer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def package_root() -> str:
    """The folder that holds this package."""
    return str(Path(__file__).resolve().parents[2])


def search_path() -> list[str]:
    """Where this process finds distributions."""
    return [name for name in sys.path if name and os.path.isdir(name)]


def _put_up_probes() -> Path:
    """A secret that only isolation protects, and a folder that only isolation closes."""
    place = Path(tempfile.mkdtemp(prefix="latent-week-probes-"))
    place.chmod(0o755)
    (place / "secret").write_text("the judge's\n")
    (place / "secret").chmod(0o644)
    (place / "outside").mkdir()
    (place / "outside").chmod(0o777)
    return place
