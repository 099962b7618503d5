"""Tuesday, part 2: a variational autoencoder with two layers of latent variables.

Fill in the functions from top to bottom; the guide `hierarchical_vae.md` has a section for each.
Notation: B examples in the batch, F pixels of an example, Z1 and Z2 the sizes of z1 and z2.
The chain is z2 -> z1 -> x: z2 is the top layer, z1 stands between z2 and the image.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Gaussian = tuple[Tensor, Tensor]  # (mu, logvar) of a diagonal Gaussian, both of one shape

LOG_2PI = math.log(2 * math.pi)

# ---------------------------------------------------------------- provided


def reparameterize(mu: Tensor, logvar: Tensor) -> Tensor:
    """A sample of N(mu, exp(logvar)) through which gradients flow (Notebook 1; provided).

    Shapes: mu and logvar of any one shape -> z of that shape.
    """
    return mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)


def gaussian_kl(mu_q: Tensor, logvar_q: Tensor, mu_p: Tensor, logvar_p: Tensor) -> Tensor:
    """KL( N(mu_q, var_q) || N(mu_p, var_p) ) of diagonal Gaussians, per example (provided).

    Shapes: four times (B, D) -> (B,).
    Formula: 1/2 sum_d [log var_p - log var_q + (var_q + (mu_q - mu_p)^2) / var_p - 1].

    >>> zero = torch.zeros(1, 1)
    >>> gaussian_kl(torch.tensor([[2.0]]), zero, zero, zero)
    tensor([2.])
    """
    ratio = (logvar_q - logvar_p).exp() + (mu_q - mu_p).pow(2) * (-logvar_p).exp()  # (B, D)
    return 0.5 * (logvar_p - logvar_q + ratio - 1).sum(dim=-1)  # (B,)


# ---------------------------------------------------------------- a density


def gaussian_log_prob(z: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    """log N(z; mu, diag(exp(logvar))), one number for each example.

    Shapes: z, mu, logvar (B, D) -> (B,).
    Formula: -1/2 sum_d [log 2 pi + log sigma_d^2 + (z_d - mu_d)^2 / sigma_d^2].

    >>> zero = torch.zeros(1, 2)
    >>> gaussian_log_prob(torch.tensor([[0.0, 2.0]]), zero, zero)  # -log 2 pi - 2
    tensor([-3.8379])
    """
    # TODO(gaussian_log_prob): ~2 lines, 10 min
    raise NotImplementedError("gaussian_log_prob: not implemented yet")


# ---------------------------------------------------------------- the two models


class GenerativeModel(nn.Module):
    """p(z2) p(z1|z2) p(x|z1): how the model makes an image, from the top down.

    The layers are provided; the three methods below connect them.
    """

    def __init__(self, z2_dim: int, z1_dim: int, hidden_dim: int, input_dim: int) -> None:
        super().__init__()
        self.z2_dim, self.z1_dim = z2_dim, z1_dim
        self.prior = nn.Sequential(  # (B, Z2) -> (B, 2 * Z1), first mu, then logvar
            nn.Linear(z2_dim, hidden_dim), nn.ReLU(), nn.Linear(hidden_dim, 2 * z1_dim)
        )
        self.dec = nn.Sequential(  # (B, Z1) -> (B, F)
            nn.Linear(z1_dim, hidden_dim), nn.ReLU(), nn.Linear(hidden_dim, input_dim)
        )

    def prior_z1(self, z2: Tensor) -> Gaussian:
        """Parameters of p(z1|z2) = N(mu, diag(exp(logvar))).

        Shapes: z2 (B, Z2) -> mu (B, Z1), logvar (B, Z1).
        Formula: the layer `prior` gives 2 * Z1 numbers for each example: the first Z1 are mu,
        the last Z1 are logvar, both as they are.
        """
        # TODO(prior_z1): ~2 lines, 8 min
        raise NotImplementedError("prior_z1: not implemented yet")

    def decode(self, z1: Tensor) -> Tensor:
        """Logits of p(x|z1): sigmoid(logits) would be the probability of a white pixel.

        Shapes: z1 (B, Z1) -> logits (B, F).
        """
        # TODO(decode): ~1 line, 3 min
        raise NotImplementedError("decode: not implemented yet")

    def sample(self, num_samples: int) -> Tensor:
        """Logits of new images: z2 from N(0, I), then z1 from p(z1|z2), then the decoder.

        Shapes: -> (num_samples, F).
        """
        # TODO(sample): ~4 lines, 10 min
        raise NotImplementedError("sample: not implemented yet")


class InferenceModel(nn.Module):
    """q(z1|x) q(z2|x): what the image says about both layers, read off it directly.

    The layers are provided; `forward` connects them.
    """

    def __init__(self, input_dim: int, hidden_dim: int, z1_dim: int, z2_dim: int) -> None:
        super().__init__()
        self.z1_dim, self.z2_dim = z1_dim, z2_dim
        self.enc = nn.Sequential(nn.Linear(input_dim, hidden_dim), nn.ReLU())  # (B, F) -> (B, H)
        self.head1 = nn.Linear(hidden_dim, 2 * z1_dim)  # (B, H) -> (B, 2 * Z1), mu then logvar
        self.head2 = nn.Linear(hidden_dim, 2 * z2_dim)  # (B, H) -> (B, 2 * Z2), mu then logvar

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Parameters of q(z1|x) and q(z2|x).

        Shapes: x (B, F) -> mu1 (B, Z1), logvar1 (B, Z1), mu2 (B, Z2), logvar2 (B, Z2).
        Formula: h = enc(x); head1(h) holds mu1 and logvar1, head2(h) holds mu2 and logvar2.
        """
        # TODO(inference): ~4 lines, 10 min
        raise NotImplementedError("inference: not implemented yet")


