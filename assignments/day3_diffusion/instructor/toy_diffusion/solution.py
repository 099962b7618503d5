"""Wednesday, part 1: a diffusion model for points in the plane, one small function at a time.

Fill in the functions from top to bottom; the guide `toy_diffusion.md` has a section for each of
them. Notation: B examples in the batch, T steps, t an index 0 ... T-1. An example may be a point
(D,) or an image (C, H, W): every function but the model works for both.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# A noise predictor: (x_t, t) -> eps, with x_t (B, ...), t (B,) long and eps shaped as x_t.
Denoiser = Callable[[Tensor, Tensor], Tensor]

# ---------------------------------------------------------------- provided helpers


def linear_beta_schedule(T: int, beta_start: float = 1e-4, beta_end: float = 0.1) -> Tensor:
    """The noise variances beta_0 ... beta_{T-1}, evenly spaced (provided).

    >>> linear_beta_schedule(3, 0.1, 0.3)
    tensor([0.1000, 0.2000, 0.3000])
    """
    return torch.linspace(beta_start, beta_end, T)  # (T,)


def extract(values: Tensor, t: Tensor, like: Tensor) -> Tensor:
    """The number of each example's own step, shaped to multiply with `like` (provided).

    Shapes: values (T,), t (B,) long, like (B, ...) -> (B, 1, ..., 1) with as many axes as `like`.

    >>> extract(torch.tensor([0.5, 0.25]), torch.tensor([1, 0, 1]), torch.zeros(3, 2)).tolist()
    [[0.25], [0.5], [0.25]]
    """
    return values[t].reshape(-1, *[1] * (like.dim() - 1))


# ---------------------------------------------------------------- the forward process


def compute_alpha_cumprod(betas: Tensor) -> tuple[Tensor, Tensor]:
    """The signal that one step keeps, and the signal that all steps up to t keep.

    Shapes: betas (T,) -> alphas (T,), alpha_bar (T,), in this order.
    Formula: alpha_t = 1 - beta_t, alpha_bar_t = alpha_0 * alpha_1 * ... * alpha_t.

    >>> compute_alpha_cumprod(torch.tensor([0.1, 0.5]))  # 0.9, then 0.9 * 0.5
    (tensor([0.9000, 0.5000]), tensor([0.9000, 0.4500]))
    """
    # TODO(compute_alpha_cumprod): ~2 lines, 5 min
    # BEGIN SOLUTION
    alphas = 1.0 - betas  # (T,)
    return alphas, torch.cumprod(alphas, dim=0)
    # END SOLUTION


def q_sample(x0: Tensor, t: Tensor, noise: Tensor, alpha_bar: Tensor) -> Tensor:
    """Jump from clean data to step t at once: a sample of q(x_t | x_0) made with `noise`.

    Shapes: x0 (B, ...), t (B,) long, noise as x0, alpha_bar (T,) -> x_t as x0.
    Formula: x_t = sqrt(alpha_bar_t) x_0 + sqrt(1 - alpha_bar_t) noise (DDPM, equation 4).

    >>> ab = torch.tensor([0.64])
    >>> q_sample(torch.tensor([[10.0]]), torch.tensor([0]), torch.tensor([[5.0]]), ab)  # 8 + 3
    tensor([[11.]])
    """
    # TODO(q_sample): ~2 lines, 10 min
    # BEGIN SOLUTION
    ab = extract(alpha_bar, t, x0)  # (B, 1, ...)
    return ab.sqrt() * x0 + (1.0 - ab).sqrt() * noise  # (B, ...)
    # END SOLUTION


# ---------------------------------------------------------------- the model


def timestep_embedding(t: Tensor, dim: int, max_period: float = 10000) -> Tensor:
    """Sines and cosines of t at `dim / 2` frequencies: how the network is told the step.

    Shapes: t (B,) long -> (B, dim); dim is even and at least 4.
    Formula: with half = dim / 2 and w_i = max_period^(-i / half) for i = 0 ... half-1,
    the row of t holds sin(w_i t) for all i, then cos(w_i t) for all i.

    >>> timestep_embedding(torch.tensor([0]), 4)
    tensor([[0., 0., 1., 1.]])
    """
    # TODO(timestep_embedding): ~4 lines, 12 min
    # BEGIN SOLUTION
    half = dim // 2
    i = torch.arange(half, device=t.device)
    frequencies = torch.exp(-math.log(max_period) * i / half)  # (half,)
    angles = t[:, None].float() * frequencies[None, :]  # (B, half)
    return torch.cat([torch.sin(angles), torch.cos(angles)], dim=1)  # (B, dim)
    # END SOLUTION


class ToyDenoiser(nn.Module):
    """Predicts the noise in a noisy point from the point and its step (provided)."""

    def __init__(self, data_dim: int = 2, hidden_dim: int = 128, t_dim: int = 32) -> None:
        super().__init__()
        self.t_dim = t_dim
        self.net = nn.Sequential(
            nn.Linear(data_dim + t_dim, hidden_dim),
            nn.GELU(),
            nn.Linear(hidden_dim, hidden_dim),
            nn.GELU(),
            nn.Linear(hidden_dim, hidden_dim),
            nn.GELU(),
            nn.Linear(hidden_dim, data_dim),
        )

    def forward(self, x_t: Tensor, t: Tensor) -> Tensor:
        """The predicted noise. Shapes: x_t (B, D), t (B,) long -> (B, D)."""
        embedded = timestep_embedding(t, self.t_dim)  # (B, t_dim)
        return self.net(torch.cat([x_t, embedded], dim=1))  # (B, D)


def diffusion_loss(
    model: Denoiser, x0: Tensor, t: Tensor, alpha_bar: Tensor, noise: Tensor | None = None
) -> Tensor:
    """How badly the model guesses the noise: the mean squared error over all elements.

    Shapes: x0 (B, ...), t (B,) long, alpha_bar (T,), noise as x0 or None -> 0-dim tensor.
    Formula: mean of (noise - model(x_t, t))^2 at x_t = q_sample(x0, t, noise) (DDPM, eq. 14).

    Args:
        noise: used when it is given; None draws it from N(0, I).

    >>> silent = lambda x_t, t: torch.zeros_like(x_t)
    >>> diffusion_loss(silent, torch.zeros(1, 2), torch.tensor([0]), torch.tensor([0.5]),
    ...                noise=torch.tensor([[1.0, 3.0]]))  # (1^2 + 3^2) / 2
    tensor(5.)
    """
    # TODO(diffusion_loss): ~4 lines, 12 min
    # BEGIN SOLUTION
    if noise is None:
        noise = torch.randn_like(x0)  # (B, ...)
    x_t = q_sample(x0, t, noise, alpha_bar)  # (B, ...)
    return F.mse_loss(model(x_t, t), noise)
    # END SOLUTION


# ---------------------------------------------------------------- the reverse process


def predict_x0(x_t: Tensor, t: Tensor, eps: Tensor, alpha_bar: Tensor) -> Tensor:
    """The clean data that belong to x_t if eps is the noise in it: `q_sample` solved for x_0.

    Shapes: x_t (B, ...), t (B,) long, eps as x_t, alpha_bar (T,) -> x_0 as x_t.
    Formula: x_0 = (x_t - sqrt(1 - alpha_bar_t) eps) / sqrt(alpha_bar_t).

    >>> ab = torch.tensor([0.64])
    >>> predict_x0(torch.tensor([[11.0]]), torch.tensor([0]), torch.tensor([[5.0]]), ab)
    tensor([[10.]])
    """
    # TODO(predict_x0): ~2 lines, 6 min
    # BEGIN SOLUTION
    ab = extract(alpha_bar, t, x_t)  # (B, 1, ...)
    return (x_t - (1.0 - ab).sqrt() * eps) / ab.sqrt()  # (B, ...)
    # END SOLUTION


def q_posterior(x0: Tensor, x_t: Tensor, t: Tensor, betas: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance of q(x_{t-1} | x_t, x_0): one step back when the clean data are known.

    Shapes: x0 (B, ...), x_t as x0, t (B,) long, betas (T,) -> mean as x0, var (B, 1, ..., 1).
    Formula, with alpha_bar_{t-1} = 1 at t = 0 (DDPM, equations 6 and 7):
    mean = [sqrt(alpha_bar_{t-1}) beta_t x_0 + sqrt(alpha_t) (1 - alpha_bar_{t-1}) x_t]
           / (1 - alpha_bar_t),
    var = beta_t (1 - alpha_bar_{t-1}) / (1 - alpha_bar_t).

    >>> mean, var = q_posterior(torch.tensor([[7.0]]), torch.tensor([[3.0]]), torch.tensor([0]),
    ...                         torch.tensor([0.5, 0.5]))  # at t = 0 only x_0 is left
    >>> mean.item(), var.item()
    (7.0, 0.0)
    """
    # TODO(q_posterior): ~8 lines, 15 min
    # BEGIN SOLUTION
    alphas, alpha_bar = compute_alpha_cumprod(betas)  # (T,), (T,)
    alpha_bar_prev = F.pad(alpha_bar[:-1], (1, 0), value=1.0)  # (T,)
    beta, alpha = extract(betas, t, x0), extract(alphas, t, x0)  # (B, 1, ...)
    ab, ab_prev = extract(alpha_bar, t, x0), extract(alpha_bar_prev, t, x0)  # (B, 1, ...)
    mean = (ab_prev.sqrt() * beta * x0 + alpha.sqrt() * (1.0 - ab_prev) * x_t) / (1.0 - ab)
    return mean, beta * (1.0 - ab_prev) / (1.0 - ab)  # (B, ...), (B, 1, ...)
    # END SOLUTION


