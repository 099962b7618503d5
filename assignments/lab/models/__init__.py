"""Encoders and decoders of images, all behind one interface."""

from __future__ import annotations

from lab.models.base import LatentModel, Output
from lab.models.building import build
from lab.models.dae import DenoisingAutoencoder
from lab.models.student import StudentAutoencoder, StudentVAE
from lab.models.vae_conv import VAEConv
from lab.models.vae_mlp import VAEMLP
from lab.models.vae_resnet import VAEResNet

__all__ = [
    "VAEMLP",
    "DenoisingAutoencoder",
    "LatentModel",
    "Output",
    "StudentAutoencoder",
    "StudentVAE",
    "VAEConv",
    "VAEResNet",
    "build",
]
