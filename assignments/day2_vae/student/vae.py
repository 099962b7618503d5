"""Tuesday, part 1: the variational autoencoder, one small function at a time.

Fill in the functions from top to bottom; the guide `vae.md` has a section for each of them.
Notation: B examples in the batch, F features (pixels) of an example, D latent dimensions, H hidden.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# ---------------------------------------------------------------- the model


class VAE(nn.Module):
    """An encoder q(z|x) and a decoder p(x|z), both with one hidden layer.

    The layers are provided; the four methods below connect them.
    """

    def __init__(
        self,
        input_dim: int,
        hidden_dim: int,
        latent_dim: int,
        beta: float = 1.0,
        recon_loss: str = "bce",
    ) -> None:
        super().__init__()
        self.input_dim, self.hidden_dim, self.latent_dim = input_dim, hidden_dim, latent_dim
        self.beta, self.recon_loss = beta, recon_loss
        self.enc = nn.Sequential(nn.Linear(input_dim, hidden_dim), nn.ReLU())  # (B, F) -> (B, H)
        self.mu = nn.Linear(hidden_dim, latent_dim)  # (B, H) -> (B, D)
        self.logvar = nn.Linear(hidden_dim, latent_dim)  # (B, H) -> (B, D)
        self.dec = nn.Sequential(  # (B, D) -> (B, F)
            nn.Linear(latent_dim, hidden_dim), nn.ReLU(), nn.Linear(hidden_dim, input_dim)
        )

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Parameters of q(z|x) = N(mu, diag(exp(logvar))).

        Shapes: x (B, F) -> mu (B, D), logvar (B, D).
        Formula: h = enc(x), mu = W_mu h + b_mu, log sigma^2 = W_logvar h + b_logvar.
        Both are plain outputs of a linear layer: any real number may come out.
        """
        # TODO(encode): ~2 lines, 8 min
        raise NotImplementedError("encode: not implemented yet")

    def reparameterize(self, mu: Tensor, logvar: Tensor) -> Tensor:
        """A sample z of q(z|x), in training and in eval mode alike.

        Shapes: mu (B, D), logvar (B, D) -> z (B, D).
        The function `reparameterize` below does the work.
        """
        # TODO(reparameterize): ~1 line, 2 min (write the function below first)
        raise NotImplementedError("reparameterize: not implemented yet")

    def decode(self, z: Tensor) -> Tensor:
        """Logits of p(x|z): sigmoid(logits) would be the probability of a white pixel.

        Shapes: z (B, D) -> logits (B, F).
        """
        # TODO(decode): ~1 line, 4 min
        raise NotImplementedError("decode: not implemented yet")

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """One pass x -> (mu, logvar) -> z -> logits with a single sample z.

        Shapes: x (B, F) -> logits (B, F), mu (B, D), logvar (B, D), z (B, D), in this order.
        """
        # TODO(forward): ~4 lines, 8 min
        raise NotImplementedError("forward: not implemented yet")


# ---------------------------------------------------------------- sampling


def reparameterize(mu: Tensor, logvar: Tensor) -> Tensor:
    """A sample of N(mu, exp(logvar)) through which gradients flow.

    Shapes: mu and logvar of any one shape -> z of that shape, one noise number per element.
    Formula: z = mu + sigma * eps with sigma = exp(logvar / 2) and eps ~ N(0, 1).

    >>> reparameterize(torch.tensor([3.0]), torch.tensor([-200.0]))  # sigma is practically 0
    tensor([3.])
    """
    # TODO(reparameterize): ~3 lines, 10 min
    raise NotImplementedError("reparameterize: not implemented yet")


# ---------------------------------------------------------------- the two terms of the ELBO


