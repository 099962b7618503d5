"""Where a judge's workers come from: one serves all tests, a fresh one only when it must."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from grading.border import Session, StudentError, Trace, WorkerDied

if TYPE_CHECKING:
    from grading.sandbox import AnySandbox, WorkerProcess

IMPORT_SECONDS = 10.0
ASIDE_SECONDS = 3.0
_LEAST_SECONDS = 1.0  # with less, a call that is merely slow would look like one that hangs


def late() -> WorkerDied:
    """What a test raises that cannot begin any more."""
    return WorkerDied("late", "the time for all tests of the part is used up")


class Workers:
    """The workers of one submission, one alive at a time.

    The sandbox is asked for at once and made while the judge collects its tests.

    Args:
        ask: makes the sandbox; called in a thread.
        file: the student's file, relative to the submission's folder.
        import_seconds: time limit for importing it.
    """

    def __init__(
        self, ask: Callable[[], AnySandbox], file: str, *, import_seconds: float = IMPORT_SECONDS
    ) -> None:
        self._thread = ThreadPoolExecutor(1)
        self._asked = self._thread.submit(ask)
        self._file = file
        self._import_seconds = import_seconds
        self._process: WorkerProcess | None = None
        self._session: Session | None = None
        self._tests = 0
        self._aside_left = 4 * ASIDE_SECONDS
        self._broken: StudentError | WorkerDied | None = None
        self._imported = False  # once at least
        self._many = False
        self.trace = Trace()  # of the worker that is alive

    @property
    def sandbox(self) -> AnySandbox:
        """The sandbox, as soon as there is one.

        Raises:
            GraderError: there is none to be had.
        """
        return self._asked.result()

    def current(self, seconds: float) -> Session:
        """The worker for the next test, its student module imported.

        Args:
            seconds: an import may not take longer, whatever its own limit.

        Raises:
            StudentError, WorkerDied: the student's file cannot be imported; a second worker has
                tried as well, and each later call raises the same again at once. A file that was
                imported before and was merely cut short by `seconds` is a WorkerDied, "late".
        """
        if self._broken is not None:
            raise self._broken
        if self._session is None:
            self._start_fairly(time.monotonic() + seconds)
            self._tests, self._imported = 0, True
        self._tests += 1
        assert self._session is not None
        return self._session

    def _start(self, seconds: float) -> None:
        self._process = self.sandbox.spawn()
        self.trace = Trace()
        session = Session(self._process, self.trace)
        session.limit(min(self._import_seconds, seconds))
        session.load(f"{self.sandbox.folder_inside}/{self._file}")
        self._session = session
        if self._many:
            self.sandbox.prepare()

    def _start_fairly(self, ends: float) -> None:
        """Start a worker, and another where the first cannot import the file."""
        for is_last in (False, True):
            try:
                self._start(max(ends - time.monotonic(), 0.01))
                return
            except (StudentError, WorkerDied) as error:
                self.discard()
                if is_last:
                    is_late = self._imported and time.monotonic() >= ends
                    self._broken = late() if is_late else error
                    raise self._broken from None

    def is_fresh(self) -> bool:
        """Whether the worker has served one test only, or there can be none at all."""
        return self._broken is not None or (self._session is not None and self._tests <= 1)

    def is_dead(self) -> bool:
        return self._session is not None and self._session.dead

    @property
    def import_error(self) -> BaseException | None:
        """Why the student's file cannot be imported, None when it can, or could at first.

        What a worker has passed before another could not be had stays passed.
        """
        return None if self._imported else self._broken

    @contextlib.contextmanager
    def aside(self) -> Iterator[Any]:
        """The student of the live worker for questions beside the test, None when it is gone.

        They leave no trace, and all of a submission's together take a few seconds at most.
        """
        session = self._session
        if session is None or session.dead or self._aside_left < _LEAST_SECONDS:
            yield None
            return
        self.trace.enabled = False
        session.limit(min(ASIDE_SECONDS, self._aside_left))
        start = time.monotonic()
        try:
            yield session.student
        finally:
            self._aside_left -= time.monotonic() - start
            self.trace.enabled = True

    def expect_more(self) -> None:
        """From now on have the next worker made ready ahead: where one test failed, more will."""
        self._many = True

    def discard(self) -> None:
        """End the worker; the next test gets another."""
        if self._process is not None:
            if self.sandbox.isolation.level != "L3":
                # One made ready ahead shares the scratch folder: wait until this one's is gone.
                self._process.kill()
            self._process.close()
        self._process = self._session = None

    def close(self) -> None:
        """End the worker and the sandbox."""
        self.discard()
        self._thread.shutdown()
        if self._asked.exception() is None:
            self.sandbox.close()
