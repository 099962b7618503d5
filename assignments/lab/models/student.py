"""The student's own models, from the student's own files, behind the lab's interface."""

from __future__ import annotations

import copy
import math
from pathlib import Path

import torch
from torch import Tensor

from lab.models.base import LatentModel, Output
from lab.models.init import safe_logvar
from lab.models.student_file import Part, StudentFile

VAE = Part("day2_vae", "vae.py", "VAE", "assignments/day2_vae/vae.md")
AUTOENCODER = Part(
    "day1_autoencoder",
    "autoencoder.py",
    "DenoisingAutoencoder",
    "assignments/day1_autoencoder/autoencoder.md",
)


class _Student(LatentModel):
    """Builds the student's model, and tries it once before anybody trains it."""

    part: Part

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        latent_dim: int,
        hidden_dim: int,
        file: Path | None = None,
    ) -> None:
        super().__init__(image_shape, latent_dim)
        self.features = math.prod(image_shape)  # F
        self._file = StudentFile(self.part, file)
        self.net = self._file.build(self.features, hidden_dim, latent_dim)
        self._try_once()

    def decode(self, z: Tensor) -> Tensor:
        """The student's `decode`: `(B, D)` to logits `(B, C, H, W)`.

        Raises:
            LabError: it raised, or gave a wrong shape, type or NaN.
        """
        values = self._file.call(self.net, "decode", z)
        want = {"logits": (len(z), self.features)}
        (logits,) = self._file.checked(self.net, "decode", values, want)
        return logits.reshape(-1, *self.image_shape)  # (B, C, H, W)

    def _try_once(self) -> None:
        """One pass there and back on black, white and noise; leaves no trace in the model."""
        state = copy.deepcopy(self.net.state_dict())
        with torch.random.fork_rng(devices=[]):
            x = torch.rand(3, *self.image_shape)
            x[0], x[1] = 0.0, 1.0
            mu, logvar = self.encode(x)
            self.decode(self.sample_posterior(mu, logvar))
            out = self(x)
            with self._file.guard("the backward pass"):
                sum(value.sum() for value in out if value is not None).backward()
        self.net.load_state_dict(state)
        self.net.zero_grad(set_to_none=True)


class StudentVAE(_Student):
    """`VAE(input_dim, hidden_dim, latent_dim)` of `student/vae.py`.

    Every method of the student's runs: forward in training, encode, reparameterize and decode
    elsewhere. The loss is the lab's, so that its numbers compare with those of other models.
    652,824 parameters for 28x28x1 with latent_dim 20 and hidden_dim 400.

    Args:
        image_shape: `(C, H, W)`.
        latent_dim: D.
        hidden_dim: H, units of the hidden layers.
        file: the student's file; None: looked for from the current folder upward.

    Raises:
        LabError: the file does not import or its VAE does not work; says where and why.
    """

    part = VAE

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The student's `encode`: `(B, C, H, W)` to mu and logvar, each `(B, D)`.

        Raises:
            LabError: it raised, or gave a wrong shape, type or NaN.
        """
        values = self._file.call(self.net, "encode", x.flatten(1))
        want = {"mu": (len(x), self.latent_dim), "logvar": (len(x), self.latent_dim)}
        mu, logvar = self._file.checked(self.net, "encode", values, want)
        return mu, safe_logvar(logvar)

    def sample_posterior(self, mu: Tensor, logvar: Tensor | None) -> Tensor:
        """The student's `reparameterize`, `(B, D)` to `(B, D)`.

        Raises:
            LabError: it raised, or gave a wrong shape, type or NaN.
        """
        if logvar is None:
            return mu
        values = self._file.call(self.net, "reparameterize", mu, logvar)
        (z,) = self._file.checked(self.net, "reparameterize", values, {"z": tuple(mu.shape)})
        return z

    def forward(self, x: Tensor) -> Output:
        """The student's `forward`: `(B, C, H, W)` to logits, mu, logvar and z.

        Raises:
            LabError: it raised, or gave a wrong shape, type or NaN.
        """
        values = self._file.call(self.net, "forward", x.flatten(1))
        latent = (len(x), self.latent_dim)
        want = {"logits": (len(x), self.features), "mu": latent, "logvar": latent, "z": latent}
        logits, mu, logvar, z = self._file.checked(self.net, "forward", values, want)
        return Output(logits.reshape(-1, *self.image_shape), mu, safe_logvar(logvar), z)


class StudentAutoencoder(_Student):
    """`DenoisingAutoencoder(input_dim, hidden_dim, latent_dim)` of `student/autoencoder.py`.

    644,804 parameters for 28x28x1 with latent_dim 20 and hidden_dim 400.

    Args:
        image_shape: `(C, H, W)`.
        latent_dim: D, numbers of the code.
        hidden_dim: H, units of the hidden layers.
        file: the student's file; None: looked for from the current folder upward.

    Raises:
        LabError: the file does not import or its model does not work; says where and why.
    """

    variational = False
    part = AUTOENCODER

    def encode(self, x: Tensor) -> tuple[Tensor, None]:
        """The student's `encode`: `(B, C, H, W)` to codes `(B, D)`, and no variance.

        Raises:
            LabError: it raised, or gave a wrong shape, type or NaN.
        """
        values = self._file.call(self.net, "encode", x.flatten(1))
        want = {"z": (len(x), self.latent_dim)}
        (z,) = self._file.checked(self.net, "encode", values, want)
        return z, None
