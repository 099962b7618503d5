"""Everything about one trained model, in the order in which a person asks for it."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from lab import records
from lab.errors import DataError
from lab.evaluation import report
from lab.evaluation.classifier import Trained, classifier
from lab.evaluation.diagnosis import Diagnosis, diagnose
from lab.evaluation.frechet import Scale, frechet
from lab.evaluation.likelihood import likelihood
from lab.evaluation.measured import Measured
from lab.evaluation.quality import need_torchmetrics, quality
from lab.evaluation.walk import check
from lab.outputs import Outputs, write_bytes

if TYPE_CHECKING:
    from rich.console import Console

    from lab.data import Dataset
    from lab.training.checkpoint import Run


def evaluate(
    run: Run,
    dataset: Dataset,
    outputs: Outputs | None = None,
    *,
    seed: int = 0,
    console: Console | None = None,
) -> dict[str, float]:
    """Measure a model on the test images; writes `metrics.csv` (phase `eval`) and a report.

    Args:
        run: an opened checkpoint; `run.config.eval` says how closely to look.
        dataset: whose test split is measured, and whose training split teaches the classifier.
        outputs: where to write; the run's own folder by default.
        seed: of all that is drawn; the same seed gives the same numbers.
        console: is told each part and its result.

    Returns:
        Every metric by its name; NaN where one could not be had, which the report explains.

    Raises:
        DataError: no test images, or images of another shape than the model's.
        MissingLibrary: torchmetrics is not installed.
        StorageError: a file cannot be written.
    """
    need_torchmetrics()
    config = run.config
    outputs = outputs or Outputs(config.outputs)
    fits(run, dataset)
    images = dataset.test.images[: config.eval.limit]
    check(images, f"The test split of {dataset.name}")
    seen = _binarized(images, seed) if config.data.binarize else images
    progress = Progress(console)
    progress.say(
        f"Evaluating {config.model.name} (epoch {run.epoch}) on {len(images):,} test images of "
        f"{dataset.name}."
    )
    with progress.part("likelihood") as tell:
        measured = likelihood(
            run.model,
            seen,
            kind=config.loss.recon,
            iwae_samples=config.eval.iwae_samples,
            iwae_images=config.eval.iwae_images,
            chunk=config.eval.chunk,
            seed=seed,
        )
        tell(measured, "neg_elbo", "recon_bce", "kl", f"neg_iwae_{config.eval.iwae_samples}")
    with progress.part("reconstructions") as tell:
        pictures = quality(run.model, seen, seed=seed)
        tell(pictures, "recon_mse", "psnr", "ssim", "lpips")
    with progress.part("latents") as tell:
        diagnosis = diagnose(run.model, seen, seed=seed)
        codes = Measured(diagnosis.latents.metrics())
        tell(codes, "active_units", "mu_mean", "mu_std", "var_mean")
    with progress.part("samples") as tell:
        samples, trained = _samples(run, dataset, images, seed)
        tell(samples, "frechet", "frechet_floor", "frechet_noise")
    measured = measured | pictures | codes | samples
    for line in _closing(measured, diagnosis):
        progress.say(line)
    text = report.evaluation(run, dataset, measured, diagnosis, trained, len(images), seed)
    records.append(outputs.metrics, "eval", run.epoch, run.step, measured.values)
    write_bytes(outputs.report("evaluation"), text.encode())
    return measured.values


def fits(run: Run, dataset: Dataset) -> None:
    """Raises DataError where a model was trained on images of another shape."""
    shape = tuple(dataset.test.images.shape[1:])
    if shape != tuple(run.image_shape):
        raise DataError(
            f"The model takes images of {tuple(run.image_shape)}, but {dataset.name} has {shape}.",
            f"Evaluate it on {run.config.data.name}, which it was trained on.",
        )


class Progress:
    """Tells a person what is being measured, and what came out."""

    def __init__(self, console: Console | None) -> None:
        self._console = console

    def say(self, line: str) -> None:
        """One line, as it is: brackets are no markup."""
        if self._console is not None:
            self._console.print(line, markup=False)

    @contextlib.contextmanager
    def part(self, title: str) -> Iterator[Tell]:
        """A part of the work; a spinner on a terminal until its line is there."""
        tell = Tell()
        start = time.perf_counter()
        status = self._console.status(f"{title} ...") if self._console else None
        with status or contextlib.nullcontext():
            yield tell
        self.say(f"  {title:16} {tell.line}  ({time.perf_counter() - start:.0f} s)")


class Tell:
    """Collects the line of one part."""

    def __init__(self) -> None:
        self.line = ""

    def __call__(self, measured: Measured, *names: str) -> None:
        """Choose the metrics to show, those that there are."""
        self.line = ", ".join(
            f"{name} {report.number(measured.values[name])}"
            for name in names
            if name in measured.values
        )


def _samples(
    run: Run, dataset: Dataset, images: Tensor, seed: int
) -> tuple[Measured, Trained | None]:
    try:
        trained = classifier(dataset, epochs=run.config.eval.classifier_epochs)
    except DataError as error:
        return Measured({"frechet": math.nan}, {}, (f"frechet is NaN: {error}",)), None
    scale = Scale(trained, images, dataset.train.images, seed=seed)
    return frechet(run.model, scale, images, seed=seed), trained


def _binarized(images: Tensor, seed: int) -> Tensor:
    """uint8 images of 0 and 255, each pixel drawn from Bernoulli(x)."""
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.empty_like(images)
    for start in range(0, len(images), 1000):
        x = images[start : start + 1000].float().div_(255)
        drawn[start : start + 1000] = torch.bernoulli(x, generator=generator).mul_(255).byte()
    return drawn


def _closing(measured: Measured, diagnosis: Diagnosis) -> Iterator[str]:
    bad = measured.unexplained()
    if bad:
        yield f"Not finite: {', '.join(bad)}."
    yield from measured.notes
    if not diagnosis.findings:
        yield "Nothing wrong was found."
    for found in diagnosis.findings:
        yield str(found)
