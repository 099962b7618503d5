"""Parameters that exist on both sides: each is told of the other's changes of value and gradient.

The side that made a parameter owns it; the other holds a mirror, a real `nn.Parameter`. Every
message carries what changed since the last one. A change is seen by the version counter, the
memory and, for small ones, the values, since a write through `.data` moves no counter.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.utils.weak import TensorWeakRef

from .autograd import TAG
from .errors import ProtocolError
from .refs import Entry, Exports, Releases, Token
from .tensors import check_shape
from .watch import same_bytes

_KEEP_BYTES = 8 << 20


class Stamp:
    """How a parameter looked when the other end was last told of it."""

    __slots__ = ("grad", "grad_version", "kept", "needs", "place", "version")

    def __init__(self, tensor: torch.Tensor, keep: bool) -> None:
        self.version = tensor._version
        self.place = tensor.data_ptr()
        # The gradient itself, so that its identity cannot be taken by another.
        self.grad = tensor.grad
        self.grad_version = -1 if tensor.grad is None else tensor.grad._version
        self.needs = tensor.requires_grad
        self.kept = tensor.detach().clone() if keep else None

    def value_changed(self, tensor: torch.Tensor, full: bool) -> bool:
        if tensor._version != self.version or tensor.data_ptr() != self.place:
            return True
        return full and self.kept is not None and not same_bytes(tensor, self.kept)

    def grad_changed(self, tensor: torch.Tensor) -> bool:
        grad = tensor.grad
        return grad is not self.grad or (grad is not None and grad._version != self.grad_version)


@dataclass(slots=True)
class Mirror:
    """The stand-in of a parameter of the other end's.

    `filled` says whether its value was told. `held` keeps it alive from message to message: a
    test may write to `model.mu.bias` and hold on to nothing.
    """

    ref: TensorWeakRef
    stamp: Stamp
    filled: bool
    held: torch.Tensor | None


@dataclass(slots=True)
class Own:
    """What is known of a parameter of ours that the other end mirrors."""

    stamp: Stamp
    told: bool


class Mirrors:
    """Both kinds of one end's shared parameters.

    Args:
        exports, releases: the end's numbers.
        accept: asked before a value from the other end is written to one of our own parameters.
    """

    def __init__(
        self, exports: Exports, releases: Releases, accept: Callable[[torch.Tensor], bool]
    ) -> None:
        self._exports = exports
        self._releases = releases
        self._accept = accept
        self._mirrors: dict[int, Mirror] = {}

    def __len__(self) -> int:
        return len(self._mirrors)

    def own(self, tensor: torch.Tensor) -> tuple[int, Entry]:
        """The number of a parameter of ours."""
        number, new = self._exports.share("param", tensor)
        entry = self._exports.get(number, "param")
        if new:
            entry.extra = Own(_stamp(tensor), False)
        return number, entry

    def note(self, tensor: torch.Tensor) -> tuple[list[Any], torch.Tensor | None]:
        """What stands for a parameter in a message, and its value if that was not yet told."""
        tag = getattr(tensor, TAG, None)
        if isinstance(tag, Token) and tag.number in self._mirrors:
            return ["yours", tag.number], None
        number, entry = self.own(tensor)
        row = ["mine", number, isinstance(tensor, nn.Parameter), tensor.requires_grad]
        state: Own = entry.extra
        if state.told:
            return row, None
        state.told = True
        state.stamp = _stamp(tensor)
        return row, tensor

    def read(self, data: Any) -> torch.Tensor:
        """The parameter that a note stands for, with the value and gradient sent with it."""
        if type(data) is not list or len(data) < 2 or type(data[1]) is not int:
            raise ProtocolError("bad parameter")
        if data[0] == "yours" and len(data) == 2:
            owned: torch.Tensor = self._exports.get(data[1], "param").thing
            return owned
        if (
            data[0] != "mine"
            or len(data) != 6
            or type(data[2]) is not bool
            or type(data[3]) is not bool
        ):
            raise ProtocolError("bad parameter")
        number, is_parameter, needs = data[1], data[2], data[3]
        value, grad = _plain(data[4]), _plain(data[5])
        found = self.alive(number)
        if value is None:
            if found is None or not self._mirrors[number].filled:
                raise ProtocolError("a parameter without a value")
            return found
        if found is None:
            return self._make(number, value, is_parameter, needs, grad, True)
        with torch.no_grad():
            if value.shape != found.shape or value.dtype != found.dtype:
                raise ProtocolError("a parameter of another shape")
            found.copy_(value)
        found.grad = grad
        self._mirrors[number].stamp = _stamp(found)
        self._mirrors[number].filled = True
        return found

    def untell(self, number: int) -> None:
        """The message that was to tell a value was never sent."""
        for known, entry in self._exports.entries("param"):
            if known == number:
                entry.extra.told = False

    def alive(self, number: int) -> torch.Tensor | None:
        """The mirror of a number."""
        mirror = self._mirrors.get(number)
        return None if mirror is None else mirror.held

    def outline(self, number: int, dtype: Any, shape: Any, is_parameter: Any) -> torch.Tensor:
        """A mirror whose value was never asked for: it only gathers gradients."""
        found = self.alive(number)
        if found is None:
            kind, dims, size = check_shape(dtype, shape)
            if size > 1 << 30 or not (kind.is_floating_point or kind.is_complex):
                raise ProtocolError("bad outline of a parameter")
            value = torch.empty(dims, dtype=kind)
            found = self._make(number, value, is_parameter is True, True, None, False)
        return found

    def collect(self, full: bool) -> list[list[Any]]:
        """All changes: `[number, is mine, value, gradient changed, gradient, needs gradients]`."""
        rows = []
        for number, entry in self._exports.entries("param"):
            state: Own = entry.extra
            if not state.told:
                continue
            row = self._changes(number, True, entry.thing, state.stamp, full)
            if row is not None:
                state.stamp = _stamp(entry.thing)
                rows.append(row)
        for number, mirror in list(self._mirrors.items()):
            row = self._mirror_changes(number, mirror, full)
            if row is not None:
                rows.append(row)
            # Let go, and hold on again if somebody else does; otherwise it dies here, all told.
            mirror.held = None
            mirror.held = mirror.ref()
            if mirror.held is None:
                del self._mirrors[number]
        return rows

    def _mirror_changes(self, number: int, mirror: Mirror, full: bool) -> list[Any] | None:
        tensor = mirror.held
        if tensor is None:
            return None
        if not mirror.filled:
            # It never saw the whole gradient, so what it gathered is to be added.
            grad, tensor.grad = tensor.grad, None
            return None if grad is None else [number, False, None, "add", grad.detach(), True]
        row = self._changes(number, False, tensor, mirror.stamp, full)
        if row is not None:
            mirror.stamp = _stamp(tensor)
        return row

    def apply(self, rows: Any) -> list[int]:
        """Take over the other end's changes; returns numbers of our own that it may not change."""
        refused = []
        if type(rows) is not list:
            raise ProtocolError("bad changes")
        for row in rows:
            if type(row) is not list or len(row) != 6 or type(row[0]) is not int:
                raise ProtocolError("bad changes")
            number, theirs, value, has_grad, grad, needs = row
            value, grad = _plain(value), _plain(grad)
            target: torch.Tensor | None
            stale = False
            if theirs is True:
                target = self.alive(number)
                if target is None or not self._mirrors[number].filled:
                    continue
                self._take_value(target, value)
                if type(needs) is bool and target.is_leaf and target.requires_grad != needs:
                    target.requires_grad_(needs)
            else:
                target = self._exports.get(number, "param").thing
                if value is not None and self._accept(target):
                    self._take_value(target, value)
                elif value is not None:
                    refused.append(number)
                    stale = True
            if has_grad is True:
                if grad is not None and (grad.shape != target.shape or grad.dtype != target.dtype):
                    raise ProtocolError("a gradient of another shape")
                target.grad = grad
            elif has_grad == "add" and grad is not None and theirs is not True:
                if (grad.shape, grad.dtype) != (target.shape, target.dtype):
                    raise ProtocolError("a gradient of another shape")
                target.grad = grad if target.grad is None else target.grad + grad
            if theirs is True:
                self._mirrors[number].stamp = _stamp(target)
            else:
                state: Own = self._exports.get(number, "param").extra
                state.stamp = _stamp(target)
                if stale:
                    # So that our value is told again: the mirror over there holds another one.
                    state.stamp.place = -1
        return refused

    def _take_value(self, target: torch.Tensor, value: torch.Tensor | None) -> None:
        if value is None:
            return
        with torch.no_grad():
            if value.shape == target.shape and value.dtype == target.dtype:
                target.copy_(value)
            else:
                target.grad = None
                target.data = value

    def _changes(
        self, number: int, mine: bool, tensor: torch.Tensor, stamp: Stamp, full: bool
    ) -> list[Any] | None:
        value = stamp.value_changed(tensor, full)
        grad = stamp.grad_changed(tensor)
        if not value and not grad and stamp.needs == tensor.requires_grad:
            return None
        told = None if tensor.grad is None or not grad else tensor.grad.detach()
        return [number, mine, tensor.detach() if value else None, grad, told, tensor.requires_grad]

    def _make(
        self,
        number: int,
        value: torch.Tensor,
        is_parameter: bool,
        needs: bool,
        grad: Any,
        filled: bool,
    ) -> torch.Tensor:
        made = (
            nn.Parameter(value, requires_grad=needs)
            if is_parameter
            else value.requires_grad_(needs)
        )
        if grad is not None:
            made.grad = grad
        self._releases.withdraw(number)
        setattr(made, TAG, Token(number, self._releases))
        self._mirrors[number] = Mirror(TensorWeakRef(made), _stamp(made), filled, made)
        return made


def _stamp(tensor: torch.Tensor) -> Stamp:
    return Stamp(tensor, tensor.numel() * tensor.element_size() <= _KEEP_BYTES)


def _plain(value: Any) -> torch.Tensor | None:
    if value is not None and (not isinstance(value, torch.Tensor) or value.requires_grad):
        raise ProtocolError("bad value of a parameter")
    return value
