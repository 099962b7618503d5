"""What is wrong with a trained model, in sentences: training guide 5.3 and 5.4, measured."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from lab.evaluation.latents import ACTIVE_KL, Latents, latents
from lab.evaluation.walk import batches, check, looking
from lab.models.base import LatentModel

_FEWEST = 32  # images; variances of fewer say nothing about the data set
_SAMPLES = 1000
_HUGE_VARIANCE = 100.0  # training guide 5.4
# Set by VAEConv with 20 dimensions after 2 or 3 epochs of MNIST: β = 1 must pass, β = 0.1 and 0
# must show holes, β = 10 and 100 must show blur and collapse.
_MEAN_OFF = 0.5  # prior standard deviations; 0.4 with β = 1, 3 with 0
_MISMATCH = 0.25  # nats a dimension; 0.03 with β = 1, 0.2 with 0.1, 5 with 0
_ROUND_TRIP = 4.0  # 1.4 with β = 1, 8 with 0.1, 70 with 0
_ROUND_TRIP_LEAST = 0.1  # below it, even the prior's codes come back
_SAME = 0.01  # 0.8 with β = 1, 1e-6 with 100
_ALIKE = 0.4  # 0.7 with β = 1, 0.3 with 10, 0.002 with 100
_BLURRY = 0.5  # 0.64 with β = 1, 0.17 with 10, 0.04 with 100


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    Args:
        name: a few words, those of the guide where it has some: `posterior collapse`.
        sentence: what was measured, with its numbers.
        next_step: what to try first.
    """

    name: str
    sentence: str
    next_step: str

    def __str__(self) -> str:
        return f"{self.name.capitalize()}: {self.sentence} {self.next_step}"


@dataclass(frozen=True)
class Diagnosis:
    """A model's health.

    Args:
        latents: where the codes lie, and how far each dimension is used.
        mse: squared error of a reconstruction, summed over its pixels, mean over images.
        mse_std: standard deviation of that over images.
        dependence: variance of the reconstructions over that of the images; 0 where the
            reconstruction is the same whatever the input.
        sharpness: squared differences of neighboring pixels, of reconstructions over images.
        diversity: variance of the prior samples over that of the images.
        round_trip: mean squared error of codes that are decoded and encoded again, codes from the
            prior over codes of images; far above 1 where the prior has mass without images.
        findings: what is wrong, worst first; empty for a healthy model.
    """

    latents: Latents
    mse: float
    mse_std: float
    dependence: float
    sharpness: float
    diversity: float
    round_trip: float
    findings: tuple[Finding, ...]

    def as_dict(self) -> dict[str, float]:
        """The numbers under the names of training guide 5.4."""
        found = self.latents
        return {
            "mu_mean": found.mu_mean,
            "mu_std": found.mu_std,
            "var_mean": found.var_mean,
            "active_dims": math.nan if found.active_kl is None else float(found.active_kl),
            "mse": self.mse,
        }


@dataclass(frozen=True)
class _Pictures:
    """What the decoder makes of codes; names as in Diagnosis."""

    broken: int
    mse: float
    mse_std: float
    dependence: float
    sharpness: float
    diversity: float
    prior_trip: float
    round_trip: float


def diagnose(model: LatentModel, images: Tensor, *, seed: int = 0) -> Diagnosis:
    """Look a trained model over (training guide 5.4, "Post-Training Diagnostics").

    Args:
        model: any model of the lab.
        images: `(N, C, H, W)` it has not learned from, uint8 or float in [0, 1].
        seed: of the samples.

    Raises:
        DataError: no images.
    """
    check(images)
    found = latents(model, images, seed=seed)
    pictures = _pictures(model, images, seed)
    return Diagnosis(
        found,
        pictures.mse,
        pictures.mse_std,
        pictures.dependence,
        pictures.sharpness,
        pictures.diversity,
        pictures.round_trip,
        tuple(_findings(found, pictures)),
    )


def _pictures(model: LatentModel, images: Tensor, seed: int) -> _Pictures:
    squared, edges, edges_hat, broken = [], 0.0, 0.0, 0
    moments, moments_hat = _Variance(), _Variance()
    with looking(model, seed) as device:
        for x in batches(images, device):
            x_hat = model.reconstruct(x)
            squared.append((x_hat - x).square().flatten(1).sum(dim=1).double().cpu())
            broken += int((~x_hat.flatten(1).isfinite().all(dim=1)).sum())
            edges += _edges(x)
            edges_hat += _edges(x_hat)
            moments.add(x)
            moments_hat.add(x_hat)
        samples, prior_trip, data_trip = _samples(model, images, device, seed)
    mse = torch.cat(squared)
    return _Pictures(
        broken=broken,
        mse=mse.mean().item(),
        mse_std=mse.std().item() if len(mse) > 1 else math.nan,
        dependence=_ratio(moments_hat.total, moments.total),
        sharpness=_ratio(edges_hat, edges),
        diversity=_ratio(samples.total, moments.total),
        prior_trip=prior_trip,
        round_trip=_ratio(prior_trip, data_trip),
    )


def _samples(
    model: LatentModel, images: Tensor, device: torch.device, seed: int
) -> tuple[_Variance, float, float]:
    """Prior samples, and the round trip of their codes and of codes of images."""
    generator = torch.Generator().manual_seed(seed)
    variance, prior, data, count = _Variance(), 0.0, 0.0, 0
    for x in batches(images[:_SAMPLES], device):
        z = torch.randn(len(x), model.latent_dim, generator=generator).to(x)
        x_hat = torch.sigmoid(model.decode(z))
        variance.add(x_hat)
        prior += (model.encode(x_hat)[0] - z).square().sum().item()
        z = model.sample_posterior(*model.encode(x))
        data += (model.encode(torch.sigmoid(model.decode(z)))[0] - z).square().sum().item()
        count += z.numel()
    return variance, prior / count, data / count


