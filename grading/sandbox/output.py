"""What a worker prints: kept up to a cap, the rest counted, and made safe to show."""

from __future__ import annotations

import contextlib
import os
import threading
import unicodedata

_CHUNK = 1 << 16


def safe_text(text: str) -> str:
    """`text` with nothing in it that could move a cursor, hide or reorder what is shown.

    Line breaks and tabs stay; every other control, format or unassigned character becomes a
    visible escape such as `\\x1b`.
    """
    return "".join(map(_visible, text.replace("\r\n", "\n")))


def _visible(char: str) -> str:
    if char in "\n\t" or (" " <= char <= "~"):
        return char
    if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"):
        return char.encode("unicode_escape", "surrogatepass").decode("ascii")
    return char


class Output:
    """The read end of a worker's stdout and stderr, without waiting.

    Attributes:
        keep: the cap in bytes.
        open: whether more can come.
        lost: how many bytes were thrown away.
    """

    def __init__(self, descriptor: int, keep: int) -> None:
        self.descriptor = descriptor
        self.open = True
        self.lost = 0
        self.keep = keep
        self._kept = bytearray()
        os.set_blocking(descriptor, False)

    def drain(self) -> None:
        """Take what there is now, one chunk."""
        if not self.open:
            return
        try:
            data = os.read(self.descriptor, _CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.close()
            return
        self._take(data)

    def drain_all(self) -> None:
        """Take what there is now, for a worker that has ended; bounded by what a pipe holds."""
        for _ in range(64):
            before = len(self._kept) + self.lost
            self.drain()
            if len(self._kept) + self.lost == before:
                return

    def _take(self, data: bytes) -> None:
        room = max(0, self.keep - len(self._kept))
        self._kept += data[:room]
        self.lost += len(data) - len(data[:room])

    def text(self) -> str:
        """What was kept, safe to show."""
        return safe_text(bytes(self._kept).decode("utf-8", "replace"))

    def close(self) -> None:
        if self.open:
            self.open = False
            with contextlib.suppress(OSError):
                os.close(self.descriptor)


class ThreadedOutput(Output):
    """The same where pipes cannot be polled (Windows): a thread reads."""

    def __init__(self, descriptor: int, keep: int) -> None:
        self.descriptor = descriptor
        self.open = False  # nothing to poll
        self.lost = 0
        self.keep = keep
        self._kept = bytearray()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        with contextlib.suppress(OSError):
            while data := os.read(self.descriptor, _CHUNK):
                self._take(data)
        with contextlib.suppress(OSError):
            os.close(self.descriptor)

    def drain_all(self) -> None:
        self._thread.join(0.5)

    def close(self) -> None:
        """The thread ends by itself when the last writer is gone."""
