"""Weights to start from, and the bounds that keep log variances harmless."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def vae_init(model: nn.Module) -> None:
    """Weights for ReLU networks, in place; the posterior starts narrow.

    Linear layers Xavier-uniform (Glorot & Bengio 2010, eq. 16), convolutions He-normal with
    fan-out (He et al. 2015, eq. 14), biases 0, and the bias of a layer called `logvar` -1, so
    that sigma^2 is about 0.37: some signal reaches the decoder from the first step.
    """
    for name, layer in model.named_modules():
        if not isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            continue
        if isinstance(layer, nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
        else:
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
        if layer.bias is not None:
            nn.init.constant_(layer.bias, -1.0 if name.endswith("logvar") else 0.0)


def safe_logvar(logvar: Tensor) -> Tensor:
    """Clamped to [-20, 20]: sigma stays finite in float16 too, and inside gradients pass whole."""
    return torch.clamp(logvar, -20, 20)
