"""Walks and sums in the space of codes: tensors in, tensors out, nothing drawn."""

from __future__ import annotations

import torch
from torch import Tensor

from lab.errors import LabError

_TINY = 1e-6  # sine of an angle below which two codes have no plane of their own


def lerp(a: Tensor, b: Tensor, steps: int) -> Tensor:
    """The straight line from a to b, both ends included.

    Shapes: a and b `(D,)` -> `(steps, D)`.

    Raises:
        LabError: fewer than 2 steps, or codes of different sizes.
    """
    t = _weights(a, b, steps)  # (steps, 1)
    return ((1 - t) * a.double() + t * b.double()).to(a.dtype)


def slerp(a: Tensor, b: Tensor, steps: int) -> Tensor:
    """The arc from a to b, both ends included (Shoemake 1985; White 2016, section 3.1).

    Shapes: a and b `(D,)` -> `(steps, D)`. Directions move along the great circle at an even pace,
    lengths in a straight line; for codes of one length this is Shoemake's
    [sin((1-t)ω) a + sin(tω) b] / sin ω, which for others grows without bound as ω nears π.
    Parallel codes, and those of length 0, are joined by a straight line. Opposite codes have no
    arc of their own: the one through the axis that lies closest to a right angle is taken.

    Raises:
        LabError: fewer than 2 steps, or codes of different sizes.
    """
    t = _weights(a, b, steps)  # (steps, 1)
    long_a, long_b = a.double().norm(), b.double().norm()
    if long_a == 0 or long_b == 0:
        return lerp(a, b, steps)
    start, end = a.double() / long_a, b.double() / long_b
    cosine = torch.dot(start, end)
    across = end - cosine * start  # (D,), its length is sin ω, without the noise of acos
    if across.norm() < _TINY:
        if cosine > 0 or len(start) == 1:
            return lerp(a, b, steps)
        axis = torch.zeros_like(start)
        axis[start.abs().argmin()] = 1
        across = axis - torch.dot(axis, start) * start
        omega = torch.tensor(torch.pi, dtype=torch.float64)
    else:
        omega = torch.atan2(across.norm(), cosine)
    turned = torch.cos(t * omega) * start + torch.sin(t * omega) * across / across.norm()
    arc: Tensor = (((1 - t) * long_a + t * long_b) * turned).to(a.dtype)
    arc[0], arc[-1] = a, b  # whatever the rounding
    return arc


def traverse(z: Tensor, dim: int, values: Tensor) -> Tensor:
    """Copies of z in which one dimension takes each value in turn.

    Shapes: z `(D,)`, values `(V,)` -> `(V, D)`.

    Raises:
        LabError: z has no such dimension.
    """
    check_dim(dim, len(z))
    rows = z.repeat(len(values), 1)
    rows[:, dim] = values.to(rows)
    return rows


def arithmetic(a: Tensor, b: Tensor, c: Tensor) -> Tensor:
    """a - b + c: c with what sets a apart from b (Mikolov et al. 2013; Radford et al. 2016).

    Shapes: `(..., D)` each -> `(..., D)`.
    """
    return a - b + c


def class_mean(codes: Tensor, labels: Tensor, label: int, name: str = "") -> Tensor:
    """The mean code of one class; labels come from the data set, no model knows them.

    Shapes: codes `(N, D)`, labels `(N,)` -> `(D,)`.

    Raises:
        LabError: no code has that label.
    """
    mine = labels == label
    if not bool(mine.any()):
        raise LabError(
            f"None of the {len(labels)} images is of class {name or label}, so it has no mean.",
            "Use more images or choose another class.",
        )
    return codes[mine].mean(0)


def draw(mu: Tensor, logvar: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """z = mu + exp(logvar / 2) eps (Kingma & Welling 2014, eq. 4) with noise of one's own.

    Shapes: `(..., D)` each -> `(..., D)`.
    """
    eps = torch.randn(mu.shape, generator=generator, dtype=mu.dtype)
    return mu + torch.exp(0.5 * logvar) * eps


def principal_axes(codes: Tensor, count: int = 2) -> tuple[Tensor, Tensor]:
    """Directions in which codes vary most, and the part of their variance each one holds.

    Shapes: codes `(N, D)` -> `(D, count)` and `(count,)`. A direction's largest entry is
    positive, so that a picture does not flip between machines.
    """
    centered = (codes - codes.mean(0)).double()
    values, vectors = torch.linalg.eigh(centered.T @ centered)  # ascending
    axes = vectors.flip(1)[:, :count]
    signs = torch.sign(axes.gather(0, axes.abs().argmax(0, keepdim=True)))
    parts = values.flip(0).clamp(min=0)
    return (axes * signs).to(codes.dtype), (parts / parts.sum().clamp(min=1e-12))[:count]


def check_dim(dim: int, size: int) -> None:
    """Complain about a latent dimension that does not exist.

    Raises:
        LabError: `dim` is not in 0 .. size - 1.
    """
    if not 0 <= dim < size:
        have = "only dimension 0" if size == 1 else f"dimensions 0 to {size - 1}"
        raise LabError(f"Latent dimension {dim} does not exist.", f"The model has {have}.")


def _weights(a: Tensor, b: Tensor, steps: int) -> Tensor:
    if steps < 2:
        raise LabError(f"A walk of {steps} steps has no two ends.", "Use 2 steps or more.")
    if a.shape != b.shape or a.ndim != 1:
        raise LabError(
            f"Codes of shapes {tuple(a.shape)} and {tuple(b.shape)} have no path between them.",
            "Give two codes of one model.",
        )
    return torch.linspace(0, 1, steps, dtype=torch.float64)[:, None]