# ---------------------------------------------------------------- the objective


def hvae_elbo(
    x: Tensor, logits: Tensor, z1: Tensor, z2: Tensor, q1: Gaussian, q2: Gaussian, p1: Gaussian
) -> Tensor:
    """One-sample estimate of the ELBO for each example (to be maximized: no minus in front).

    Shapes: x (B, F) in {0, 1}, logits (B, F), z1 (B, Z1), z2 (B, Z2) -> (B,).
    Formula: log p(x|z1) + log p(z1|z2) + log p(z2) - log q(z1|x) - log q(z2|x), where p(x|z1) is
    Bernoulli with p = sigmoid(logits), summed over pixels, and p(z2) is N(0, I).

    Args:
        q1: (mu, logvar) of q(z1|x), (B, Z1) each.
        q2: (mu, logvar) of q(z2|x), (B, Z2) each.
        p1: (mu, logvar) of p(z1|z2), (B, Z1) each.

    >>> zero = torch.zeros(1, 1)
    >>> unit = (zero, zero)
    >>> hvae_elbo(torch.ones(1, 1), zero, zero, zero, unit, unit, (zero + 2, zero))  # -log 2 - 2
    tensor([-2.6931])
    """
    # TODO(hvae_elbo): ~6 lines, 15 min
    raise NotImplementedError("hvae_elbo: not implemented yet")


def hvae_loss(generative: GenerativeModel, inference: InferenceModel, x: Tensor) -> Tensor:
    """The number to minimize: minus the ELBO, mean over the batch, from one sample (z1, z2).

    Shapes: x (B, F) in {0, 1} -> 0-dim tensor.
    Formula: z1 ~ q(z1|x) and z2 ~ q(z2|x), both reparameterized; the sampled z2 gives p(z1|z2),
    the sampled z1 gives the logits.
    """
    # TODO(hvae_loss): ~6 lines, 12 min
    raise NotImplementedError("hvae_loss: not implemented yet")
