"""A tiny data set, packed as archives are, and a web server on this machine that has it."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import struct
import tarfile
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np

from lab.data import idx
from lab.data.cache import Arrays
from lab.data.recipe import File, Recipe, Source


def digits(count: int, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Images `(count, 1, 4, 4)` whose labels come in no order."""
    random = np.random.default_rng(seed)
    labels = random.permutation(np.arange(count) % 10).astype(np.uint8)
    return random.integers(0, 256, (count, 1, 4, 4)).astype(np.uint8), labels


def tiny() -> Arrays:
    return Arrays(*digits(40), *digits(20, seed=1))


def pack(path: Path, files: dict[str, bytes | tarfile.TarInfo]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name, content in files.items():
            if isinstance(content, tarfile.TarInfo):
                tar.addfile(content)
                continue
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def idx_bytes(array: np.ndarray) -> bytes:
    shape = (len(array), *array.shape[2:])
    return struct.pack(f">4B{len(shape)}I", 0, 0, 8, len(shape), *shape) + array.tobytes()


GZ = {
    f"{name}.gz": gzip.compress(idx_bytes(array), mtime=0)
    for name, array in zip(idx.FILES, tiny(), strict=True)
}


def entries(files: dict[str, bytes]) -> tuple[File, ...]:
    return tuple(File(n, len(c), hashlib.sha256(c).hexdigest()) for n, c in files.items())


class Server:
    """A web server on this machine; `answers` says what each path does."""

    def __init__(self) -> None:
        self.answers: dict[str, bytes | Callable[[BaseHTTPRequestHandler], None]] = {}
        self.asked: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append(self.path)
                answer = outer.answers.get(self.path)
                if answer is None:
                    self.send_error(404)
                elif callable(answer):
                    with contextlib.suppress(OSError):  # the other side has hung up
                        answer(self)
                else:
                    self.send_response(200)
                    self.send_header("Content-Length", str(len(answer)))
                    self.end_headers()
                    self.wfile.write(answer)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.http.server_port}"

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()


def recipe(*sources: Source) -> Recipe:
    return Recipe("MNIST", (1, 4, 4), 40, 20, tuple("0123456789"), (0.0, 1.0), sources)


def leftovers(root: Path) -> list[str]:
    return sorted(path.name for path in root.iterdir())


def silent(handler: BaseHTTPRequestHandler) -> None:
    time.sleep(0.6)


def stops_halfway(handler: BaseHTTPRequestHandler) -> None:
    content = GZ["train-images-idx3-ubyte.gz"]
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content[:40])


def drips(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    for byte in range(30):
        handler.wfile.write(bytes([byte]))
        handler.wfile.flush()
        time.sleep(0.02)


def babbles(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"\xff\xfe nothing like HTTP\r\n\r\n")


def circles(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(302)
    handler.send_header("Location", handler.path)
    handler.end_headers()


FIRST = "/bad/train-images-idx3-ubyte.gz"
ALTERED = GZ["train-images-idx3-ubyte.gz"][:-1] + b"?"
