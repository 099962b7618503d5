"""The fixture `student`: the student's module, and what tests need beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from .proxy import Proxy, traced


class Student(Proxy):
    """The student's module: `student.kl_divergence(mu, logvar)`; plus what tests need beside it.

    The names `patch`, `unpatch`, `make`, `record_rng` and `in_place` are the fixture's own.
    """

    __slots__ = ()

    def patch(self, dotted: str, replacement: Callable[..., Any]) -> None:
        """Let student code call the judge's `replacement` for e.g. `torch.randn_like`.

        `student.kl_divergence` and `student.VAE.encode` name functions of the student's own.
        """
        self._border_core.backend.patch(dotted, replacement)

    def unpatch(self) -> None:
        """Undo all patches."""
        self._border_core.backend.unpatch()

    def make(self, dotted: str, *args: Any, **kwargs: Any) -> Any:
        """Build a library object beside the student's code: `make("torch.optim.Adam", ...)`."""
        backend = self._border_core.backend
        return traced(
            backend.trace, f"make:{dotted}", None, args, kwargs,
            lambda seed: backend.make(dotted, args, kwargs, seed),
        )  # fmt: skip

    @contextmanager
    def record_rng(self) -> Iterator[list[tuple[str, tuple[int, ...]]]]:
        """Note `(operation, shape)` of the draws in a block; it can be forged."""
        log: list[tuple[str, tuple[int, ...]]] = []
        backend = self._border_core.backend
        backend.log_start()
        try:
            yield log
        finally:
            log += backend.log_stop()

    def in_place(self, *things: Any) -> AbstractContextManager[None]:
        """Allow student code to change these tensors or modules (none named: any) in a block.

        Elsewhere a changed argument raises `InputChanged`; a worker's change stays there.
        """
        return self._border_core.backend.allow(things)

    def __repr__(self) -> str:
        return f"<student's module {self._border_core.info.name}>"
