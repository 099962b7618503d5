"""A deeper VAE: residual blocks, which keep their gradients however many there are."""

from __future__ import annotations

import itertools
import math
from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from lab.models.base import LatentModel
from lab.models.init import safe_logvar
from lab.models.shapes import halvings


class ResidualBlock(nn.Module):
    """x + f(x), where f is twice norm, SiLU, convolution (He et al. 2016b, fig. 4e).

    Args:
        c_in: channels that come in.
        c_out: channels that go out; where they differ, x passes a 1x1 convolution first.
        resize: of the image on both ways: `nn.AvgPool2d(2)`, `nn.Upsample(scale_factor=2)` or
            nothing.
    """

    def __init__(self, c_in: int, c_out: int, resize: nn.Module | None = None) -> None:
        super().__init__()
        self.resize = resize or nn.Identity()
        self.norm1, self.norm2 = _norm(c_in), _norm(c_out)
        self.conv1 = nn.Conv2d(c_in, c_out, 3, padding=1)
        self.conv2 = nn.Conv2d(c_out, c_out, 3, padding=1)
        self.skip = nn.Identity() if c_in == c_out else nn.Conv2d(c_in, c_out, 1)

    def forward(self, x: Tensor) -> Tensor:
        """`(B, c_in, H, W)` to `(B, c_out, H', W')`; H' is H, H / 2 or 2 H as `resize` has it."""
        h = self.conv1(self.resize(F.silu(self.norm1(x))))  # (B, c_out, H', W')
        h = self.conv2(F.silu(self.norm2(h)))  # (B, c_out, H', W')
        out: Tensor = self.skip(self.resize(x)) + h
        return out


class VAEResNet(LatentModel):
    """One strided convolution, then a residual block for each halving and one more at the bottom;
    a mirror image decodes.

    428,521 parameters for 28x28x1 and 1,156,971 for 32x32x3, which is halved once more, with
    latent_dim 20 and width 32.

    Args:
        image_shape: `(C, H, W)`; H and W are halved two or three times.
        latent_dim: D.
        width: W, channels at half the size; each further halving doubles them.

    Raises:
        ConfigError: a side of the images cannot be halved twice.
    """

    def __init__(self, image_shape: tuple[int, int, int], latent_dim: int, width: int) -> None:
        super().__init__(image_shape, latent_dim)
        steps, grid = halvings(image_shape)
        channels = [width * 2**step for step in range(steps)]  # W, 2W for 28x28; 4W for 32x32
        bottom = channels[-1]
        features = bottom * grid[0] * grid[1]  # F

        # The shapes are those of 28x28x1 with width 32.
        down: list[nn.Module] = [nn.Conv2d(image_shape[0], width, 4, stride=2, padding=1)]
        for c_in, c_out in itertools.pairwise(channels):  # (B, 32, 14, 14)
            down.append(ResidualBlock(c_in, c_out, nn.AvgPool2d(2)))  # (B, 64, 7, 7)
        down += [ResidualBlock(bottom, bottom), _norm(bottom), nn.SiLU()]  # (B, 64, 7, 7)
        self.enc = nn.Sequential(*down, nn.Flatten())  # (B, 3136)
        self.mu = nn.Linear(features, latent_dim)  # (B, D)
        self.logvar = nn.Linear(features, latent_dim)  # (B, D)

        up: list[nn.Module] = [nn.Linear(latent_dim, features)]  # (B, 3136)
        up += [nn.Unflatten(1, (bottom, *grid)), ResidualBlock(bottom, bottom)]  # (B, 64, 7, 7)
        for c_in, c_out in pairwise(reversed(channels)):
            up.append(ResidualBlock(c_in, c_out, nn.Upsample(scale_factor=2)))  # (B, 32, 14, 14)
        up += [_norm(width), nn.SiLU()]
        up.append(nn.ConvTranspose2d(width, image_shape[0], 4, stride=2, padding=1))
        self.dec = nn.Sequential(*up)  # (B, 1, 28, 28)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Images `(B, C, H, W)` to mu and logvar, each `(B, D)`."""
        h = self.enc(x)  # (B, F)
        return self.mu(h), safe_logvar(self.logvar(h))  # (B, D), (B, D)

    def decode(self, z: Tensor) -> Tensor:
        """Latents `(B, D)` to logits `(B, C, H, W)`."""
        logits: Tensor = self.dec(z)  # (B, C, H, W)
        return logits


def _norm(channels: int) -> nn.GroupNorm:
    """Eight groups where the channels allow, else as many as divide them (Wu & He 2018)."""
    return nn.GroupNorm(math.gcd(8, channels), channels)
