"""Wednesday, part 2: the diffusion model of part 1 for images, with a tiny U-Net.

Fill in the functions from top to bottom; the guide `image_diffusion.md` has a section for each of
them. Notation: B images in the batch, C channels, H and W their height and width (even numbers),
T steps, t an index 0 ... T-1. Images have values in [-1, 1].
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# A noise predictor: (x_t, t) -> eps, with x_t (B, C, H, W), t (B,) long and eps shaped as x_t.
Denoiser = Callable[[Tensor, Tensor], Tensor]

MAX_STEPS = 1000  # the largest T that the network's time embedding has room for

# ---------------------------------------------------------------- provided helpers


def linear_beta_schedule(T: int, beta_start: float = 1e-4, beta_end: float = 0.02) -> Tensor:
    """The noise variances beta_0 ... beta_{T-1}, evenly spaced (provided).

    >>> linear_beta_schedule(3, 0.1, 0.3)
    tensor([0.1000, 0.2000, 0.3000])
    """
    return torch.linspace(beta_start, beta_end, T)  # (T,)


def image_shape(model: object, num_images: int, size: int) -> tuple[int, int, int, int]:
    """The shape (N, C, H, W) of square images; C is `model.in_channels`, else 1 (provided)."""
    return num_images, getattr(model, "in_channels", 1), size, size


def group_norm(channels: int) -> nn.GroupNorm:
    """Normalizes each image on its own, over all channels and pixels (provided)."""
    # One group: groups of a single channel would erase what the block adds for t.
    return nn.GroupNorm(1, channels)


# ---------------------------------------------------------------- the network


class ResidualBlock(nn.Module):
    """Two convolutions that hear about t, beside a path that lets the input through unchanged.

    The layers are provided; `forward` connects them.
    """

    def __init__(self, c_in: int, c_out: int, t_dim: int) -> None:
        super().__init__()
        self.norm1 = group_norm(c_in)
        self.conv1 = nn.Conv2d(c_in, c_out, 3, padding=1)  # (B, c_in, H, W) -> (B, c_out, H, W)
        self.time = nn.Linear(t_dim, c_out)  # (B, t_dim) -> (B, c_out)
        self.norm2 = group_norm(c_out)
        self.conv2 = nn.Conv2d(c_out, c_out, 3, padding=1)  # (B, c_out, H, W) -> same
        # Lets the input through; a 1x1 convolution where the number of channels changes.
        self.skip = nn.Identity() if c_in == c_out else nn.Conv2d(c_in, c_out, 1)

    def forward(self, x: Tensor, t_emb: Tensor) -> Tensor:
        """One pass through the block.

        Shapes: x (B, c_in, H, W), t_emb (B, t_dim) -> (B, c_out, H, W).
        Formula: h = conv1(silu(norm1(x))); add time(t_emb) to every pixel of h, one number for each
        channel; h = conv2(silu(norm2(h))); the result is h + skip(x), with no activation after it.
        """
        # TODO(residual_block): ~4 lines, 15 min
        raise NotImplementedError("residual_block: not implemented yet")


class TinyUNet(nn.Module):
    """Predicts the noise in an image: down to half the size, and up again beside a skip connection.

    The layers are provided; `forward` connects them. H and W must be even.
    """

    def __init__(self, channels: int, t_dim: int, in_channels: int = 1) -> None:
        super().__init__()
        self.in_channels = in_channels
        c = channels
        self.time = nn.Sequential(  # (B,) long -> (B, t_dim)
            nn.Embedding(MAX_STEPS, t_dim), nn.Linear(t_dim, t_dim), nn.SiLU()
        )
        self.first = nn.Conv2d(in_channels, c, 3, padding=1)  # (B, C, H, W) -> (B, c, H, W)
        self.down = ResidualBlock(c, c, t_dim)  # (B, c, H, W) -> same: the skip connection
        self.shrink = nn.Conv2d(c, 2 * c, 3, stride=2, padding=1)  # -> (B, 2c, H/2, W/2)
        self.middle = ResidualBlock(2 * c, 2 * c, t_dim)  # (B, 2c, H/2, W/2) -> same
        self.grow = nn.ConvTranspose2d(2 * c, c, 2, stride=2)  # -> (B, c, H, W)
        self.up = ResidualBlock(2 * c, c, t_dim)  # (B, 2c, H, W) -> (B, c, H, W)
        self.last = nn.Conv2d(c, in_channels, 3, padding=1)  # (B, c, H, W) -> (B, C, H, W)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        """The predicted noise.

        Shapes: x (B, C, H, W), t (B,) long -> (B, C, H, W); any real number may come out.
        Formula: t_emb = time(t); s = down(first(x), t_emb); h = middle(shrink(s), t_emb);
        h = up(cat(grow(h), s), t_emb), joined along the channels; the result is last(h).
        """
        # TODO(tiny_unet): ~6 lines, 15 min
        raise NotImplementedError("tiny_unet: not implemented yet")


# ---------------------------------------------------------------- training


def training_step(
    model: nn.Module, optimizer: torch.optim.Optimizer, x0: Tensor, alpha_bar: Tensor
) -> float:
    """One update of the model on a batch of clean images; returns the loss as a plain number.

    Shapes: x0 (B, C, H, W), alpha_bar (T,) -> float. The model is called once.
    Formula: t uniform on 0 ... T-1, one for each image; noise ~ N(0, I);
    x_t = sqrt(alpha_bar_t) x_0 + sqrt(1 - alpha_bar_t) noise; loss = mean over all elements of
    (noise - model(x_t, t))^2; then the usual three lines: old gradients away, backward, step.
    """
    # TODO(training_step): ~9 lines, 15 min
    raise NotImplementedError("training_step: not implemented yet")


# ---------------------------------------------------------------- sampling


def sample_images(model: Denoiser, num_images: int, size: int, betas: Tensor) -> Tensor:
    """New images from pure noise: all steps back, t = T-1 down to 0, without gradients.

    Shapes: betas (T,) -> (N, C, size, size) with N = num_images, values in [-1, 1]; the provided
    `image_shape` gives this shape.
    Formula: start from N(0, I); at each step eps = model(x, t) with t as a (B,) long tensor, then
    x <- (x - beta_t / sqrt(1 - alpha_bar_t) eps) / sqrt(alpha_t) + sqrt(beta_t) z, z ~ N(0, I);
    no noise at t = 0. Only the finished images (or predicted clean ones) are clamped to [-1, 1].

    >>> silent = lambda x_t, t: torch.zeros_like(x_t)
    >>> sample_images(silent, 3, 4, torch.tensor([0.1, 0.2])).shape
    torch.Size([3, 1, 4, 4])
    """
    # TODO(sample_images): ~10 lines, 15 min
    raise NotImplementedError("sample_images: not implemented yet")


# ---------------------------------------------------------------- bonus


def cosine_beta_schedule(T: int, s: float = 0.008) -> Tensor:
    """Betas for which alpha_bar falls like a squared cosine: slowly at both ends.

    Shapes: -> (T,).
    Formula: f(u) = cos^2((u / T + s) / (1 + s) * pi / 2) for u = 0 ... T;
    beta_t = 1 - f(t + 1) / f(t), at most 0.999 (Nichol and Dhariwal, equation 17).

    >>> cosine_beta_schedule(2, s=0.0)  # f = 1, 1/2, 0
    tensor([0.5000, 0.9990])
    """
    # TODO(cosine_beta_schedule): ~3 lines, 10 min
    raise NotImplementedError("cosine_beta_schedule: not implemented yet")


def ddim_step(
    x_t: Tensor,
    eps: Tensor,
    ab_t: Tensor,
    ab_prev: Tensor,
    eta: float = 0.0,
    noise: Tensor | None = None,
) -> Tensor:
    """One DDIM step from signal share ab_t to ab_prev, which may be many steps away.

    Shapes: x_t and eps (B, ...), ab_t and ab_prev 0-dim tensors -> as x_t.
    Formula: x_0 = (x_t - sqrt(1 - ab_t) eps) / sqrt(ab_t);
    sigma = eta sqrt((1 - ab_prev) / (1 - ab_t)) sqrt(1 - ab_t / ab_prev);
    sqrt(ab_prev) x_0 + sqrt(1 - ab_prev - sigma^2) eps + sigma noise (DDIM, equations 12 and 16).

    Args:
        eta: 0 for a path without chance, 1 for the chance of a DDPM step.
        noise: used when it is given; None draws it from N(0, I).

    >>> one = torch.ones(1, 1)
    >>> ddim_step(5 * one, 5 * one, torch.tensor(0.64), torch.tensor(1.0))  # (5 - 0.6 * 5) / 0.8
    tensor([[2.5000]])
    """
    # TODO(ddim_step): ~6 lines, 15 min
    raise NotImplementedError("ddim_step: not implemented yet")
