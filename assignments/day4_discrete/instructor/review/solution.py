"""Thursday, part 2: four small tasks as they may come in the exam, each on one screen.

Write each one without help and against the clock; the guide `review.md` says how. Nothing here is
imported from another day. Notation: B rows in the batch, D dimensions, L tokens, T noise levels.
"""

from __future__ import annotations

import torch
from torch import Tensor

# ---------------------------------------------------------------- 1. from the VAE


def gaussian_kl(mu_q: Tensor, logvar_q: Tensor, mu_p: Tensor, logvar_p: Tensor) -> Tensor:
    """KL( q || p ) of two diagonal Gaussians, for each row.

    Shapes: all four (B, D) -> (B,): summed over the dimensions, not averaged over the rows.
    Formula: 1/2 * sum_d [ log(s_p^2 / s_q^2) + (s_q^2 + (mu_q - mu_p)^2) / s_p^2 - 1 ]
    with s^2 = exp(logvar).

    >>> zero, one = torch.zeros(1, 1), torch.ones(1, 1)
    >>> gaussian_kl(2 * one, zero, zero, zero)  # 1/2 * 2^2
    tensor([2.])
    """
    # TODO(gaussian_kl): ~3 lines, 8 min
    # BEGIN SOLUTION
    square = logvar_q.exp() + (mu_q - mu_p).pow(2)  # (B, D)
    kl = 0.5 * (logvar_p - logvar_q + square * (-logvar_p).exp() - 1)  # (B, D)
    return kl.sum(dim=1)
    # END SOLUTION


def reparameterize(mu: Tensor, logvar: Tensor) -> Tensor:
    """A sample of N(mu, exp(logvar)) through which gradients flow to both.

    Shapes: mu and logvar of any one shape -> z of that shape, one noise number per element.
    Formula: z = mu + sigma * eps with sigma = exp(logvar / 2), eps ~ N(0, 1).

    >>> reparameterize(torch.tensor([3.0]), torch.tensor([-200.0]))  # sigma is practically 0
    tensor([3.])
    """
    # TODO(reparameterize): ~1 line, 5 min
    # BEGIN SOLUTION
    return mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
    # END SOLUTION


# ---------------------------------------------------------------- 2. from continuous diffusion


def reverse_step(x_t: Tensor, eps: Tensor, t: Tensor, betas: Tensor, noise: Tensor) -> Tensor:
    """One step of the DDPM sampler from x_t to x_{t-1}, with the noise given.

    Shapes: x_t, eps and noise (B, ...) of any one shape, t (B,) long, betas (T,) -> (B, ...).
    Formula: mean = (x_t - beta_t / sqrt(1 - alpha_bar_t) * eps) / sqrt(alpha_t), plus
    sigma_t * noise with sigma_t^2 = beta_t (or the posterior variance); at t = 0 no noise.
    Here alpha_t = 1 - beta_t, and alpha_bar_t is the product of alpha_0 ... alpha_t.

    >>> one = torch.ones(1, 1)
    >>> reverse_step(one, 0.5 * one, torch.tensor([0]), torch.tensor([0.75]), one)
    tensor([[1.1340]])
    """
    # TODO(reverse_step): ~6 lines, 12 min
    # BEGIN SOLUTION
    t = t.view(-1, *[1] * (x_t.dim() - 1))  # (B, 1, ...): lined up with the rows
    alphas = 1 - betas  # (T,)
    alpha_bar = torch.cumprod(alphas, dim=0)  # (T,)
    mean = (x_t - betas[t] / (1 - alpha_bar[t]).sqrt() * eps) / alphas[t].sqrt()
    return mean + betas[t].sqrt() * noise * (t > 0)
    # END SOLUTION


# ---------------------------------------------------------------- 3. from discrete diffusion


def corrupt_tokens(x0: Tensor, t: Tensor, mask_id: int, T: int) -> Tensor:
    """Each token becomes the mask with probability (t + 1) / T, independently, or stays.

    Shapes: x0 (B, L) long, t (B,) long -> (B, L) long.

    >>> corrupt_tokens(torch.tensor([[5, 6, 7]]), torch.tensor([3]), mask_id=9, T=4)
    tensor([[9, 9, 9]])
    """
    # TODO(corrupt_tokens): ~2 lines, 8 min
    # BEGIN SOLUTION
    masked = torch.rand(x0.shape, device=x0.device) < ((t + 1) / T)[:, None]  # (B, L)
    return torch.where(masked, mask_id, x0)
    # END SOLUTION
