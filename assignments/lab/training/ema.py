"""An average of the weights over the last steps, which is often better than the last weights."""

from __future__ import annotations

import copy

import torch
from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn

from lab.models.base import LatentModel


class Ema:
    """Exponential moving average of a model's weights (Polyak & Juditsky 1992).

    The decay starts small and grows as (1 + step) / (10 + step), so that the first, random
    weights are soon forgotten.

    Args:
        model: whose weights are averaged; a copy of it is kept in `model`.
        decay: of the average once it is warm, in (0, 1).
    """

    def __init__(self, model: LatentModel, decay: float) -> None:
        self.decay = decay
        self.model = copy.deepcopy(model).requires_grad_(False).eval()
        self._averaged = [p.detach() for p in self.model.parameters()]
        self._current = [p.detach() for p in model.parameters()]
        self._copied = list(zip(self.model.buffers(), model.buffers(), strict=True))

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Move the average towards the weights after optimizer step `step`, from 1; buffers,
        running means of a normalization, are copied."""
        decay = min(self.decay, (1 + step) / (10 + step))
        average = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
        average(self._averaged, self._current, step)
        for mine, theirs in self._copied:
            mine.copy_(theirs)

    def state_dict(self) -> dict[str, Tensor]:
        """Of the averaged model."""
        return self.model.state_dict()
