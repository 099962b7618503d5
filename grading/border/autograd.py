"""Lets gradients flow through a call that ran on the other side.

The side that computed keeps its graph. The other side makes the results outputs of `Remote`,
whose inputs are its own tensors that the graph over there ends in; its backward asks for one
vector-Jacobian product.
"""

from __future__ import annotations

from typing import Any, NoReturn, Protocol

import torch

from .errors import ProtocolError
from .refs import Releases

TAG = "_border_tag"


class VjpAsker(Protocol):
    """Who asks the other end for a vector-Jacobian product."""

    def fault(self, error: ProtocolError) -> NoReturn: ...

    def ask_vjp(
        self, outputs: list[int], inputs: list[int], grads: list[Any], graph: bool
    ) -> Any: ...


def leaves_below(tensors: list[torch.Tensor]) -> list[torch.Tensor]:
    """The leaves that need gradients and that these tensors were computed from."""
    seen: set[Any] = set()
    found: dict[int, torch.Tensor] = {}
    stack = []
    for tensor in tensors:
        if tensor.grad_fn is not None:
            stack.append(tensor.grad_fn)
        elif tensor.requires_grad:
            found[id(tensor)] = tensor
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        leaf = getattr(node, "variable", None)
        if isinstance(leaf, torch.Tensor):
            found[id(leaf)] = leaf
            continue
        stack.extend(parent for parent, _ in node.next_functions if parent is not None)
    return list(found.values())


class OutputHold:
    """Kept by the graph on this side; its death lets the other end forget its outputs."""

    __slots__ = ("numbers", "releases")

    def __init__(self, numbers: list[int], releases: Releases) -> None:
        self.numbers = numbers
        self.releases = releases

    def __del__(self) -> None:
        for number in self.numbers:
            self.releases.add(number)


class Remote(torch.autograd.Function):
    """Hands over values that the other end computed, and asks it for gradients."""

    @staticmethod
    def forward(
        ctx: Any, peer: VjpAsker, hold: OutputHold, inputs: Any, values: Any, *leaves: Any
    ) -> Any:
        ctx.peer, ctx.hold, ctx.inputs = peer, hold, inputs
        ctx.forms = [(leaf.shape, leaf.dtype) for leaf in leaves[: len(inputs)]]
        ctx.set_materialize_grads(False)
        return tuple(values)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        # Grad mode is on in a backward pass only under create_graph.
        graph = torch.is_grad_enabled()
        sent = [g if g is None or graph else g.detach() for g in grads]
        found = ctx.peer.ask_vjp(ctx.hold.numbers, ctx.inputs, sent, graph)
        try:
            _check(found, ctx.forms)
        except ProtocolError as error:
            ctx.peer.fault(error)
        # The last input is the tape: it makes the outputs need gradients when no leaf is known.
        return (None, None, None, None, *found, None)


def _check(grads: Any, forms: list[tuple[torch.Size, torch.dtype]]) -> None:
    if type(grads) is not list or len(grads) != len(forms):
        raise ProtocolError("bad gradients")
    for grad, form in zip(grads, forms, strict=True):
        if grad is None:
            continue
        if not isinstance(grad, torch.Tensor) or (grad.shape, grad.dtype) != form:
            raise ProtocolError("a gradient of another shape")


def attach(
    peer: VjpAsker,
    releases: Releases,
    outputs: list[int],
    values: list[torch.Tensor],
    inputs: list[int],
    leaves: list[torch.Tensor],
) -> tuple[torch.Tensor, ...]:
    """Make `values` outputs of `Remote` that depend on `leaves`; over there these are `inputs`."""
    tape = torch.zeros((), requires_grad=True)
    with torch.enable_grad():
        made: Any = Remote.apply(  # type: ignore[no-untyped-call]
            peer, OutputHold(outputs, releases), inputs, values, *leaves, tape
        )
    return tuple(made)


def vjp(
    outputs: list[torch.Tensor], inputs: list[torch.Tensor], grads: list[Any], graph: bool
) -> list[torch.Tensor | None]:
    """Gradients of `outputs` with respect to `inputs`; the graph stays for a second pass."""
    pairs = [(o, g) for o, g in zip(outputs, grads, strict=True) if g is not None]
    if not pairs or not inputs:
        return [None] * len(inputs)
    for output, grad in pairs:
        if grad.shape != output.shape or grad.dtype != output.dtype:
            raise ProtocolError("a gradient of another shape")
    with torch.enable_grad():
        found = torch.autograd.grad(
            [o for o, _ in pairs],
            inputs,
            [g for _, g in pairs],
            retain_graph=True,
            create_graph=graph,
            allow_unused=True,
        )
    return [g if g is None or graph else g.detach() for g in found]
