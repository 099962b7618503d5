"""How every measurement looks at a model: in batches, without gradients, the same way each time."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from lab.errors import DataError

BATCH = 500


def check(images: Tensor, where: str = "The split to evaluate") -> None:
    """Refuse what cannot be measured.

    Args:
        images: `(N, C, H, W)`, uint8 or float in [0, 1].
        where: named in the error.

    Raises:
        DataError: no images, or not images at all.
    """
    if images.ndim != 4:
        raise DataError(
            f"{where} has shape {tuple(images.shape)}, not (N, C, H, W).", "Load it with lab.data."
        )
    if len(images) == 0:
        raise DataError(f"{where} holds no images.", "Raise eval.limit or load the data set anew.")


def batches(images: Tensor, device: torch.device, size: int = BATCH) -> Iterator[Tensor]:
    """Slices of `images` as floats in [0, 1] on `device`, `(B, C, H, W)`, B ≤ size."""
    for start in range(0, len(images), size):
        x = images[start : start + size].to(device)
        yield x.float().div_(255) if x.dtype == torch.uint8 else x.float()


@contextlib.contextmanager
def looking(model: nn.Module, seed: int) -> Iterator[torch.device]:
    """Eval mode, no gradients, random numbers from `seed`; yields the model's device.

    Modes and the caller's random numbers are afterwards what they were before.
    """
    weight = next(model.parameters(), None)
    device = torch.device("cpu") if weight is None else weight.device
    modes = [(module, module.training) for module in model.modules()]
    forked = [device] if device.type == "cuda" else []
    with torch.no_grad(), torch.random.fork_rng(devices=forked):
        torch.manual_seed(seed)
        model.eval()
        try:
            yield device
        finally:
            for module, mode in modes:
                module.training = mode
