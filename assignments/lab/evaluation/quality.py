"""How well a model gives its input back: errors of pixels, PSNR, SSIM and LPIPS."""

from __future__ import annotations

import importlib
import importlib.util
import math
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from lab.errors import MissingLibrary
from lab.evaluation.measured import Measured, means
from lab.evaluation.walk import batches, check, looking
from lab.models.base import LatentModel

_WINDOW = 11  # pixels, of SSIM's Gaussian window; mirrored borders need more than half of it
_LPIPS_IMAGES = 1000  # AlexNet at 64 × 64 costs more than all other metrics together
_LPIPS_SIZE = 64  # pixels; AlexNet cannot take 28 × 28


def quality(model: LatentModel, images: Tensor, *, seed: int = 0) -> Measured:
    """Quality of the images that a model decodes from the posterior mean.

    Args:
        model: any model of the lab.
        images: `(N, C, H, W)`, uint8 or float in [0, 1].
        seed: of random numbers a model may draw.

    Returns:
        `recon_mse` and `recon_mae` (means over pixels in [0, 1]), `psnr` (dB), `ssim` and `lpips`
        (NaN with a note where its weights are not on this machine).

    Raises:
        DataError: no images.
        MissingLibrary: torchmetrics is not installed.
    """
    check(images)
    per_image: dict[str, list[Tensor]] = {}
    perceptual, notes = _lpips_metric()
    left = _LPIPS_IMAGES if perceptual is not None else 0
    with looking(model, seed) as device:
        for x in batches(images, device):
            x_hat = model.reconstruct(x)
            for name, numbers in _pixelwise(x_hat, x).items():
                per_image.setdefault(name, []).append(numbers)
            if left > 0:
                scores = _lpips(perceptual, x_hat[:left], x[:left])
                per_image.setdefault("lpips", []).append(scores)
                left -= len(scores)
    measured = means({name: torch.cat(parts) for name, parts in per_image.items()})
    if min(images.shape[-2:]) <= _WINDOW // 2:
        notes += (f"ssim is NaN: images of {images.shape[-1]} pixels are too small for it.",)
    if perceptual is None:
        measured |= Measured({"lpips": math.nan})
    return measured | Measured({}, {}, notes)


def psnr(x_hat: Tensor, x: Tensor) -> Tensor:
    """Peak signal-to-noise ratio of each image, `(B,)` in dB, for pixels in [0, 1].

    10 log10(1 / MSE); inf for images that are equal.

    Raises:
        MissingLibrary: torchmetrics is not installed.
    """
    need_torchmetrics()
    from torchmetrics.functional.image import peak_signal_noise_ratio

    values: Tensor = peak_signal_noise_ratio(
        x_hat, x, data_range=1.0, reduction="none", dim=(1, 2, 3)
    )
    return values


def ssim(x_hat: Tensor, x: Tensor) -> Tensor:
    """Structural similarity of each image, `(B,)` in [-1, 1] (Wang et al. 2004, eq. 13).

    Gaussian window of 11 pixels with σ = 1.5; NaN for images smaller than 6 pixels.

    Raises:
        MissingLibrary: torchmetrics is not installed.
    """
    need_torchmetrics()
    from torchmetrics.functional.image import structural_similarity_index_measure

    if min(x.shape[-2:]) <= _WINDOW // 2:
        return torch.full((len(x),), math.nan, device=x.device)
    values = structural_similarity_index_measure(x_hat, x, data_range=1.0, reduction="none")
    assert isinstance(values, Tensor)
    return values


def need_torchmetrics() -> None:
    """Raises MissingLibrary where torchmetrics cannot be imported; says why."""
    if importlib.util.find_spec("torchmetrics") is None:
        raise MissingLibrary(
            "The metrics need torchmetrics, which is not installed.",
            "Install it: `pip install 'latent-week[lab]'`.",
        )
    try:
        importlib.import_module("torchmetrics.functional.image")
    except Exception as error:  # it imports torchvision, which fails in many ways
        problem = " ".join(str(error).split())[:120]
        raise MissingLibrary(
            f"torchmetrics cannot be imported ({type(error).__name__}: {problem}).",
            "Install the torchvision that belongs to this torch, or `pip uninstall torchvision`.",
        ) from None


def _pixelwise(x_hat: Tensor, x: Tensor) -> dict[str, Tensor]:
    error = x_hat - x
    return {
        "recon_mse": error.square().mean(dim=(1, 2, 3)),
        "recon_mae": error.abs().mean(dim=(1, 2, 3)),
        "psnr": psnr(x_hat, x),
        "ssim": ssim(x_hat, x),
    }


def _lpips_metric() -> tuple[Any, tuple[str, ...]]:
    """The metric, or None and the sentence that says what would bring it; never downloads."""
    need_torchmetrics()
    if importlib.util.find_spec("torchvision") is None:
        return None, (
            "lpips is NaN: it needs torchvision and AlexNet's pretrained weights. "
            "Install the torchvision that belongs to this torch, and evaluate again.",
        )
    try:
        from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity

        weights = importlib.import_module("torchvision.models").AlexNet_Weights.DEFAULT.url
        if not (Path(torch.hub.get_dir()) / "checkpoints" / Path(weights).name).is_file():
            return None, (
                "lpips is NaN: AlexNet's pretrained weights (233 MB) are not on this machine. "
                '`python -c "import torchvision; torchvision.models.alexnet(weights='
                "'DEFAULT')\"` downloads them.",
            )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return LearnedPerceptualImagePatchSimilarity("alex", "none", normalize=True), ()
    except Exception as error:  # a torchvision that does not fit this torch fails in many ways
        return None, (
            f"lpips is NaN: torchvision or its weights cannot be used ({type(error).__name__}). "
            "Install the torchvision that belongs to this torch.",
        )


def _lpips(metric: Any, x_hat: Tensor, x: Tensor) -> Tensor:
    """LPIPS of each image, `(B,)` (Zhang et al. 2018, eq. 1); NaN for images that hold NaN."""
    scores = torch.full((len(x),), math.nan)
    whole = x_hat.isfinite().flatten(1).all(dim=1)
    if whole.any():
        metric.reset()
        metric.update(_enlarged(x_hat[whole]), _enlarged(x[whole]))
        scores[whole.cpu()] = metric.compute().reshape(-1)
    return scores


def _enlarged(x: Tensor) -> Tensor:
    x = x.expand(-1, 3, -1, -1) if x.shape[1] == 1 else x
    size = (_LPIPS_SIZE, _LPIPS_SIZE)
    return F.interpolate(x.cpu(), size, mode="bilinear", align_corners=False).clamp(0, 1)
