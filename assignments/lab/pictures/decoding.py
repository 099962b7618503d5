"""From images to codes and back, in pieces that fit the memory, on whatever device the model is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor

from lab.errors import LabError
from lab.models.base import LatentModel
from lab.objective import kl_per_dim

_CHUNK = 500


class Codes(NamedTuple):
    """What a model thinks of a set of images; on the CPU.

    Args:
        mu: posterior means, `(N, D)`.
        logvar: log posterior variances, `(N, D)`; None for a model without a posterior.
        labels: classes of the images, `(N,)`, from the data set; -1 where nobody gave them.
    """

    mu: Tensor
    logvar: Tensor | None
    labels: Tensor

    @property
    def kl(self) -> Tensor | None:
        """KL of each dimension to N(0, 1), mean over the images, nats, `(D,)`."""
        return None if self.logvar is None else kl_per_dim(self.mu, self.logvar).mean(0)

    @property
    def activity(self) -> Tensor:
        """How much a dimension is used, `(D,)`: its KL in nats, or the variance of its codes for a
        model without a posterior."""
        kl = self.kl
        return self.mu.var(0, unbiased=False) if kl is None else kl

    @property
    def order(self) -> list[int]:
        """Dimensions, the most used first."""
        # A diverged model has NaN here, which has no place in an order.
        use = self.activity.nan_to_num(nan=-1.0)
        return [int(dim) for dim in use.argsort(descending=True, stable=True)]


def floats(images: Tensor) -> Tensor:
    """Images as models want them: stored bytes become numbers in [0, 1].

    Shapes: `(B, C, H, W)`, uint8 or float -> the same, float.
    """
    return images.float() / 255 if images.dtype == torch.uint8 else images


@torch.no_grad()
def encode(model: LatentModel, images: Tensor, labels: Tensor | None = None) -> Codes:
    """Means and variances of the posteriors of images.

    Args:
        images: `(N, C, H, W)`, uint8 or floats in [0, 1].
        labels: `(N,)`, for pictures that color by class.

    Raises:
        LabError: no images, or images of another shape than the model's.
    """
    check_images(model, images)
    device = _device(model)
    with _evaluating(model):
        parts = [model.encode(floats(part).to(device)) for part in torch.split(images, _CHUNK)]
    mu = torch.cat([part[0] for part in parts]).float().cpu()
    variances = [part[1].float().cpu() for part in parts if part[1] is not None]
    classes = torch.full((len(images),), -1) if labels is None else labels.cpu()
    return Codes(mu, torch.cat(variances) if variances else None, classes)


@torch.no_grad()
def decode(model: LatentModel, z: Tensor) -> Tensor:
    """Images of codes: `(B, D)` -> `(B, C, H, W)` in [0, 1], on the CPU."""
    device = _device(model)
    with _evaluating(model):
        parts = [torch.sigmoid(model.decode(part.to(device))) for part in torch.split(z, _CHUNK)]
    return torch.cat(parts).float().cpu()


def reconstruct(model: LatentModel, images: Tensor) -> Tensor:
    """Images decoded from their posterior means: `(B, C, H, W)` -> the same shape, on the CPU.

    Raises:
        LabError: no images, or images of another shape than the model's.
    """
    return decode(model, encode(model, images).mu)


@torch.no_grad()
def generate(model: LatentModel, count: int, temperature: float, seed: int) -> Tensor:
    """Images from z ~ N(0, temperature² I): `(count, C, H, W)`, on the CPU. One seed draws the
    same noise at every temperature."""
    with _evaluating(model):
        noise = torch.Generator().manual_seed(seed)
        return model.generate(count, temperature, generator=noise).float().cpu()


def check_images(model: LatentModel, images: Tensor) -> None:
    """Complain about images that a model cannot take.

    Raises:
        LabError: there are none, or they have another shape than those it was trained on.
    """
    if images.ndim != 4 or len(images) == 0:
        raise LabError("There are no images to show.", "Choose a part of the data that has some.")
    if tuple(images.shape[1:]) != tuple(model.image_shape):
        given, due = ("×".join(map(str, s)) for s in (images.shape[1:], model.image_shape))
        raise LabError(
            f"The images are {given}, the model was trained on {due} (channels×height×width).",
            "Choose the data set that it was trained on.",
        )


def _device(model: LatentModel) -> torch.device:
    return next(model.parameters()).device


@contextmanager
def _evaluating(model: LatentModel) -> Iterator[None]:
    """Dropout and batch statistics have no place in a picture; the mode comes back afterwards."""
    training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(training)
