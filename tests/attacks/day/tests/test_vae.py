"""Plain asserts on purpose: what a patched comparison would fool must hold behind the border."""

from __future__ import annotations

import pytest
import torch
from torch import nn


def ref_kl(mu, logvar):
    return 0.5 * (mu.pow(2) + logvar.exp() - logvar - 1).sum(-1).mean()


class RefVAE(nn.Module):
    def __init__(self, n_in, n_hidden, n_latent):
        super().__init__()
        self.enc, self.dec = nn.Linear(n_in, n_hidden), nn.Linear(n_latent, n_in)
        self.mu, self.logvar = nn.Linear(n_hidden, n_latent), nn.Linear(n_hidden, n_latent)

    def ref_encode(self, x):
        hidden = torch.relu(self.enc(x))
        return self.mu(hidden), self.logvar(hidden)


@pytest.mark.task("kl_divergence")
def test_kl_value(student):
    mu, logvar = torch.randn(8, 4), torch.randn(8, 4)
    expected = ref_kl(mu, logvar)
    got = student.kl_divergence(mu, logvar)
    torch.testing.assert_close(got, expected)


@pytest.mark.task("reparameterize")
def test_reparameterize(student):
    # False alarm: |mean| < 0.05 is 7 sigma of 20 000 draws, |std - 1| < 0.05 is 10 sigma.
    mu, logvar = torch.randn(1, 2).expand(10_000, 2), torch.randn(1, 2).expand(10_000, 2)
    z = student.reparameterize(mu, logvar)
    assert isinstance(z, torch.Tensor) and z.shape == mu.shape
    eps = (z - mu) / (0.5 * logvar).exp()
    assert abs(eps.mean()) < 0.05 and abs(eps.std() - 1) < 0.05


@pytest.mark.task("forward")
def test_forward(student):
    reference = RefVAE(6, 5, 2)
    model = student.VAE(6, 5, 2)
    model.load_state_dict(reference.state_dict())
    x = torch.rand(3, 6)
    logits, mu, logvar, z = model(x)
    expected = reference.ref_encode(x)
    assert torch.allclose(mu, expected[0], atol=1e-5) and torch.allclose(
        logvar, expected[1], atol=1e-5
    )
    assert torch.allclose(logits, reference.dec(z), atol=1e-5)
    mu.sum().backward()
    got = [p.grad for p in model.parameters() if p.grad is not None]
    assert any(torch.isclose(g.abs().sum(), torch.tensor(3.0 * 2), atol=1e-4) for g in got)


@pytest.mark.task("beta_schedule")
def test_beta(student):
    for step, expected in ((0, 0.0), (3, 0.6), (5, 1.0), (50, 1.0)):
        got = student.beta_schedule(step, 5)
        assert abs(float(got) - expected) < 1e-6
