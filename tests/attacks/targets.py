"""What the attacks aim at: a secret file, tokens, listeners, a memory segment; and whether hit."""

from __future__ import annotations

import contextlib
import ctypes
import os
import secrets
import shutil
import socket
import sysconfig
import tempfile
import threading
from pathlib import Path

import attack_corpus


class Targets:
    """Set up once for a run of the corpus; `damage` says what an attack did to them."""

    def __init__(self) -> None:
        self.secret = "lw-secret-" + secrets.token_hex(12)
        self.token = "lw-secret-" + secrets.token_hex(12)
        self.folder = Path(tempfile.mkdtemp(prefix="canary-"))
        # Open to everybody: what keeps an attack out must be the sandbox, not the file's mode.
        self.folder.chmod(0o777)
        self._secret_file = self.folder / "secret.txt"
        self._secret_file.write_text(self.secret)
        self._secret_file.chmod(0o666)
        self.hits: list[str] = []
        self._sockets: list[socket.socket] = []
        self.names = {
            "CANARY": str(self.folder),
            "DAY": str(attack_corpus.DAY),
            "HOME": str(Path.home()),
            "PORT": str(self._listen("tcp", socket.AF_INET, ("127.0.0.1", 0))[1]),
            "UDP": str(self._datagrams()),
            "ABSTRACT": "canary-" + secrets.token_hex(8),
            "SHM": str(self._segment()),
            "JUDGE": str(os.getpid()),
        }
        self._listen("unix", socket.AF_UNIX, str(self.folder / "socket"))
        (self.folder / "socket").chmod(0o777)
        self._listen("abstract", socket.AF_UNIX, "\0" + self.names["ABSTRACT"])
        self._files = self._listing()

    def environment(self) -> dict[str, str]:
        """An environment full of tokens, as a CI runner's is."""
        return {
            **{name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ},
            "HOME": str(self.folder),
            "GITHUB_TOKEN": self.token,
            "AWS_SECRET_ACCESS_KEY": self.token,
            "SECRET": self.token,
            "OMP_NUM_THREADS": "1",
        }

    def damage(self) -> list[str]:
        """What was hit since the start, one sentence each."""
        found = list(self.hits)
        if self._secret_file.read_text() != self.secret:
            found.append("the secret file was changed")
        if self._listing() != self._files:
            found.append(f"files appeared: {sorted(self._listing() - self._files)}")
        return found

    def close(self) -> None:
        for one in self._sockets:
            one.close()
        shutil.rmtree(self.folder, ignore_errors=True)
        if self._shm >= 0:
            ctypes.CDLL(None).shmctl(self._shm, 0, None)

    def _listing(self) -> frozenset[str]:
        home = Path.home()
        site = Path(sysconfig.get_paths()["purelib"])
        places = [
            home,
            home / ".config",
            home / ".ssh",
            home / ".cache/torch",
            site,
            site / "torch",
        ]
        places += [
            Path(os.__file__).parent,
            *map(Path, ("/", "/tmp", "/var/tmp", "/etc", "/usr/lib")),
        ]
        places += [attack_corpus.DAY, attack_corpus.DAY / "tests", Path.cwd(), Path.cwd().parent]
        places += [Path("/dev/shm"), home / ".local/lib", Path("/scratch")]
        found = {str(path) for place in places for path in place.glob("lw-*")}
        return frozenset(found | {str(path) for path in self.folder.rglob("*")})

    def _listen(self, name: str, family: int, address: object) -> tuple:
        listener = socket.socket(family)
        listener.bind(address)
        listener.listen()
        self._sockets.append(listener)

        def accept() -> None:
            while True:
                try:
                    link, _ = listener.accept()
                except OSError:
                    return
                self.hits.append(f"the {name} listener was reached")
                link.close()

        threading.Thread(target=accept, daemon=True).start()
        return listener.getsockname()

    def _datagrams(self) -> int:
        receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        receiver.bind(("127.0.0.1", 0))
        self._sockets.append(receiver)

        def receive() -> None:
            while True:
                try:
                    _, sender = receiver.recvfrom(100)
                except OSError:
                    return
                self.hits.append("the UDP listener was reached")
                with contextlib.suppress(OSError):
                    receiver.sendto(b"got it", sender)

        threading.Thread(target=receive, daemon=True).start()
        return receiver.getsockname()[1]

    def _segment(self) -> int:
        self._shm = ctypes.CDLL(None).shmget(secrets.randbelow(1 << 30) + 1, 4096, 0o1666)
        if self._shm > 0:
            return self._shm
        return 0
