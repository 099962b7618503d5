"""Monday's denoising autoencoder: the same sizes as the VAE, but a point instead of a posterior."""

from __future__ import annotations

import math

from torch import Tensor, nn

from lab.models.base import LatentModel


class DenoisingAutoencoder(LatentModel):
    """Pixels -> hidden -> code and back (Vincent et al. 2008); noise is added outside.

    Layers and their names are those of the part `autoencoder`.
    644,804 parameters for 28x28x1 with latent_dim 20 and hidden_dim 400.

    Args:
        image_shape: `(C, H, W)`.
        latent_dim: D, numbers of the code.
        hidden_dim: H, units of the hidden layers.
    """

    variational = False

    def __init__(self, image_shape: tuple[int, int, int], latent_dim: int, hidden_dim: int) -> None:
        super().__init__(image_shape, latent_dim)
        features = math.prod(image_shape)  # F
        self.enc = nn.Sequential(nn.Linear(features, hidden_dim), nn.ReLU())  # (B, F) -> (B, H)
        self.code = nn.Linear(hidden_dim, latent_dim)  # (B, H) -> (B, D)
        self.dec = nn.Sequential(  # (B, D) -> (B, F)
            nn.Linear(latent_dim, hidden_dim), nn.ReLU(), nn.Linear(hidden_dim, features)
        )

    def encode(self, x: Tensor) -> tuple[Tensor, None]:
        """Images `(B, C, H, W)` to codes `(B, D)`, and no variance."""
        return self.code(self.enc(x.flatten(1))), None  # (B, D)

    def decode(self, z: Tensor) -> Tensor:
        """Codes `(B, D)` to logits `(B, C, H, W)`."""
        logits: Tensor = self.dec(z)  # (B, F)
        return logits.view(-1, *self.image_shape)  # (B, C, H, W)
