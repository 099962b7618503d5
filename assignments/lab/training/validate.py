"""How good the model is on images that it does not learn from, cheaply, after each epoch."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from lab import objective
from lab.config import Config
from lab.data import Split, batches
from lab.models.base import LatentModel
from lab.training import seeds

_BATCH = 500
_ACTIVE = 0.01  # variance of mu over the images (Burda et al. 2016, section 5.2)


@dataclass(frozen=True)
class Validation:
    """Means over the held-out images, one sample of z each; NaN without any.

    Args:
        objective: reconstruction + beta KL, beta at its full value, with free bits: what training
            is after in the end, so it chooses `best.pt`. With beta = 1 it is −ELBO.
        recon: reconstruction term.
        kl: nats an image; NaN without a posterior.
        active_units: dimensions that tell images apart; NaN without a posterior.
    """

    objective: float
    recon: float
    kl: float
    active_units: float

    @property
    def neg_elbo(self) -> float:
        """−ELBO in nats an image; the reconstruction alone without a posterior."""
        return self.recon if math.isnan(self.kl) else self.recon + self.kl

    def metrics(self) -> dict[str, float]:
        """Named as in metrics.csv."""
        values = {"loss": self.objective, "recon": self.recon}
        if not math.isnan(self.kl):
            values |= {"kl": self.kl, "neg_elbo": self.neg_elbo, "active_units": self.active_units}
        return values


@torch.no_grad()
def validate(model: LatentModel, split: Split, config: Config) -> Validation:
    """Look at every held-out image once, with the same noise in each epoch.

    Noise that stays the same leaves the difference between two epochs to the models.

    Args:
        model: on the device of the images; its mode is left as it was.
        split: held-out images.
        config: of the run.
    """
    if len(split) == 0:
        return Validation(math.nan, math.nan, math.nan, math.nan)
    loss, training = config.loss, model.training
    recon = torch.zeros((), dtype=torch.float64)
    kl: list[torch.Tensor] = []
    mus: list[torch.Tensor] = []
    model.eval()
    with seeds.borrowed(seeds.derive(config.train.seed, "valid")):
        for x, _ in batches(split, _BATCH, device=split.images.device):
            target = torch.bernoulli(x) if config.data.binarize else x
            output = model(objective.corrupt(target, loss.corrupt, loss.corrupt_level))
            recon += objective.recon_loss(loss.recon, output.logits, target).sum().cpu().double()
            if output.logvar is not None:
                kl.append(objective.kl_per_dim(output.mu, output.logvar).cpu())
                mus.append(output.mu.float().cpu())
    model.train(training)
    mean = float(recon) / len(split)
    if not kl:
        return Validation(mean, mean, math.nan, math.nan)
    per_dim = torch.cat(kl)  # (N, D)
    active = (torch.cat(mus).var(0, correction=0) > _ACTIVE).sum()
    free = objective.free_bits(per_dim, loss.free_bits)
    total = per_dim.double().sum(1).mean()
    return Validation(mean + loss.beta * float(free), mean, float(total), float(active))
