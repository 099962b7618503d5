"""Monday's warm-up: a denoising autoencoder, one small function at a time.

Fill in the functions from top to bottom; the guide `autoencoder.md` has a section for each of them.
Notation: B examples in the batch, F features (pixels) of an example, D latent dimensions, H hidden.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# ---------------------------------------------------------------- corruption


def corrupt(x: Tensor, kind: str = "mask", level: float = 0.3) -> Tensor:
    """A noisy copy of the images x, with new noise at each call and for each pixel.

    Shapes: x of any shape, in [0, 1] -> the same shape, in [0, 1].

    Args:
        kind: "gaussian": add noise from N(0, level^2), then clamp to [0, 1];
            "mask": set each pixel to 0 with probability level, independently;
            "salt_pepper": replace each pixel with probability level, by 0 or 1 evenly.
        level: standard deviation or probability.

    Raises:
        ValueError: for any other `kind`.

    >>> corrupt(torch.ones(2, 2), "mask", level=1.0)
    tensor([[0., 0.],
            [0., 0.]])
    """
    # TODO(corrupt): ~10 lines, 15 min
    # BEGIN SOLUTION
    if kind == "gaussian":
        return (x + level * torch.randn_like(x)).clamp(0, 1)
    if kind not in ("mask", "salt_pepper"):
        raise ValueError(f"unknown kind {kind!r}, expected gaussian, mask or salt_pepper")
    hit = torch.rand_like(x) < level
    if kind == "mask":
        return torch.where(hit, torch.zeros_like(x), x)
    salt = (torch.rand_like(x) < 0.5).to(x.dtype)  # 1 is salt, 0 is pepper
    return torch.where(hit, salt, x)
    # END SOLUTION


# ---------------------------------------------------------------- the model


class DenoisingAutoencoder(nn.Module):
    """Image -> code -> logits of the image, both ways with one hidden layer.

    The layers are provided; the three methods below connect them.
    """

    def __init__(self, input_dim: int, hidden_dim: int, latent_dim: int) -> None:
        super().__init__()
        self.input_dim, self.hidden_dim, self.latent_dim = input_dim, hidden_dim, latent_dim
        self.enc = nn.Sequential(nn.Linear(input_dim, hidden_dim), nn.ReLU())  # (B, F) -> (B, H)
        self.code = nn.Linear(hidden_dim, latent_dim)  # (B, H) -> (B, D)
        self.dec = nn.Sequential(  # (B, D) -> (B, F)
            nn.Linear(latent_dim, hidden_dim), nn.ReLU(), nn.Linear(hidden_dim, input_dim)
        )

    def encode(self, x: Tensor) -> Tensor:
        """The code of an image: any real numbers.

        Shapes: x (B, F) -> z (B, D).
        Formula: z = W h + b with h = enc(x); W and b belong to the layer `code`.
        """
        # TODO(encode): ~1 line, 5 min
        # BEGIN SOLUTION
        return self.code(self.enc(x))  # (B, D)
        # END SOLUTION

    def decode(self, z: Tensor) -> Tensor:
        """Logits of an image: sigmoid(logits) would be the probability of a white pixel.

        Shapes: z (B, D) -> logits (B, F).
        """
        # TODO(decode): ~1 line, 4 min
        # BEGIN SOLUTION
        return self.dec(z)  # (B, F)
        # END SOLUTION

    def forward(self, x: Tensor) -> Tensor:
        """Logits of the image that the code of x describes. No noise is added in here.

        Shapes: x (B, F) -> logits (B, F).
        """
        # TODO(forward): ~1 line, 3 min
        # BEGIN SOLUTION
        return self.decode(self.encode(x))  # (B, F)
        # END SOLUTION


# ---------------------------------------------------------------- loss and quality


def denoising_loss(logits: Tensor, x_clean: Tensor) -> Tensor:
    """Bernoulli negative log-likelihood of the *clean* image: sum over pixels, mean over examples.

    Shapes: logits (B, F), x_clean (B, F) in [0, 1] -> 0-dim tensor.
    Formula: -sum_f [x_f log p_f + (1 - x_f) log(1 - p_f)] with p = sigmoid(logits),
    computed from the logits so that it stays finite where p is 0 or 1 in floating point.

    >>> denoising_loss(torch.zeros(1, 2), torch.ones(1, 2))  # 2 log 2
    tensor(1.3863)
    """
    # TODO(denoising_loss): ~2 lines, 8 min
    # BEGIN SOLUTION
    nll = F.binary_cross_entropy_with_logits(logits, x_clean, reduction="none")  # (B, F)
    return nll.sum(dim=1).mean()
    # END SOLUTION


def psnr(x: Tensor, y: Tensor, max_value: float = 1.0) -> Tensor:
    """Peak signal-to-noise ratio of each image, in decibels; more is better.

    Shapes: x and y (B, ...) of one shape -> (B,).
    Formula: 10 log10(max_value^2 / mse), mse the mean squared error over all pixels of an image.
    Equal images have mse 0 and so an infinite ratio.

    >>> psnr(torch.zeros(1, 4), torch.full((1, 4), 0.1))  # mse 0.01
    tensor([20.])
    """
    # TODO(psnr): ~2 lines, 8 min
    # BEGIN SOLUTION
    mse = (x - y).pow(2).flatten(start_dim=1).mean(dim=1)  # (B,)
    return 10 * torch.log10(max_value**2 / mse)
    # END SOLUTION
