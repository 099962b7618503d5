"""Simpler versions of a call, for a student to type."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from grading.judging.standins import with_standins
from grading.judging.steps import Step, reseeded, through

if TYPE_CHECKING:
    from grading.border import Call

_ROWS = (2, 3, 5)  # sizes that large tensors are cut to, one after the other
# Of a model's weights, one after the other: 0 goes wrong as well as most, and is quick to type.
_SEEDS = (0, 1)


def smaller(steps: list[Step], call: Call) -> Iterator[list[Step]]:
    """Simpler versions of the last step, the simplest first; the steps themselves come last.

    Args:
        call: the last step as it was made in the test.
    """
    for makers, last in _bases(steps, call, _SEEDS):
        for version in _cuts(last):
            yield [*makers, version]
    yield steps


def drawn(steps: list[Step], call: Call) -> Iterator[list[Step]]:
    """The same for a call that draws, the largest first: much may show in many draws alone.

    The seeds are short, since any will do; two of them, since a student may have fixed one.
    """
    for seed in _SEEDS:
        for makers, last in _bases(steps, call, _SEEDS[:1]):
            for version in reversed([*_cuts(last)]):
                yield reseeded([*makers, version], seed)
        yield reseeded(steps, seed)


def _bases(
    steps: list[Step], call: Call, seeds: Sequence[int]
) -> Iterator[tuple[list[Step], Step]]:
    """What makes the objects, each time from another seed, and the last step in full size."""
    wholes = list(with_standins(steps, call)) or [steps]
    if len(steps) > 1 and any(value.dtype == torch.float64 for value in steps[-1].tensors()):
        # Of a model that the test made one of double precision, the lines make an ordinary one.
        wholes += [[*whole[:-1], whole[-1].with_tensors(_to_single)] for whole in wholes]
    for seed in seeds:
        for *makers, last in wholes:
            if makers or seed == seeds[0]:
                yield [replace(step, seed=seed) for step in makers], last


def detached(steps: list[Step]) -> list[Step]:
    """The same calls, no argument of which requires a gradient."""
    return [step.with_tensors(Tensor.detach) for step in steps]


def _cuts(step: Step) -> Iterator[Step]:
    """The step with less of each tensor, the least first."""
    if any(value.dim() == 4 for value in step.tensors()):
        for size in (1, 2, 4):
            yield step.with_tensors(partial(_cut_image, size=size))
    for dims in (99, 1):  # a model's layers fix the other sizes: the batch alone can be cut
        for rows in _ROWS:
            yield step.with_tensors(partial(_cut, rows=rows, dims=dims))
            # Where a schedule was cut, too, the places in it must be.
            yield step.with_each(partial(_cut_index, rows=rows, dims=dims))
    yield step.with_tensors(_rounded)


def _cut(value: Tensor, rows: int, dims: int) -> Tensor:
    if value.dim() == 0:
        return value
    return _rounded(value[tuple(slice(0, rows) for _ in value.shape[:dims])])


def _cut_image(value: Tensor, size: int) -> Tensor:
    """A corner of the first image: layers fix the channels."""
    if value.dim() != 4:
        return _rounded(value[:1]) if value.dim() else value
    return _rounded(value[:1, :, :size, :size])


def _cut_index(value: Any, rows: int, dims: int) -> Any:
    if type(value) is int:
        return min(value, rows - 1)

    def cut(tensor: Tensor) -> Tensor:
        small = _cut(tensor, rows, dims)
        if tensor.dtype is not torch.int64 or small.numel() == 0 or int(small.max()) < rows:
            return small
        # Times stay apart; of tokens the last one, which may be the mask, stays the last.
        if small.dim() == 1:
            ranks: Tensor = torch.unique(small, return_inverse=True)[1]
            return ranks
        return small.clamp(0, rows - 1)

    return through(value, cut)


def _to_single(value: Tensor) -> Tensor:
    if value.dtype != torch.float64:
        return value
    return value.detach().float().requires_grad_(value.requires_grad)


def _rounded(value: Tensor) -> Tensor:
    """To two decimals, and small numbers to two digits: 0.0001 is not nothing."""
    if not value.is_floating_point():
        return value
    exact = value.detach().double()
    unit = 10.0 ** (exact.abs().clamp(1e-30, 0.1).log10().floor() - 1).clamp(max=-2)
    return (exact / unit).round().mul(unit).to(value.dtype).requires_grad_(value.requires_grad)
