"""Losses, bounds, schedules and corruption against numbers that are known without them."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from lab.config import LossConfig, OptimConfig
from lab.errors import ConfigError, LabError
from lab.models.base import LatentModel, Output
from lab.objective import (
    Terms,
    beta_at,
    corrupt,
    elbo,
    free_bits,
    iwae_bound,
    iwae_loss,
    kl_per_dim,
    log_weights,
    loss,
    lr_at,
    recon_loss,
)

KINDS = ["bce", "l2", "l1", "charbonnier"]


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)
    torch.set_num_threads(1)


class LinearGaussian(LatentModel):
    """x = W z + b + N(0, I / 2), of which everything is known.

    With the "l2" error, log p(x|z) = -error - F/2 log(pi). `decode` gives the logits whose sigmoid
    is W z + b, which W keeps far inside (0, 1). `spread` widens q: 1 is the exact posterior.
    """

    def __init__(self, features: int = 400, spread: float = 1.0) -> None:
        super().__init__((1, 1, features), 2)
        even = torch.ones(features, dtype=torch.float64)
        odd = (-1.0) ** torch.arange(features, dtype=torch.float64)
        self.W = 0.025 * torch.stack([even, odd], 1)  # (F, D), orthogonal
        self.b = torch.full((features,), 0.5, dtype=torch.float64)
        self.spread = spread
        self.rows: list[int] = []

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        precision = 1 + 2 * (self.W.T @ self.W).diagonal()  # (D,)
        mu = 2 * (x.flatten(1) - self.b) @ self.W / precision  # (B, D)
        return mu, (self.spread**2 / precision).log().expand_as(mu)

    def decode(self, z: Tensor) -> Tensor:
        self.rows.append(len(z))
        return torch.logit(z @ self.W.T + self.b).reshape(-1, *self.image_shape)

    def log_px(self, x: Tensor) -> Tensor:
        """log p(x) without its -F/2 log(pi), which the "l2" error drops too."""
        features = self.W.shape[0]
        covariance = self.W @ self.W.T + 0.5 * torch.eye(features, dtype=torch.float64)
        normal = torch.distributions.MultivariateNormal(self.b, covariance)
        return normal.log_prob(x.flatten(1)) + 0.5 * features * math.log(math.pi)


class Tiny(LatentModel):
    """A Bernoulli VAE with one latent number, so that log p(x) can be had on a grid."""

    def __init__(self) -> None:
        super().__init__((1, 2, 2), 1)
        self.q, self.p = nn.Linear(4, 2), nn.Linear(1, 4)
        nn.init.normal_(self.p.weight, std=3.0)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mu, logvar = self.q(x.flatten(1)).chunk(2, dim=1)
        return mu, logvar

    def decode(self, z: Tensor) -> Tensor:
        out: Tensor = self.p(z)
        return out.view(-1, 1, 2, 2)


class Point(LatentModel):
    """A model without a posterior."""

    variational = False

    def encode(self, x: Tensor) -> tuple[Tensor, None]:
        return x.flatten(1), None

    def decode(self, z: Tensor) -> Tensor:
        return z.view(-1, *self.image_shape)


# ---------------------------------------------------------------- losses


def test_each_reconstruction_loss_has_its_golden_value() -> None:
    logits, x = torch.zeros(2, 1, 1, 3), torch.tensor([[1.0, 1.0, 1.0], [0.5, 0.0, 0.25]])
    x = x.view(2, 1, 1, 3)
    ln2 = math.log(2)
    want = {
        "bce": [3 * ln2, 3 * ln2],
        "l2": [0.75, 0.25 + 0.0625],
        "l1": [1.5, 0.75],
        "charbonnier": [
            3 * math.sqrt(0.25 + 1e-6),
            1e-3 + math.sqrt(0.25 + 1e-6) + math.sqrt(0.0625 + 1e-6),
        ],
    }
    for kind, values in want.items():
        torch.testing.assert_close(recon_loss(kind, logits, x), torch.tensor(values))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_losses_and_gradients_stay_finite_at_extreme_logits(kind: str, dtype: torch.dtype) -> None:
    logits = torch.tensor([[200.0, -200.0, 0.0]], dtype=dtype, requires_grad=True)
    x = torch.tensor([[0.0, 1.0, 0.5]], dtype=dtype)
    value = recon_loss(kind, logits, x)
    value.sum().backward()
    assert logits.grad is not None
    assert value.isfinite().all() and logits.grad.isfinite().all()
    if kind == "bce":
        assert value.item() == pytest.approx(400 + math.log(2))


def test_half_precision_is_summed_in_single() -> None:
    logits, x = torch.zeros(1, 3000, dtype=torch.bfloat16), torch.ones(1, 3000)
    value = recon_loss("bce", logits, x)
    assert value.dtype == torch.float32
    assert value.item() == pytest.approx(3000 * math.log(2), rel=1e-6)


def test_the_kl_has_its_closed_form() -> None:
    mu = torch.tensor([[0.0, 2.0, 0.0, 1.0]])
    logvar = torch.tensor([[0.0, 0.0, math.log(4.0), -60.0]])
    want = torch.tensor([[0.0, 2.0, 0.5 * (4 - math.log(4) - 1), 0.5 * (1 + 60 - 1)]])
    torch.testing.assert_close(kl_per_dim(mu, logvar), want)


def test_the_kl_keeps_its_digits_near_the_prior() -> None:
    small = torch.tensor([[1e-3]])
    assert kl_per_dim(torch.zeros(1, 1), small).item() == pytest.approx(2.5e-7, rel=2e-2)


def test_the_kl_agrees_with_sampling() -> None:
    mu, logvar = torch.tensor([[0.7, -1.2]]), torch.tensor([[-0.5, 0.8]])
    eps = torch.randn(200_000, 2)
    z = mu + torch.exp(0.5 * logvar) * eps
    sampled = 0.5 * (z.square() - eps.square() - logvar).mean(0)
    torch.testing.assert_close(kl_per_dim(mu, logvar)[0], sampled, atol=0.03, rtol=0)


def test_free_bits_compare_the_batch_mean_and_not_each_image() -> None:
    kl = torch.tensor([[0.0, 3.0], [2.0, 5.0]], requires_grad=True)
    value = free_bits(kl, 1.5)  # means 1 and 4; image by image it would be 1.75 + 4
    value.backward()
    assert value.item() == pytest.approx(1.5 + 4.0)
    assert kl.grad is not None and kl.grad.tolist() == [[0.0, 0.5], [0.0, 0.5]]


def test_the_loss_adds_beta_kl_and_reports_the_plain_kl() -> None:
    mu = torch.tensor([[2.0, 0.0]])
    output = Output(torch.zeros(1, 1, 1, 2), mu, torch.zeros(1, 2), mu)
    x = torch.ones(1, 1, 1, 2)
    recon = 2 * math.log(2)
    plain = loss(output, x, beta=0.5)
    assert [v.item() for v in plain] == pytest.approx([recon + 1.0, recon, 2.0])
    spared = loss(output, x, beta=0.5, free_bits=0.3)
    assert [v.item() for v in spared] == pytest.approx([recon + 0.5 * 2.3, recon, 2.0])
    assert [v.ndim for v in plain] == [0, 0, 0]


def test_a_model_without_a_posterior_has_no_kl() -> None:
    output = Output(torch.zeros(2, 1, 1, 2), torch.zeros(2, 3), None, torch.zeros(2, 3))
    terms = loss(output, torch.ones(2, 1, 1, 2), beta=7.0, free_bits=1.0)
    assert terms.loss.item() == terms.recon.item() == pytest.approx(2 * math.log(2))
    assert terms.kl.item() == 0


def test_wrong_kinds_and_shapes_are_refused() -> None:
    with pytest.raises(ConfigError, match="'mse'"):
        recon_loss("mse", torch.zeros(1, 2), torch.zeros(1, 2))
    with pytest.raises(ValueError, match="differ in shape"):
        recon_loss("bce", torch.zeros(2, 3), torch.zeros(3))


# ---------------------------------------------------------------- bounds


def test_with_the_exact_posterior_every_bound_is_log_p() -> None:
    model, x = LinearGaussian(), torch.rand(5, 1, 1, 400, dtype=torch.float64)
    want = model.log_px(x)
    for samples in (1, 3):
        torch.testing.assert_close(iwae_bound(model, x, samples, kind="l2"), want)
        torch.testing.assert_close(
            log_weights(model, x, samples, "l2"), want[:, None].expand(-1, samples)
        )
    many = elbo(model, x, samples=1000, kind="l2")
    torch.testing.assert_close(many, want, atol=0.15, rtol=0)


def test_the_bound_grows_with_k_towards_log_p() -> None:
    model, x = LinearGaussian(spread=2.0), torch.rand(400, 1, 1, 400, dtype=torch.float64)
    truth = model.log_px(x).mean()
    gaps = [float(truth - iwae_bound(model, x, k, kind="l2").mean()) for k in (1, 5, 50)]
    assert gaps == sorted(gaps, reverse=True)
    assert gaps[0] > 1 and 0 < gaps[1] < 0.5 and abs(gaps[2]) < 0.05
    exact_gap = 2 * 0.5 * (2.0**2 - 1 - math.log(2.0**2))  # KL(q || posterior)
    many = float(truth - elbo(model, x, samples=100, kind="l2").mean())
    assert many == pytest.approx(exact_gap, abs=0.05)


def test_a_bernoulli_bound_meets_log_p_from_a_grid() -> None:
    model, x = Tiny(), (torch.rand(4, 1, 2, 2) < 0.5).float()
    z = torch.linspace(-8, 8, 4001)[:, None]
    prior = -0.5 * z[:, 0].square() - 0.5 * math.log(2 * math.pi)
    with torch.no_grad():
        logits = model.decode(z)  # (Z, 1, 2, 2)
        joint = torch.stack([prior - recon_loss("bce", logits, one.expand_as(logits)) for one in x])
    want = torch.logsumexp(joint, 1) + math.log(16 / 4000)
    torch.testing.assert_close(iwae_bound(model, x, 5000), want, atol=0.05, rtol=0)


@pytest.mark.parametrize("images", [1, 7])
@pytest.mark.parametrize("chunk", [1, 3, 7, 8, 20, 10_000])
def test_the_chunk_changes_neither_noise_nor_bound(images: int, chunk: int) -> None:
    model, x = Tiny(), torch.rand(images, 1, 2, 2)
    torch.manual_seed(5)
    whole = iwae_bound(model, x, 13, chunk=images * 13)
    state = torch.get_rng_state()
    torch.manual_seed(5)
    torch.testing.assert_close(iwae_bound(model, x, 13, chunk=chunk), whole)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(5)
    direct = torch.logsumexp(log_weights(model, x, 13), 1) - math.log(13)
    torch.testing.assert_close(direct, whole)


@pytest.mark.parametrize(
    ("samples", "chunk", "calls"), [(5000, 64, math.ceil(5000 / 6)), (200, 4, 200 * 3)]
)
def test_no_more_rows_than_the_chunk_are_decoded(samples: int, chunk: int, calls: int) -> None:
    model, x = LinearGaussian(), torch.rand(10, 1, 1, 400, dtype=torch.float64)
    iwae_bound(model, x, samples, chunk=chunk, kind="l2")
    assert max(model.rows) <= chunk
    assert sum(model.rows) == samples * 10 and len(model.rows) == calls


def test_bounds_survive_far_off_images_and_narrow_posteriors() -> None:
    model, x = Tiny(), torch.rand(3, 1, 2, 2)
    with torch.no_grad():
        model.p.bias.fill_(-200.0)
        model.q.weight.zero_()
        model.q.bias.copy_(torch.tensor([3.0, -60.0]))
    assert iwae_bound(model, x + 0.5, 50, chunk=4).isfinite().all()
    assert elbo(model, x + 0.5).isfinite().all()
    mu, logvar = torch.tensor([[3.0]]), torch.tensor([[-60.0]])
    at_mean = -recon_loss("bce", model.decode(mu).expand(3, 1, 2, 2), x)
    # One draw: log w = log p(x|mu) + (eps^2 - 60 - 9) / 2, with eps of a few at most.
    spread = iwae_bound(model, x, 1) - at_mean - 0.5 * (logvar - mu.square())[0]
    assert (spread >= -1e-3).all() and (spread < 20).all()


def test_a_generator_repeats_a_bound_and_spares_the_global_one() -> None:
    model, x = Tiny(), torch.rand(5, 1, 2, 2)
    before = torch.get_rng_state()
    for bound in (elbo, iwae_bound):
        values = [bound(model, x, 4, generator=torch.Generator().manual_seed(s)) for s in (1, 1, 2)]
        assert torch.equal(values[0], values[1]) and not torch.equal(values[0], values[2])
        assert not values[0].requires_grad
    assert torch.equal(torch.get_rng_state(), before)


def test_the_iwae_loss_is_minus_the_bound_and_can_be_trained_on() -> None:
    model, x = Tiny(), torch.rand(6, 1, 2, 2)
    torch.manual_seed(3)
    terms = iwae_loss(model, x, 8)
    torch.manual_seed(3)
    assert terms.loss.item() == pytest.approx(-iwae_bound(model, x, 8).mean().item(), rel=1e-5)
    assert isinstance(terms, Terms) and terms.kl.item() > 0 and terms.recon.item() > 0
    for _ in range(60):
        grads = torch.autograd.grad(iwae_loss(model, x, 8).loss, list(model.parameters()))
        assert all(g.isfinite().all() and g.abs().sum() > 0 for g in grads)
        with torch.no_grad():
            for weight, grad in zip(model.parameters(), grads, strict=True):
                weight -= 0.05 * grad
    assert iwae_loss(model, x, 200).loss.item() < terms.loss.item() - 0.1


def test_the_gradient_of_the_iwae_loss_is_that_of_finite_differences() -> None:
    model, x = Tiny().double(), torch.rand(6, 1, 2, 2).double()

    def value(bias: Tensor) -> Tensor:
        torch.manual_seed(7)
        del model.q.bias
        model.q.bias = bias  # type: ignore[assignment]
        return iwae_loss(model, x, 4).loss

    bias = model.q.bias.detach().clone().requires_grad_()
    assert torch.autograd.gradcheck(value, bias)


def test_weights_of_a_half_precision_pass_are_summed_in_single() -> None:
    model, x = Tiny(), torch.rand(4, 1, 2, 2)
    with torch.autocast("cpu", torch.bfloat16):
        for value in (*iwae_loss(model, x, 4), log_weights(model, x, 4), elbo(model, x)):
            assert value.dtype == torch.float32
        torch.manual_seed(1)
        half = iwae_bound(model, x, 50)
    torch.manual_seed(1)
    torch.testing.assert_close(half, iwae_bound(model, x, 50), atol=0.1, rtol=0)


def test_beta_0_leaves_only_the_reconstruction_in_the_weights() -> None:
    model, x = Tiny(), torch.rand(4, 1, 2, 2)
    terms = iwae_loss(model, x, 1, beta=0.0)
    assert terms.loss.item() == pytest.approx(terms.recon.item())


def test_there_is_no_bound_without_a_posterior() -> None:
    model, x = Point((1, 2, 2), 4), torch.rand(2, 1, 2, 2)
    for call in (elbo, log_weights, iwae_bound, iwae_loss):
        with pytest.raises(LabError, match="no posterior"):
            call(model, x, 2)


@pytest.mark.parametrize("samples", [0, -3])
def test_a_bound_needs_a_sample(samples: int) -> None:
    for call in (elbo, log_weights, iwae_bound, iwae_loss):
        with pytest.raises(LabError, match="at least 1"):
            call(Tiny(), torch.rand(2, 1, 2, 2), samples)
    with pytest.raises(LabError, match="chunk of at least 1"):
        iwae_bound(Tiny(), torch.rand(2, 1, 2, 2), 2, chunk=0)


def test_no_images_have_no_bounds() -> None:
    empty = torch.rand(0, 1, 2, 2)
    assert elbo(Tiny(), empty).shape == iwae_bound(Tiny(), empty, 3).shape == (0,)


# ---------------------------------------------------------------- schedules


def test_a_constant_beta_is_constant() -> None:
    assert {beta_at(s, 10, LossConfig(beta=3.0)) for s in (0, 5, 10, 99)} == {3.0}


def test_a_linear_beta_rises_over_its_part_of_the_run() -> None:
    config = LossConfig(beta=2.0, schedule="linear", warmup=0.4)
    values = [beta_at(step, 10, config) for step in (0, 1, 2, 4, 7, 10, 11)]
    assert values == pytest.approx([0.0, 0.5, 1.0, 2.0, 2.0, 2.0, 2.0])
    at_once = LossConfig(beta=2.0, schedule="linear", warmup=0.0)
    assert beta_at(0, 10, at_once) == 2.0


def test_a_cyclical_beta_starts_anew_and_ends_at_beta() -> None:
    config = LossConfig(beta=1.0, schedule="cyclical", cycles=2, ratio=0.5)
    values = [beta_at(step, 16, config) for step in (0, 2, 4, 7, 8, 10, 15, 16)]
    assert values == pytest.approx([0.0, 0.5, 1.0, 1.0, 0.0, 0.5, 1.0, 1.0])


@pytest.mark.parametrize("total", [14, 1001, 46_900])
@pytest.mark.parametrize("cycles", [1, 3, 6, 7])
def test_every_cycle_starts_once_where_the_steps_do_not_divide(total: int, cycles: int) -> None:
    config = LossConfig(schedule="cyclical", cycles=cycles, ratio=1.0)
    values = [beta_at(step, total, config) for step in range(total)]
    falls = sum(later < earlier for earlier, later in pairwise(values))
    assert falls == cycles - 1
    assert {values[step] for step in range(total) if step * cycles % total == 0} == {0.0}


@pytest.mark.parametrize("schedule", ["constant", "linear", "cyclical"])
def test_a_run_of_no_steps_has_its_beta(schedule: str) -> None:
    config = LossConfig.model_validate({"schedule": schedule, "beta": 4.0})
    assert beta_at(0, 0, config) == 4.0


def test_the_learning_rate_warms_up_and_follows_the_cosine_to_0() -> None:
    config = OptimConfig(lr=1.0, schedule="cosine", warmup_steps=4)
    values = [lr_at(step, 12, config) for step in (0, 3, 4, 8, 12, 20)]
    assert values == pytest.approx([0.25, 1.0, 1.0, 0.5, 0.0, 0.0])
    flat = OptimConfig(lr=1.0, warmup_steps=4)
    assert [lr_at(step, 12, flat) for step in (0, 3, 4, 12)] == pytest.approx([0.25, 1, 1, 1])


@pytest.mark.parametrize("total", [0, 1, 3])
def test_a_warm_up_longer_than_the_run_stays_within_the_rate(total: int) -> None:
    config = OptimConfig(lr=1.0, schedule="cosine", warmup_steps=5)
    assert all(0 <= lr_at(step, total, config) <= 1 for step in range(12))


# ---------------------------------------------------------------- corruption


def test_a_mask_zeroes_the_share_of_pixels_and_leaves_the_rest() -> None:
    x = torch.full((50, 1, 28, 28), 0.7)
    noisy = corrupt(x, "mask", 0.3)
    assert set(noisy.unique().tolist()) == {0.0, x[0, 0, 0, 0].item()}
    # A standard deviation of 0.0023: 0.02 is 8.6 of them, false alarms below 1e-16.
    assert (noisy == 0).float().mean().item() == pytest.approx(0.3, abs=0.02)
    assert (x == x[0, 0, 0, 0]).all()


def test_gaussian_noise_has_its_level_and_stays_in_range() -> None:
    x = torch.full((50, 1, 28, 28), 0.5)
    noisy = corrupt(x, "gaussian", 0.1)
    assert (noisy - x).std().item() == pytest.approx(0.1, rel=0.05)
    loud = corrupt(x, "gaussian", 5.0)
    assert loud.min().item() == 0 and loud.max().item() == 1


def test_salt_and_pepper_are_even() -> None:
    noisy = corrupt(torch.full((50, 1, 28, 28), 0.5), "salt_pepper", 0.4)
    shares = [(noisy == v).float().mean().item() for v in (0.0, 0.5, 1.0)]
    assert shares == pytest.approx([0.2, 0.6, 0.2], abs=0.02)


@pytest.mark.parametrize("kind", ["none", "mask", "gaussian", "salt_pepper"])
def test_no_level_no_change_and_the_type_stays(kind: str) -> None:
    for dtype in (torch.float32, torch.float64, torch.bfloat16):
        x = torch.rand(3, 1, 4, 4).to(dtype)
        assert torch.equal(corrupt(x, kind, 0.0), x)
        full = corrupt(x, kind, 1.0)
        assert full.dtype == dtype and full.shape == x.shape
    all_gone = corrupt(torch.rand(3, 50), kind, 1.0)
    if kind == "mask":
        assert not all_gone.any()
    if kind == "salt_pepper":
        assert set(all_gone.unique().tolist()) == {0.0, 1.0}


@pytest.mark.parametrize("kind", ["mask", "gaussian", "salt_pepper"])
def test_noise_is_new_each_time_and_repeats_with_its_generator(kind: str) -> None:
    x = torch.rand(4, 1, 8, 8)
    assert not torch.equal(corrupt(x, kind, 0.5), corrupt(x, kind, 0.5))
    a, b = (corrupt(x, kind, 0.5, torch.Generator().manual_seed(2)) for _ in range(2))
    assert torch.equal(a, b)


@pytest.mark.parametrize(
    ("kind", "level"),
    [("blur", 0.3), ("mask", 1.5), ("mask", -0.1), ("gaussian", math.nan), ("salt_pepper", 2.0)],
)
def test_unusable_corruptions_are_refused(kind: str, level: float) -> None:
    with pytest.raises(ConfigError):
        corrupt(torch.rand(2, 2), kind, level)