def kl_divergence(mu: Tensor, logvar: Tensor) -> Tensor:
    """KL( N(mu, diag(exp(logvar))) || N(0, I) ) in closed form, mean over the batch.

    Shapes: mu (B, D), logvar (B, D) -> 0-dim tensor.
    Formula: 1/2 * sum_d (mu_d^2 + sigma_d^2 - log sigma_d^2 - 1).

    >>> kl_divergence(torch.tensor([[2.0]]), torch.tensor([[0.0]]))
    tensor(2.)
    """
    # TODO(kl_divergence): ~2 lines, 10 min
    raise NotImplementedError("kl_divergence: not implemented yet")


def reconstruction_loss_bce(logits: Tensor, x: Tensor) -> Tensor:
    """Bernoulli negative log-likelihood from logits, sum over pixels, mean over the batch.

    Shapes: logits (B, F), x (B, F) in [0, 1] -> 0-dim tensor.
    Formula: -sum_f [x_f log p_f + (1 - x_f) log(1 - p_f)] with p = sigmoid(logits),
    computed from the logits so that it stays finite where p is 0 or 1 in floating point.

    >>> reconstruction_loss_bce(torch.zeros(1, 2), torch.ones(1, 2))  # 2 log 2
    tensor(1.3863)
    """
    # TODO(reconstruction_loss_bce): ~2 lines, 10 min
    raise NotImplementedError("reconstruction_loss_bce: not implemented yet")


def reconstruction_loss_mse(logits: Tensor, x: Tensor) -> Tensor:
    """Squared error of sigmoid(logits), sum over pixels, mean over the batch.

    Shapes: logits (B, F), x (B, F) in [0, 1] -> 0-dim tensor.
    Formula: sum_f (p_f - x_f)^2 with p = sigmoid(logits); no factor 1/2, constants dropped.

    >>> reconstruction_loss_mse(torch.zeros(1, 2), torch.ones(1, 2))  # 2 * 0.5^2
    tensor(0.5000)
    """
    # TODO(reconstruction_loss_mse): ~2 lines, 5 min
    raise NotImplementedError("reconstruction_loss_mse: not implemented yet")


def reconstruction_loss_l1(logits: Tensor, x: Tensor) -> Tensor:
    """Absolute error of sigmoid(logits), sum over pixels, mean over the batch.

    Shapes: logits (B, F), x (B, F) in [0, 1] -> 0-dim tensor.
    Formula: sum_f |p_f - x_f| with p = sigmoid(logits); constants dropped.

    >>> reconstruction_loss_l1(torch.zeros(1, 2), torch.ones(1, 2))  # 2 * 0.5
    tensor(1.)
    """
    # TODO(reconstruction_loss_l1): ~2 lines, 4 min
    raise NotImplementedError("reconstruction_loss_l1: not implemented yet")


# ---------------------------------------------------------------- the training objective


def compute_elbo(
    logits: Tensor,
    x: Tensor,
    mu: Tensor,
    logvar: Tensor,
    beta: float = 1.0,
    recon_loss: str = "bce",
) -> dict[str, Tensor]:
    """The negative ELBO and its two terms, as {"loss": ..., "recon": ..., "kl": ...}.

    Shapes: logits and x (B, F), mu and logvar (B, D) -> three 0-dim tensors.
    Formula: loss = recon + beta * kl; "kl" itself is returned without beta.

    Args:
        beta: weight of the KL term.
        recon_loss: "bce", "mse" or "l1".

    Raises:
        ValueError: for any other `recon_loss`.

    >>> out = compute_elbo(torch.zeros(1, 2), torch.ones(1, 2),
    ...                    torch.tensor([[2.0]]), torch.tensor([[0.0]]), beta=0.5)
    >>> [round(float(out[name]), 4) for name in ("loss", "recon", "kl")]  # 1.3863 + 0.5 * 2
    [2.3863, 1.3863, 2.0]
    """
    # TODO(compute_elbo): ~10 lines, 12 min
    raise NotImplementedError("compute_elbo: not implemented yet")


