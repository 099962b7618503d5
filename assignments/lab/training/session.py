"""One run in memory: model, optimizer, images and counters, made anew or from a checkpoint."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import nn

from lab.config import Config
from lab.data import Dataset, Split, batches, hold_out
from lab.errors import CheckpointError, ConfigError, DataError, TrainingError
from lab.models import build
from lab.models.base import LatentModel
from lab.outputs import Outputs
from lab.training import checkpoint, checks, seeds
from lab.training.alerts import Monitor
from lab.training.ema import Ema
from lab.training.folder import set_aside
from lab.training.precision import Precision

_MOST_HELD_OUT = 0.2  # of the training images, where the configuration asks for more


@dataclass
class Counters:
    """Where a run stands; all of it is part of a checkpoint."""

    step: int = 0
    epoch: int = 0  # finished
    batch: int = 0  # done of the running epoch
    best: float = math.inf  # the objective on held-out images
    best_epoch: int = 0
    neg_elbo: float = math.nan  # of the model that has it
    seconds: float = 0.0  # of all sessions
    sums: tuple[float, ...] = (0.0, 0.0, 0.0)  # of loss, recon and kl since the last rows
    count: int = 0  # steps that are in the sums


class Session:
    """Everything that a step of training touches.

    Args:
        config: of the run.
        dataset: its training split is taken, less what is held out.
        precision: the device, and how it computes.
        outputs: the run's folder.

    Raises:
        ConfigError: the model cannot take these images, or keys contradict each other.
        DataError: too few images.
    """

    def __init__(
        self, config: Config, dataset: Dataset, precision: Precision, outputs: Outputs
    ) -> None:
        if config.loss.iwae_samples > 1 and config.loss.corrupt != "none":
            raise ConfigError(
                "loss.corrupt and loss.iwae_samples are both set, and the bound knows no noise.",
                "Leave one of them out.",
            )
        self.config, self.dataset, self.outputs = config, dataset, outputs
        self.precision = precision
        self.notes: list[str] = []
        self.checks: list[checks.Check] = []
        self.train, self.valid = (_on(part, precision.device) for part in self._splits())
        self.model = build(config.model, dataset.image_shape).to(precision.device).train()
        self.params = [p for p in self.model.parameters() if p.requires_grad]
        if not self.params:
            raise TrainingError("The model has no parameters to train.", "Give it some layers.")
        self.optimizer = _adam(self.params, config)
        self.scaler = precision.scaler()
        decay = config.train.ema_decay
        self.ema = Ema(self.model, decay) if decay > 0 else None
        self.monitor = Monitor(config.model.latent_dim)
        self.at = Counters()
        self.saved_step: int | None = None  # of last.pt
        size = config.optim.batch_size
        # A last batch of one image would have no variance for a batch normalization.
        ragged = len(self.train) % size == 1 and len(self.train) > 1
        self.steps_an_epoch = math.ceil(len(self.train) / size) - ragged
        self.steps = self.steps_an_epoch * config.optim.epochs

    @property
    def judged(self) -> LatentModel:
        """The model that is validated and kept: averaged weights where there are any."""
        return self.model if self.ema is None else self.ema.model

    def rest_of_epoch(self) -> Split:
        """The running epoch's images that are still to come, in their order.

        One copy an epoch costs less than to gather the rows of each batch.
        """
        size = self.config.optim.batch_size
        order = seeds.order(self.config.train.seed, self.at.epoch, len(self.train))
        rows = order[self.at.batch * size : self.steps_an_epoch * size].to(self.precision.device)
        return Split(
            self.train.images.index_select(0, rows), self.train.labels.index_select(0, rows)
        )

    def begin(self) -> None:
        """Look for common mistakes, then make room for a new run.

        Raises:
            TrainingError: a check failed; nothing was moved.
            StorageError: the earlier run cannot be moved.
        """
        size = self.config.optim.batch_size
        x = next(batches(self.train, size, device=self.precision.device))[0]
        self.checks = checks.before_training(self.model, x, self.config)
        place = set_aside(self.outputs)
        if place is not None:
            self.notes.append(f"the earlier run now lies in {place}")

    def resume(self) -> None:
        """Go on from `last.pt`.

        Raises:
            CheckpointError: there is none, it is broken, or it belongs to another run.
        """
        path = self.outputs.last
        saved = checkpoint.load(path)
        changed = checkpoint.differences(saved.config, self.config)
        if (saved.dataset, saved.images) != (self.dataset.name, len(self.train)):
            changed.append(
                f"the data was {saved.dataset} ({saved.images:,} images), "
                f"is {self.dataset.name} ({len(self.train):,})"
            )
        if changed:
            more = f" (and {len(changed) - 3} more keys)" if len(changed) > 3 else ""
            raise CheckpointError(
                f"{path} is of another run: {'; '.join(changed[:3])}{more}.",
                "Resume with its --config and --set, or train anew without --resume.",
            )
        checkpoint.fit(self.model, saved.model, path)
        if self.ema is not None:
            checkpoint.fit(self.ema.model, saved.ema or {}, path)
        try:
            self._restore(saved.state or {})
        except Exception:
            # What a broken state raises depends on where it is broken.
            raise CheckpointError(
                f"{path} is broken: its optimizer or its counters do not fit the model.",
                "Train anew without --resume.",
            ) from None
        self.saved_step = self.at.step
        self.notes.append(f"resumed {path}: {self.at.epoch} epochs done, step {self.at.step}")
        before, now = saved.config.optim.epochs, self.config.optim.epochs
        if now != before:
            self.notes.append(f"epochs were {before}, are {now}; schedules run over all {now}")

    def save_last(self) -> None:
        """Write `last.pt`, from which a run goes on bit for bit.

        Raises:
            StorageError: it cannot be written; the old one is untouched.
            TrainingError: the weights are no numbers any more; the old one is kept.
        """
        if not all(bool(torch.isfinite(p).all()) for p in self.params):
            raise TrainingError(
                f"Epoch {self.at.epoch + 1}, step {self.at.step}: weights have grown beyond all "
                "numbers, and are not saved.",
                f"Lower optim.lr. {self.kept()}".strip(),
            )
        state = {
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "generators": seeds.snapshot(),
            "monitor": self.monitor.state(),
            "counters": asdict(self.at),
        }
        checkpoint.save(self.outputs.last, self._saved(self.model, state))
        self.saved_step = self.at.step

    def kept(self) -> str:
        """What is left after a step that went wrong; empty before the first checkpoint."""
        if self.saved_step is None:
            return ""
        return f"{self.outputs.last} holds step {self.saved_step}, still whole."

    def save_best(self) -> None:
        """Write `best.pt`: the judged model alone.

        Raises:
            StorageError: it cannot be written; the old one is untouched.
        """
        checkpoint.save(self.outputs.best, self._saved(self.judged, None)._replace(ema=None))

    def _saved(self, model: nn.Module, state: dict[str, Any] | None) -> checkpoint.Saved:
        return checkpoint.Saved(
            config=self.config,
            dataset=self.dataset.name,
            images=len(self.train),
            image_shape=self.dataset.image_shape,
            step=self.at.step,
            epoch=self.at.epoch,
            neg_elbo=self.at.neg_elbo,
            model=model.state_dict(),
            ema=None if self.ema is None else self.ema.state_dict(),
            state=state,
        )

    def _restore(self, state: dict[str, Any]) -> None:
        at = Counters(**state["counters"])
        whole = (at.step, at.epoch, at.batch, at.count)
        if not all(type(count) is int and count >= 0 for count in whole) or len(at.sums) != 3:
            raise ValueError("counters")
        if at.batch > self.steps_an_epoch or at.step != at.epoch * self.steps_an_epoch + at.batch:
            raise ValueError("counters")
        self.optimizer.load_state_dict(state["optimizer"])
        for parameter, moments in self.optimizer.state.items():
            for name in ("exp_avg", "exp_avg_sq"):
                if moments[name].shape != parameter.shape or not moments[name].isfinite().all():
                    raise ValueError(name)
        self.scaler.load_state_dict(state["scaler"])
        self.monitor.restore(state["monitor"])
        seeds.restore(state["generators"])
        self.at = at

    def _splits(self) -> tuple[Split, Split]:
        images = self.dataset.train.take(self.config.data.limit)
        if len(images) < 2:
            raise DataError(
                f"{self.dataset.name} has {len(images)} images to train on.",
                "Raise data.limit or take another data set.",
            )
        asked = self.config.data.valid
        held = min(asked, int(_MOST_HELD_OUT * len(images)))
        if held < asked:
            self.notes.append(f"held out: {held:,} of {len(images):,} images, not {asked:,}")
        return hold_out(images, held, seeds.derive(self.config.train.seed, "hold out"))


def _on(split: Split, device: torch.device) -> Split:
    return Split(split.images.to(device), split.labels.to(device))


def _adam(params: list[nn.Parameter], config: Config) -> torch.optim.Adam:
    """Adam in one kernel for all parameters, where they allow it."""
    options: dict[str, Any] = {"lr": config.optim.lr, "weight_decay": config.optim.weight_decay}
    try:
        return torch.optim.Adam(params, fused=True, **options)
    except RuntimeError:
        return torch.optim.Adam(params, **options)
