"""Lower bounds on log p(x): how good a model is, in nats, whatever it was trained on."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from lab.errors import LabError
from lab.objective.losses import Terms, full_precision, kl_per_dim, recon_loss

if TYPE_CHECKING:
    from lab.models.base import LatentModel


@torch.no_grad()
def elbo(
    model: LatentModel,
    x: Tensor,
    samples: int = 1,
    kind: str = "bce",
    *,
    generator: torch.Generator | None = None,
) -> Tensor:
    """The ELBO of each image in nats, its KL in closed form (Kingma & Welling 2014, eq. 7).

    Shapes: x `(B, C, H, W)` in [0, 1] -> `(B,)`; no gradients, B rows are decoded at a time.

    Args:
        samples: of z for each image, whose reconstruction terms are averaged.
        kind: as in `recon_loss`; only "bce" has all its constants.
        generator: where the noise comes from; torch's global one otherwise.

    Raises:
        LabError: the model has no posterior, or `samples` is below 1.
    """
    _at_least_one(samples, "samples")
    mu, logvar = _posterior(model, x)  # (B, D)
    recon = torch.zeros(len(x), device=x.device)
    for _ in range(samples):
        z = mu + torch.exp(0.5 * logvar) * _noise(mu, generator)  # (B, D)
        recon = recon + recon_loss(kind, model.decode(z), x) / samples
    return -recon - kl_per_dim(mu, logvar).sum(1)


def log_weights(model: LatentModel, x: Tensor, samples: int, kind: str = "bce") -> Tensor:
    """log p(x, z_k) - log q(z_k | x) for z_k ~ q(z | x), attached to the graph.

    Shapes: x `(B, C, H, W)` in [0, 1] -> `(B, K)`, K = samples; B K rows are decoded at once
    (Burda et al. 2016, section 3).

    Raises:
        LabError: the model has no posterior, or `samples` is below 1.
    """
    _at_least_one(samples, "samples")
    mu, logvar = _posterior(model, x)  # (B, D)
    eps = torch.stack([_noise(mu, None) for _ in range(samples)])  # (K, B, D)
    return _log_weights(model, x, mu, logvar, eps, kind)[0].T  # (B, K)


@torch.no_grad()
def iwae_bound(
    model: LatentModel,
    x: Tensor,
    samples: int,
    chunk: int = 2000,
    kind: str = "bce",
    *,
    generator: torch.Generator | None = None,
) -> Tensor:
    """The importance-weighted bound L_K of each image in nats (Burda et al. 2016, eq. 8).

    Shapes: x `(B, C, H, W)` in [0, 1] -> `(B,)`; no gradients. K = 5000 fits: of the weights only
    a running maximum and sum are kept. The noise depends on B and K alone, so that the same seed
    gives the same bound whatever the chunk.

    Args:
        samples: K.
        chunk: so many rows (image × sample) are decoded at once.
        kind: as in `recon_loss`; only "bce" has all its constants.
        generator: where the noise comes from; torch's global one otherwise.

    Raises:
        LabError: the model has no posterior, or `samples` or `chunk` is below 1.
    """
    _at_least_one(samples, "samples")
    _at_least_one(chunk, "chunk")
    parts = [_posterior(model, part) for part in torch.split(x, chunk)]
    mu, logvar = (torch.cat(both) for both in zip(*parts, strict=True))  # (B, D), (B, D)
    at_once = max(1, chunk // max(1, len(x)))  # samples of all images, where they fit
    highest = torch.full((len(x),), -math.inf, device=x.device)  # (B,)
    total = torch.zeros(len(x), device=x.device)  # (B,), sum of exp(log_w - highest)
    for first in range(0, samples, at_once):
        # One draw of (B, D) a sample: the stream of numbers does not know of the chunk.
        draws = range(first, min(first + at_once, samples))
        eps = torch.stack([_noise(mu, generator) for _ in draws])  # (k, B, D)
        rows = [slice(i, i + chunk) for i in range(0, max(1, len(x)), chunk)]
        log_w = torch.cat(
            [_log_weights(model, x[r], mu[r], logvar[r], eps[:, r], kind)[0] for r in rows], dim=1
        )  # (k, B)
        peak = torch.maximum(highest, log_w.amax(0))  # (B,)
        total = total * torch.exp(highest - peak) + torch.exp(log_w - peak).sum(0)
        highest = peak
    return highest + torch.log(total) - math.log(samples)


def iwae_loss(
    model: LatentModel, x: Tensor, samples: int, kind: str = "bce", beta: float = 1.0
) -> Terms:
    """-L_K to train on, mean over the batch (Burda et al. 2016, eq. 8).

    Shapes: x `(B, C, H, W)` in [0, 1] -> three 0-dim tensors; recon is averaged over the samples,
    kl is the closed form. B K rows are decoded at once, with their graph.

    Args:
        samples: K; 1 gives the negative ELBO with a sampled KL.
        kind: as in `recon_loss`.
        beta: weight of log p(z) - log q(z | x) in the weights, to warm up; 1 gives the bound.

    Raises:
        LabError: the model has no posterior, or `samples` is below 1.
    """
    _at_least_one(samples, "samples")
    mu, logvar = _posterior(model, x)  # (B, D)
    eps = torch.stack([_noise(mu, None) for _ in range(samples)])  # (K, B, D)
    log_w, recon = _log_weights(model, x, mu, logvar, eps, kind, beta)  # (K, B)
    bound = torch.logsumexp(log_w, 0) - math.log(samples)  # (B,)
    return Terms(-bound.mean(), recon.mean(), kl_per_dim(mu, logvar).sum(1).mean())


def _log_weights(
    model: LatentModel,
    x: Tensor,
    mu: Tensor,
    logvar: Tensor,
    eps: Tensor,
    kind: str,
    beta: float = 1.0,
) -> tuple[Tensor, Tensor]:
    """log w `(K, B)` and the reconstruction terms `(K, B)` for noise `(K, B, D)`."""
    z = mu + torch.exp(0.5 * logvar) * eps  # (K, B, D)
    logits = model.decode(z.flatten(0, 1))  # (K B, C, H, W)
    targets = x.expand(len(eps), *x.shape).flatten(0, 1)  # (K B, C, H, W)
    recon = recon_loss(kind, logits, targets).view(len(eps), len(x))  # (K, B)
    # log p(z) - log q(z|x): 2 pi drops out, and (z - mu) / sigma is eps, exact for any sigma.
    ratio = 0.5 * (eps.square() + logvar - z.square()).sum(-1)  # (K, B)
    return beta * ratio - recon, recon


def _posterior(model: LatentModel, x: Tensor) -> tuple[Tensor, Tensor]:
    mu, logvar = model.encode(x)
    if logvar is None:
        raise LabError(
            f"{type(model).__name__} has no posterior q(z|x), so there is no bound on log p(x).",
            "Use a VAE: conv, resnet, mlp or student.",
        )
    return full_precision(mu), full_precision(logvar)


def _noise(mu: Tensor, generator: torch.Generator | None) -> Tensor:
    """eps ~ N(0, I) like mu, drawn where the generator lives."""
    device = mu.device if generator is None else generator.device
    return torch.randn(mu.shape, generator=generator, device=device, dtype=mu.dtype).to(mu.device)


def _at_least_one(value: int, name: str) -> None:
    if value < 1:
        raise LabError(f"A bound needs {name} of at least 1, not {value}.")