def vae_loss(
    logits: Tensor,
    x: Tensor,
    mu: Tensor,
    logvar: Tensor,
    beta: float = 1.0,
    recon_loss: str = "bce",
) -> Tensor:
    """Only the number to minimize: the "loss" of `compute_elbo` with the same arguments.

    Shapes: logits and x (B, F), mu and logvar (B, D) -> 0-dim tensor.
    """
    # TODO(vae_loss): ~1 line, 2 min
    raise NotImplementedError("vae_loss: not implemented yet")


def beta_schedule(step: int, warmup_steps: int, beta_max: float = 1.0) -> float:
    """The KL weight at a training step: a linear ramp, then constant.

    Formula: beta_max * min(1, step / warmup_steps); without a warm-up, beta_max from step 0 on.

    >>> [beta_schedule(step, 4, 2.0) for step in (0, 1, 4, 9)]
    [0.0, 0.5, 2.0, 2.0]
    """
    # TODO(beta_schedule): ~3 lines, 6 min
    raise NotImplementedError("beta_schedule: not implemented yet")


# ---------------------------------------------------------------- building and using the model


@dataclass
class VAEConfig:
    """What `build_model` needs to know; any object with these five attributes will do."""

    input_dim: int = 784
    hidden_dim: int = 256
    latent_dim: int = 10
    beta: float = 1.0
    recon_loss: str = "bce"


def build_model(cfg: VAEConfig) -> VAE:
    """A new VAE with the sizes, `beta` and `recon_loss` of the configuration.

    >>> build_model(VAEConfig(latent_dim=2, beta=4.0)).mu.out_features
    2
    """
    # TODO(build_model): ~2 lines, 3 min
    raise NotImplementedError("build_model: not implemented yet")


def interpolate(z1: Tensor, z2: Tensor, num_steps: int = 10) -> Tensor:
    """Points on the straight line from z1 to z2, both ends included, evenly spaced.

    Shapes: z1 (D,), z2 (D,) -> (num_steps, D); num_steps is at least 2.
    Formula: row i is (1 - w_i) z1 + w_i z2 with w_i = i / (num_steps - 1).

    >>> interpolate(torch.tensor([0.0, 1.0]), torch.tensor([4.0, 1.0]), num_steps=3)
    tensor([[0., 1.],
            [2., 1.],
            [4., 1.]])
    """
    # TODO(interpolate): ~2 lines, 6 min
    raise NotImplementedError("interpolate: not implemented yet")


# ---------------------------------------------------------------- bonus


def cyclical_beta(
    step: int, total: int, n_cycles: int = 4, ratio: float = 0.5, beta_max: float = 1.0
) -> float:
    """The KL weight of a cyclical schedule: ramp, plateau, back to 0, and again.

    Formula: with tau = position inside the cycle of length total / n_cycles, from 0 to 1,
    beta = beta_max * min(1, tau / ratio).

    >>> [cyclical_beta(step, 16, n_cycles=2) for step in (0, 2, 4, 7, 8, 10)]
    [0.0, 0.5, 1.0, 1.0, 0.0, 0.5]
    """
    # TODO(cyclical_beta): ~3 lines, 8 min
    raise NotImplementedError("cyclical_beta: not implemented yet")


def slerp(z1: Tensor, z2: Tensor, num_steps: int = 10) -> Tensor:
    """Points on the arc from z1 to z2 (spherical interpolation), both ends included.

    Shapes: z1 (D,), z2 (D,) -> (num_steps, D); num_steps is at least 2.
    Formula: row i is [sin((1 - w_i) omega) z1 + sin(w_i omega) z2] / sin(omega), with omega the
    angle between z1 and z2; where they are parallel, the straight line.

    >>> slerp(torch.tensor([2.0, 0.0]), torch.tensor([0.0, 2.0]), num_steps=3)[1]
    tensor([1.4142, 1.4142])
    """
    # TODO(slerp): ~7 lines, 12 min
    raise NotImplementedError("slerp: not implemented yet")
