"""One end of the border: a synchronous, re-entrant conversation in which both may ask.

Whoever asks reads until its answer comes; a frame that is itself a question (a callback, a
vector-Jacobian product) is answered on the spot, in the same thread. No numbers for questions, no
threads.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import msgpack  # type: ignore[import-untyped]
import torch
from torch import nn

from .autograd import TAG, attach, leaves_below, vjp
from .errors import PeerGone, ProtocolError, Unsendable
from .frames import MAX_BUFFERS, MAX_FRAME, MAX_HEADER, Frames
from .mirrors import Mirrors
from .refs import Exports, Imports, Releases, Token
from .tensors import NAMES
from .values import X_OUTPUT, X_PARAM, Codec, Incoming, Outgoing, Pack

Handler = Callable[..., Any]


class Failed:
    """An answer that is an error, as plain data."""

    __slots__ = ("told",)

    def __init__(self, told: Any) -> None:
        self.told = told


class Peer(Codec):
    """Asks, answers, and keeps both ends' tables in step.

    Args:
        frames: where frames come and go.
        first: 1 on the judge's side, 2 in the worker, so that numbers tell whose they are.
    """

    def __init__(self, frames: Frames, first: int) -> None:
        self.frames = frames
        self.exports = Exports(first)
        self.releases = Releases()
        self.imports = Imports(self.releases)
        self.mirrors = Mirrors(self.exports, self.releases, self.accepts_value)
        self.refused: list[int] = []
        self.leaves: list[tuple[int, torch.Tensor]] = []
        self.handlers: dict[str, Handler] = {"vjp": self.answer_vjp}

    # asking
    def exchange(self, op: str, *body: Any) -> Any:
        """Ask, serve what is asked meanwhile, and return the answer, or `Failed`.

        Raises:
            Unsendable: an argument has no plain form; nothing was sent.
            PeerGone, ProtocolError: the conversation is over.
        """
        header, out = self._pack("ask", [op, *body], full=op != "vjp")
        self.frames.send(header, out.buffers)
        while True:
            kind, value, leaves = self._receive()
            if kind == "ok":
                return value
            if kind == "error":
                return Failed(value)
            self._answer(value, leaves)

    def serve_once(self) -> None:
        """Wait for one question and answer it."""
        kind, value, leaves = self._receive()
        if kind != "ask":
            raise ProtocolError("an answer that nobody asked for")
        self._answer(value, leaves)

    def _answer(self, message: Any, leaves: list[tuple[int, torch.Tensor]]) -> None:
        if type(message) is not list or not message or type(message[0]) is not str:
            raise ProtocolError("bad question")
        op, *body = message
        handler = self.handlers.get(op)
        if handler is None:
            raise ProtocolError("unknown question")
        self.leaves = leaves
        try:
            header, out = self._pack("ok", handler(*body), full=op != "vjp")
        except BaseException as error:
            told = self.tell_error(error)
            if told is None:
                raise
            header, out = self._pack("error", told)
        self.frames.send(header, out.buffers)

    def tell_error(self, error: BaseException) -> Any:
        """An error of a handler as plain data, or None if it ends the conversation."""
        raise NotImplementedError

    def accepts_value(self, tensor: torch.Tensor) -> bool:
        """Whether the other end may change the value of this parameter of ours."""
        return True

    # messages: [kind, what outputs depend on, outputs, changed parameters, released, body]
    def _pack(self, kind: str, body: Any, full: bool = True) -> tuple[bytes, Outgoing]:
        out = Outgoing("leaf" if kind == "ask" else "output")
        try:
            packed = self.pack_value(body, out)
            out.mode = "plain"
            outputs, inputs = self._export(out) if out.outputs else ([], [])
            self._check_size(len(packed), out)
            head = self.pack_value([kind, inputs, outputs, self.mirrors.collect(full)], out)
        except BaseException:
            self.exports.forget(out.made)
            for number in out.told:
                self.mirrors.untell(number)
            raise
        tail = msgpack.packb([self.releases.take(), packed])
        return b"\x92" + head + tail, out

    def _check_size(self, header: int, out: Outgoing) -> None:
        size = header + sum(len(buffer) for buffer in out.buffers)
        if header > MAX_HEADER - (1 << 20) or size > MAX_FRAME - (1 << 20):
            raise Unsendable(f"{size >> 20} MB are too much for one call")
        if len(out.buffers) > MAX_BUFFERS:
            raise Unsendable(f"{len(out.buffers)} tensors are too many for one call")

    def _export(self, out: Outgoing) -> tuple[list[Any], list[Any]]:
        """Keep the graph of the outputs here, and say which leaves it ends in."""
        known: dict[int, torch.Tensor] = {}
        inputs: list[Any] = []
        for leaf in leaves_below(out.outputs):
            tag = getattr(leaf, TAG, None)
            if isinstance(tag, Token):
                known[tag.number] = leaf
                inputs.append(tag.number)
            else:
                number, _ = self.mirrors.own(leaf)
                known[number] = leaf
                form = [NAMES[leaf.dtype], list(leaf.shape), isinstance(leaf, nn.Parameter)]
                inputs.append([number, *form])
        rows = []
        for tensor in out.outputs:
            number = self.exports.add("output", tensor, known)
            out.made.append(number)
            rows.append([number, tensor.detach()])
        return rows, inputs

    def _receive(self) -> tuple[str, Any, list[tuple[int, torch.Tensor]]]:
        frame = self.frames.receive()
        try:
            return self._read(Incoming(frame.buffers), frame.header)
        except (ProtocolError, PeerGone):
            raise
        except Exception as error:
            # Whatever a frame makes torch or Python stumble over, the frame is at fault.
            raise ProtocolError(f"unusable frame ({type(error).__name__})") from error

    def _read(
        self, inc: Incoming, header: bytes
    ) -> tuple[str, Any, list[tuple[int, torch.Tensor]]]:
        head, tail = _two(self.read_value(header, inc))
        kind, inputs, outputs, rows = _four(head)
        released, packed = _two(tail)
        if kind not in ("ask", "ok", "error") or type(packed) is not bytes:
            raise ProtocolError("bad message")
        # The last changes of a mirror come with its release.
        self.refused += self.mirrors.apply(rows)
        self.exports.forget(released)
        if outputs:
            inc.outputs = self._attach(inputs, outputs)
        value = self.read_value(packed, inc)
        return kind, value, inc.leaves

    def _attach(self, inputs: Any, outputs: Any) -> tuple[torch.Tensor, ...]:
        if type(inputs) is not list or type(outputs) is not list:
            raise ProtocolError("bad outputs")
        numbers, leaves = [], []
        for row in inputs:
            if type(row) is int:
                leaf = self.exports.get(row, "leaf", "param").thing
                numbers.append(row)
            else:
                number, dtype, shape, is_parameter = _four(row)
                if type(number) is not int:
                    raise ProtocolError("bad outputs")
                leaf = self.mirrors.outline(number, dtype, shape, is_parameter)
                numbers.append(number)
            leaves.append(leaf)
        values, marks = [], []
        for row in outputs:
            number, value = _two(row)
            if type(number) is not int or not isinstance(value, torch.Tensor):
                raise ProtocolError("bad outputs")
            if value.requires_grad or not (value.is_floating_point() or value.is_complex()):
                raise ProtocolError("bad outputs")
            marks.append(number)
            values.append(value)
        return attach(self, self.releases, marks, values, numbers, leaves)

    # tensors
    def tensor_out(self, tensor: torch.Tensor, out: Outgoing, pack: Pack) -> Any:
        if out.mode == "plain":
            return None
        if self.is_shared(tensor, out):
            return self._param_out(tensor, out, pack)
        if not tensor.requires_grad:
            return None
        if out.mode == "output":
            for i, seen in enumerate(out.outputs):
                if seen is tensor:
                    return msgpack.ExtType(X_OUTPUT, msgpack.packb(i))
            out.outputs.append(tensor)
            return msgpack.ExtType(X_OUTPUT, msgpack.packb(len(out.outputs) - 1))
        number = self.exports.add("leaf", tensor)
        out.made.append(number)
        return [number, tensor.is_leaf]

    def is_shared(self, tensor: torch.Tensor, out: Outgoing) -> bool:
        """Whether a tensor crosses as a parameter: one tensor on both sides, not a copy."""
        if isinstance(tensor, nn.Parameter) or self.exports.known(tensor) is not None:
            return True
        tag = getattr(tensor, TAG, None)
        if isinstance(tag, Token):
            return self.mirrors.alive(tag.number) is tensor
        return out.mode == "output" and tensor.is_leaf and tensor.requires_grad

    def _param_out(self, tensor: torch.Tensor, out: Outgoing, pack: Pack) -> msgpack.ExtType:
        row, value = self.mirrors.note(tensor)
        if row[0] == "mine":
            if value is not None:
                out.told.append(row[1])
            grad = None if value is None or tensor.grad is None else tensor.grad.detach()
            mode, out.mode = out.mode, "plain"
            row = [*row, None if value is None else value.detach(), grad]
            packed = pack(row)
            out.mode = mode
            return msgpack.ExtType(X_PARAM, packed)
        return msgpack.ExtType(X_PARAM, pack(row))

    def param_in(self, data: Any) -> torch.Tensor:
        return self.mirrors.read(data)

    def tensor_in(self, tensor: torch.Tensor, note: Any, inc: Incoming) -> torch.Tensor:
        number, is_leaf = _two(note)
        if type(number) is not int or not (tensor.is_floating_point() or tensor.is_complex()):
            raise ProtocolError("bad autograd note")
        leaf = tensor.data.requires_grad_()  # no view of the frame: errors would call it one
        setattr(leaf, TAG, Token(number, self.releases))
        inc.leaves.append((number, leaf))
        if is_leaf is True:
            return leaf
        # What is no leaf over there may be changed in place there, so here too.
        with torch.enable_grad():
            return leaf.clone()

    # gradients
    def fault(self, error: ProtocolError) -> NoReturn:
        """The other end broke the protocol in a way that shows only now."""
        raise error

    def ask_vjp(self, outputs: list[int], inputs: list[int], grads: list[Any], graph: bool) -> Any:
        """The other end's gradients of its outputs; a list as long as `inputs`."""
        raise NotImplementedError

    def answer_vjp(self, outputs: Any, inputs: Any, grads: Any, graph: Any) -> Any:
        """Gradients of our outputs, asked for by the other end."""
        if type(outputs) is not list or type(inputs) is not list or type(grads) is not list:
            raise ProtocolError("bad question")
        entries = [self.exports.get(number, "output") for number in outputs]
        if not entries or len(grads) != len(entries):
            raise ProtocolError("bad question")
        known: dict[int, torch.Tensor] = entries[0].extra
        try:
            wanted = [known[number] for number in inputs]
        except (KeyError, TypeError):
            raise ProtocolError("unknown number") from None
        if not all(g is None or isinstance(g, torch.Tensor) for g in grads):
            raise ProtocolError("bad question")
        return vjp([e.thing for e in entries], wanted, grads, graph is True)


def _two(value: Any) -> tuple[Any, Any]:
    if type(value) is not list or len(value) != 2:
        raise ProtocolError("bad message")
    return value[0], value[1]


def _four(value: Any) -> tuple[Any, Any, Any, Any]:
    if type(value) is not list or len(value) != 4:
        raise ProtocolError("bad message")
    return value[0], value[1], value[2], value[3]
