"""The judge's end: a session with one worker, used through `session.student`."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, NoReturn, Protocol

import torch
from torch import nn

from . import rng
from .allow import Allowance
from .core import Core
from .errors import (
    DeadlinePassed,
    InputChanged,
    PeerGone,
    ProtocolError,
    Unsendable,
    WorkerDied,
    rebuild,
    safe_text,
)
from .frames import BUDGET, Wire
from .host import Info
from .judge_peer import JudgePeer
from .peer import Failed
from .proxy import Proxy
from .student import Student
from .tensors import NAMES
from .trace import Trace
from .watch import MAX_TENSORS, tensors_in

_MAX_NAMES = 10_000


class Death(Protocol):
    """How a worker ended."""

    @property
    def kind(self) -> str: ...
    @property
    def message(self) -> str: ...


class Channel(Wire, Protocol):
    """A wire whose every wait ends with TimeoutError at one `time.monotonic` deadline."""

    deadline: float | None


class WorkerProcess(Protocol):
    """A process that serves student code at the other end of `channel`."""

    @property
    def channel(self) -> Channel: ...
    @property
    def death(self) -> Death | None: ...
    def kill(self) -> None: ...


class Session:
    """One worker, from loading the student's file to its death.

    Args:
        worker: the process at the other end.
        trace: where calls are noted; may be exchanged at any time.
    """

    def __init__(self, worker: WorkerProcess, trace: Trace | None = None) -> None:
        self.worker = worker
        self.trace = trace
        self.allowance = Allowance()
        self.peer = JudgePeer(self, worker.channel)
        self._end: tuple[str, str] | None = None
        self._seconds: float | None = None
        core = Core(self, 0, Info("object", "student", "", ()))
        core.origin = (None, "")
        self._root = Student(core)

    @property
    def student(self) -> Student:
        """The student's module."""
        return self._root

    @property
    def dead(self) -> bool:
        """Whether every further call raises WorkerDied."""
        return self._end is not None

    def load(self, path_inside: str) -> list[str]:
        """Import the student's file; returns its public names.

        Raises:
            StudentError: what the file raised, e.g. a SyntaxError.
            WorkerDied: it ended or silenced the worker.
        """
        found = self.ask("load", str(path_inside), rng.next_seed(), *self._context())
        names, functions = self._pair(found)
        self._root._border_core.known.update(self._strings(functions))
        self._root._border_core.info = Info("object", path_inside.rpartition("/")[2], "", ())
        return self._strings(names)

    def limit(self, seconds: float | None, budget: int | None = BUDGET) -> None:
        """From now on, `seconds` until the worker is killed, and `budget` bytes it may send."""
        self._seconds = seconds
        deadline = None if seconds is None else time.monotonic() + seconds
        self.worker.channel.deadline = deadline
        self.peer.frames.renew(budget)

    def ask(self, op: str, *body: Any) -> Any:
        """One exchange; StudentError for an error over there, WorkerDied when it cannot be had."""
        if self._end is not None:
            raise WorkerDied(*self._end)
        try:
            found = self.peer.exchange(op, *body)
            error = rebuild(found.told) if isinstance(found, Failed) else None
        except (WorkerDied, Unsendable):
            raise
        except (PeerGone, ProtocolError) as failure:
            self._bury(failure)
        except BaseException:
            # An interrupt, or a fault of our own, left the conversation in the middle.
            self._close(PeerGone("the judge was interrupted"))
            raise
        if error is None:
            return found
        raise self.peer.original(error) or error

    def _bury(self, failure: Exception) -> NoReturn:
        raise WorkerDied(*self._close(failure)) from None

    def _close(self, failure: Exception) -> tuple[str, str]:
        self.worker.kill()
        death = self.worker.death
        if isinstance(failure, DeadlinePassed):
            kind, message = "timeout", self._too_slow()
            if death is not None and death.kind in ("timeout", "memory"):
                kind, message = death.kind, death.message
        elif isinstance(failure, PeerGone):
            kind, message = "exit", safe_text(str(failure), 300)
            if death is not None:
                kind, message = death.kind, death.message
        else:
            text = safe_text(str(failure), 300)
            kind, message = "protocol", f"the worker broke the protocol: {text}"
        self._end = (kind, message)
        return self._end

    def _too_slow(self) -> str:
        return "the time limit passed" + (f" ({self._seconds:g} s)" if self._seconds else "")

    def fault(self, what: str) -> NoReturn:
        """The worker broke the protocol: end it."""
        self._bury(ProtocolError(what))

    def _context(self) -> tuple[bool, str | None]:
        dtype = torch.get_default_dtype()
        return torch.is_grad_enabled(), None if dtype is torch.float32 else NAMES.get(dtype)

    # the proxies' backend
    def invoke(
        self, target: Proxy, name: str | None, args: Any, kwargs: Any, seed: int | None, title: str
    ) -> Any:
        """Call a student object or its method."""
        self.peer.refused.clear()
        ref = target._border_core.ref
        found = self.ask("call", ref, name, list(args), kwargs, seed, *self._context())
        return self._settle(found, args, kwargs, title)

    def make(self, dotted: str, args: Any, kwargs: Any, seed: int) -> Any:
        """Build a library object in the worker."""
        self.peer.refused.clear()
        found = self.ask("make", dotted, list(args), kwargs, seed, *self._context())
        return self._settle(found, args, kwargs, dotted)

    def step(self, target: Proxy, seed: int | None) -> tuple[bool, Any]:
        """(True, next item) of a student's iterator, or (False, None)."""
        more, item = self._pair(self.ask("step", target._border_core.ref, seed, *self._context()))
        return more is True, item

    def get(self, target: Proxy, name: str) -> tuple[bool, Any]:
        """(True, None) for a method, else (False, the attribute)."""
        method, value = self._pair(self.ask("get", target._border_core.ref, name, *self._context()))
        return method is True, value

    def set(self, target: Proxy, name: str, value: Any) -> None:
        """Set an attribute."""
        self.ask("set", target._border_core.ref, name, value)

    def delete(self, target: Proxy, name: str) -> None:
        """Delete an attribute."""
        self.ask("delete", target._border_core.ref, name)

    def names(self, target: Proxy) -> list[str]:
        """`dir()` of a student object."""
        return self._strings(self.ask("names", target._border_core.ref))

    def signature(self, target: Proxy, name: str | None) -> Any:
        """Rows of `Host.signature`."""
        rows = self.ask("signature", target._border_core.ref, name)
        if rows is not None and type(rows) is not list:
            self.fault("bad signature")
        for row in rows or []:
            kinds = [type(item) for item in row] if type(row) is list and len(row) == 5 else []
            if kinds[:3] != [str, int, bool] or kinds[4] is not bool or not 0 <= row[1] < 5:
                self.fault("bad signature")
        return rows

    def doc(self, target: Proxy, name: str | None) -> str | None:
        """A docstring."""
        text = self.ask("doc", target._border_core.ref, name)
        return text if type(text) is str else None

    def copy(self, target: Proxy) -> Any:
        """A deep copy, which stays in the worker too."""
        return self.ask("copy", target._border_core.ref)

    def patch(self, dotted: str, replacement: Callable[..., Any]) -> None:
        """Let the worker call the judge's function in place of a library's."""
        self.ask("patch", dotted, replacement)

    def unpatch(self) -> None:
        """Undo all patches; a dead worker has none."""
        if self._end is None:
            self.ask("unpatch")

    def log_start(self) -> None:
        """Begin to note random draws."""
        self.ask("log_start")

    def log_stop(self) -> list[tuple[str, tuple[int, ...]]]:
        """What was drawn."""
        if self._end is not None:
            return []
        rows = self.ask("log_stop")
        if type(rows) is not list or not all(type(r) is tuple and len(r) == 2 for r in rows):
            self.fault("bad log of random draws")
        return list(rows)

    def allow(self, things: tuple[Any, ...]) -> AbstractContextManager[None]:
        """Allow changes in place for a while."""
        return self.allowance.block(things)

    def _settle(self, found: Any, args: Any, kwargs: Any, title: str) -> Any:
        """Take the result out of an answer, and what else the call did to its arguments."""
        if type(found) is not list or len(found) != 3:
            self.fault("bad result")
        value, changed, grads = found
        try:
            places = self._take_changes(changed, args, kwargs)
            self._take_grads(grads)
            places += [self._param_place(number, args, kwargs) for number in self.peer.refused]
        except ProtocolError as failure:
            self._bury(failure)
        if places:
            raise InputChanged(title, places)
        return value

    def _take_changes(self, changed: Any, args: Any, kwargs: Any) -> list[str]:
        if changed is None:
            return []
        if type(changed) is not dict:
            raise ProtocolError("bad changes")
        refused = []
        for i, (place, tensor) in zip(range(MAX_TENSORS), tensors_in(args, kwargs), strict=False):
            if i not in changed:
                continue
            now = changed[i]
            fits = isinstance(now, torch.Tensor) and now.shape == tensor.shape
            if fits and now.dtype == tensor.dtype and self.allowance.covers(tensor):
                with torch.no_grad():
                    tensor.copy_(now)
            else:
                refused.append(place)
        return refused

    def _take_grads(self, grads: Any) -> None:
        """Gradients that the student's own backward gathered in tensors of the judge."""
        if grads is None:
            return
        if type(grads) is not dict:
            raise ProtocolError("bad gradients")
        for number, grad in grads.items():
            tensor = self.peer.exports.get(number, "leaf").thing
            if not isinstance(grad, torch.Tensor) or grad.requires_grad:
                raise ProtocolError("bad gradients")
            if (grad.shape, grad.dtype) != (tensor.shape, tensor.dtype):
                raise ProtocolError("a gradient of another shape")
            torch.autograd.backward([tensor], [grad], retain_graph=True)

    def _param_place(self, number: int, args: Any, kwargs: Any) -> str:
        wanted = self.peer.exports.get(number, "param").thing
        place: str
        named: list[tuple[str, Any]] = [(str(i), value) for i, value in enumerate(args)]
        for place, thing in [*named, *kwargs.items()]:
            if thing is wanted:
                return place
            if isinstance(thing, nn.Module):
                for name, parameter in thing.named_parameters():
                    if parameter is wanted:
                        return f"{place}.{name}"
        return "a parameter of the test's"

    def _pair(self, found: Any) -> tuple[Any, Any]:
        if type(found) not in (list, tuple) or len(found) != 2:
            self.fault("bad answer")
        return found[0], found[1]

    def _strings(self, found: Any) -> list[str]:
        if type(found) is not list or len(found) > _MAX_NAMES:
            self.fault("bad names")
        if not all(type(name) is str for name in found):
            self.fault("bad names")
        return list(found)
