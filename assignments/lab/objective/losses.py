"""The two terms of the negative ELBO, and the number that training minimizes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from lab.errors import ConfigError

if TYPE_CHECKING:
    from lab.models.base import Output

KINDS = ("bce", "l2", "l1", "charbonnier")
_CHARBONNIER_EPS = 1e-3


class Terms(NamedTuple):
    """One training loss and its parts, in nats where the reconstruction is a log-likelihood.

    Args:
        loss: what is minimized, 0-dim, attached to the graph.
        recon: reconstruction term, mean over the batch, 0-dim.
        kl: KL divergence without beta and without free bits, mean over the batch, 0-dim.
    """

    loss: Tensor
    recon: Tensor
    kl: Tensor


def full_precision(values: Tensor) -> Tensor:
    """At least float32: half is enough for a network, not for a sum over hundreds of pixels."""
    return values if values.dtype in (torch.float32, torch.float64) else values.float()


def recon_loss(kind: str, logits: Tensor, x: Tensor) -> Tensor:
    """Reconstruction error of each image, summed over its features.

    Shapes: logits and x of one shape `(B, ...)`, x in [0, 1] -> `(B,)`.

    Args:
        kind: "bce": Bernoulli negative log-likelihood in nats, from the logits, so that it is
            finite where sigmoid(logits) is 0 or 1. With p = sigmoid(logits), constants dropped:
            "l2": sum (p - x)^2, no 1/2; "l1": sum |p - x|; "charbonnier":
            sum sqrt((p - x)^2 + 1e-6), an L1 that is smooth at 0 (Charbonnier et al. 1994).

    Raises:
        ConfigError: any other `kind`.
        ValueError: the shapes differ.
    """
    if logits.shape != x.shape:
        raise ValueError(f"logits {tuple(logits.shape)} and x {tuple(x.shape)} differ in shape")
    logits, x = full_precision(logits).flatten(1), full_precision(x).flatten(1)  # (B, F)
    if kind == "bce":
        return F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(1)
    error = torch.sigmoid(logits) - x  # (B, F)
    if kind == "l2":
        return error.square().sum(1)
    if kind == "l1":
        return error.abs().sum(1)
    if kind == "charbonnier":
        return (error.square() + _CHARBONNIER_EPS**2).sqrt().sum(1)
    known = ", ".join(KINDS)
    raise ConfigError(f"There is no reconstruction loss {kind!r}.", f"Use one of {known}.")


def kl_per_dim(mu: Tensor, logvar: Tensor) -> Tensor:
    """KL( N(mu, exp(logvar)) || N(0, 1) ) of each latent dimension, in nats.

    Shapes: mu and logvar `(B, D)` -> `(B, D)`; Kingma & Welling 2014, appendix B:
    (mu^2 + sigma^2 - log sigma^2 - 1) / 2.
    """
    mu, logvar = full_precision(mu), full_precision(logvar)
    # expm1 keeps the digits that exp(logvar) - 1 loses near the prior, where logvar is 0.
    return 0.5 * (mu.square() + torch.expm1(logvar) - logvar)


def free_bits(kl: Tensor, lam: float) -> Tensor:
    """A KL that is not worth lowering below `lam` nats a dimension, 0-dim.

    Shapes: kl `(B, D)` -> 0-dim: sum_d max(lam, mean over the batch of kl_d)
    (free bits, Kingma et al. 2016). A dimension below `lam` gets no gradient.
    """
    return kl.mean(0).clamp(min=lam).sum()


def loss(
    output: Output, x: Tensor, *, kind: str = "bce", beta: float = 1.0, free_bits: float = 0.0
) -> Terms:
    """Reconstruction + beta KL, mean over the batch (Higgins et al. 2017, eq. 4).

    Shapes: output of a model for a batch, x `(B, C, H, W)` in [0, 1], the image that should come
    out -> three 0-dim tensors. For a model without a posterior, kl is 0.

    Args:
        kind: as in `recon_loss`.
        beta: weight of the KL; 1 gives the negative ELBO.
        free_bits: nats a latent dimension that cost nothing, 0 for none.

    Raises:
        ConfigError: an unknown `kind`.
    """
    recon = recon_loss(kind, output.logits, x).mean()
    if output.logvar is None:
        return Terms(recon, recon, torch.zeros_like(recon))
    per_dim = kl_per_dim(output.mu, output.logvar)  # (B, D)
    kl = per_dim.sum(1).mean()
    penalty = _free_bits(per_dim, free_bits) if free_bits > 0 else kl
    return Terms(recon + beta * penalty, recon, kl)


_free_bits = free_bits  # `loss` has an argument of that name
