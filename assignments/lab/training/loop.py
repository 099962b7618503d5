"""The training loop: from a configuration and images to checkpoints that the other rooms open."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor
from torch.nn.utils import clip_grads_with_norm_, get_total_norm

from lab import objective
from lab.config import Config
from lab.data import Dataset, batches
from lab.errors import StorageError, TrainingError
from lab.outputs import Outputs
from lab.training import precision, seeds
from lab.training.alerts import Reading, nan_loss
from lab.training.folder import claimed
from lab.training.log import RunLog
from lab.training.progress import Progress, clock
from lab.training.session import Session
from lab.training.stop import StopRequest
from lab.training.validate import Validation, validate

if TYPE_CHECKING:
    from rich.console import Console

_ROWS_AN_EPOCH = 10  # of metrics.csv, for each metric


class Result(NamedTuple):
    """How a training ended.

    Args:
        steps: optimizer steps taken, earlier sessions included.
        epochs: epochs finished.
        best_neg_elbo: −ELBO in nats on held-out images of the model in `best.pt` (for a model
            without a posterior, its reconstruction term); NaN before the first epoch has ended.
        outputs: where everything lies.
        stopped: None when all epochs are done, else `interrupted` or `time`.
        images_per_second: trained on in this session, validation and saving not counted.
    """

    steps: int
    epochs: int
    best_neg_elbo: float
    outputs: Outputs
    stopped: str | None
    images_per_second: float


def train(
    config: Config,
    dataset: Dataset,
    *,
    resume: bool = False,
    console: Console | None = None,
    max_seconds: float | None = None,
) -> Result:
    """Train a model until its epochs are done, its time is up, or someone stops it.

    A new run moves an earlier one in the same folder to `earlier/N` first. A run that was killed
    and goes on by `resume` ends with the very bits of one that was not, on the same device with
    the same number of threads.

    Args:
        config: everything about the run.
        dataset: its training split is used; some of it is held out to choose `best.pt`.
        resume: go on from `ckpts/last.pt`.
        console: where progress is shown; nothing is shown without one.
        max_seconds: stop after so long and save; the schedules still count epochs.

    Raises:
        ConfigError: the model or the device cannot be had.
        DataError: too few images.
        CheckpointError: `resume` without a checkpoint, or with one that does not fit.
        StorageError: a file cannot be written; the last checkpoint is whole.
        TrainingError: a check before the start failed, the loss is no number any more, or
            another training writes to the same folder.
        KeyboardInterrupt: at the second Ctrl-C; the first one stops and saves.
    """
    start = time.perf_counter()
    outputs, chosen = Outputs(config.outputs), precision.choose(config.train)
    with (
        claimed(outputs),
        seeds.repeatable(config.train.seed, deterministic=config.train.deterministic),
        precision.fast_matmul(chosen.device),
        StopRequest() as stop,
    ):
        session = Session(config, dataset, chosen, outputs)
        if resume:
            session.resume()
        else:
            session.begin()
        step = session.at.step if resume else None
        with (
            RunLog(outputs, tensorboard=config.train.tensorboard, step=step) as log,
            Progress(console, config, session.steps, session.at.step) as progress,
        ):
            deadline = math.inf if max_seconds is None else start + max_seconds
            return _Loop(session, log, progress, stop, deadline).run()


class _Loop:
    def __init__(
        self, session: Session, log: RunLog, progress: Progress, stop: StopRequest, deadline: float
    ) -> None:
        self.session, self.log, self.progress = session, log, progress
        self.stop, self.deadline = stop, deadline
        self.config, self.at = session.config, session.at
        self.every = max(1, session.steps_an_epoch // _ROWS_AN_EPOCH)
        self.images, self.busy = 0, 0.0  # trained on in this session, and the seconds it took
        self.started = self.saved_at = self.row_at = time.perf_counter()
        self.earlier = self.at.seconds

    def run(self) -> Result:
        """All epochs that are left."""
        self._introduce()
        try:
            stopped = None
            while self.at.epoch < self.config.optim.epochs and stopped is None:
                stopped = self._epoch()
        except StorageError as error:
            raise StorageError(error.what, f"Free some space. {self._way_on()}") from None
        self._conclude(stopped)
        speed = self.images / self.busy if self.busy > 0 else 0.0
        at = self.at
        return Result(
            at.step, at.epoch, at.neg_elbo, self.session.outputs, stopped, round(speed, 1)
        )

    def _epoch(self) -> str | None:
        """The rest of the running epoch; why the run must stop, if it must."""
        session, size = self.session, self.config.optim.batch_size
        start = self.row_at = time.perf_counter()
        for x, _ in batches(session.rest_of_epoch(), size, device=session.precision.device):
            self._step(x)
            self.images += len(x)
            if self.at.batch == session.steps_an_epoch:
                break
            now = time.perf_counter()
            stopped = "interrupted" if self.stop.asked else "time" if now > self.deadline else None
            if stopped or now - self.saved_at >= self.config.train.checkpoint_seconds:
                self.busy += now - start
                self._save()
                start = time.perf_counter()
            if stopped:
                return stopped
        self.busy += time.perf_counter() - start
        self._end_of_epoch()
        if self.at.epoch == self.config.optim.epochs:
            return None
        if self.stop.asked:
            return "interrupted"
        return "time" if time.perf_counter() > self.deadline else None

    def _step(self, x: Tensor) -> None:
        """One optimizer step on a batch `(B, C, H, W)` in [0, 1].

        Raises:
            TrainingError: the loss or the gradient is no number; the step is not taken.
        """
        session, at, optim = self.session, self.at, self.config.optim
        beta = objective.beta_at(at.step, session.steps, self.config.loss)
        lr = objective.lr_at(at.step, session.steps, optim)
        for group in session.optimizer.param_groups:
            group["lr"] = lr
        terms, logvar = self._terms(x, beta)
        session.scaler.scale(terms.loss).backward()  # type: ignore[no-untyped-call]
        # One transfer for all three: each waits until the device has finished.
        values = torch.stack(terms).tolist()
        self._stop_unless_finite("loss", values[0])
        row = (at.batch + 1) % self.every == 0 or at.batch + 1 == session.steps_an_epoch
        norm = self._clipped_norm() if row or optim.clip_norm > 0 else None
        session.scaler.step(session.optimizer)
        session.scaler.update()
        for parameter in session.params:
            parameter.grad = None
        at.step += 1
        at.batch += 1
        if session.ema is not None:
            session.ema.update(at.step)
        at.sums = tuple(a + b for a, b in zip(at.sums, values, strict=True))
        at.count += 1
        self.progress.step(at.step, at.epoch + 1, values[1] + values[2])
        if row:
            self._rows(beta, lr, float(norm or 0.0), logvar)

    def _terms(self, x: Tensor, beta: float) -> tuple[objective.Terms, Tensor | None]:
        """The loss of a batch, and logvar `(B, D)` where the model gives it."""
        model, loss = self.session.model, self.config.loss
        if self.config.data.binarize:
            x = torch.bernoulli(x)
        with self.session.precision.autocast():
            if loss.iwae_samples > 1:
                return objective.iwae_loss(model, x, loss.iwae_samples, loss.recon, beta), None
            output = model(objective.corrupt(x, loss.corrupt, loss.corrupt_level))
        terms = objective.loss(output, x, kind=loss.recon, beta=beta, free_bits=loss.free_bits)
        return terms, output.logvar

    def _clipped_norm(self) -> Tensor:
        """The norm of all gradients together, before they are clipped, 0-dim."""
        session, most = self.session, self.config.optim.clip_norm
        session.scaler.unscale_(session.optimizer)
        norm = get_total_norm([p.grad for p in session.params if p.grad is not None])
        # An infinite gradient is daily business of a scaled loss: the scaler skips that step.
        if not session.precision.scaled:
            self._stop_unless_finite("gradient", float(norm))
        if most > 0:
            clip_grads_with_norm_(session.params, most, norm)
        return norm

    def _stop_unless_finite(self, name: str, value: float) -> None:
        if not math.isfinite(value):
            alert = nan_loss(self.at.epoch + 1, self.at.step + 1, name, value)
            self.log.text(str(alert))
            raise TrainingError(alert.what, f"{alert.next_step} {self.session.kept()}".strip())

    def _rows(self, beta: float, lr: float, norm: float, logvar: Tensor | None) -> None:
        """Means since the last rows, to metrics.csv and to the monitor."""
        at, session = self.at, self.session
        now = time.perf_counter()
        loss, recon, kl = (total / at.count for total in at.sums)
        variational = session.model.variational
        values = {"loss": loss, "recon": recon}
        if variational:
            values |= {"kl": kl, "neg_elbo": recon + kl, "beta": beta}
        speed = at.count * self.config.optim.batch_size / max(now - self.row_at, 1e-9)
        values |= {"lr": lr, "grad_norm": norm, "images_per_second": speed}
        epoch = at.epoch + at.batch / session.steps_an_epoch
        self.log.metrics("train", epoch, at.step, values)
        reading = Reading(
            at.epoch + 1,
            at.step,
            loss,
            recon,
            kl if variational else math.nan,
            beta,
            math.nan if logvar is None else float(logvar.detach().max()),
        )
        for alert in session.monitor.look(reading):
            self.log.text(str(alert))
            self.progress.say(str(alert), "yellow")
        at.sums, at.count, self.row_at = (0.0, 0.0, 0.0), 0, now

    def _end_of_epoch(self) -> None:
        """Validate, keep the best, save."""
        at, session = self.at, self.session
        at.epoch, at.batch = at.epoch + 1, 0
        seen = validate(session.judged, session.valid, self.config)
        # Without held-out images the last epoch is taken for the best.
        best = seen.objective < at.best or not len(session.valid)
        if best:
            at.best, at.best_epoch, at.neg_elbo = seen.objective, at.epoch, seen.neg_elbo
        at.seconds = self.earlier + time.perf_counter() - self.started
        if len(session.valid):
            self.log.metrics("valid", at.epoch, at.step, seen.metrics())
        self.log.metrics("train", at.epoch, at.step, {"seconds": at.seconds})
        self._describe(seen, best)
        if best:
            session.save_best()
        self._save()

    def _save(self) -> None:
        self.at.seconds = self.earlier + time.perf_counter() - self.started
        self.session.save_last()
        self.saved_at = self.row_at = time.perf_counter()

    def _introduce(self) -> None:
        session, data = self.session, self.session.dataset.name
        count = sum(p.numel() for p in session.params)
        self._say(
            f"{type(session.model).__name__}, {count:,} parameters, on {data}: "
            f"{len(session.train):,} images, {self.config.optim.epochs} epochs, {session.precision}"
        )
        for check in session.checks:
            self.log.text(f"check {check.name}: {check.detail}")
        for note in session.notes:
            self._say(note)

    def _describe(self, seen: Validation, best: bool) -> None:
        """The line of an epoch that is done."""
        at, epochs = self.at, self.config.optim.epochs
        parts = [f"epoch {at.epoch:{len(str(epochs))}}/{epochs}"]
        if len(self.session.valid):
            parts.append(f"{self._quality()} {seen.neg_elbo:.2f}")
            if not math.isnan(seen.kl):
                parts.append(f"recon {seen.recon:.2f}  KL {seen.kl:.2f}")
        parts.append(f"{self.images / max(self.busy, 1e-9):,.0f} images/s")
        if at.epoch < epochs:
            parts.append(self.progress.left(at.step))
        if best and len(self.session.valid):
            parts.append("best")
        self._say("  ".join(parts))
        if self.log.tensorboard_problem:
            self._say(self.log.tensorboard_problem, "yellow")
            self.log.tensorboard_problem = ""

    def _conclude(self, stopped: str | None) -> None:
        at, outputs = self.at, self.session.outputs
        if stopped is not None:
            why = "The time is up" if stopped == "time" else "Stopped"
            self._say(f"{why} in epoch {at.epoch + (at.batch > 0)}. {self._way_on()}", "yellow")
            return
        if math.isfinite(at.neg_elbo):
            self._say(
                f"Done in {clock(at.seconds)}. Best {self._quality()} {at.neg_elbo:.2f} after "
                f"epoch {at.best_epoch}: {outputs.best}"
            )
        else:
            self._say(f"Done in {clock(at.seconds)}: {outputs.best}")

    def _quality(self) -> str:
        """What `best_neg_elbo` is called for people."""
        return self.progress.neg_elbo if self.session.model.variational else "recon"

    def _way_on(self) -> str:
        """What to do after a run that stopped early."""
        if self.session.saved_step is None:
            return "Nothing was saved yet: start `lab train` again."
        return f"Step {self.session.saved_step} is saved: go on with `lab train --resume`."

    def _say(self, text: str, style: str = "") -> None:
        self.log.text(text)
        self.progress.say(text, style)
