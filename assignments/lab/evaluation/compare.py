"""A VAE beside a denoising autoencoder: what the KL costs, and what it buys."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from lab import objective, records
from lab.errors import ConfigError
from lab.evaluation import report
from lab.evaluation.classifier import Trained, classifier
from lab.evaluation.evaluate import Progress, fits
from lab.evaluation.frechet import Scale
from lab.evaluation.latents import Latents, latents
from lab.evaluation.measured import Measured, means
from lab.evaluation.quality import need_torchmetrics, psnr, quality
from lab.evaluation.walk import batches, check, looking
from lab.models.base import LatentModel
from lab.outputs import Outputs, write_bytes

if TYPE_CHECKING:
    from rich.console import Console

    from lab.data import Dataset
    from lab.training.checkpoint import Run

_CORRUPTION = ("gaussian", 0.3)  # where the autoencoder was trained without any

# Metric, unit, which way is better, what it is.
_ROWS = (
    ("recon_mse", "", "lower", "squared error of a pixel, clean image in, clean image out"),
    ("psnr", "dB", "higher", "the same in decibels, mean over images"),
    ("ssim", "", "higher", "structural similarity, clean image in"),
    ("lpips", "", "lower", "perceptual distance by AlexNet, first 1,000 images at 64×64"),
    ("denoise_psnr", "dB", "higher", "corrupted image in, compared with the clean one"),
    ("frechet", "", "lower", "FID proxy of images decoded from z ~ N(0, I)"),
    ("frechet_fitted", "", "lower", "the same, z from a Gaussian fitted to the model's own codes"),
    ("frechet_recon", "", "lower", "the same of reconstructions"),
    ("mu_mean", "", "near 0", "mean of the codes"),
    ("mu_std", "", "", "standard deviation of the codes"),
    ("agg_var_min", "", "near 1", "smallest variance of a dimension over all images"),
    ("agg_var_max", "", "near 1", "largest variance of a dimension over all images"),
    ("mismatch", "nats", "lower", "KL of a Gaussian with the codes' moments to N(0, I)"),
    ("active_units", "", "", "dimensions that vary over the images by more than 0.01"),
)


@dataclass(frozen=True)
class _Corruption:
    kind: str
    level: float
    trained: bool  # whether the autoencoder has learned from it

    def __str__(self) -> str:
        return f"{self.kind} {self.level:g}"


def compare(
    run_vae: Run,
    run_dae: Run,
    dataset: Dataset,
    outputs: Outputs,
    *,
    seed: int = 0,
    console: Console | None = None,
) -> dict[str, float]:
    """Both models on the same test images; writes `compare_dae.md` and rows of phase `compare`.

    Denoising is tried with the corruption that the autoencoder was trained on.

    Args:
        run_vae: a model with a posterior; its `eval` section says how closely to look.
        run_dae: a model without one.
        dataset: whose test split both see.
        outputs: where to write.
        seed: of noise and samples.
        console: is told each part and its result.

    Returns:
        Metrics named `vae_...` and `dae_...`, and those of neither model.

    Raises:
        ConfigError: the first model has no posterior, or the second has one.
        DataError: no test images, or images of another shape than a model's.
        StorageError: a file cannot be written.
    """
    _check_kinds(run_vae, run_dae)
    need_torchmetrics()
    for run in (run_vae, run_dae):
        fits(run, dataset)
    config = run_vae.config.eval
    images = dataset.test.images[: config.limit]
    check(images, f"The test split of {dataset.name}")
    progress = Progress(console)
    progress.say(f"Comparing on {len(images):,} test images of {dataset.name}.")
    with progress.part("classifier") as tell:
        trained = classifier(dataset, epochs=config.classifier_epochs)
        scale = Scale(trained, images, dataset.train.images, seed=seed)
        tell.line = f"right on {trained.accuracy:.1%} of the test images"
    corruption = _corruption(run_dae)
    both: dict[str, Measured] = {}
    for name, run in (("vae", run_vae), ("dae", run_dae)):
        with progress.part(name) as tell:
            both[name] = _measure(run.model, images, scale, corruption, seed)
            tell(both[name], "recon_mse", "psnr", "denoise_psnr", "frechet")
    common = means({"noisy_psnr": _noisy_psnr(images, corruption, seed)}) | Measured(
        {"frechet_floor": scale.floor, "frechet_noise": scale.noise}
    )
    values = common.values | {
        f"{name}_{key}": value
        for name, measured in both.items()
        for key, value in measured.values.items()
    }
    text = _report(run_vae, run_dae, dataset, both, common, corruption, trained, len(images))
    for line in _verdict(both["vae"].values, both["dae"].values, corruption):
        progress.say(line)
    records.append(outputs.metrics, "compare", run_vae.epoch, run_vae.step, values)
    write_bytes(outputs.report("compare_dae"), text.encode())
    return values


def _check_kinds(run_vae: Run, run_dae: Run) -> None:
    if not run_vae.model.variational:
        raise ConfigError(
            f"The first model ({run_vae.config.model.name}) has no posterior: it is no VAE.",
            "Give the VAE first and the denoising autoencoder second.",
        )
    if run_dae.model.variational:
        raise ConfigError(
            f"The second model ({run_dae.config.model.name}) is a VAE, not an autoencoder.",
            "Train one with model.name=dae and give its folder.",
        )


def _corruption(run: Run) -> _Corruption:
    loss = run.config.loss
    if loss.corrupt == "none":
        return _Corruption(*_CORRUPTION, trained=False)
    return _Corruption(loss.corrupt, loss.corrupt_level, trained=True)


def _measure(
    model: LatentModel, images: Tensor, scale: Scale, corruption: _Corruption, seed: int
) -> Measured:
    measured = quality(model, images, seed=seed)
    found = latents(model, images, seed=seed)
    denoised = means({"denoise_psnr": _denoised_psnr(model, images, corruption, seed)})
    samples = {
        "frechet": scale.samples(model, seed),
        "frechet_fitted": scale.fitted(model, found.mean, found.covariance, seed),
        "frechet_recon": scale.reconstructions(model, images, seed),
    }
    return measured | denoised | Measured(samples | _codes(found))


def _codes(found: Latents) -> dict[str, float]:
    variance = found.aggregate_variance
    return {
        "mu_mean": found.mu_mean,
        "mu_std": found.mu_std,
        "agg_var_min": variance.min().item(),
        "agg_var_max": variance.max().item(),
        "mismatch": found.mismatch,
        "active_units": float(found.active_units),
    }


def _denoised_psnr(
    model: LatentModel, images: Tensor, corruption: _Corruption, seed: int
) -> Tensor:
    """PSNR of each image, `(N,)`, given corrupted; both models see the same noise."""
    generator = torch.Generator().manual_seed(seed)
    values = []
    with looking(model, seed) as device:
        for x in batches(images, torch.device("cpu")):
            noisy = objective.corrupt(x, corruption.kind, corruption.level, generator)
            values.append(psnr(model.reconstruct(noisy.to(device)).cpu(), x))
    return torch.cat(values)


def _noisy_psnr(images: Tensor, corruption: _Corruption, seed: int) -> Tensor:
    """PSNR of the corrupted images themselves: what doing nothing gives."""
    generator = torch.Generator().manual_seed(seed)
    return torch.cat(
        [
            psnr(objective.corrupt(x, corruption.kind, corruption.level, generator), x)
            for x in batches(images, torch.device("cpu"))
        ]
    )


def _report(
    run_vae: Run,
    run_dae: Run,
    dataset: Dataset,
    both: dict[str, Measured],
    common: Measured,
    corruption: _Corruption,
    trained: Trained,
    images: int,
) -> str:
    vae, dae = both["vae"], both["dae"]
    rows = []
    for key, unit, better, meaning in _ROWS:
        shown = [report.number(m.values[key], m.errors.get(key, math.nan)) for m in (vae, dae)]
        rows.append((f"`{key}`", *shown, unit, better, meaning))
    noisy = report.number(common.values["noisy_psnr"], common.errors["noisy_psnr"])
    unknown = "" if corruption.trained else ", which neither model was trained on"
    notes = [
        f"Corruption: {corruption}{unknown}. The corrupted images themselves have {noisy} dB.",
        f"Fréchet distances are a proxy, no FID: features of a classifier that is right on "
        f"{trained.accuracy:.1%} of the test images (`{trained.fingerprint}`). Training images "
        f"have {report.number(common.values['frechet_floor'])}, noise has "
        f"{report.number(common.values['frechet_noise'])}.",
        *(note for note in vae.notes if note in dae.notes),
        *(f"VAE: {note}" for note in vae.notes if note not in dae.notes),
        *(f"Autoencoder: {note}" for note in dae.notes if note not in vae.notes),
        *_unequal(run_vae, run_dae),
    ]
    parts = [
        f"# VAE and denoising autoencoder on {dataset.name}",
        f"{_described(run_vae)} beside {_described(run_dae)}; {images:,} test images of "
        f"{dataset.name} ({dataset.source}). A number after ± is the standard error of a mean.",
        "## What to see",
        report.bullets(_verdict(vae.values, dae.values, corruption)),
        "## Numbers",
        report.table(("metric", "VAE", "autoencoder", "unit", "better", "what it is"), rows),
        "## Notes",
        report.bullets(notes),
    ]
    return "\n\n".join(parts) + "\n"


def _described(run: Run) -> str:
    config = run.config
    return f"`{config.model.name}` ({config.model.latent_dim} dimensions, epoch {run.epoch})"


def _unequal(run_vae: Run, run_dae: Run) -> list[str]:
    """What else than the KL tells the two apart."""
    one, other = run_vae.config, run_dae.config
    pairs = {
        "data": (one.data.name, other.data.name),
        "parameters": (_size(run_vae), _size(run_dae)),
        "latent dimensions": (one.model.latent_dim, other.model.latent_dim),
        "epochs": (run_vae.epoch, run_dae.epoch),
        "reconstruction loss": (one.loss.recon, other.loss.recon),
    }
    return [
        f"The two differ in {what} as well: {a} and {b}."
        for what, (a, b) in pairs.items()
        if a != b
    ]


def _size(run: Run) -> str:
    return f"{sum(weight.numel() for weight in run.model.parameters()):,} ({run.config.model.name})"


def _verdict(vae: dict[str, float], dae: dict[str, float], corruption: _Corruption) -> list[str]:
    """One sentence for each question, with its numbers."""
    number = report.number
    questions = (
        ("recon_mse", False, "reconstructs clean images more closely", "squared error"),
        ("denoise_psnr", True, f"removes noise better ({corruption})", "PSNR"),
        ("frechet", False, "makes better images from z ~ N(0, I)", "Fréchet distance"),
        ("mismatch", False, "keeps its codes closer to the prior", "KL of moments"),
    )
    lines = []
    for key, higher, what, unit in questions:
        a, b = vae[key], dae[key]
        if math.isnan(a) or math.isnan(b):
            lines.append(f"{unit} is NaN for one of the two: no verdict.")
            continue
        if a == b:
            lines.append(f"Neither model {what}: {unit} {number(a)} for both.")
            continue
        winner = "VAE" if (a > b) == higher else "autoencoder"
        lines.append(
            f"The {winner} {what}: {unit} {number(a)} (VAE) and {number(b)} (autoencoder)."
        )
    return lines
