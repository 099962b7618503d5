"""What is minimized and what is measured: losses, schedules, bounds, corruption."""

from __future__ import annotations

from lab.objective.bounds import elbo, iwae_bound, iwae_loss, log_weights
from lab.objective.corruption import corrupt
from lab.objective.losses import Terms, free_bits, kl_per_dim, loss, recon_loss
from lab.objective.schedules import beta_at, lr_at

__all__ = [
    "Terms",
    "beta_at",
    "corrupt",
    "elbo",
    "free_bits",
    "iwae_bound",
    "iwae_loss",
    "kl_per_dim",
    "log_weights",
    "loss",
    "lr_at",
    "recon_loss",
]
