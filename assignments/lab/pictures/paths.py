"""Walks from one image to another: is there a plausible image at every step?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from lab.errors import LabError
from lab.models.base import LatentModel
from lab.pictures.decoding import decode, encode, floats
from lab.pictures.grid import Band, sheet
from lab.pictures.latents import lerp, slerp
from lab.pictures.text import decimal

if TYPE_CHECKING:
    from PIL.Image import Image

_PATHS = {"linear": lerp, "spherical": slerp}


def interpolations(model: LatentModel, images: Tensor, *, steps: int = 11) -> Image:
    """From one test image to another, straight and along an arc; `grids/interpolations.png`.

    Args:
        images: `(2 n, C, H, W)`, neighbors are a pair; uint8 or floats in [0, 1].
        steps: pictures on a walk, both ends included.

    Raises:
        LabError: no pair of images, or fewer than 2 steps.
    """
    if len(images) < 2:
        raise LabError("A walk needs two images.", "Give images in pairs.")
    images = images[: len(images) // 2 * 2]
    x, mu = floats(images).cpu(), encode(model, images).mu
    captions = ["from", *(decimal(t) for t in torch.linspace(0, 1, steps).tolist()), "to"]
    bands = []
    for i in range(0, len(x), 2):
        rows, labels = [], []
        for name, path in _PATHS.items():
            z = path(mu[i], mu[i + 1], steps)
            rows.append(torch.cat([x[i : i + 1], decode(model, z), x[i + 1 : i + 2]]))
            labels.append(f"{name}\nshortest |z| {z.norm(dim=1).min():.1f}")
        joints = {1: "", steps + 1: ""}
        bands.append(Band(rows, labels, captions if i == 0 else (), joints))
    return sheet(
        bands,
        "From one test image to another, through their codes",
        "Outer columns: two test images. Between them, upper row: z moves on a straight line; "
        f"lower row: on an arc (slerp). {_length(model)}",
    )


def between(model: LatentModel, images: Tensor, weight: float, *, tile: int = 168) -> Image:
    """Two images and one step between them, straight and along an arc.

    Args:
        images: `(2, C, H, W)`, uint8 or floats in [0, 1].
        weight: 0 is the first image, 1 the second.

    Raises:
        LabError: no two images.
    """
    if len(images) != 2:
        raise LabError("A walk needs two images.", "Give images in pairs.")
    x, mu = floats(images).cpu(), encode(model, images).mu
    steps = 101
    at = round(min(1.0, max(0.0, weight)) * (steps - 1))
    z = torch.stack([path(mu[0], mu[1], steps)[at] for path in _PATHS.values()])
    row = torch.cat([x[:1], decode(model, z), x[1:]])
    return sheet([Band([row], captions=["from", *_PATHS, "to"], joints={1: "", 3: ""})], tile=tile)


def _length(model: LatentModel) -> str:
    """Why an arc: how long codes are."""
    size = model.latent_dim
    if size == 1:
        return "With one dimension there is no arc: both are the same line."
    if not model.variational:
        return "This model has no prior, which would say how long a code should be."
    return (
        f"A draw from N(0, I) in {size} dimensions is about √{size} ≈ {size**0.5:.1f} long; a "
        "straight line passes nearer to 0, where few draws lie."
    )
