"""The judge's end of the conversation: gives out its objects by number, and answers callbacks."""

from __future__ import annotations

import sys
from typing import Any, NoReturn, Protocol

import msgpack  # type: ignore[import-untyped]
import torch
from torch import nn

from . import guests
from .allow import Allowance
from .backend import Backend
from .errors import (
    PeerGone,
    ProtocolError,
    StudentError,
    Unsendable,
    WorkerDied,
    describe,
    one_line,
)
from .frames import Frames, Wire
from .host import Info
from .peer import Peer
from .proxy import Method, Proxy, make_proxy
from .trace import callable_name
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

_MAX_THROWN = 100


class Owner(Backend, Protocol):
    """The session whose conversation this is."""

    allowance: Allowance

    def ask(self, op: str, *body: Any) -> Any: ...


class JudgePeer(Peer):
    """Knows what of the judge's the worker may name, and nothing else can be reached from there."""

    def __init__(self, session: Owner, channel: Wire) -> None:
        super().__init__(Frames(channel), 1)
        self.session = session
        self._thrown: dict[int, BaseException] = {}
        self.handlers.update(callback=self.answer_callback, next=self.answer_next)

    def ask_vjp(self, outputs: list[int], inputs: list[int], grads: list[Any], graph: bool) -> Any:
        return self.session.ask("vjp", outputs, inputs, grads, graph)

    def accepts_value(self, tensor: torch.Tensor) -> bool:
        return self.session.allowance.covers(tensor)

    def tell_error(self, error: BaseException) -> Any:
        if isinstance(error, WorkerDied | PeerGone | ProtocolError):
            return None
        if isinstance(error, KeyboardInterrupt | SystemExit):
            return None
        number = self.exports.add("error", None)
        self.exports.forget([number])
        if len(self._thrown) > _MAX_THROWN:
            self._thrown.clear()
        self._thrown[number] = error
        # Its text may hold an expected value, and the judge keeps the exception itself.
        hidden = {"message": "the test's own function failed", "origin": number}
        return {**describe(error, ""), **hidden}

    def fault(self, error: ProtocolError) -> NoReturn:
        self.session.fault(str(error))

    def original(self, error: StudentError) -> BaseException | None:
        """The judge's own exception, when what came back is what a callback of the judge raised."""
        found = None if error.origin is None else self._thrown.get(error.origin)
        self._thrown.clear()
        return found

    def answer_callback(self, number: Any, name: Any, args: Any, kwargs: Any, grad: Any) -> Any:
        """The student's code calls one of the judge's callables, or a public method of one."""
        function = self.exports.get(number, "callable").thing
        if type(args) is not list or type(kwargs) is not dict or type(grad) is not bool:
            raise ProtocolError("bad callback")
        if not all(type(key) is str for key in kwargs):
            raise ProtocolError("bad callback")
        # A method in place of one of the student's own is given the object that it belongs to.
        plain = args[1:] if name is None and getattr(function, "takes_self", False) else args
        if any(_holds_object(value) for value in (*plain, *kwargs.values())):
            raise TypeError("only tensors and plain data may be passed to a function of the test's")
        if name is None:
            if self.session.trace is not None:
                self.session.trace.callback(callable_name(function), tuple(args))
        elif (type(name) is str and name in _DUNDERS and name[2] in guests.caps_of(function)) or (
            type(name) is str and name in guests.methods_of(function)
        ):
            function = getattr(function, name)
        else:
            raise AttributeError("the test's object has no such method")
        with torch.set_grad_enabled(grad):
            try:
                found = function(*args, **kwargs)
            except Exception as error:
                error.__dict__["asked_of"] = callable_name(function)  # for the verdict on it
                raise
        return None if isinstance(found, nn.Module) else found

    def answer_next(self, number: Any) -> list[Any]:
        """The student's code asks one of the judge's iterators for its next item."""
        iterator = self.exports.get(number, "callable").thing
        missing = object()
        item = next(iterator, missing)
        return [False, None] if item is missing else [True, item]

    def object_out(self, thing: Any, out: Outgoing, pack: Pack) -> msgpack.ExtType:
        kind = type(thing)
        if kind is Method:
            row = [self._ref(thing._border_owner), thing._border_name]
            return msgpack.ExtType(X_METHOD, pack(row))
        if issubclass(kind, Proxy):
            return msgpack.ExtType(X_OBJECT, pack(self._ref(thing)))
        what = guests.kind_of(thing)
        if what == "space":
            return msgpack.ExtType(X_SPACE, pack(guests.space_of(thing)))
        if what == "module":
            return msgpack.ExtType(X_MODULE, pack(self._module(thing, out)))
        number = self._share(thing, out)
        if what == "iterator":
            return msgpack.ExtType(X_ITERATOR, pack(number))
        told = [guests.caps_of(thing), guests.methods_of(thing), guests.attributes_of(thing)]
        return msgpack.ExtType(X_GUEST, pack([number, callable_name(thing), *told]))

    def object_in(self, code: int, data: Any) -> Any:
        if code == X_BACK:
            return self.exports.get(data, "callable").thing
        if code != X_OBJECT or type(data) is not list or len(data) != 5:
            raise ProtocolError("unexpected object")
        number, kind, name, caps, mro = data
        if type(number) is not int or not 0 <= number < sys.maxsize:
            raise ProtocolError("bad object")
        if not all(type(text) is str for text in (kind, name, caps)) or len(caps) > 8:
            raise ProtocolError("bad object")
        if type(mro) is not list or len(mro) > 16 or not all(type(path) is str for path in mro):
            raise ProtocolError("bad object")
        found = self.imports.get(number)
        if found is None:
            info = Info(kind, one_line(name, 80), caps, tuple(mro))
            found = self.imports.put(number, make_proxy(self.session, number, info))
        return found

    def _ref(self, proxy: Proxy) -> int:
        if proxy._border_core.backend is not self.session:
            raise Unsendable("an object of another worker cannot be sent to this one")
        return int(proxy._border_core.ref)

    def _share(self, thing: Any, out: Outgoing) -> int:
        number, new = self.exports.share("callable", thing)
        if new:
            out.made.append(number)
        return number

    def _module(self, module: nn.Module, out: Outgoing) -> list[Any]:
        """A module as the worker imitates it: calls come back here, parameters are mirrored."""
        return [
            self._share(module, out),
            guests.torch_class(module),
            module.training,
            guests.methods_of(module),
            guests.attributes_of(module),
            [[n, p] for n, p in module._parameters.items() if p is not None],
            [[n, b.detach()] for n, b in module._buffers.items() if b is not None],
            [[n, self._module(m, out)] for n, m in module._modules.items() if m is not None],
        ]


# The letter that tells of each is its third: __iter__, __len__, __getitem__.
_DUNDERS = frozenset({"__iter__", "__len__", "__getitem__"})


def _holds_object(value: Any, depth: int = 0) -> bool:
    if isinstance(value, Proxy):
        return True
    if depth >= 4:
        return False
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple | set | frozenset):
        return any(_holds_object(item, depth + 1) for item in value)
    return False
