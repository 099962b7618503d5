"""The lab's default: strided convolutions down to a small grid, and the same way back."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from lab.models.base import LatentModel
from lab.models.init import safe_logvar
from lab.models.shapes import halvings


class VAEConv(LatentModel):
    """4x4 convolutions with stride 2, one hidden layer, then mu and logvar; a mirror image decodes.

    2,603,465 parameters for 28x28x1 and 1,996,363 for 32x32x3, which is halved once more, with
    latent_dim 20, hidden_dim 400 and width 32.

    Args:
        image_shape: `(C, H, W)`; H and W are halved two or three times.
        latent_dim: D.
        width: channels at half the size; each further halving doubles them.
        hidden_dim: H, units of the fully connected layer on either side of z.

    Raises:
        ConfigError: a side of the images cannot be halved twice.
    """

    def __init__(
        self, image_shape: tuple[int, int, int], latent_dim: int, width: int, hidden_dim: int
    ) -> None:
        super().__init__(image_shape, latent_dim)
        steps, grid = halvings(image_shape)
        # The shapes at the line ends are those of 28x28x1 with width 32.
        channels = [image_shape[0], *(width * 2**step for step in range(steps))]  # 1, 32, 64
        bottom = (channels[-1], *grid)  # 64, 7, 7
        features = bottom[0] * bottom[1] * bottom[2]  # 3136

        down: list[nn.Module] = []
        for c_in, c_out in pairwise(channels):  # (B, 1, 28, 28)
            down += [nn.Conv2d(c_in, c_out, 4, stride=2, padding=1), nn.SiLU()]  # (B, 32, 14, 14)
        down.append(nn.Flatten())  # (B, 64, 7, 7) -> (B, 3136)
        down += [nn.Linear(features, hidden_dim), nn.SiLU()]  # (B, H)
        self.enc = nn.Sequential(*down)
        self.mu = nn.Linear(hidden_dim, latent_dim)  # (B, H) -> (B, D)
        self.logvar = nn.Linear(hidden_dim, latent_dim)  # (B, H) -> (B, D)

        up: list[nn.Module] = [nn.Linear(latent_dim, hidden_dim), nn.SiLU()]  # (B, H)
        up += [nn.Linear(hidden_dim, features), nn.Unflatten(1, bottom)]  # (B, 64, 7, 7)
        for c_in, c_out in pairwise(reversed(channels)):
            up += [nn.SiLU(), nn.ConvTranspose2d(c_in, c_out, 4, stride=2, padding=1)]
        self.dec = nn.Sequential(*up)  # (B, 32, 14, 14), then (B, 1, 28, 28)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Images `(B, C, H, W)` to mu and logvar, each `(B, D)`."""
        h = self.enc(x)  # (B, H)
        return self.mu(h), safe_logvar(self.logvar(h))  # (B, D), (B, D)

    def decode(self, z: Tensor) -> Tensor:
        """Latents `(B, D)` to logits `(B, C, H, W)`."""
        logits: Tensor = self.dec(z)  # (B, C, H, W)
        return logits