def p_sample(model: Denoiser, x_t: Tensor, t: int, betas: Tensor) -> Tensor:
    """One step back with the model's noise: a sample of p(x_{t-1} | x_t); at t = 0 its mean.

    Shapes: x_t (B, ...), t one int for the whole batch, betas (T,) -> x_{t-1} as x_t.
    The model is called once, with t as a (B,) long tensor.
    Formula: mean = (x_t - beta_t / sqrt(1 - alpha_bar_t) * eps) / sqrt(alpha_t) with
    eps = model(x_t, t) (DDPM, algorithm 2); x_{t-1} = mean + sigma_t z with z ~ N(0, I) and
    sigma_t^2 = beta_t (or the variance of q_posterior); no noise at t = 0.

    >>> silent = lambda x_t, t: torch.zeros_like(x_t)
    >>> p_sample(silent, torch.tensor([[6.0]]), 0, torch.tensor([0.75]))  # 6 / sqrt(1/4)
    tensor([[12.]])
    """
    # TODO(p_sample): ~7 lines, 15 min
    # BEGIN SOLUTION
    alphas, alpha_bar = compute_alpha_cumprod(betas)  # (T,), (T,)
    steps = torch.full((x_t.shape[0],), t, dtype=torch.long, device=x_t.device)  # (B,)
    eps = model(x_t, steps)  # (B, ...)
    mean = (x_t - betas[t] / (1.0 - alpha_bar[t]).sqrt() * eps) / alphas[t].sqrt()  # (B, ...)
    if t == 0:
        return mean
    return mean + betas[t].sqrt() * torch.randn_like(x_t)  # (B, ...)
    # END SOLUTION


def p_sample_loop(model: Denoiser, shape: tuple[int, ...], betas: Tensor) -> Tensor:
    """New data from pure noise: all steps back, t = T-1 down to 0, without gradients.

    Shapes: shape such as (B, D), betas (T,) -> x_0 of that shape.
    The start is x_T ~ N(0, I). No step may build a graph: T of them would fill the memory.

    >>> silent = lambda x_t, t: torch.zeros_like(x_t)
    >>> p_sample_loop(silent, (3, 2), torch.tensor([0.1, 0.2])).shape
    torch.Size([3, 2])
    """
    # TODO(p_sample_loop): ~5 lines, 10 min
    # BEGIN SOLUTION
    x = torch.randn(shape, device=betas.device)  # (B, ...)
    with torch.no_grad():
        for t in reversed(range(len(betas))):
            x = p_sample(model, x, t, betas)  # (B, ...)
    return x
    # END SOLUTION
