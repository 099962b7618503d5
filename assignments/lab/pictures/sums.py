"""Latent arithmetic: take one concept away from a code, add another, and see what it decodes to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from lab.errors import LabError
from lab.models.base import LatentModel
from lab.pictures.decoding import Codes, decode, floats
from lab.pictures.grid import Band, sheet
from lab.pictures.latents import arithmetic as combine
from lab.pictures.latents import class_mean

if TYPE_CHECKING:
    from PIL.Image import Image

Term = tuple[int, int, int]  # classes a, b, c of a − b + c

_TELLING = ((7, 1, 4), (9, 4, 0), (8, 3, 1), (3, 5, 6))  # on digits


def arithmetic(
    model: LatentModel,
    codes: Codes,
    classes: Sequence[str],
    terms: Sequence[Term] | None = None,
    *,
    images: Tensor | None = None,
    tile: int = 112,
) -> Image:
    """Class means a − b + c, decoded; `grids/arithmetic.png`.

    Args:
        codes: of many images with their labels, which come from the data set: no model knows them.
        classes: their names.
        terms: classes (a, b, c) of each row; `default_terms` unless given.
        images: those that were encoded; the one with the nearest code then stands at the end.

    Raises:
        LabError: a class without images, or fewer than 2 classes to choose terms from.
    """
    terms = default_terms(codes.labels) if terms is None else terms
    bands = []
    for term in terms:
        means = torch.stack([_mean(codes, label, classes) for label in term])  # (3, D)
        z = combine(means[0], means[1], means[2])
        row = decode(model, torch.cat([means, z[None]]))
        captions = [_name(label, classes) for label in term] + ["result"]
        joints = {1: "−", 2: "+", 3: "="}
        if images is not None:
            near = int((codes.mu - z).norm(dim=1).argmin())
            row = torch.cat([row, floats(images[near : near + 1]).cpu()])
            captions.append(f"near: {_name(int(codes.labels[near]), classes)}")
            joints[4] = "≈"
        bands.append(Band([row], captions=captions, joints=joints))
    nearest = ", then the test image with the nearest code" if images is not None else ""
    return sheet(
        bands,
        "Latent arithmetic: a − b + c",
        f"The mean code of class a, minus that of b, plus that of c, decoded{nearest}. The labels "
        "come from the data set; the model has never seen one. Does the result keep what sets a "
        "apart from b?",
        tile=tile,
    )


def default_terms(labels: Tensor) -> list[Term]:
    """Sums worth a look among the classes that have images.

    Raises:
        LabError: there are fewer than 2 classes.
    """
    present = sorted(label for label in set(labels.tolist()) if label >= 0)
    if len(present) < 2:
        raise LabError(
            "Latent arithmetic needs images of at least 2 classes.",
            "Use more images of the data set.",
        )
    terms = [term for term in _TELLING if set(term) <= set(present)]
    return terms or [(present[0], present[1], present[-1])]


def _mean(codes: Codes, label: int, classes: Sequence[str]) -> Tensor:
    return class_mean(codes.mu, codes.labels, label, _name(label, classes))


def _name(label: int, classes: Sequence[str]) -> str:
    return classes[label] if 0 <= label < len(classes) else str(label)
