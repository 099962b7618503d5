"""Noise on the input of a denoising autoencoder, which must give the clean image back."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from lab.errors import ConfigError

KINDS = ("none", "mask", "gaussian", "salt_pepper")


def corrupt(
    x: Tensor, kind: str, level: float = 0.3, generator: torch.Generator | None = None
) -> Tensor:
    """A noisy copy of the images, with new noise at each call and for each pixel and channel.

    Shapes: x of any shape, in [0, 1] -> the same shape, type and device, in [0, 1]
    (Vincent et al. 2010).

    Args:
        kind: "mask": zero each pixel with probability `level`; "gaussian": add N(0, level^2),
            then clamp to [0, 1]; "salt_pepper": with probability `level` set to 0 or 1, evenly;
            "none": x itself.
        level: a probability or a standard deviation.
        generator: where the noise comes from, on the device of x; torch's global one otherwise.

    Raises:
        ConfigError: any other `kind`, or a level that cannot be used.
    """
    if kind not in KINDS:
        raise ConfigError(f"There is no corruption {kind!r}.", f"Use one of {', '.join(KINDS)}.")
    if not math.isfinite(level) or level < 0 or (kind != "gaussian" and level > 1):
        raise ConfigError(f"A corruption level of {level} is no {_unit(kind)}.", "Use 0.3.")
    if kind == "none":
        return x
    if kind == "gaussian":
        noise = torch.randn(x.shape, generator=generator, device=x.device, dtype=x.dtype)
        return (x + level * noise).clamp(0, 1)
    chance = torch.rand(x.shape, generator=generator, device=x.device)
    if kind == "mask":
        return torch.where(chance < level, torch.zeros_like(x), x)
    # Below the level the chance is uniform again, so that its lower half serves as pepper.
    salt = (chance < level / 2).to(x.dtype)
    return torch.where(chance < level, salt, x)


def _unit(kind: str) -> str:
    return "standard deviation" if kind == "gaussian" else "probability"
