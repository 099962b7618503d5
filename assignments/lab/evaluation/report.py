"""`reports/evaluation.md`: what was measured, what it means, and with which settings."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from torch import Tensor

from lab.evaluation.classifier import Trained
from lab.evaluation.diagnosis import Diagnosis
from lab.evaluation.measured import Measured

if TYPE_CHECKING:
    from lab.data import Dataset
    from lab.training.checkpoint import Run

_BAR = 40  # characters of the longest bar
_MOST_BARS = 64  # dimensions; more are summed up in one line

# Name in metrics.csv, unit, which way is better, what it is.
_CATALOG = (
    ("neg_elbo", "nats", "lower", "−ELBO of an image: recon + kl, an upper bound on −log p(x)"),
    ("neg_iwae", "nats", "lower", "the tighter bound with K posterior samples an image"),
    (
        "recon_bce",
        "nats",
        "lower",
        "cross-entropy of the pixels, z drawn from the posterior if any",
    ),
    ("recon_l2", "", "lower", "squared error summed over pixels, z drawn from the posterior"),
    ("recon_l1", "", "lower", "absolute error summed over pixels, z drawn from the posterior"),
    ("recon_charbonnier", "", "lower", "smooth absolute error summed over pixels, z drawn"),
    ("kl", "nats", "", "KL of the posterior to the prior: what the code says about the image"),
    ("recon_mse", "", "lower", "squared error of a pixel in [0, 1], decoded from the mean"),
    ("recon_mae", "", "lower", "absolute error of a pixel in [0, 1], decoded from the mean"),
    ("psnr", "dB", "higher", "peak signal-to-noise ratio, mean over images"),
    ("ssim", "", "higher", "structural similarity, 1 for equal images"),
    ("lpips", "", "lower", "perceptual distance by AlexNet, first 1,000 images at 64×64"),
    ("frechet", "", "lower", "FID proxy of prior samples; no FID, see below"),
    ("frechet_recon", "", "lower", "the same of reconstructions: what blur alone costs"),
    ("frechet_floor", "", "", "the same of training images: as good as it gets"),
    ("frechet_noise", "", "", "the same of uniform noise: knows nothing"),
    ("active_units", "", "", "dimensions whose mean varies over the images by more than 0.01"),
    ("mu_mean", "", "near 0", "mean of mu over images and dimensions"),
    ("mu_std", "", "", "standard deviation of mu over images and dimensions"),
    ("var_mean", "", "", "mean posterior variance; 1 is the prior's"),
)


def evaluation(
    run: Run,
    dataset: Dataset,
    measured: Measured,
    diagnosis: Diagnosis,
    trained: Trained | None,
    images: int,
    seed: int,
) -> str:
    """The report as Markdown.

    Args:
        run: what was evaluated.
        dataset: on whose test images.
        measured: all numbers, their errors and notes.
        diagnosis: the findings.
        trained: the classifier behind the Fréchet distance, if there was one.
        images: how many test images were used.
        seed: of the samples.
    """
    config = run.config
    parts = [
        f"# Evaluation: {config.model.name} on {dataset.name}",
        f"Checkpoint: epoch {run.epoch}, step {run.step:,}. Measured on {images:,} test images of "
        f"{dataset.name} ({dataset.source}). A number after ± is the standard error of a mean.",
        "## Findings",
        findings(diagnosis),
        "## Numbers",
        numbers(measured),
        "## Notes",
        bullets([*measured.notes, *_about(run, measured)]),
    ]
    if trained is not None:
        parts += ["## How to read the Fréchet distance", _about_frechet(measured, trained)]
    parts += ["## Latent space", _latent_space(diagnosis)]
    if diagnosis.latents.kl is not None:
        parts += ["### KL per dimension, in nats", bars(diagnosis.latents.kl)]
    parts += ["## Settings", _settings(run, seed)]
    return "\n\n".join(parts) + "\n"


def findings(diagnosis: Diagnosis) -> str:
    """What is wrong, as a list, or that nothing is."""
    if not diagnosis.findings:
        return "Nothing found: no collapse, no holes, the latent mean is near 0."
    return "\n".join(
        f"* **{found.name}**: {found.sentence} *{found.next_step}*" for found in diagnosis.findings
    )


def numbers(measured: Measured) -> str:
    """A table of all metrics that are not those of one latent dimension."""
    rows = []
    for name, unit, better, meaning in _CATALOG:
        for key in measured.values:
            if key == name or (name == "neg_iwae" and key.startswith("neg_iwae_")):
                value = number(measured.values[key], measured.errors.get(key, math.nan))
                rows.append((f"`{key}`", value, unit, better, meaning))
    return table(("metric", "value", "unit", "better", "what it is"), rows)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table whose columns also line up as plain text."""
    lines = [tuple(head), *(tuple(row) for row in rows)]
    widths = [max(3, *(len(line[i]) for line in lines)) for i in range(len(head))]
    text = [
        "| " + " | ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)) + " |"
        for line in lines
    ]
    text.insert(1, "|" + "|".join("-" * (w + 2) for w in widths) + "|")
    return "\n".join(text)