class _Variance:
    """Variance of each pixel over images that come in batches, summed over pixels."""

    def __init__(self) -> None:
        self._count, self._sum, self._squares = 0, torch.zeros(()), torch.zeros(())

    def add(self, x: Tensor) -> None:
        x = x.double().cpu()
        self._count += len(x)
        self._sum = self._sum + x.sum(dim=0)
        self._squares = self._squares + x.square().sum(dim=0)

    @property
    def total(self) -> float:
        mean = self._sum / self._count
        return (self._squares / self._count - mean.square()).clamp(min=0).sum().item()


def _edges(x: Tensor) -> float:
    across, down = x.diff(dim=-1), x.diff(dim=-2)
    return (across.double().square().sum() + down.double().square().sum()).item()


def _ratio(above: float, below: float) -> float:
    return above / below if below > 0 else math.nan


def _findings(found: Latents, pictures: _Pictures) -> list[Finding]:
    broken = max(found.broken, pictures.broken)
    if broken:
        return [
            Finding(
                "values that are not finite",
                f"the model gives NaN or infinity for {broken:,} of {found.images:,} images.",
                "Lower optim.lr, set optim.clip_norm=1, and train anew.",
            )
        ]
    if found.images < _FEWEST:
        return [
            Finding(
                "too few images",
                f"{found.images} images say nothing about a data set.",
                f"Diagnose on at least {_FEWEST}.",
            )
        ]
    checks = (_collapse, _same, _variance, _holes, _alike, _mean_off, _blurry, _unused)
    findings = [check(found, pictures) for check in checks]
    return [finding for finding in findings if finding is not None]


def _collapse(found: Latents, pictures: _Pictures) -> Finding | None:
    if found.kl is None or found.active_kl != 0:
        return None
    return Finding(
        "posterior collapse",
        f"all {len(found.kl)} latent dimensions have a KL below {ACTIVE_KL} nats "
        f"({found.kl.sum().item():.2g} nats together): the encoder gives the prior whatever the "
        "image.",
        "Anneal the KL (loss.schedule=linear), lower loss.beta, or set loss.free_bits=0.1.",
    )


def _same(found: Latents, pictures: _Pictures) -> Finding | None:
    if not pictures.dependence < _SAME:
        return None
    return Finding(
        "reconstructions do not depend on the input",
        f"they vary {pictures.dependence:.2g} times as much as the images.",
        "The decoder ignores z: lower loss.beta, anneal it, or train longer.",
    )


def _variance(found: Latents, pictures: _Pictures) -> Finding | None:
    if not found.var_max > _HUGE_VARIANCE:
        return None
    return Finding(
        "huge posterior variance",
        f"it reaches {found.var_max:.3g}, where the prior has 1.",
        "Set optim.clip_norm=1 or lower optim.lr.",
    )


def _holes(found: Latents, pictures: _Pictures) -> Finding | None:
    dims = len(found.mean)
    # Moments of N images are off by chance: (D + 3) / 4N nats a dimension.
    mismatch = found.mismatch / dims - (dims + 3) / (4 * found.images)
    lost = pictures.round_trip > _ROUND_TRIP and pictures.prior_trip > _ROUND_TRIP_LEAST
    if not (mismatch > _MISMATCH or lost):
        return None
    low, high = found.aggregate_variance.min().item(), found.aggregate_variance.max().item()
    what = (
        f"codes of images have variances of {low:.2g} to {high:.2g} where the prior has 1 "
        f"(mismatch {found.mismatch:.3g} nats)"
    )
    if lost:
        what += (
            f", and codes drawn from the prior come back from decoding and encoding with "
            f"{pictures.round_trip:.1f} times the error of codes of images"
        )
    return Finding(
        "holes in the latent space",
        f"{what}; samples come from where no image was encoded.",
        _toward_prior(found),
    )


def _alike(found: Latents, pictures: _Pictures) -> Finding | None:
    if not pictures.diversity < _ALIKE:
        return None
    return Finding(
        "samples look alike",
        f"images from the prior vary {pictures.diversity:.2g} times as much as real ones.",
        "Look at samples/prior_samples.png; mend collapse or holes first where they are named.",
    )


def _mean_off(found: Latents, pictures: _Pictures) -> Finding | None:
    worst = int(found.mean.abs().argmax())
    value = found.mean[worst].item()
    if not abs(value) > _MEAN_OFF:
        return None
    return Finding(
        "latent mean off",
        f"mu of dimension {worst} has mean {value:.2f} over the images; the prior has 0.",
        _toward_prior(found),
    )


def _toward_prior(found: Latents) -> str:
    if found.kl is None:
        return "Without a KL nothing draws codes to the prior: sample from a VAE."
    return "Raise loss.beta, or train longer."


def _blurry(found: Latents, pictures: _Pictures) -> Finding | None:
    if not pictures.sharpness < _BLURRY:
        return None
    return Finding(
        "blurry reconstructions",
        f"they keep {pictures.sharpness:.0%} of the images' squared differences between neighbors.",
        "Train longer, lower loss.beta, or raise model.width or model.latent_dim.",
    )


def _unused(found: Latents, pictures: _Pictures) -> Finding | None:
    if found.kl is None or not 0 < (found.active_kl or 0) < len(found.kl) / 2:
        return None
    idle = len(found.kl) - (found.active_kl or 0)
    return Finding(
        "partial posterior collapse",
        f"{idle} of {len(found.kl)} have a KL below {ACTIVE_KL} nats.",
        "Harmless where reconstructions are good; else set loss.free_bits=0.1 or anneal the KL.",
    )
