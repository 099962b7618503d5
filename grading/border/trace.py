"""Keeps what crossed the border, so that a failed test can show and replay the very call."""

from __future__ import annotations

import re
import weakref
from dataclasses import dataclass, field
from typing import Any

import torch

from .watch import KEEP_BYTES, tensors_in, version

_STEP = re.compile(r"\.?([^.\[\]]+)|\[([^\]]+)\]")


@dataclass
class Call:
    """One call into student code.

    Attributes:
        index: place in `Trace.calls`' numbering; does not start anew while a test runs.
        name: `kl_divergence`, `VAE`, `encode`, `enc[0]`; `__call__` for calling the owner itself.
        owner: index of the call that made the object whose method this is, or None.
        args, kwargs: as they were before the call; tensors detached, copied up to 64 KiB each.
        seed: what the three generators were seeded with.
        grad_enabled: the judge's grad mode.
        result: tensors detached; None until the call ended.
        error: what it raised.
        arg_grads: gradients that later flowed into tensor arguments, by place (`0`, `1.0`, `mu`).
        callbacks: `(name, args)` of the judge's callables that the student's code called.
        changed: places of the arguments that the student's code changed in place.
    """

    index: int
    name: str
    owner: int | None
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    seed: int
    grad_enabled: bool
    result: Any = None
    error: BaseException | None = None
    arg_grads: dict[str, torch.Tensor] = field(default_factory=dict)
    callbacks: list[tuple[str, tuple[Any, ...]]] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    versions: list[tuple[torch.Tensor, int]] = field(default_factory=list, repr=False)

    def intact(self) -> bool:
        """Whether no large tensor, kept by reference, was changed since; small ones are copies."""
        return all(version(tensor) == then for tensor, then in self.versions)


class Trace:
    """The calls of one test, oldest first.

    Args:
        limit: how many calls are kept; later ones run as ever and are counted in `dropped`.
    """

    def __init__(self, limit: int = 2000) -> None:
        self.calls: list[Call] = []
        self.enabled = True
        self.limit = limit
        self.dropped = 0
        self._next = 0
        self._running: list[Call | None] = []
        self._hooks: list[Any] = []

    def clear(self) -> None:
        """Forget all calls and take the gradient hooks off."""
        self.calls.clear()
        self.dropped = 0
        self._next = 0
        for hook in self._hooks:
            hook.remove()
        self._hooks.clear()

    def begin(
        self, name: str, owner: int | None, args: tuple[Any, ...], kwargs: dict[str, Any], seed: int
    ) -> Call | None:
        """Note a call that is about to run; None when it is not kept."""
        call: Call | None = None
        if self.enabled and len(self.calls) >= self.limit:
            self.dropped += 1
        elif self.enabled:
            call = Call(self._next, name, owner, (), {}, seed, torch.is_grad_enabled())
            call.args = tuple(self._keep(call, value) for value in args)
            call.kwargs = {key: self._keep(call, value) for key, value in kwargs.items()}
            self._next += 1
            self.calls.append(call)
            self._hook(call, args, kwargs)
        self._running.append(call)
        return call

    def end(
        self, call: Call | None, result: Any = None, error: BaseException | None = None
    ) -> None:
        """Note how the innermost running call ended."""
        self._running.pop()
        if call is not None:
            call.result = self._keep(call, result)
            call.error = error

    def callback(self, name: str, args: tuple[Any, ...]) -> None:
        """Note that the running call called one of the judge's callables."""
        call = self._running[-1] if self._running else None
        if self.enabled and call is not None and len(call.callbacks) < self.limit:
            call.callbacks.append((name, tuple(self._keep(call, value) for value in args)))

    def _hook(self, call: Call, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if not call.grad_enabled:
            return
        # A weak reference: the tensor's hook must not keep a cleared call alive.
        back = weakref.ref(call)
        for place, tensor in tensors_in(args, kwargs):
            if tensor.requires_grad and not isinstance(tensor, torch.nn.Parameter):
                handle = tensor.register_hook(_recorder(back, place))  # type: ignore[no-untyped-call]
                self._hooks.append(handle)

    def _keep(self, call: Call, value: Any, depth: int = 0) -> Any:
        if isinstance(value, torch.Tensor):
            return _snapshot(call, value)
        if depth < 6:
            if type(value) in (list, tuple):
                return type(value)(self._keep(call, item, depth + 1) for item in value)
            if isinstance(value, tuple) and hasattr(value, "_make"):
                return value._make(self._keep(call, item, depth + 1) for item in value)
            if isinstance(value, dict) and type(value).__module__ in ("builtins", "collections"):
                return {key: self._keep(call, item, depth + 1) for key, item in value.items()}
        return value


def _recorder(back: weakref.ref[Call], place: str) -> Any:
    def record(grad: torch.Tensor | None) -> None:
        call = back()
        if call is not None and grad is not None:
            call.arg_grads[place] = grad.detach()

    return record


def _snapshot(call: Call, tensor: torch.Tensor) -> torch.Tensor:
    kept = tensor.detach()
    if torch._C._functorch.is_functorch_wrapped_tensor(tensor) or tensor.is_sparse:
        return kept
    if tensor.numel() * tensor.element_size() <= KEEP_BYTES:
        kept = kept.clone()
    else:
        call.versions.append((kept, version(kept)))
    if tensor.requires_grad and not kept.is_inference():
        kept.requires_grad_()
    return kept


def callable_name(thing: Any) -> str:
    """The name under which a judge's callable is noted in `Call.callbacks`."""
    if isinstance(thing, torch.nn.Module):
        return type(thing).__name__
    name = getattr(thing, "__name__", None)
    return name if isinstance(name, str) else type(thing).__name__


def follow(owner: Any, name: str) -> Any:
    """The callable that `Call.name` names, seen from its owner: `enc[0]`, `encode`, `__call__`."""
    if name == "__call__":
        return owner
    for match in _STEP.finditer(name):
        attribute, item = match.groups()
        if attribute is not None:
            owner = getattr(owner, attribute)
        else:
            owner = owner[int(item) if item.lstrip("-").isdigit() else item.strip("'")]
    return owner
