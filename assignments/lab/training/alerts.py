"""What goes wrong while a model trains, seen early and said once (training guide 5.3 and 5.4)."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

_COLLAPSED_KL = 0.01  # nats a dimension
_LARGE_VARIANCE = 100.0
_SPIKE = 2.0  # times the loss before
_SETTLING = 100  # steps; every KL begins near 0, and only where it stays counts


@dataclass(frozen=True)
class Alert:
    """Something to look at.

    Args:
        kind: `nan`, `collapse`, `variance`, `spike` or `kl_dominates`.
        what: what was seen, one sentence.
        next_step: what to try, one sentence.
    """

    kind: str
    what: str
    next_step: str

    def __str__(self) -> str:
        return f"{self.what} {self.next_step}"


@dataclass(frozen=True)
class Reading:
    """Means over the last few steps.

    Args:
        epoch: of the running epoch, from 1.
        step: optimizer steps taken.
        loss: what is minimized.
        recon: reconstruction term, nats an image where it is a log-likelihood.
        kl: nats an image; NaN for a model without a posterior.
        beta: weight of the KL.
        max_logvar: largest log posterior variance of the last batch; NaN if there is none.
    """

    epoch: int
    step: int
    loss: float
    recon: float
    kl: float
    beta: float
    max_logvar: float


@dataclass
class Monitor:
    """Looks at one reading after the other; each kind of alert comes once an epoch at most.

    Args:
        latent_dim: D.
    """

    latent_dim: int
    _before: float = math.nan
    _epoch: int = 0
    _said: set[str] = field(default_factory=set)

    def look(self, reading: Reading) -> list[Alert]:
        """What is wrong now and was not yet said in this epoch."""
        if reading.epoch != self._epoch:
            self._epoch, self._said = reading.epoch, set()
        fresh = [alert for alert in self._all(reading) if alert.kind not in self._said]
        self._said |= {alert.kind for alert in fresh}
        self._before = reading.loss
        return fresh

    def state(self) -> dict[str, Any]:
        """For the checkpoint, so that a run that goes on says nothing twice."""
        return {"before": self._before, "epoch": self._epoch, "said": sorted(self._said)}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from `state()`."""
        self._before, self._epoch = float(state["before"]), int(state["epoch"])
        self._said = set(state["said"])

    def _all(self, now: Reading) -> list[Alert]:
        where = f"Epoch {now.epoch}, step {now.step}:"
        if not math.isfinite(now.loss):
            return [nan_loss(now.epoch, now.step, "loss", now.loss)]
        alerts = []
        per_dim = now.kl / self.latent_dim
        if now.step >= _SETTLING and per_dim < _COLLAPSED_KL:
            alerts.append(
                Alert(
                    "collapse",
                    f"{where} the KL is {per_dim:.4f} nats a latent dimension, so the posterior "
                    "is collapsing into the prior.",
                    "Try loss.schedule=linear, loss.free_bits=0.1, a smaller loss.beta or "
                    "a smaller optim.lr.",
                )
            )
        if now.max_logvar > math.log(_LARGE_VARIANCE):
            alerts.append(
                Alert(
                    "variance",
                    f"{where} a posterior variance has grown to {_exp(now.max_logvar):.3g}.",
                    "Try a smaller optim.lr or optim.clip_norm=1; logvar should be clamped.",
                )
            )
        if now.loss > _SPIKE * self._before > 0:
            alerts.append(
                Alert(
                    "spike",
                    f"{where} the loss jumped from {self._before:.1f} to {now.loss:.1f}.",
                    "Try optim.clip_norm=1, a smaller optim.lr or optim.warmup_steps=500.",
                )
            )
        if now.step >= _SETTLING and now.beta * now.kl > now.recon:
            alerts.append(
                Alert(
                    "kl_dominates",
                    f"{where} beta times the KL ({now.beta * now.kl:.1f}) is above the "
                    f"reconstruction ({now.recon:.1f}).",
                    "Is the reconstruction summed over pixels? Else try a smaller loss.beta.",
                )
            )
        return alerts


def nan_loss(epoch: int, step: int, name: str, value: float) -> Alert:
    """The loss or the gradient is no number any more; training must stop."""
    shown = "NaN" if math.isnan(value) else "infinite"
    return Alert(
        "nan",
        f"Epoch {epoch}, step {step}: the {name} is {shown}.",
        "Lower optim.lr, set optim.clip_norm=1, and clamp logvar before exp.",
    )


def _exp(value: float) -> float:
    return math.exp(min(value, 700.0))
