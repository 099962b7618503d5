"""From the name in a configuration to a model."""

from __future__ import annotations

from lab.config import ModelConfig
from lab.errors import ConfigError
from lab.models.base import LatentModel
from lab.models.dae import DenoisingAutoencoder
from lab.models.init import vae_init
from lab.models.student import StudentAutoencoder, StudentVAE
from lab.models.vae_conv import VAEConv
from lab.models.vae_mlp import VAEMLP
from lab.models.vae_resnet import VAEResNet


def build(config: ModelConfig, image_shape: tuple[int, int, int]) -> LatentModel:
    """A new model with weights drawn from torch's global generator, on the CPU, in float32.

    Args:
        config: which model, its sizes and its initialization.
        image_shape: `(C, H, W)` of the images.

    Raises:
        ConfigError: the model cannot take images of this shape.
        LabError: a student's file cannot be used; it says where and why.
    """
    if len(image_shape) != 3 or min(image_shape) < 1:
        raise ConfigError(f"{tuple(image_shape)} is no shape of an image.", "Use (C, H, W).")
    D, H, width = config.latent_dim, config.hidden_dim, config.width
    model: LatentModel
    match config.name:
        case "conv":
            model = VAEConv(image_shape, D, width, H)
        case "resnet":
            model = VAEResNet(image_shape, D, width)
        case "mlp":
            model = VAEMLP(image_shape, D, H)
        case "dae":
            model = DenoisingAutoencoder(image_shape, D, H)
        case "student":
            model = StudentVAE(image_shape, D, H, config.student_file)
        case "student-dae":
            model = StudentAutoencoder(image_shape, D, H, config.student_file)
    if config.init == "vae":
        vae_init(model)
    return model
