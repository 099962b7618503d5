"""What a model does with its latent space: which dimensions it uses, and how well it fills it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from lab import objective
from lab.evaluation.walk import batches, check, looking
from lab.models.base import LatentModel

ACTIVE_VARIANCE = 0.01  # of the posterior mean over the data (Burda et al. 2016, section 5.2)
ACTIVE_KL = 0.1  # nats a dimension; training guide 5.3


@dataclass(frozen=True)
class Latents:
    """Statistics of the codes of a set of images; all tensors double, on the CPU.

    Args:
        images: N, how many images.
        broken: for how many of them mu or logvar is not finite.
        mu_mean: mean of mu over images and dimensions; near 0 where the prior is met.
        mu_std: standard deviation of mu over images and dimensions.
        var_mean: mean posterior variance; NaN without a posterior.
        var_max: its largest value for any image and dimension; NaN without a posterior.
        mean: mean of mu in each dimension, `(D,)`.
        spread: variance of mu over the images in each dimension, `(D,)`.
        covariance: of the aggregate posterior, Cov(mu) + diag(E[sigma²]), `(D, D)`.
        kl: mean KL of each dimension in nats, `(D,)`; None without a posterior.
        active_units: dimensions whose mu varies over the data (Burda et al. 2016, section 5.2).
        active_kl: dimensions with a KL above 0.1 nats; None without a posterior.
    """

    images: int
    broken: int
    mu_mean: float
    mu_std: float
    var_mean: float
    var_max: float
    mean: Tensor
    spread: Tensor
    covariance: Tensor
    kl: Tensor | None
    active_units: int
    active_kl: int | None

    @property
    def aggregate_variance(self) -> Tensor:
        """Variance of the aggregate posterior in each dimension, `(D,)`; the prior has 1."""
        return self.covariance.diagonal()

    @property
    def mismatch(self) -> float:
        """KL of the Gaussian with the aggregate posterior's moments to N(0, I), in nats.

        (tr S + m·m - D - log det S) / 2; inf where the codes do not span the space.
        """
        _, log_det = torch.linalg.slogdet(self.covariance)
        trace = self.covariance.trace() + self.mean.square().sum() - len(self.mean)
        return max(0.0, 0.5 * (trace - log_det).item()) if trace == trace else math.nan

    def metrics(self) -> dict[str, float]:
        """Rows for `metrics.csv`."""
        rows = {"active_units": float(self.active_units)}
        for d, kl in enumerate([] if self.kl is None else self.kl.tolist()):
            rows[f"kl_dim_{d:02d}"] = kl
        rows |= {"mu_mean": self.mu_mean, "mu_std": self.mu_std}
        if self.kl is not None:
            rows["var_mean"] = self.var_mean
        return rows


def latents(model: LatentModel, images: Tensor, *, seed: int = 0) -> Latents:
    """Encode images and sum up where their codes lie.

    Args:
        model: any model of the lab.
        images: `(N, C, H, W)`, uint8 or float in [0, 1].
        seed: of random numbers a model may draw.

    Raises:
        DataError: no images.
    """
    check(images)
    means, logvars = [], []
    with looking(model, seed) as device:
        for x in batches(images, device):
            mu, logvar = model.encode(x)
            means.append(mu.double().cpu())
            if logvar is not None:
                logvars.append(logvar.double().cpu())
    return summarize(torch.cat(means), torch.cat(logvars) if logvars else None)


def summarize(mu: Tensor, logvar: Tensor | None) -> Latents:
    """Statistics of codes mu and logvar, `(N, D)` each; logvar None without a posterior."""
    mu = mu.double()
    whole = mu.isfinite().all(dim=1)
    variance, kl, var_max = None, None, math.nan
    if logvar is not None:
        logvar = logvar.double()
        whole &= logvar.isfinite().all(dim=1)
        variance, var_max = logvar.exp().mean(dim=0), logvar.exp().max().item()
        kl = objective.kl_per_dim(mu, logvar).mean(dim=0)
    mean = mu.mean(dim=0)
    centered = mu - mean
    covariance = centered.T @ centered / len(mu)
    spread = covariance.diagonal().clone()
    if variance is not None:
        covariance = covariance + variance.diag()
    return Latents(
        images=len(mu),
        broken=int((~whole).sum()),
        mu_mean=mu.mean().item(),
        mu_std=mu.std().item(),
        var_mean=math.nan if variance is None else variance.mean().item(),
        var_max=var_max,
        mean=mean,
        spread=spread,
        covariance=covariance,
        kl=kl,
        active_units=int((spread > ACTIVE_VARIANCE).sum()),
        active_kl=None if kl is None else int((kl > ACTIVE_KL).sum()),
    )
