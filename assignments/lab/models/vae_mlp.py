"""The VAE of Tuesday's part: one hidden layer each way, for images of any shape."""

from __future__ import annotations

import math

from torch import Tensor, nn

from lab.models.base import LatentModel
from lab.models.init import safe_logvar


class VAEMLP(LatentModel):
    """Pixels -> hidden -> latent and back (Kingma & Welling 2014, appendix C).

    Layers and their names are those of the part `vae`, so that weights can be moved over.
    652,824 parameters for 28x28x1 with latent_dim 20 and hidden_dim 400.

    Args:
        image_shape: `(C, H, W)`.
        latent_dim: D.
        hidden_dim: H, units of the hidden layers.
    """

    def __init__(self, image_shape: tuple[int, int, int], latent_dim: int, hidden_dim: int) -> None:
        super().__init__(image_shape, latent_dim)
        features = math.prod(image_shape)  # F
        self.enc = nn.Sequential(nn.Linear(features, hidden_dim), nn.ReLU())  # (B, F) -> (B, H)
        self.mu = nn.Linear(hidden_dim, latent_dim)  # (B, H) -> (B, D)
        self.logvar = nn.Linear(hidden_dim, latent_dim)  # (B, H) -> (B, D)
        self.dec = nn.Sequential(  # (B, D) -> (B, F)
            nn.Linear(latent_dim, hidden_dim), nn.ReLU(), nn.Linear(hidden_dim, features)
        )

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Images `(B, C, H, W)` to mu and logvar, each `(B, D)`."""
        h = self.enc(x.flatten(1))  # (B, H)
        return self.mu(h), safe_logvar(self.logvar(h))  # (B, D), (B, D)

    def decode(self, z: Tensor) -> Tensor:
        """Latents `(B, D)` to logits `(B, C, H, W)`."""
        logits: Tensor = self.dec(z)  # (B, F)
        return logits.view(-1, *self.image_shape)  # (B, C, H, W)
