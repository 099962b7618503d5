"""What a model keeps of an image: reconstructions, and what else its code could have meant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from lab.errors import LabError
from lab.models.base import LatentModel
from lab.pictures.decoding import decode, encode, floats, reconstruct
from lab.pictures.grid import Band, sheet
from lab.pictures.latents import draw

if TYPE_CHECKING:
    from PIL.Image import Image


def recon_grid(
    model: LatentModel,
    images: Tensor,
    labels: Tensor | None = None,
    classes: Sequence[str] = (),
    *,
    columns: int = 10,
) -> Image:
    """Each image above what the model makes of it; `grids/recon_grid.png`.

    Args:
        images: `(B, C, H, W)`, uint8 or floats in [0, 1].
        labels: `(B,)`, with `classes` the names above the pairs.
        columns: pairs side by side.

    Raises:
        LabError: no images, or images of another shape than the model's.
    """
    x = floats(images)
    x_hat = reconstruct(model, images)
    bands = []
    for start in range(0, len(x), columns):
        part = slice(start, start + columns)
        names = class_names(labels[part], classes) if labels is not None else ()
        bands.append(Band([x[part], x_hat[part]], ["original", "reconstruction"], names))
    code = "the mean of its posterior" if model.variational else "its code"
    error = (x.cpu() - x_hat).square().flatten(1).sum(1).mean()
    return sheet(
        bands,
        f"{_count(len(x), 'image')} and their reconstructions",
        f"Above: a test image. Below: what the decoder makes of {code}. The squared error of an "
        f"image is {error:.1f} on average. Look for lost details and for another class.",
    )


def posterior_samples(
    model: LatentModel, images: Tensor, *, draws: int = 8, seed: int = 0
) -> Image:
    """Several draws z ~ q(z|x) for each image, decoded; `samples/posterior_samples.png`.

    Args:
        images: `(B, C, H, W)`, uint8 or floats in [0, 1]; a row each.

    Raises:
        LabError: no images, fewer than 1 draw, or a model without a posterior.
    """
    if draws < 1:
        raise LabError(f"{draws} draws are none.", "Ask for 1 or more.")
    codes = encode(model, images)
    if codes.logvar is None:
        raise LabError(
            "This model has no posterior to draw from: it gives each image one code.",
            "Choose a variational model, `model.name: conv` for example.",
        )
    noise = torch.Generator().manual_seed(seed)
    x, mean = floats(images).cpu(), decode(model, codes.mu)
    z = draw(codes.mu.repeat(draws, 1), codes.logvar.repeat(draws, 1), noise)  # (draws B, D)
    drawn = decode(model, z).view(draws, len(x), *x.shape[1:])  # (draws, B, C, H, W)
    rows = [torch.cat([x[i : i + 1], mean[i : i + 1], drawn[:, i]]) for i in range(len(x))]
    captions = ["x", "mean"] + [f"draw {i + 1}" for i in range(draws)]
    bands = [
        Band([row], captions=captions if i == 0 else (), joints={1: "", 2: ""})
        for i, row in enumerate(rows)
    ]
    spread = drawn.std(0).mean() if draws > 1 else torch.zeros(())
    return sheet(
        bands,
        "Draws from the posterior: what the code of x can mean",
        "Left: a test image x, then the image of its posterior's mean, then of draws z ~ q(z|x). "
        f"Pixels differ by {spread:.3f} between draws: much means that the code is vague.",
    )


def class_names(labels: Tensor, classes: Sequence[str]) -> list[str]:
    """Names of labels; the number itself where it has none, nothing for -1."""
    known = len(classes)
    return [classes[i] if 0 <= i < known else (str(i) if i >= 0 else "") for i in labels.tolist()]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
