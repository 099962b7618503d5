"""What a student might have written; the tests of the border call it in both modes."""

import dataclasses
import random
from typing import NamedTuple

import numpy as np
import torch
from torch import nn


def kl_divergence(mu, logvar):
    return 0.5 * (mu.pow(2) + logvar.exp() - 1 - logvar).sum(-1).mean()


def reparameterize(mu, logvar):
    return mu + torch.randn_like(mu) * (0.5 * logvar).exp()


def identity(x):
    return x


def cube(x):
    return x**3


class Out(NamedTuple):
    loss: torch.Tensor
    recon: torch.Tensor


@dataclasses.dataclass
class Result:
    loss: torch.Tensor
    names: list


class VAE(nn.Module):
    """A small model."""

    def __init__(self, input_dim=10, hidden_dim=8, latent_dim=3):
        super().__init__()
        self.enc = nn.Sequential(nn.Linear(input_dim, hidden_dim), nn.Tanh())
        self.mu = nn.Linear(hidden_dim, latent_dim)
        self.logvar = nn.Linear(hidden_dim, latent_dim)
        self.dec = nn.Linear(latent_dim, input_dim)
        self.latent_dim = latent_dim
        self.kl = None

    def encode(self, x):
        h = self.enc(x)
        return self.mu(h), self.logvar(h)

    def forward(self, x):
        mu, logvar = self.encode(x)
        z = reparameterize(mu, logvar)
        self.kl = kl_divergence(mu, logvar)
        return self.dec(z), mu, logvar, z


class Conv(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten())
        self.out = nn.Linear(4 * 6 * 6, 2)

    def forward(self, x):
        return self.out(self.net(x))


def vae_loss(logits, x, mu, logvar):
    return (logits - x).pow(2).sum(-1).mean() + kl_divergence(mu, logvar)


def named(x):
    return Out(x.sum(), x * 2)


def dataclassed(x):
    return Result(x.sum(), ["a", "b"])


def as_dict(x):
    return {"loss": x.sum(), "kl": 1.5, 3: None, "nest": [(1, 2), {"t": x}]}


def scalars():
    return 1, 2.5, None, True, "é", b"raw", 3 + 4j, 2**100, np.float32(1.5), np.arange(3), {1, 2}


def train_step(model, optimizer, x):
    optimizer.zero_grad()
    logits, mu, logvar, _ = model(x)
    loss = vae_loss(logits, x, mu, logvar)
    loss.backward()
    optimizer.step()
    return loss.item()


def diffusion_loss(model, x0, t):
    noise = torch.randn_like(x0)
    return (model(x0 + noise, t) - noise).pow(2).mean()


def denoise_step(model, optimizer, x0, t):
    optimizer.zero_grad()
    loss = diffusion_loss(model, x0, t)
    loss.backward()
    optimizer.step()
    return loss.item()


def gradient_penalty(critic, x):
    (grad,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    return (grad.norm(dim=-1) - 1).pow(2).mean()


def input_gradient(x):
    y = (x**2).sum()
    y.backward()
    return x.grad


def sample(model, shape):
    model.eval()
    x = torch.randn(shape)
    for t in range(3):
        x = model(x, torch.tensor([t]))
    return x


def init_weights(module):
    if isinstance(module, nn.Linear):
        nn.init.constant_(module.weight, 0.5)
        module.bias.data.zero_()


def ema_update(ema, params, decay):
    for e, p in zip(ema, params, strict=True):
        e.data.mul_(decay).add_(p.data, alpha=1 - decay)


def ema_model(ema, model, decay):
    ema_update(ema.parameters(), model.parameters(), decay)


def change_input(x):
    x.mul_(2)
    return x.sum()


def change_data(x):
    x.data.zero_()
    return 0.0


def freeze_input(x):
    return 2 * x.requires_grad_(not x.requires_grad).detach()


def draws():
    return torch.rand(2), random.random(), np.random.rand()


def apply_twice(f, x):
    return f(f(x))


def sum_batches(batches):
    return sum(b.sum() for b in batches)


def numbers(n):
    for i in range(n):
        yield i, torch.rand(())


def configured(cfg):
    return cfg.input_dim + len(cfg.name)


def fresh(n):
    return torch.ones(n)


def deep(x, n):
    return x if n == 0 else deep(x, n - 1)


def refuse(x):
    raise ValueError(f"expected 2 dims, got {x.dim()}")


class Schedule:
    """Values that a test reads by attribute."""

    def __init__(self, T):
        self.T = T
        self.betas = torch.linspace(1e-4, 0.02, T)

    def __len__(self):
        return self.T

    def __getitem__(self, i):
        return self.betas[i]

    def q_sample(self, x, t):
        return self.betas[t] * x
