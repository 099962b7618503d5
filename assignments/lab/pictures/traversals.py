"""Walks along one latent dimension at a time: what does it stand for, and is it used at all?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from lab.models.base import LatentModel
from lab.pictures.decoding import Codes, decode
from lab.pictures.grid import Band, sheet
from lab.pictures.latents import check_dim, traverse
from lab.pictures.text import decimal, subscript

if TYPE_CHECKING:
    from PIL.Image import Image

REACH = 3.0  # of a walk, in standard deviations of the prior
_MOST = 64  # dimensions on the overview
_TALL = 20  # so many rows still fit below one another on a screen, in two columns


def traverse_dim(
    model: LatentModel, codes: Codes, dim: int, *, rows: int = 6, steps: int = 13
) -> Image:
    """One latent dimension from −3 to 3, all others as the encoder set them, for several images;
    `grids/traverse_dim_K.png`.

    Args:
        codes: of many images; the walks start at the first `rows` of them.
        steps: values between −3 and 3, both included.

    Raises:
        LabError: the model has no such dimension.
    """
    check_dim(dim, codes.mu.shape[1])
    values = torch.linspace(-REACH, REACH, steps)
    starts = codes.mu[:rows]
    z = torch.cat([traverse(start, dim, scaled(codes, dim, values)) for start in starts])
    before = decode(model, starts)
    walks = torch.split(decode(model, z), steps)
    drawn = [torch.cat([before[i : i + 1], walk]) for i, walk in enumerate(walks)]
    captions = ["start", *(decimal(value) for value in values.tolist())]
    use = float(codes.activity[dim])
    used = f"Its KL is {use:.2f} nats" if codes.logvar is not None else f"Its variance is {use:.2f}"
    return sheet(
        [Band(drawn, captions=captions, joints={1: ""})],
        f"Latent dimension {dim} from {decimal(-REACH)} to {decimal(REACH)}",
        f"{used}, number {codes.order.index(dim) + 1} of {len(codes.order)}. Each row starts from "
        f"the code of another test image and changes z{subscript(dim)} alone{_unit(codes)}. "
        "Does the same thing happen in every row? Does it have a name?",
    )


def traverse_all(
    model: LatentModel, codes: Codes, *, start: Tensor | None = None, steps: int = 7
) -> Image:
    """Every latent dimension from −3 to 3, the most used first; `grids/traverse_all.png`.

    Args:
        codes: of many images, to know how much each dimension is used.
        start: the code `(D,)` that all walks share; that of the first image unless given.
        steps: values between −3 and 3, both included.
    """
    values = torch.linspace(-REACH, REACH, steps)
    captions = [decimal(value) for value in values.tolist()]
    dims = codes.order[:_MOST]
    z = codes.mu[0] if start is None else start
    walks = torch.cat([traverse(z, dim, scaled(codes, dim, values)) for dim in dims])
    per_column = _TALL // 2 if len(dims) <= _TALL else 16
    bands = []
    for i, (dim, row) in enumerate(
        zip(dims, torch.split(decode(model, walks), steps), strict=True)
    ):
        use = f"{float(codes.activity[dim]):.2f}"
        label = f"z{subscript(dim)}\n" + (
            f"{use} nats" if codes.logvar is not None else f"var {use}"
        )
        bands.append(Band([row], [label], captions if i % per_column == 0 else ()))
    size = len(codes.order)
    some = f" ({len(dims)} of {size})" if len(dims) < size else ""
    measure = "KL" if codes.logvar is not None else "variance"
    return sheet(
        bands,
        f"Latent dimensions from {decimal(-REACH)} to {decimal(REACH)}, the most used first{some}",
        f"Sorted by {measure}, which stands below the name. All rows start from the code of one "
        f"test image and change one dimension{_unit(codes)}. Where nothing changes, the decoder "
        "ignores the dimension.",
        abreast=-(-len(dims) // per_column),
        tile=84 if len(dims) <= _TALL else 56,
    )


def scaled(codes: Codes, dim: int, values: Tensor) -> Tensor:
    """Values in units of the prior; without one, in standard deviations around the mean code.

    Shapes: `(V,)` -> `(V,)`.
    """
    if codes.logvar is not None:
        return values
    own = codes.mu[:, dim]
    return own.mean() + values * own.std(unbiased=False)


def _unit(codes: Codes) -> str:
    if codes.logvar is not None:
        return ""
    return ", in standard deviations around the mean of the codes, for this model has no prior"
