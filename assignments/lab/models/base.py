"""The interface that every model of the lab keeps, so that all commands work with all of them."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn


class Output(NamedTuple):
    """What one forward pass gives.

    Args:
        logits: of the pixels, `(B, C, H, W)`; `sigmoid` makes an image of them.
        mu: posterior mean, `(B, D)`.
        logvar: log posterior variance, `(B, D)`; None for an autoencoder without a posterior.
        z: what was decoded, `(B, D)`.
    """

    logits: Tensor
    mu: Tensor
    logvar: Tensor | None
    z: Tensor


class LatentModel(nn.Module):
    """Encoder and decoder of images in [0, 1]; subclasses write `encode` and `decode`.

    Args:
        image_shape: `(C, H, W)`.
        latent_dim: D.
    """

    variational = True

    def __init__(self, image_shape: tuple[int, int, int], latent_dim: int) -> None:
        super().__init__()
        self.image_shape = image_shape
        self.latent_dim = latent_dim

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """`(B, C, H, W)` in [0, 1] to `(mu, logvar)`, each `(B, D)`; logvar is None for a
        model without a posterior."""
        raise NotImplementedError

    def decode(self, z: Tensor) -> Tensor:
        """`(B, D)` to logits `(B, C, H, W)`."""
        raise NotImplementedError

    def sample_posterior(self, mu: Tensor, logvar: Tensor | None) -> Tensor:
        """z = mu + exp(logvar / 2) eps, eps ~ N(0, I) (Kingma & Welling 2014, eq. 4);
        `mu` itself for a model without a posterior."""
        if logvar is None:
            return mu
        return mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)

    def forward(self, x: Tensor) -> Output:
        """Encode, sample, decode; it samples in eval mode too."""
        mu, logvar = self.encode(x)
        z = self.sample_posterior(mu, logvar)
        return Output(self.decode(z), mu, logvar, z)

    @torch.no_grad()
    def reconstruct(self, x: Tensor) -> Tensor:
        """`(B, C, H, W)` images decoded from the posterior mean, in [0, 1]."""
        return torch.sigmoid(self.decode(self.encode(x)[0]))

    @torch.no_grad()
    def generate(
        self, count: int, temperature: float = 1.0, generator: torch.Generator | None = None
    ) -> Tensor:
        """`(count, C, H, W)` images from z ~ N(0, temperature² I), in [0, 1]."""
        weight = next(self.parameters())
        z = torch.randn(count, self.latent_dim, generator=generator).to(weight)
        return torch.sigmoid(self.decode(z * temperature))
