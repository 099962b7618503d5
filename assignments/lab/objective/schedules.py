"""How the weight of the KL and the learning rate change over training."""

from __future__ import annotations

import math

from lab.config import LossConfig, OptimConfig


def beta_at(step: int, total: int, config: LossConfig) -> float:
    """The weight of the KL at a training step.

    "constant": beta. "linear": from 0 up to beta over the first `warmup` part of all steps
    (Bowman et al. 2016), then beta. "cyclical": `cycles` times from 0 up to beta over the first
    `ratio` part of a cycle, then beta until the cycle ends (Fu et al. 2019).
    From step `total` on it is beta, whatever the schedule.

    Args:
        step: optimizer steps taken, from 0.
        total: optimizer steps of the whole run; 0 gives beta.
    """
    if config.schedule == "constant" or step >= total:
        return config.beta
    if config.schedule == "linear":
        return config.beta * _ramp(step, config.warmup * total)
    # Integers: a period of total / cycles would drift and start a cycle a step late.
    position = (max(step, 0) * config.cycles % total) / total  # in [0, 1)
    return config.beta * _ramp(position, config.ratio)


def lr_at(step: int, total: int, config: OptimConfig) -> float:
    """The learning rate at a training step.

    A linear warm-up over `warmup_steps` whose first step is not 0, then `lr`, or half a cosine
    from `lr` at the end of the warm-up to 0 at step `total` (Loshchilov & Hutter 2017, eq. 5).

    Args:
        step: optimizer steps taken, from 0.
        total: optimizer steps of the whole run.
    """
    if step < config.warmup_steps:
        return config.lr * (max(step, 0) + 1) / config.warmup_steps
    if config.schedule == "constant":
        return config.lr
    progress = _ramp(step - config.warmup_steps, total - config.warmup_steps)
    return config.lr * 0.5 * (1 + math.cos(math.pi * progress))


def _ramp(position: float, length: float) -> float:
    """0 at the start, 1 from `length` on; 1 at once where there is no length."""
    return min(1.0, max(0.0, position / length)) if length > 0 else 1.0
