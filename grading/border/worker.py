"""The worker's end: holds the student's module and answers the judge, until the channel closes."""

from __future__ import annotations

import random  # noqa: F401  imported before any student code, so that a random.py of theirs is inert
import sys
import types
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import msgpack  # type: ignore[import-untyped]
import torch
from torch import nn

from . import rng
from .autograd import TAG
from .callbacks import Guest, GuestModule, fill_module, judge_iterator, make_guest, make_module
from .errors import PeerGone, ProtocolError, describe, rebuild
from .frames import Frames, Wire
from .host import Host, inform
from .peer import Failed, Peer
from .refs import Token
from .tensors import DTYPES
from .values import (
    X_BACK,
    X_GUEST,
    X_ITERATOR,
    X_METHOD,
    X_MODULE,
    X_OBJECT,
    X_SPACE,
    Outgoing,
    Pack,
)
from .watch import Watched, tensors_in, watch


def serve(sock: Wire) -> None:
    """Answer the judge at the other end of a connected stream socket until it closes."""
    worker = WorkerPeer(sock)
    while True:
        try:
            worker.serve_once()
        except (PeerGone, ProtocolError):
            return
        finally:
            for stream in (sys.stdout, sys.stderr):
                with suppress(BaseException):
                    stream.flush()


class WorkerPeer(Peer):
    """Gives the student's objects out by number, and runs what the judge asks for."""

    def __init__(self, sock: Wire) -> None:
        super().__init__(Frames(sock, budget=None), 2)
        self.host = Host()
        self._depth = 0
        self.handlers.update(
            load=self.load, call=self.call, make=self.make, step=self.step, get=self.get,
            set=self.set, delete=self.delete, names=self.names, signature=self.signature,
            doc=self.doc, copy=self.copy,
            patch=self.host.patch, unpatch=self.host.unpatch, log_start=self.host.log_start,
            log_stop=self.host.log_stop,
        )  # fmt: skip

    # what the judge may ask
    def load(self, path: str, seed: int, grad: bool, dtype: str | None) -> list[list[str]]:
        names = self._run(seed, grad, dtype, lambda: self.host.load(path))
        return [names, self.host.functions()]

    def call(
        self, number: int, name: str | None, args: list[Any], kwargs: dict[str, Any],
        seed: int | None, grad: bool, dtype: str | None,
    ) -> list[Any]:  # fmt: skip
        thing = self._thing(number)
        return self._watched(
            args, kwargs, seed, grad, dtype, lambda: self.host.call(thing, name, args, kwargs)
        )

    def make(
        self,
        dotted: str,
        args: list[Any],
        kwargs: dict[str, Any],
        seed: int,
        grad: bool,
        dtype: str | None,
    ) -> list[Any]:
        return self._watched(
            args, kwargs, seed, grad, dtype, lambda: self.host.make(dotted, args, kwargs)
        )

    def step(self, number: int, seed: int | None, grad: bool, dtype: str | None) -> list[Any]:
        thing = self._thing(number)
        return list(self._run(seed, grad, dtype, lambda: self.host.step(thing)))

    def get(self, number: int, name: str, grad: bool, dtype: str | None) -> list[Any]:
        thing = self._thing(number)
        return list(self._run(None, grad, dtype, lambda: self.host.get(thing, name)))

    def set(self, number: int, name: str, value: Any) -> None:
        setattr(self._thing(number), name, value)

    def delete(self, number: int, name: str) -> None:
        delattr(self._thing(number), name)

    def names(self, number: int) -> list[str]:
        return self.host.names(self._thing(number))

    def signature(self, number: int, name: str | None) -> Any:
        return self.host.signature(self._thing(number), name)

    def doc(self, number: int, name: str | None) -> str | None:
        return self.host.doc(self._thing(number), name)

    def copy(self, number: int) -> Any:
        return self.host.copy(self._thing(number))

    def _thing(self, number: int) -> Any:
        return self.host.root if number == 0 else self.exports.get(number, "object").thing

    def _watched(
        self, args: list[Any], kwargs: dict[str, Any], seed: int | None, grad: bool,
        dtype: str | None, body: Callable[[], Any],
    ) -> list[Any]:  # fmt: skip
        """Run, and also say which arguments were changed, and which gathered gradients."""
        leaves = self.leaves
        seen: list[Watched] = [] if seed is None else watch(tensors_in(args, kwargs))
        result = self._run(seed, grad, dtype, body)
        changed = {
            i: w.tensor.detach()
            for i, w in enumerate(seen)
            if not isinstance(w.tensor, nn.Parameter) and w.changed()
        }
        grads = {number: leaf.grad.detach() for number, leaf in leaves if leaf.grad is not None}
        return [result, changed or None, grads or None]

    def _run(self, seed: int | None, grad: bool, dtype: str | None, body: Callable[[], Any]) -> Any:
        nested = rng.save() if self._depth and seed is not None else None
        self._depth += 1
        usual = None if dtype is None else torch.get_default_dtype()
        try:
            if seed is not None:
                rng.plant(seed)
            if dtype is not None:
                torch.set_default_dtype(DTYPES[dtype])
            with torch.set_grad_enabled(grad):
                return body()
        finally:
            self._depth -= 1
            if usual is not None:
                torch.set_default_dtype(usual)
            if nested is not None:
                rng.restore(nested)

    def tell_error(self, error: BaseException) -> Any:
        if isinstance(error, PeerGone | ProtocolError):
            return None
        return describe(error, self.host.file)

    # what the student's code may ask of the judge
    def callback(self, number: int, name: str | None, args: Any, kwargs: Any) -> Any:
        """Call one of the judge's callables, or a method of one."""
        return self._ask("callback", number, name, list(args), kwargs, torch.is_grad_enabled())

    def next_of(self, number: int) -> tuple[bool, Any]:
        """The next item of a judge's iterator."""
        more, item = self._ask("next", number)
        return more, item

    def ask_vjp(self, outputs: list[int], inputs: list[int], grads: list[Any], graph: bool) -> Any:
        return self._ask("vjp", outputs, inputs, grads, graph)

    def _ask(self, op: str, *body: Any) -> Any:
        found = self.exchange(op, *body)
        if isinstance(found, Failed):
            raise rebuild(found.told)
        return found

    # values
    def object_out(self, thing: Any, out: Outgoing, pack: Pack) -> msgpack.ExtType:
        if isinstance(thing, Guest | GuestModule):
            return msgpack.ExtType(X_BACK, pack(thing.__dict__["_border"][1]))
        number, new = self.exports.share("object", thing)
        if new:
            out.made.append(number)
        entry = self.exports.get(number, "object")
        if entry.extra is None:
            info = inform(thing)
            entry.extra = pack([number, info.kind, info.name, info.caps, list(info.mro)])
        return msgpack.ExtType(X_OBJECT, entry.extra)

    def object_in(self, code: int, data: Any) -> Any:
        if code == X_OBJECT:
            return self._thing(data)
        if code == X_METHOD:
            return getattr(self._thing(data[0]), data[1])
        if code == X_SPACE:
            return types.SimpleNamespace(**data)
        if code == X_ITERATOR:
            return _released(judge_iterator(self, data), data, self)
        if code == X_MODULE:
            return self._module(data)
        if code == X_GUEST:
            number, name, caps, methods, attributes = data
            found = self.imports.get(number)
            if found is None:
                found = make_guest(self, number, name, caps, methods, attributes)
                self.imports.put(number, found)
            else:
                found.__dict__.update(attributes)
            return found
        return super().object_in(code, data)

    def generator_in(self, data: bytes) -> torch.Generator:
        made = torch.Generator()
        made.set_state(torch.frombuffer(bytearray(data), dtype=torch.uint8))
        return made

    def _module(self, row: Any) -> GuestModule:
        found = self.imports.get(row[0])
        if found is None:
            found = self.imports.put(row[0], make_module(self, row[0], row[1]))
        return fill_module(found, row, self._module)

    def is_shared(self, tensor: torch.Tensor, out: Outgoing) -> bool:
        tag = getattr(tensor, TAG, None)
        if isinstance(tag, Token) and self.mirrors.alive(tag.number) is not tensor:
            return False
        return super().is_shared(tensor, out)


def _released(iterator: Any, number: int, worker: WorkerPeer) -> Any:
    worker.imports.put(number, iterator)
    return iterator
