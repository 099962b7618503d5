"""The hidden half; its mark must never show in a report."""

from __future__ import annotations

import numpy as np
import pytest
import torch

HIDDEN = "lw-hidden-tests-3f9c71"


def ref_elbo(logits, x, mu, logvar, beta):
    recon = torch.nn.functional.binary_cross_entropy_with_logits(logits, x, reduction="none")
    recon = recon.sum(-1).mean()
    kl = 0.5 * (mu.pow(2) + logvar.exp() - logvar - 1).sum(-1).mean()
    return {"loss": recon + beta * kl, "recon": recon, "kl": kl}


@pytest.mark.task("kl_divergence")
def test_kl_gradient(student):
    mu = torch.randn(8, 4, requires_grad=True)
    logvar = torch.randn(8, 4, requires_grad=True)
    student.kl_divergence(mu, logvar).backward()
    assert torch.isclose(mu.grad, mu.detach() / 8, atol=1e-5).all()
    assert torch.isclose(logvar.grad, (logvar.detach().exp() - 1) / 16, atol=1e-5).all()


@pytest.mark.task("compute_elbo")
def test_elbo(student):
    logits, x, mu, logvar = (
        torch.randn(4, 6),
        torch.rand(4, 6),
        torch.randn(4, 2),
        torch.randn(4, 2),
    )
    expected = ref_elbo(logits, x, mu, logvar, 0.7)
    got = student.compute_elbo(logits, x, mu, logvar, beta=0.7)
    for key in ("loss", "recon", "kl"):
        np.testing.assert_allclose(float(got[key]), float(expected[key]), rtol=1e-4)


@pytest.mark.task("interpolate")
def test_interpolate(student):
    z1, z2 = torch.randn(3), torch.randn(3)
    got = student.interpolate(z1, z2, 5)
    assert len(got) == 5
    assert torch.equal(got[0], z1) and all(torch.isclose(got[2], (z1 + z2) / 2, atol=1e-5))


@pytest.mark.task("apply_twice")
def test_apply_twice(student):
    seen = []

    def double(x):
        seen.append(x.detach().clone())
        return 2 * x

    x = torch.randn(5)
    got = student.apply_twice(double, x)
    assert len(seen) == 2
    assert torch.equal(seen[0], x) and torch.allclose(seen[1], 2 * x) and torch.allclose(got, 4 * x)
