"""What a model dreams up: images of codes drawn from the prior, at several temperatures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from lab.errors import LabError
from lab.models.base import LatentModel
from lab.pictures.decoding import generate
from lab.pictures.grid import Band, sheet

if TYPE_CHECKING:
    from PIL.Image import Image

TEMPERATURES = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0)
_MOST = 400  # more are specks on a screen


def prior_samples(
    model: LatentModel,
    count: int = 40,
    *,
    temperature: float = 1.0,
    temperatures: Sequence[float] = TEMPERATURES,
    seed: int = 0,
    columns: int = 10,
) -> Image:
    """Images from z ~ N(0, temperature² I), and below them the same draws at other temperatures;
    `samples/prior_samples.png`.

    Args:
        count: how many, 1 to 400.
        temperature: standard deviation of the codes; 1 is the prior, less stays near its middle.
        temperatures: rows of the strip; none leaves it out.

    Raises:
        LabError: a count or a temperature that cannot be used.
    """
    if not 1 <= count <= _MOST:
        raise LabError(f"{count} samples make no picture.", f"Ask for 1 to {_MOST}.")
    for value in (temperature, *temperatures):
        if not math.isfinite(value) or value < 0:
            raise LabError(f"A temperature of {value} is no standard deviation.", "Use 0.8 or 1.")
    images = generate(model, count, temperature, seed)
    bands = [Band(torch.split(images, columns))]
    if temperatures:
        rows = [generate(model, min(count, columns), value, seed) for value in temperatures]
        labels = [f"T = {value:g}" for value in temperatures]
        bands.append(Band(rows, labels, title="The same draws at other temperatures"))
    if model.variational:
        title = f"Samples from the prior, z ~ N(0, {_variance(temperature)})"
        note = (
            "No image was given. A low temperature T draws codes near the middle of the prior, "
            "where images are alike; a high one goes where no image of the data has its code."
        )
    else:
        title = f"Codes from N(0, {_variance(temperature)}), decoded: this model has no prior"
        note = (
            "Training never asked the codes of this autoencoder to follow N(0, I), so nothing "
            "taught it to decode these: poor images are what to expect."
        )
    return sheet(bands, title, note)


def _variance(temperature: float) -> str:
    return "I" if temperature == 1 else f"{temperature:g}² I"
