"""How probable a model thinks test images are: −ELBO and its parts, and the tighter IWAE bound."""

from __future__ import annotations

import torch
from torch import Tensor

from lab import objective
from lab.evaluation.measured import Measured, means
from lab.evaluation.walk import batches, check, looking
from lab.models.base import LatentModel

_AT_ONCE = 100  # images; the noise depends on it, so it does not depend on the chunk


def likelihood(
    model: LatentModel,
    images: Tensor,
    *,
    kind: str = "bce",
    iwae_samples: int = 50,
    iwae_images: int = 1000,
    chunk: int = 2000,
    seed: int = 0,
) -> Measured:
    """Bounds on −log p(x) in nats an image, each a mean with its standard error over images.

    Args:
        model: any model of the lab.
        images: `(N, C, H, W)`, uint8 or float in [0, 1].
        kind: reconstruction term the model was trained with.
        iwae_samples: K of the IWAE bound (Burda et al. 2016, eq. 8).
        iwae_images: use the first so many images for it.
        chunk: rows (image × sample) decoded at once; bounds the memory.
        seed: of the posterior samples.

    Returns:
        `recon_bce` (and `recon_KIND`), and for a model with a posterior `kl`, `neg_elbo` and
        `neg_iwae_K`; recon_KIND + kl = neg_elbo, with one posterior sample an image.

    Raises:
        DataError: no images.
    """
    check(images)
    parts = _one_sample(model, images, kind, seed)
    if "kl" not in parts:
        note = "The model has no posterior: there is no KL, ELBO or IWAE bound."
        return means(parts) | Measured({}, {}, (note,))
    parts["neg_elbo"] = parts[f"recon_{kind}"] + parts["kl"]
    bound = _iwae(model, images[:iwae_images], kind, iwae_samples, chunk, seed)
    parts[f"neg_iwae_{iwae_samples}"] = -bound
    same = parts["neg_elbo"][: len(bound)].double().mean().item()
    note = (
        f"neg_iwae_{iwae_samples} is measured on the first {len(bound):,} images; on those "
        f"neg_elbo is {same:.2f}."
    )
    return means(parts) | Measured({}, {}, (note,) if len(bound) < len(images) else ())


def _one_sample(model: LatentModel, images: Tensor, kind: str, seed: int) -> dict[str, Tensor]:
    parts: dict[str, list[Tensor]] = {}
    with looking(model, seed) as device:
        for x in batches(images, device):
            output = model(x)
            for term in dict.fromkeys(("bce", kind)):
                recon = objective.recon_loss(term, output.logits, x)
                parts.setdefault(f"recon_{term}", []).append(recon)
            if output.logvar is not None:
                kl = objective.kl_per_dim(output.mu, output.logvar).sum(dim=1)
                parts.setdefault("kl", []).append(kl)
    return {name: torch.cat(numbers) for name, numbers in parts.items()}


def _iwae(
    model: LatentModel, images: Tensor, kind: str, samples: int, chunk: int, seed: int
) -> Tensor:
    """The bound of each image, `(N,)` in nats."""
    bounds = []
    with looking(model, seed) as device:
        for x in batches(images, device, _AT_ONCE):
            bounds.append(objective.iwae_bound(model, x, samples, chunk))
    return torch.cat(bounds)