def number(value: float, error: float = math.nan) -> str:
    """`101.28 ± 0.25`: as many digits as the standard error leaves meaning to."""
    if math.isnan(value):
        return "NaN"
    if not (math.isfinite(error) and error > 0 and math.isfinite(value)):
        return f"{value:.4g}"
    digits = min(10, max(0, 1 - math.floor(math.log10(error))))
    return f"{value:.{digits}f} ± {error:.{digits}f}"


def bars(kl: Tensor) -> str:
    """KL of each dimension `(D,)` as text, largest first."""
    largest = max([1e-12, *kl[kl.isfinite()].tolist()])
    lines = []
    order = kl.argsort(descending=True).tolist()
    for d in order[:_MOST_BARS]:
        value = kl[d].item()
        size = round(_BAR * value / largest) if math.isfinite(value) else 0
        lines.append(f"z{d:<3} {'█' * size:<{_BAR}} {number(value)}")
    rest = order[_MOST_BARS:]
    if rest:
        lines.append(f"{len(rest)} more, together {number(kl[rest].sum().item())}")
    return "\n".join(["```", *lines, "```"])


def bullets(lines: Iterable[str]) -> str:
    """A Markdown list; `None.` where there is nothing to list."""
    return "\n".join(f"* {line}" for line in lines) or "None."


def _about(run: Run, measured: Measured) -> list[str]:
    lines = []
    bad = measured.unexplained()
    if bad:
        lines.append(f"Not finite: {', '.join(bad)}.")
    kind = run.config.loss.recon
    if kind != "bce" and "kl" in measured.values:
        lines.append(
            f"neg_elbo and the IWAE bound use recon_{kind}, which lacks the constants of a "
            "log-likelihood: compare them with models of the same loss only."
        )
    if run.config.data.binarize:
        lines.append("The model was trained on binarized pixels and is measured on such.")
    return lines


def _about_frechet(measured: Measured, trained: Trained) -> str:
    values = measured.values
    return (
        "`frechet` is a proxy, not the FID of papers: the features are those of a small classifier "
        "that the lab trains on this data set, not of Inception-v3. It is right on "
        f"{trained.accuracy:.1%} of the test images; the worse it is, the less the distance means. "
        "Compare distances of the same classifier and the same number of images only "
        f"(classifier `{trained.fingerprint}`).\n\n"
        f"On this scale training images have {number(values['frechet_floor'])} (only chance "
        f"separates them from test images) and noise has {number(values['frechet_noise'])}. "
        f"The model's samples have {number(values['frechet'])}, its reconstructions "
        f"{number(values['frechet_recon'])}; these are of the very images they are compared with "
        "and can lie below the floor."
    )


def _latent_space(diagnosis: Diagnosis) -> str:
    found = diagnosis.latents
    dims = len(found.mean)
    variance = found.aggregate_variance
    low, high = number(variance.min().item()), number(variance.max().item())
    lines = [
        f"Mean of mu by dimension: {number(found.mean.min().item())} to "
        f"{number(found.mean.max().item())}; the prior has 0.",
        f"Variance of the codes of all images by dimension: {low} to {high}; the prior has 1.",
        f"KL of a Gaussian with these moments to the prior: {number(found.mismatch)} nats.",
        f"Active units: {found.active_units} of {dims} by the variance of mu (above 0.01)"
        + (
            "." if found.active_kl is None else f", {found.active_kl} by their KL (above 0.1 nats)."
        ),
    ]
    if found.kl is not None:
        lines.append(f"Largest posterior variance: {number(found.var_max)}.")
    lines += [
        "Codes decoded and encoded again: error of codes from the prior over that of codes of "
        f"images {number(diagnosis.round_trip)}; far above 1 means holes.",
        f"Reconstructions vary {number(diagnosis.dependence)} times as much as the images, prior "
        f"samples {number(diagnosis.diversity)} times.",
        f"Reconstructions keep {number(diagnosis.sharpness)} of the squared differences between "
        "neighboring pixels; blur lowers it.",
        f"Squared error summed over an image: {number(diagnosis.mse)}, standard deviation over "
        f"images {number(diagnosis.mse_std)}.",
    ]
    return bullets(lines)


def _settings(run: Run, seed: int) -> str:
    changed = run.config.model_dump(mode="json", exclude={"outputs"})
    lines = [f"seed of this evaluation: {seed}"]
    for section, values in changed.items():
        inner = ", ".join(f"{key}={value}" for key, value in values.items())
        lines.append(f"{section}: {inner}")
    return "\n".join(["```", *lines, "```"])
