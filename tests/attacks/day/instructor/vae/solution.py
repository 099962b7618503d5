"""The right answer to the attacked part; its mark must never show in a report."""

import torch
import torch.nn.functional as F
from torch import nn

SOLUTION = "lw-solution-90ab12"


class VAE(nn.Module):
    def __init__(self, input_dim, hidden_dim, latent_dim, beta=1.0, recon_loss="bce"):
        super().__init__()
        self.enc, self.dec = nn.Linear(input_dim, hidden_dim), nn.Linear(latent_dim, input_dim)
        self.mu, self.logvar = nn.Linear(hidden_dim, latent_dim), nn.Linear(hidden_dim, latent_dim)

    # TODO(forward): 1 line, 1 min
    def forward(self, x):
        # BEGIN SOLUTION
        hidden = torch.relu(self.enc(x))
        mu, logvar = self.mu(hidden), self.logvar(hidden)
        z = reparameterize(mu, logvar)
        return self.dec(z), mu, logvar, z
        # END SOLUTION


# TODO(reparameterize): 1 line, 1 min
def reparameterize(mu, logvar):
    # BEGIN SOLUTION
    return mu + (0.5 * logvar).exp() * torch.randn_like(mu)
    # END SOLUTION


# TODO(kl_divergence): 1 line, 1 min
def kl_divergence(mu, logvar):
    # BEGIN SOLUTION
    return 0.5 * (mu.pow(2) + logvar.exp() - logvar - 1).sum(-1).mean()
    # END SOLUTION


# TODO(compute_elbo): 3 lines, 1 min
def compute_elbo(logits, x, mu, logvar, beta=1.0, recon_loss="bce"):
    # BEGIN SOLUTION
    recon = F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1).mean()
    kl = kl_divergence(mu, logvar)
    return {"loss": recon + beta * kl, "recon": recon, "kl": kl}
    # END SOLUTION


# TODO(interpolate): 2 lines, 1 min
def interpolate(z1, z2, num_steps=10):
    # BEGIN SOLUTION
    w = torch.linspace(0, 1, num_steps).unsqueeze(1)
    return (1 - w) * z1 + w * z2
    # END SOLUTION


# TODO(apply_twice): 1 line, 1 min
def apply_twice(fn, x):
    # BEGIN SOLUTION
    return fn(fn(x))
    # END SOLUTION


# TODO(beta_schedule): 1 line, 1 min
def beta_schedule(step, warmup_steps, beta_max=1.0):
    # BEGIN SOLUTION
    return beta_max * min(1.0, step / warmup_steps) if warmup_steps else beta_max
    # END SOLUTION
