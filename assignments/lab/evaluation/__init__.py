"""Numbers about a trained model: likelihood, reconstructions, latents, samples; and a report."""

from lab.evaluation.classifier import classifier
from lab.evaluation.compare import compare
from lab.evaluation.diagnosis import Diagnosis, Finding, diagnose
from lab.evaluation.evaluate import evaluate
from lab.evaluation.frechet import Scale, frechet
from lab.evaluation.latents import Latents, latents
from lab.evaluation.likelihood import likelihood
from lab.evaluation.measured import Measured
from lab.evaluation.quality import psnr, quality, ssim

__all__ = [
    "Diagnosis",
    "Finding",
    "Latents",
    "Measured",
    "Scale",
    "classifier",
    "compare",
    "diagnose",
    "evaluate",
    "frechet",
    "latents",
    "likelihood",
    "psnr",
    "quality",
    "ssim",
]
