"""How far generated images lie from real ones, seen by a classifier: a proxy for the FID."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from lab.evaluation.classifier import FEATURES, Trained
from lab.evaluation.measured import Measured
from lab.evaluation.walk import BATCH, batches, check, looking
from lab.models.base import LatentModel

_ENOUGH = 20 * FEATURES  # images; below, the estimated covariances make every distance larger


@dataclass(frozen=True)
class Moments:
    """Mean `(F,)` and covariance `(F, F)` of features, double, and of how many images."""

    count: int
    mean: Tensor
    covariance: Tensor


def moments(features: Iterable[Tensor]) -> Moments:
    """Mean and unbiased covariance of features that come in batches `(B, F)`."""
    count, total, squares = 0, torch.zeros(()), torch.zeros(())
    for part in features:
        part = part.double().cpu()
        count += len(part)
        total = total + part.sum(dim=0)
        squares = squares + part.T @ part
    mean = total / count
    return Moments(count, mean, (squares - count * torch.outer(mean, mean)) / max(count - 1, 1))


def distance(a: Moments, b: Moments) -> float:
    """Squared Fréchet distance of two Gaussians (Dowson & Landau 1982; Heusel et al. 2017, eq. 6).

    |m_a - m_b|² + tr(S_a + S_b - 2 (S_a S_b)^½); NaN where a moment is not finite or a set has
    fewer than two images. Symmetric square roots keep it real and at 0 for equal sets, which
    eigenvalues of S_a S_b do not where features are dead.
    """
    parts = (a.mean, a.covariance, b.mean, b.covariance)
    if min(a.count, b.count) < 2 or not all(part.isfinite().all() for part in parts):
        return math.nan
    root = _root(a.covariance)
    cross = torch.linalg.eigvalsh(root @ b.covariance @ root).clamp(min=0).sqrt().sum()
    apart = (a.mean - b.mean).square().sum()
    total: float = (apart + a.covariance.trace() + b.covariance.trace() - 2 * cross).item()
    return max(0.0, total)


def _root(covariance: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(covariance)
    root: Tensor = (vectors * values.clamp(min=0).sqrt()) @ vectors.T
    return root


class Scale:
    """Distances to one set of real images, with the two ends that make them readable.

    Args:
        trained: whose features are compared.
        test: `(N, C, H, W)`, the real images.
        train: `(M, C, H, W)`, other real images; N of them give the floor.
        seed: of the choice among them, and of the noise.

    Raises:
        DataError: no images.
    """

    def __init__(self, trained: Trained, test: Tensor, train: Tensor, *, seed: int = 0) -> None:
        check(test)
        check(train, "The training split")
        self._network = trained.model
        self.accuracy = trained.accuracy
        self.count = len(test)
        generator = torch.Generator().manual_seed(seed)
        chosen = torch.randperm(len(train), generator=generator)[: self.count]
        cpu = torch.device("cpu")
        self._real = self._moments(batches(test, cpu))
        self.floor = self.of(batches(train[chosen], cpu))
        shape = tuple(test.shape[1:])
        self.noise = self.of(torch.rand(n, *shape, generator=generator) for n in self._sizes())

    def of(self, images: Iterable[Tensor]) -> float:
        """Distance of images that come in batches `(B, C, H, W)` in [0, 1]."""
        return distance(self._moments(images), self._real)

    def samples(self, model: LatentModel, seed: int = 0) -> float:
        """Distance of as many images from the prior as there are real ones."""
        generator = torch.Generator().manual_seed(seed)
        with looking(model, seed):
            return self.of(model.generate(n, generator=generator) for n in self._sizes())

    def fitted(self, model: LatentModel, mean: Tensor, covariance: Tensor, seed: int = 0) -> float:
        """Distance of images decoded from a Gaussian other than the prior, `(D,)`, `(D, D)`."""
        if not (mean.isfinite().all() and covariance.isfinite().all()):
            return math.nan
        generator = torch.Generator().manual_seed(seed)
        root = _root(covariance.double())
        with looking(model, seed) as device:
            eps = (torch.randn(n, len(mean), generator=generator) for n in self._sizes())
            codes = (mean + e.double() @ root for e in eps)
            return self.of(torch.sigmoid(model.decode(z.float().to(device))) for z in codes)

    def reconstructions(self, model: LatentModel, images: Tensor, seed: int = 0) -> float:
        """Distance of reconstructed images; what blur alone costs."""
        with looking(model, seed) as device:
            return self.of(model.reconstruct(x) for x in batches(images, device))

    def _moments(self, images: Iterable[Tensor]) -> Moments:
        with looking(self._network, 0) as device:
            return moments(self._network.features(x.to(device)) for x in images)

    def _sizes(self) -> Iterator[int]:
        for start in range(0, self.count, BATCH):
            yield min(BATCH, self.count - start)


def frechet(model: LatentModel, scale: Scale, images: Tensor, *, seed: int = 0) -> Measured:
    """The FID proxy of a model's prior samples, and what to read it against.

    Args:
        model: any model of the lab; one without a posterior is sampled at z ~ N(0, I) too.
        scale: distances to the test images.
        images: `(N, C, H, W)` to reconstruct, the test images.
        seed: of the samples.

    Returns:
        `frechet`, `frechet_recon`, `frechet_floor` (other real images) and `frechet_noise`
        (uniform noise), all in squared units of the classifier's features.
    """
    values = {
        "frechet": scale.samples(model, seed),
        "frechet_recon": scale.reconstructions(model, images, seed),
        "frechet_floor": scale.floor,
        "frechet_noise": scale.noise,
    }
    notes = []
    if scale.count < 2:
        notes.append("frechet is NaN: a distance of distributions needs at least two images.")
    elif scale.count < _ENOUGH:
        notes.append(
            f"Fréchet distances of {scale.count:,} images are too large by their small number; "
            f"compare them with the floor only, or use at least {_ENOUGH:,} images."
        )
    broken = [name for name, value in values.items() if math.isnan(value)]
    if scale.count >= 2 and broken:
        notes.append(f"{', '.join(broken)}: NaN, since images hold values that are not finite.")
    return Measured(values, {}, tuple(notes))
