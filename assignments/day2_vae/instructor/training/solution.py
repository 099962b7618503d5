"""Tuesday, part 3: the tools that make a VAE train, and that tell when it does not.

Fill in the functions from top to bottom; the guide `training.md` has a section for each of them.
Notation: B examples in the batch, D latent dimensions, K samples of z for each example.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

LOG_2PI = math.log(2 * math.pi)

# ---------------------------------------------------------------- before training


def init_weights(module: nn.Module) -> None:
    """Initialize one layer in place; `model.apply(init_weights)` calls it for each of them.

    Linear layers get Xavier-uniform weights, convolutions (`nn.Conv2d`, `nn.ConvTranspose2d`)
    He-normal ones with mode fan_out for ReLU; the biases of both become 0. A layer without bias
    is fine, and every other kind of module is left as it is.
    Formula: Xavier: uniform on [-a, a] with a = sqrt(6 / (fan_in + fan_out)).
    He: normal with mean 0 and variance 2 / fan_out, fan_out = out_channels * kernel height * width
    (for ConvTranspose2d PyTorch counts in_channels there).

    >>> layer = nn.Linear(2, 4)
    >>> init_weights(layer)
    >>> layer.bias.tolist(), bool(layer.weight.abs().max() <= 1)  # a = sqrt(6 / 6)
    ([0.0, 0.0, 0.0, 0.0], True)
    """
    # TODO(init_weights): ~7 lines, 8 min
    # BEGIN SOLUTION
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
    elif isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    else:
        return
    if module.bias is not None:
        nn.init.zeros_(module.bias)
    # END SOLUTION


def safe_log_var(log_var: Tensor, min_val: float = -20.0, max_val: float = 20.0) -> Tensor:
    """log_var limited to [min_val, max_val]; the input itself is not changed.

    Shapes: any shape -> the same shape.
    Formula: min(max(log_var, min_val), max_val).

    >>> safe_log_var(torch.tensor([-30.0, 0.5, 99.0]))
    tensor([-20.0000,   0.5000,  20.0000])
    """
    # TODO(safe_log_var): ~1 line, 3 min
    # BEGIN SOLUTION
    return torch.clamp(log_var, min=min_val, max=max_val)
    # END SOLUTION


# ---------------------------------------------------------------- against posterior collapse


def free_bits(kl_per_dim: Tensor, lam: float) -> Tensor:
    """The KL term with lam nats of each dimension free of charge.

    Shapes: kl_per_dim (B, D), the KL of each example and dimension -> 0-dim tensor.
    Formula: sum_d max(lam, mean_b kl[b, d]). The mean over the batch comes first.

    >>> free_bits(torch.tensor([[0.0, 3.0], [0.4, 0.2]]), lam=0.5)  # max(.5, .2) + max(.5, 1.6)
    tensor(2.1000)
    """
    # TODO(free_bits): ~2 lines, 6 min
    # BEGIN SOLUTION
    mean = kl_per_dim.mean(dim=0)  # (D,)
    return mean.clamp(min=lam).sum()
    # END SOLUTION


def kl_per_dim(batches: Iterable[tuple[Tensor, Tensor]]) -> Tensor:
    """KL to N(0, 1) of each latent dimension, mean over *all examples* of a data set.

    Shapes: each batch is a pair mu (b, D), logvar (b, D), b may differ -> (D,).
    Formula: (1/N) sum over all N examples of 1/2 (mu^2 + sigma^2 - log sigma^2 - 1).

    >>> two, one = torch.zeros(2, 1), torch.zeros(1, 1)
    >>> kl_per_dim([(two, two), (one + 3, one)])  # examples 0, 0, 4.5
    tensor([1.5000])
    """
    # TODO(kl_per_dim): ~5 lines, 8 min
    # BEGIN SOLUTION
    rows = []
    for mu, logvar in batches:
        rows.append(0.5 * (mu.pow(2) + logvar.exp() - logvar - 1))  # (b, D)
    return torch.cat(rows).mean(dim=0)  # (N, D) -> (D,)
    # END SOLUTION


def active_units(mu: Tensor, threshold: float = 0.01) -> int:
    """How many latent dimensions react to the data (Burda et al. 2016).

    Shapes: mu (N, D), the posterior means of a data set -> a whole number between 0 and D.
    Formula: the number of d with Var_n(mu[n, d]) > threshold, the variance over the examples.

    >>> active_units(torch.tensor([[0.0, 5.0], [1.0, 5.0]]))  # variances 0.5 and 0
    1
    """
    # TODO(active_units): ~2 lines, 5 min
    # BEGIN SOLUTION
    variance = mu.var(dim=0)  # (D,)
    return int((variance > threshold).sum())
    # END SOLUTION


# ---------------------------------------------------------------- a tighter bound


def log_weights(log_px: Tensor, z: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    """Log importance weights of K samples for each example.

    Shapes: log_px (B, K), z (B, K, D), mu (B, 1, D), logvar (B, 1, D) -> (B, K).
    Formula: log w = log p(x|z) + log p(z) - log q(z|x), with p(z) = N(0, I) and
    q(z|x) = N(mu, diag(exp(logvar))), both densities taken at the sample z.

    >>> zero = torch.zeros(1, 1, 1)
    >>> log_weights(torch.tensor([[-5.0]]), zero + 2, zero + 1, zero)  # -5 - 2 + 1/2
    tensor([[-6.5000]])
    """
    # TODO(log_weights): ~3 lines, 8 min
    # BEGIN SOLUTION
    log_pz = -0.5 * (LOG_2PI + z.pow(2)).sum(dim=-1)  # (B, K)
    log_qz = -0.5 * (LOG_2PI + logvar + (z - mu).pow(2) * torch.exp(-logvar)).sum(dim=-1)  # (B, K)
    return log_px + log_pz - log_qz
    # END SOLUTION


def iwae_bound(log_w: Tensor) -> Tensor:
    """The importance weighted bound on log p(x), mean over the batch (Burda et al. 2016, eq. 8).

    Shapes: log_w (B, K) -> 0-dim tensor.
    Formula: mean_b log( (1/K) sum_k w[b, k] ), computed without leaving the logarithms.

    >>> iwae_bound(torch.log(torch.tensor([[1.0, 3.0]])))  # log 2
    tensor(0.6931)
    """
    # TODO(iwae_bound): ~2 lines, 6 min
    # BEGIN SOLUTION
    bound = torch.logsumexp(log_w, dim=1) - math.log(log_w.shape[1])  # (B,)
    return bound.mean()
    # END SOLUTION


# ---------------------------------------------------------------- during and after training


def ema_update(ema_params: Iterable[Tensor], params: Iterable[Tensor], decay: float) -> None:
    """Move a running average of the weights one step, in place, outside the graph.

    Shapes: two lists of tensors of equal shapes; `ema_params` changes, `params` does not.
    Formula: ema <- decay * ema + (1 - decay) * param.

    >>> ema = [torch.tensor([1.0])]
    >>> ema_update(ema, [torch.tensor([3.0])], decay=0.5)
    >>> ema
    [tensor([2.])]
    """
    # TODO(ema_update): ~3 lines, 6 min
    # BEGIN SOLUTION
    with torch.no_grad():
        for ema, param in zip(ema_params, params, strict=True):
            ema.mul_(decay).add_(param, alpha=1 - decay)
    # END SOLUTION


def diagnose(history: Mapping[str, Any]) -> list[str]:
    """Names of what goes wrong in a training log, in any order; an empty list for a healthy one.

    Args:
        history: "loss", "recon", "kl" and "max_var" are lists with one float for each epoch (kl
            and recon per example, max_var the largest variance of a posterior); "latent_dim" is D.

    Rules, where "last" is the last epoch:
        "nan_loss": some loss is NaN or infinite.
        "loss_spike": some loss is more than twice the loss of the epoch before it.
        "posterior_collapse": the last kl divided by latent_dim is below 0.01.
        "exploding_variance": some max_var is above 100.
        "kl_dominates": the last kl is larger than the last recon.

    >>> diagnose({"loss": [90.0, 80.0], "recon": [89.0, 79.9], "kl": [1.0, 0.1],
    ...           "max_var": [1.0, 1.0], "latent_dim": 20})  # 0.1 / 20 = 0.005
    ['posterior_collapse']
    """
    # TODO(diagnose): ~12 lines, 10 min
    # BEGIN SOLUTION
    loss, recon, kl = history["loss"], history["recon"], history["kl"]
    signs = {
        "nan_loss": any(not math.isfinite(value) for value in loss),
        "loss_spike": any(b > 2 * a for a, b in pairwise(loss)),
        "posterior_collapse": kl[-1] / history["latent_dim"] < 0.01,
        "exploding_variance": any(value > 100 for value in history["max_var"]),
        "kl_dominates": kl[-1] > recon[-1],
    }
    return [name for name, found in signs.items() if found]
    # END SOLUTION
