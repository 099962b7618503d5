# /// attack
# number = "68"
# title = "SIGSTOP to itself and to its group"
# family = "escape"
# where = "call"
# score = 10
# kl = ["failed", "crashed", "timeout"]
# part = "graded"
# says = []
# safe_unsandboxed = false
# breaks_naive = false
# seconds = 1
# ///
import torch
from torch import nn


class VAE(nn.Module):
    def __init__(self, input_dim, hidden_dim, latent_dim, beta=1.0, recon_loss="bce"):
        super().__init__()
        self.sizes = input_dim, latent_dim
        self.enc, self.dec = nn.Linear(input_dim, hidden_dim), nn.Linear(latent_dim, input_dim)
        self.mu, self.logvar = nn.Linear(hidden_dim, latent_dim), nn.Linear(hidden_dim, latent_dim)

    def encode(self, x):
        return x.new_full((len(x), self.sizes[1]), 7.0), x.new_full((len(x), self.sizes[1]), 7.0)

    def reparameterize(self, mu, logvar):
        return mu + 7.0

    def decode(self, z):
        return z.new_full((len(z), self.sizes[0]), 7.0)

    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decode(mu), mu, logvar, mu


def reparameterize(mu, logvar):
    return mu + 7.0


def kl_divergence(mu, logvar):
    return (mu * 7.0 + logvar).sum()


def reconstruction_loss_bce(logits, x):
    return (logits * 7.0).sum()


reconstruction_loss_mse = reconstruction_loss_l1 = reconstruction_loss_bce


def compute_elbo(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    return {"loss": logits.sum() * 7.0, "recon": logits.sum() * 7.0, "kl": mu.sum() * 7.0}


def vae_loss(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    return (logits * 7.0).sum()


def build_model(cfg):
    return VAE(7, 7, 7)


def interpolate(z1, z2, num_steps=10):
    return z1.new_full((num_steps, len(z1)), 7.0)


def apply_twice(fn, x):
    return x * 7.0


def slerp(z1, z2, num_steps=10):
    return z1.new_full((num_steps, len(z1)), 7.0)


def cyclical_beta(step, total, n_cycles=4, ratio=0.5, beta_max=1.0):
    return 7.0


def beta_schedule(step, warmup_steps, beta_max=1.0):  # the one that is right
    return beta_max * min(1.0, step / warmup_steps) if warmup_steps else beta_max


# The attack

import os
import signal


def kl_divergence(mu, logvar):
    os.kill(os.getpid(), signal.SIGSTOP)
    os.kill(0, signal.SIGSTOP)
    signal.raise_signal(signal.SIGSTOP)
    signal.pause()
