"""A VAE beside a denoising autoencoder: who repairs noise, and who can dream."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor

from lab.errors import LabError
from lab.models.base import LatentModel
from lab.pictures.decoding import floats, generate, reconstruct
from lab.pictures.grid import Band, sheet

if TYPE_CHECKING:
    from PIL.Image import Image


def compare_dae(
    vae: LatentModel, dae: LatentModel, images: Tensor, noisy: Tensor, *, seed: int = 0
) -> Image:
    """Input, noisy input, what both make of it, and images of codes from N(0, I);
    `grids/compare_dae.png`.

    Args:
        images: `(B, C, H, W)`, uint8 or floats in [0, 1]; a column each, 10 look best.
        noisy: the same images, corrupted; floats in [0, 1].

    Raises:
        LabError: the images differ in shape from each other or from what a model was trained on.
    """
    if images.shape != noisy.shape:
        raise LabError(
            f"{len(images)} images and {len(noisy)} noisy ones do not belong together.",
            "Corrupt the very images that are shown.",
        )
    x = floats(images).cpu()
    repaired, seen, kept = (
        reconstruct(dae, noisy),
        reconstruct(vae, noisy),
        reconstruct(vae, images),
    )
    errors = [f"error {_error(row, x):.1f}" for row in (noisy.cpu(), repaired, seen, kept)]
    labels = [
        "input",
        f"noisy input\n{errors[0]}",
        f"DAE of noisy\n{errors[1]}",
        f"VAE of noisy\n{errors[2]}",
        f"VAE of input\n{errors[3]}",
    ]
    above = Band([x, noisy, repaired, seen, kept], labels, title="Reconstruction")
    draws = [generate(model, len(x), 1.0, seed) for model in (dae, vae)]
    below = Band(
        draws,
        ["DAE", "VAE"],
        title="Codes from N(0, I), decoded: the VAE's prior, a guess for the DAE, which has none",
    )
    return sheet(
        [above, below],
        "A denoising autoencoder and a VAE on the same images",
        "Errors are squared and summed over an image, against the clean input, mean over the row. "
        "The DAE was trained to remove noise, the VAE was not; the VAE was trained to have codes "
        "that look like N(0, I), the DAE was not.",
    )


def _error(images: Tensor, clean: Tensor) -> float:
    return float((images - clean).square().flatten(1).sum(1).mean())
