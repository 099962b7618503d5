"""The numbers of `lab eval` and `lab compare-dae`, held against sums done another way."""

from __future__ import annotations

import importlib
import importlib.machinery
import io
import math
import sys
import types
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from lab import objective, records
from lab.config import Config, DataConfig, EvalConfig, LossConfig, ModelConfig
from lab.data import Dataset, Split, load
from lab.errors import ConfigError, DataError, LabError, MissingLibrary
from lab.evaluation import (
    Measured,
    Scale,
    compare,
    diagnose,
    evaluate,
    frechet,
    latents,
    likelihood,
    psnr,
    quality,
    ssim,
)
from lab.models import build
from lab.models.base import LatentModel
from lab.outputs import Outputs
from lab.training.checkpoint import Run

# The package re-exports functions under the names of these modules.
CLASSIFIER = importlib.import_module("lab.evaluation.classifier")
FRECHET = importlib.import_module("lab.evaluation.frechet")
LATENTS = importlib.import_module("lab.evaluation.latents")
QUALITY = importlib.import_module("lab.evaluation.quality")
REPORT = importlib.import_module("lab.evaluation.report")

SHAPE = (1, 12, 12)
SOLUTION = Path(__file__).parents[2] / "assignments/day2_vae/instructor/vae/solution.py"


@pytest.fixture(autouse=True, scope="module")
def quick(tmp_path_factory):
    """One thread, a classifier of few steps, and a cache that is thrown away."""
    threads = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LATENT_WEEK_DATA", str(tmp_path_factory.mktemp("cache")))
        patch.setattr(CLASSIFIER, "_FEWEST_STEPS", 40)
        torch.set_num_threads(1)
        yield
        torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def digits() -> Dataset:
    data = load("synthetic", limit=600)
    return replace(data, test=data.test.take(200))


class Exact(LatentModel):
    """Images are sigmoid(A z), so that encoder and decoder are known; no training."""

    def __init__(self, scale=1.0, shift=0.0, sigma=0.1, variational=True) -> None:
        super().__init__(SHAPE, 3)
        generator = torch.Generator().manual_seed(5)
        a = torch.linalg.qr(torch.randn(144, 3, generator=generator))[0].T * 8
        self.a = nn.Parameter(a)
        self.scale, self.shift, self.logvar = scale, shift, 2 * math.log(sigma)
        self.variational = variational

    def draw(self, count: int) -> Tensor:
        z = torch.randn(count, 3, generator=torch.Generator().manual_seed(count))
        return torch.sigmoid(z @ self.a.detach()).view(count, *SHAPE)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        z = torch.logit(x.flatten(1).double(), eps=1e-9).float() @ torch.linalg.pinv(self.a)
        mu = self.scale * z + self.shift
        return mu, torch.full_like(mu, self.logvar) if self.variational else None

    def decode(self, z: Tensor) -> Tensor:
        return (((z - self.shift) / self.scale) @ self.a).unflatten(1, SHAPE)


class Collapsed(LatentModel):
    """The posterior is the prior and the decoder ignores z: every pixel has logit `logit`."""

    def __init__(self, shape=SHAPE, logit=0.0, mu=0.0, logvar=0.0) -> None:
        super().__init__(shape, 3)
        self.logit = nn.Parameter(torch.tensor(logit))
        self.posterior = mu, logvar

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mu, logvar = (torch.full((len(x), 3), value) for value in self.posterior)
        return mu, logvar

    def decode(self, z: Tensor) -> Tensor:
        return self.logit.expand(len(z), *self.image_shape)


def run_of(name="conv", shape=(1, 28, 28), model: LatentModel | None = None, **sections) -> Run:
    """An untrained model as it would be opened; sizes are small."""
    quick = EvalConfig(iwae_samples=3, iwae_images=20, classifier_epochs=1)
    config = Config(
        model=ModelConfig(name=name, latent_dim=4, hidden_dim=16, width=4),
        **{"eval": quick, **sections},
    )
    torch.manual_seed(0)
    return Run(model or build(config.model, shape).eval(), config, 70, 2, shape)


def names(found) -> set[str]:
    return {finding.name for finding in found.findings}


def noisy(count=40, shape=SHAPE) -> Tensor:
    return torch.rand(count, *shape, generator=torch.Generator().manual_seed(1))


# Reconstructions


def test_psnr_of_a_known_error():
    x = noisy() * 0.5
    assert torch.allclose(psnr(x + 0.1, x), torch.full((40,), 20.0), atol=1e-4)
    assert psnr(x, x).tolist() == [math.inf] * 40


def test_psnr_is_of_each_image_not_of_the_batch():
    x = torch.zeros(2, *SHAPE)
    x_hat = torch.stack([x[0] + 0.1, x[1] + 0.01])
    assert psnr(x_hat, x).tolist() == pytest.approx([20.0, 40.0], abs=1e-3)


def test_ssim():
    x = noisy()
    assert torch.allclose(ssim(x, x), torch.ones(40), atol=1e-5)
    # Of constant images only the luminance term is left (Wang et al. 2004, eq. 6).
    a, b = (torch.full((1, *SHAPE), value, dtype=torch.float64) for value in (0.2, 0.6))
    due = (2 * 0.2 * 0.6 + 1e-4) / (0.2**2 + 0.6**2 + 1e-4)
    assert ssim(a, b).item() == pytest.approx(due, abs=1e-9)
    assert ssim(torch.rand(3, 3, 32, 32), torch.rand(3, 3, 32, 32)).shape == (3,)


def test_quality_against_a_loop():
    x = (noisy(7) * 255).byte()
    found = quality(Collapsed(logit=1.0), x)
    errors = [torch.sigmoid(torch.tensor(1.0)) - image.float() / 255 for image in x]
    mse = torch.stack([e.square().mean() for e in errors])
    assert found.values["recon_mse"] == pytest.approx(mse.mean().item(), rel=1e-5)
    assert found.errors["recon_mse"] == pytest.approx(mse.std().item() / 7**0.5, rel=1e-4)
    mae = torch.stack([e.abs().mean() for e in errors]).mean().item()
    assert found.values["recon_mae"] == pytest.approx(mae, rel=1e-5)
    decibels = (-10 * mse.log10()).mean().item()
    assert found.values["psnr"] == pytest.approx(decibels, rel=1e-5)


def test_quality_of_one_image_and_of_images_too_small_for_ssim():
    found = quality(Collapsed(), noisy(1))
    assert math.isfinite(found.values["psnr"]) and math.isnan(found.errors["psnr"])
    small = quality(Collapsed((3, 4, 4)), noisy(5, (3, 4, 4)))
    assert math.isnan(small.values["ssim"]) and math.isfinite(small.values["psnr"])
    assert any(note.startswith("ssim is NaN") for note in small.notes)


def test_quality_counts_images_that_are_not_finite():
    class Half(Collapsed):
        def decode(self, z):
            logits = super().decode(z).clone()
            logits[: len(z) // 4] = math.nan
            return logits

    found = quality(Half(), noisy(40))
    assert math.isnan(found.values["psnr"])
    assert any(note.startswith("psnr is not finite for 10 of 40") for note in found.notes)


@pytest.mark.parametrize("images", [torch.zeros(0, *SHAPE), torch.zeros(5, 12, 12)])
def test_what_is_no_set_of_images_is_refused(images):
    for measure in (quality, likelihood, latents, diagnose):
        with pytest.raises(DataError):
            measure(Collapsed(), images)


def test_a_torchmetrics_that_cannot_be_imported_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchmetrics.functional.image", None)
    with pytest.raises(MissingLibrary, match="cannot be imported"):
        quality(Collapsed(), noisy(2))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingLibrary, match="not installed"):
        quality(Collapsed(), noisy(2))


# LPIPS


@pytest.fixture
def torchvision(monkeypatch, tmp_path):
    """A stand-in with an AlexNet of random weights; a download would fail the test."""
    # torchmetrics looks for torchvision when it is imported, so it must be there before.
    lpip = importlib.import_module("torchmetrics.image.lpip")
    functional = importlib.import_module("torchmetrics.functional.image.lpips")

    def alexnet(weights=None):
        a = nn.ReLU
        features = nn.Sequential(
            *(nn.Conv2d(3, 64, 11, 4, 2), a(), nn.MaxPool2d(3, 2)),
            *(nn.Conv2d(64, 192, 5, padding=2), a(), nn.MaxPool2d(3, 2)),
            *(nn.Conv2d(192, 384, 3, padding=1), a(), nn.Conv2d(384, 256, 3, padding=1), a()),
            *(nn.Conv2d(256, 256, 3, padding=1), a(), nn.MaxPool2d(3, 2)),
        )
        return types.SimpleNamespace(features=features)

    package, models = types.ModuleType("torchvision"), types.ModuleType("torchvision.models")
    package.__spec__ = importlib.machinery.ModuleSpec("torchvision", None)
    package.models, models.alexnet = models, alexnet
    default = types.SimpleNamespace(url="https://example.invalid/alexnet-of-the-test.pth")
    models.AlexNet_Weights = types.SimpleNamespace(DEFAULT=default)
    monkeypatch.setitem(sys.modules, "torchvision", package)
    monkeypatch.setitem(sys.modules, "torchvision.models", models)
    for module in (lpip, functional):
        monkeypatch.setattr(module, "_TORCHVISION_AVAILABLE", True)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", lambda *a, **k: pytest.fail())
    return tmp_path / "checkpoints" / "alexnet-of-the-test.pth"


def test_lpips_without_torchvision_says_what_would_bring_it(monkeypatch):
    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", lambda *a, **k: pytest.fail())
    monkeypatch.setitem(sys.modules, "torchvision", None)
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "torchvision" else real(name)
    )
    found = quality(Collapsed(), noisy(3))
    assert math.isnan(found.values["lpips"]) and math.isfinite(found.values["ssim"])
    assert len([note for note in found.notes if "lpips" in note and "torchvision" in note]) == 1


def test_lpips_never_downloads(torchvision):
    found = quality(Collapsed(), noisy(3))
    assert math.isnan(found.values["lpips"])
    assert any("not on this machine" in note for note in found.notes)


def test_lpips_where_the_weights_are(torchvision, monkeypatch):
    torchvision.parent.mkdir()
    torchvision.touch()
    monkeypatch.setattr(QUALITY, "_LPIPS_IMAGES", 4)
    torch.manual_seed(0)
    x = noisy(6)
    far = quality(Collapsed(), x)
    near = quality(Exact(), Exact().draw(6))
    assert far.values["lpips"] > 0.01 and near.values["lpips"] < 1e-4
    assert not any("lpips" in note for note in far.notes)
    broken = quality(Collapsed(logit=math.nan), noisy(501))  # two batches, 4 images of both
    assert any(note.startswith("lpips is not finite for 4 of 4") for note in broken.notes)


# Likelihood


def test_likelihood_of_a_model_that_knows_nothing():
    found = likelihood(Collapsed(), noisy(40), iwae_samples=7, iwae_images=40).values
    due = 144 * math.log(2)  # logits of 0, whatever z: all weights are equal
    for name in ("recon_bce", "neg_elbo", "neg_iwae_7"):
        assert found[name] == pytest.approx(due, rel=1e-5)
    assert found["kl"] == pytest.approx(0, abs=1e-6)


def test_likelihood_parts_add_up_and_agree_with_the_objective():
    model, x = Exact(sigma=0.5), Exact().draw(30)
    found = likelihood(model, x, iwae_samples=2, seed=3)
    values = found.values
    assert values["neg_elbo"] == pytest.approx(values["recon_bce"] + values["kl"], rel=1e-6)
    torch.manual_seed(3)
    each = -objective.elbo(model, x)
    assert values["neg_elbo"] == pytest.approx(each.mean().item(), rel=1e-5)
    error = each.std().item() / 30**0.5
    assert found.errors["neg_elbo"] == pytest.approx(error, rel=1e-4)


def test_more_samples_tighten_the_bound_and_chunks_do_not_matter():
    model, x = Exact(sigma=0.5), Exact().draw(20)
    values = [
        likelihood(model, x, iwae_samples=200, chunk=chunk).values for chunk in (7, 150, 2000)
    ]
    bounds = [v["neg_iwae_200"] for v in values]
    assert bounds[0] < values[0]["neg_elbo"] - 0.5
    assert bounds == pytest.approx([bounds[0]] * 3, rel=1e-5)


def test_the_bound_on_some_images_says_so():
    found = likelihood(Collapsed(), noisy(40), iwae_samples=2, iwae_images=10)
    assert any("first 10 images" in note for note in found.notes)


def test_other_losses_keep_their_own_name():
    found = likelihood(Exact(), Exact().draw(9), kind="l2", iwae_samples=2).values
    assert found["neg_elbo"] == pytest.approx(found["recon_l2"] + found["kl"], rel=1e-6)
    assert found["recon_bce"] > found["recon_l2"]


def test_a_model_without_posterior_has_no_bounds():
    found = likelihood(Exact(variational=False), Exact().draw(9))
    assert set(found.values) == {"recon_bce"}
    assert any("no posterior" in note for note in found.notes)


# Latents


def test_latent_statistics_by_hand():
    mu = torch.tensor([[1.0, 2.0], [3.0, 2.0], [5.0, 2.0]])
    logvar = torch.log(torch.tensor([[1.0, 4.0]])).expand(3, 2)
    found = LATENTS.summarize(mu, logvar)
    # 0.5 (mu² + var - log var - 1), mean over the three.
    first = 0.5 * (1 + 9 + 25) / 3
    second = 0.5 * (4 + 4 - math.log(4) - 1)
    assert found.kl.tolist() == pytest.approx([first, second])
    assert (found.active_units, found.active_kl) == (1, 2)
    assert found.mu_mean == pytest.approx(2.5) and found.var_mean == pytest.approx(2.5)
    assert found.mu_std == pytest.approx(mu.std().item())
    assert found.var_max == pytest.approx(4)
    assert found.aggregate_variance.tolist() == pytest.approx([8 / 3 + 1, 4])
    # Independent dimensions: the KLs of two Gaussians to N(0, 1) add up.
    due = 0.5 * (9 + 11 / 3 - 1 - math.log(11 / 3)) + second
    assert found.mismatch == pytest.approx(due)


def test_aggregate_posterior_that_is_the_prior_has_no_mismatch():
    half = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]]) * 0.5**0.5
    found = LATENTS.summarize(half, torch.full((4, 2), math.log(0.5)))
    assert found.mismatch == pytest.approx(0, abs=1e-9)


def test_latents_of_codes_without_posterior():
    found = latents(Exact(variational=False), Exact().draw(50))
    assert found.kl is None and found.active_kl is None and math.isnan(found.var_mean)
    assert not any(name.startswith(("kl", "var")) for name in found.metrics())


def test_codes_in_a_plane_are_infinitely_far_from_the_prior():
    assert LATENTS.summarize(torch.randn(50, 1).expand(50, 2), None).mismatch > 1e1
    assert LATENTS.summarize(torch.zeros(50, 2), None).mismatch == math.inf


# Diagnosis


def test_a_healthy_model_has_no_findings():
    found = diagnose(Exact(), Exact().draw(300))
    assert found.findings == ()
    assert found.sharpness == pytest.approx(1, abs=1e-3)
    assert found.round_trip == pytest.approx(1, abs=0.5)
    assert found.as_dict()["active_dims"] == 3


def test_a_collapsed_model_is_named():
    found = diagnose(Collapsed(), noisy(50))
    assert found.findings[0].name == "posterior collapse"
    assert "all 3 latent dimensions" in str(found.findings[0])
    assert names(found) >= {"reconstructions do not depend on the input", "samples look alike"}
    assert found.mse == pytest.approx((noisy(50) - 0.5).square().flatten(1).sum(1).mean().item())


def test_partial_collapse_is_named():
    class OneLeft(Exact):
        def encode(self, x):
            mu, logvar = super().encode(x)
            keep = torch.tensor([1.0, 0.0, 0.0])
            return mu * keep, logvar * keep

    found = diagnose(OneLeft(), Exact().draw(200))
    assert "partial posterior collapse" in names(found)
    assert "posterior collapse" not in names(found)


@pytest.mark.parametrize("variational", [True, False])
def test_holes_and_a_mean_that_is_off_are_named(variational):
    found = diagnose(Exact(scale=9.0, shift=4.0, variational=variational), Exact().draw(200))
    assert {"holes in the latent space", "latent mean off"} <= names(found)
    assert any("VAE" in str(finding) for finding in found.findings) is not variational


def test_codes_that_come_back_only_where_images_are_are_holes():
    class Corners(Exact):
        def decode(self, z):
            return super().decode(z.sign())

    # Codes of -1 and 1: mean 0 and variance 1, like the prior, but nothing between them.
    corners = torch.rand(200, 3, generator=torch.Generator().manual_seed(0)).round() * 2 - 1
    found = diagnose(Corners(), torch.sigmoid(Exact().decode(corners)))
    assert "holes in the latent space" in names(found)
    assert found.latents.mismatch < 0.1
    # E[(z - sign z)²] of the prior over the variance of the posterior, 0.01.
    assert found.round_trip == pytest.approx((2 - 2 * (2 / math.pi) ** 0.5) / 0.01, rel=0.2)


def test_codes_that_come_back_badly_everywhere_are_no_holes():
    class Half(Exact):
        def encode(self, x):
            mu, logvar = super().encode(x)
            return 0.5 * mu, logvar

    found = diagnose(Half(sigma=0.75**0.5), Exact().draw(300))
    assert found.round_trip == pytest.approx(1, abs=0.2)
    assert "holes in the latent space" not in names(found)


def test_blur_is_named():
    class Blurred(Exact):
        def decode(self, z):
            return nn.functional.avg_pool2d(super().decode(z), 5, 1, 2)

        def encode(self, x):
            return super().encode(x)

    assert "blurry reconstructions" in names(diagnose(Blurred(), Exact().draw(100)))


def test_huge_variance_is_named():
    assert "huge posterior variance" in names(diagnose(Exact(sigma=20.0), Exact().draw(100)))


def test_values_that_are_not_finite_are_named_alone():
    found = diagnose(Collapsed(logit=math.nan), noisy(50))
    assert names(found) == {"values that are not finite"}
    assert "50 of 50" in str(found.findings[0])
    assert names(diagnose(Collapsed(logvar=math.inf), noisy(50))) == names(found)


def test_degenerate_images_give_no_wrong_findings():
    assert names(diagnose(Exact(), Exact().draw(1))) == {"too few images"}
    flat = diagnose(Exact(), torch.full((50, *SHAPE), 0.5))
    assert math.isnan(flat.sharpness) and "blurry reconstructions" not in names(flat)


def test_looking_leaves_the_model_and_the_random_numbers_alone():
    model = Exact()
    model.train()
    torch.manual_seed(1)
    due = torch.rand(3)
    torch.manual_seed(1)
    diagnose(model, Exact().draw(40))
    assert model.training and torch.equal(torch.rand(3), due)


# Fréchet distance


def moments_of(mean, covariance, count=100):
    mean = torch.tensor(mean, dtype=torch.float64)
    return FRECHET.Moments(count, mean, torch.as_tensor(covariance, dtype=torch.float64))


def test_distance_of_known_gaussians():
    a = moments_of([0.0, 1.0], [[4.0, 0.0], [0.0, 9.0]])
    b = moments_of([3.0, 5.0], [[1.0, 0.0], [0.0, 16.0]])
    # |m|² and, for diagonal covariances, the squared differences of standard deviations.
    assert FRECHET.distance(a, b) == pytest.approx(25 + (2 - 1) ** 2 + (3 - 4) ** 2)
    assert FRECHET.distance(a, a) == pytest.approx(0, abs=1e-9)


def test_distance_agrees_with_torchmetrics():
    from torchmetrics.image.fid import FrechetInceptionDistance

    class Identity(nn.Module):
        num_features = 6

        def forward(self, x):
            return x

    x = torch.randn(300, 6, dtype=torch.float64) @ torch.randn(6, 6, dtype=torch.float64)
    y = torch.randn(200, 6, dtype=torch.float64) @ torch.randn(6, 6, dtype=torch.float64) + 1
    metric = FrechetInceptionDistance(Identity(), normalize=True)
    metric.update(x, real=True)
    metric.update(y, real=False)
    ours = FRECHET.distance(FRECHET.moments(x.split(64)), FRECHET.moments(y.split(50)))
    assert ours == pytest.approx(metric.compute().item(), rel=1e-6)


def test_moments_are_those_of_the_whole_set():
    x = torch.randn(101, 5, dtype=torch.float64)
    found = FRECHET.moments(x.split(17))
    assert found.count == 101
    assert torch.allclose(found.mean, x.mean(0)) and torch.allclose(found.covariance, x.T.cov())


def test_distance_of_degenerate_sets():
    dead = torch.randn(50, 4) * torch.tensor([1.0, 0.0, 0.0, 2.0])
    same = FRECHET.moments([dead])
    assert FRECHET.distance(same, same) == pytest.approx(0, abs=1e-6)
    one = FRECHET.moments([dead[:1]])
    assert math.isnan(FRECHET.distance(one, same))
    broken = FRECHET.moments([torch.full((9, 4), math.nan)])
    assert math.isnan(FRECHET.distance(broken, same))


def test_scale_orders_real_images_reconstructions_and_noise(digits):
    scale = Scale(CLASSIFIER.classifier(digits), digits.test.images, digits.train.images)
    assert scale.of([digits.test.images.float() / 255]) == pytest.approx(0, abs=1e-4)
    assert 0 < scale.floor < scale.noise / 5
    run = run_of()
    found = frechet(run.model, scale, digits.test.images)
    assert found.values["frechet"] > scale.floor
    assert any("small number" in note for note in found.notes)
    assert found.values == frechet(run.model, scale, digits.test.images).values
    assert math.isnan(scale.fitted(run.model, torch.full((4,), math.nan), torch.eye(4)))


def test_a_fitted_gaussian_that_is_the_prior_is_the_prior(digits):
    scale = Scale(CLASSIFIER.classifier(digits), digits.test.images, digits.train.images)
    model = run_of().model
    for weight in model.parameters():
        weight.data.mul_(2)  # untrained, it makes much the same image of any z
    prior = scale.fitted(model, torch.zeros(4).double(), torch.eye(4).double())
    assert prior == pytest.approx(scale.samples(model), rel=1e-3)
    wider = scale.fitted(model, torch.zeros(4).double(), 4 * torch.eye(4).double())
    assert wider != pytest.approx(prior, rel=0.01)


# Classifier


def test_classifier_learns_and_comes_back_from_the_cache(digits, tmp_path):
    first = CLASSIFIER.classifier(digits, folder=tmp_path)
    second = CLASSIFIER.classifier(digits, folder=tmp_path)
    assert first.accuracy > 0.8
    assert (first.cached, second.cached) == (False, True)
    assert second.accuracy == first.accuracy


def test_classifier_is_the_same_each_time_and_of_its_own_settings(digits, tmp_path, monkeypatch):
    monkeypatch.setattr(CLASSIFIER, "_FEWEST_STEPS", 1)
    small = replace(digits, train=digits.train.take(300))
    torch.manual_seed(1)
    first = CLASSIFIER.classifier(small, folder=tmp_path / "a")
    torch.manual_seed(2)
    again = CLASSIFIER.classifier(small, folder=tmp_path / "b")
    pairs = zip(first.model.parameters(), again.model.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    more = CLASSIFIER.classifier(small, epochs=3, folder=tmp_path / "a")
    assert more.fingerprint != first.fingerprint and not more.cached


@pytest.mark.parametrize("damage", ["cut", "text", "nan", "shape", "list"])
def test_a_broken_cache_is_replaced(digits, tmp_path, damage, monkeypatch):
    monkeypatch.setattr(CLASSIFIER, "_FEWEST_STEPS", 1)
    small = replace(digits, train=digits.train.take(100))
    CLASSIFIER.classifier(small, folder=tmp_path)
    (path,) = tmp_path.iterdir()
    state = torch.load(path, weights_only=True)
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:500])
    elif damage == "text":
        path.write_text("no classifier")
    elif damage == "nan":
        torch.save({name: value * math.nan for name, value in state.items()}, path)
    elif damage == "shape":
        torch.save({name: value[:1] for name, value in state.items()}, path)
    else:
        torch.save([1, 2], path)
    assert not CLASSIFIER.classifier(small, folder=tmp_path).cached
    assert CLASSIFIER.classifier(small, folder=tmp_path).cached


def test_a_cache_that_cannot_be_written_costs_nothing_but_time(digits, tmp_path, monkeypatch):
    monkeypatch.setattr(CLASSIFIER, "_FEWEST_STEPS", 1)
    (tmp_path / "file").write_text("in the way")
    small = replace(digits, train=digits.train.take(100))
    assert not CLASSIFIER.classifier(small, folder=tmp_path / "file").cached


def test_classifier_refuses_what_it_cannot_learn(digits, tmp_path):
    empty = replace(digits, train=digits.train.take(0))
    with pytest.raises(DataError, match="no training images"):
        CLASSIFIER.classifier(empty, folder=tmp_path)
    odd = replace(digits, train=Split(digits.train.images, digits.train.labels + 5))
    with pytest.raises(DataError, match="beyond"):
        CLASSIFIER.classifier(odd, folder=tmp_path)


# The whole


EVAL = [
    *("recon_bce", "kl", "neg_elbo", "neg_iwae_3", "recon_mse", "recon_mae", "psnr", "ssim"),
    *("lpips", "active_units", "kl_dim_00", "kl_dim_01", "kl_dim_02", "kl_dim_03", "mu_mean"),
    *("mu_std", "var_mean", "frechet", "frechet_recon", "frechet_floor", "frechet_noise"),
]


def test_evaluate_writes_numbers_and_a_report(digits, tmp_path):
    from rich.console import Console

    text = io.StringIO()
    values = evaluate(
        run_of(), digits, Outputs(tmp_path), console=Console(file=text, soft_wrap=True)
    )
    assert list(values) == EVAL
    assert [name for name, value in values.items() if math.isnan(value)] == ["lpips"]
    rows = records.read(tmp_path / "logs" / "metrics.csv")
    assert {(r.phase, r.epoch, r.step) for r in rows} == {("eval", 2.0, 70)}
    assert [r.metric for r in rows] == EVAL
    assert [r.value for r in rows][:8] == list(values.values())[:8]
    assert sum(values[f"kl_dim_0{d}"] for d in range(4)) == pytest.approx(values["kl"], rel=1e-4)
    report = (tmp_path / "reports" / "evaluation.md").read_text(encoding="utf-8")
    for part in ("## Findings", "`neg_iwae_3`", "no FID", "### KL per dimension", "step 70", "█"):
        assert part in report
    assert not any(line.rstrip() != line for line in report.splitlines())
    printed = text.getvalue()
    assert "psnr" in printed and "frechet" in printed and "200 test images" in printed


def test_the_same_seed_gives_the_same_numbers_and_another_does_not(digits, tmp_path):
    run, out = run_of(), Outputs(tmp_path)
    first = evaluate(run, digits, out)
    torch.manual_seed(99)
    again, other = evaluate(run, digits, out), evaluate(run, digits, out, seed=1)
    first, again, other = (v | {"lpips": 0.0} for v in (first, again, other))
    assert first == again
    assert first["neg_elbo"] != other["neg_elbo"] and first["frechet"] != other["frechet"]
    assert first["psnr"] == other["psnr"]


def test_evaluate_a_model_without_posterior(digits, tmp_path):
    values = evaluate(run_of("dae"), digits, Outputs(tmp_path))
    assert not any(name.startswith(("kl", "neg_", "var")) for name in values)
    report = (tmp_path / "reports" / "evaluation.md").read_text(encoding="utf-8")
    assert "no posterior" in report and "KL per dimension" not in report


def test_evaluate_color_images_and_a_limit(tmp_path):
    data = load("synthetic-rgb", limit=300)
    config = EvalConfig(limit=64, iwae_samples=2, iwae_images=8, classifier_epochs=1)
    values = evaluate(run_of("mlp", (3, 32, 32), eval=config), data, Outputs(tmp_path))
    assert all(math.isfinite(v) for name, v in values.items() if name != "lpips")
    assert "64 test images" in (tmp_path / "reports" / "evaluation.md").read_text(encoding="utf-8")


def test_evaluate_the_students_own_model(digits, tmp_path):
    config = ModelConfig(name="student", latent_dim=4, hidden_dim=16, student_file=SOLUTION)
    run = run_of(model=build(config, (1, 28, 28)))
    assert list(evaluate(run, digits, Outputs(tmp_path))) == EVAL


def test_evaluate_a_model_of_nan(digits, tmp_path):
    run = run_of("mlp")
    for weight in run.model.parameters():
        weight.data.fill_(math.nan)
    values = evaluate(run, digits, Outputs(tmp_path))
    real = {"active_units", "frechet_floor", "frechet_noise"}
    assert {name for name, value in values.items() if math.isfinite(value)} == real
    report = (tmp_path / "reports" / "evaluation.md").read_text(encoding="utf-8")
    assert "values that are not finite" in report and "200 of 200 images" in report
    assert "Not finite: " in report and "mu_mean" in report


def test_evaluate_binarized_images_where_the_model_learned_such(digits, tmp_path):
    run = run_of(model=Collapsed((1, 28, 28), logit=1.0))
    gray = evaluate(run, digits, Outputs(tmp_path))["recon_mse"]
    binary = run._replace(config=run.config.model_copy(update={"data": DataConfig(binarize=True)}))
    black = evaluate(binary, digits, Outputs(tmp_path))["recon_mse"]
    # E[(c - b)²] is (c - x)² + x (1 - x) for b ~ Bernoulli(x).
    x = digits.test.images.double() / 255
    assert black - gray == pytest.approx((x * (1 - x)).mean().item(), rel=0.05)


def test_evaluate_without_training_images_goes_on(digits, tmp_path):
    values = evaluate(run_of(), replace(digits, train=digits.train.take(0)), Outputs(tmp_path))
    assert math.isnan(values["frechet"]) and math.isfinite(values["neg_elbo"])
    report = (tmp_path / "reports" / "evaluation.md").read_text(encoding="utf-8")
    assert "no training images" in report


def test_evaluate_one_image(digits, tmp_path):
    values = evaluate(run_of(), replace(digits, test=digits.test.take(1)), Outputs(tmp_path))
    assert math.isnan(values["frechet"]) and math.isfinite(values["psnr"])


def test_evaluate_refuses_other_shapes_and_empty_splits(digits, tmp_path):
    with pytest.raises(DataError, match=r"\(3, 32, 32\)"):
        evaluate(run_of("mlp", (3, 32, 32)), digits, Outputs(tmp_path))
    with pytest.raises(DataError, match="test split of synthetic holds no images"):
        evaluate(run_of(), replace(digits, test=digits.test.take(0)), Outputs(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_one_error(digits, tmp_path):
    (tmp_path / "outputs").write_text("in the way")
    with pytest.raises(LabError, match="Cannot write"):
        evaluate(run_of(), digits, Outputs(tmp_path / "outputs"))


# Comparison


def test_compare_writes_both_models(digits, tmp_path):
    dae = run_of("dae", loss=LossConfig(corrupt="mask", corrupt_level=0.4))
    values = compare(run_of(), dae, digits, Outputs(tmp_path))
    rows = records.read(tmp_path / "logs" / "metrics.csv")
    assert {r.phase for r in rows} == {"compare"}
    assert {r.metric for r in rows} == set(values)
    for name in ("recon_mse", "psnr", "ssim", "denoise_psnr", "frechet", "mismatch"):
        assert math.isfinite(values[f"vae_{name}"]) and math.isfinite(values[f"dae_{name}"])
    # Masking takes 0.4 of the squared pixels in the mean; PSNR is a mean of logarithms.
    x = digits.test.images.double() / 255
    due = (-10 * (0.4 * x.square().mean((1, 2, 3))).log10()).mean().item()
    assert values["noisy_psnr"] == pytest.approx(due, abs=0.2)
    report = (tmp_path / "reports" / "compare_dae.md").read_text(encoding="utf-8")
    assert "mask 0.4" in report and "| VAE" in report and "## What to see" in report


def test_compare_of_equal_reconstructions_has_no_winner(digits, tmp_path):
    class Point(Collapsed):
        variational = False

        def encode(self, x):
            return super().encode(x)[0], None

    vae = run_of(model=Collapsed((1, 28, 28)))
    dae = run_of("dae", model=Point((1, 28, 28)))
    values = compare(vae, dae, digits, Outputs(tmp_path))
    assert values["vae_recon_mse"] == values["dae_recon_mse"]
    report = (tmp_path / "reports" / "compare_dae.md").read_text(encoding="utf-8")
    assert "Neither model" in report and "neither model was trained on" in report


def test_compare_refuses_two_of_a_kind_and_other_shapes(digits, tmp_path):
    vae, dae = run_of(), run_of("dae")
    with pytest.raises(ConfigError, match="no posterior"):
        compare(dae, vae, digits, Outputs(tmp_path))
    with pytest.raises(ConfigError, match="is a VAE"):
        compare(vae, vae, digits, Outputs(tmp_path))
    with pytest.raises(DataError):
        compare(vae, run_of("dae", (3, 32, 32)), digits, Outputs(tmp_path))


# The report's parts


def test_numbers_keep_the_digits_that_mean_something():
    assert REPORT.number(101.2849, 0.2512) == "101.28 ± 0.25"
    assert REPORT.number(0.0133817, 0.0000752) == "0.013382 ± 0.000075"
    assert REPORT.number(math.nan, 0.1) == "NaN"
    assert REPORT.number(-math.inf) == "-inf"
    assert REPORT.number(2.0, 0.0) == "2"


def test_bars_are_in_order_and_sum_up_the_rest():
    text = REPORT.bars(torch.tensor([0.0, 2.0, 1.0])).splitlines()
    assert [line.split()[0] for line in text[1:-1]] == ["z1", "z2", "z0"]
    assert [line.count("█") for line in text[1:-1]] == [40, 20, 0]
    many = REPORT.bars(torch.full((100,), 0.5))
    assert "36 more, together 18" in many
    broken = REPORT.bars(torch.tensor([math.nan, math.inf, 1.0])).splitlines()
    assert [line.split()[-1] for line in sorted(broken[1:-1])] == ["NaN", "inf", "1"]
    assert [line.count("█") for line in sorted(broken[1:-1])] == [0, 0, 40]


def test_measured_names_what_no_note_explains():
    found = Measured({"a": math.nan, "b": math.inf, "c": 1.0}, {}, ("a is NaN.",))
    assert found.unexplained() == ["b"]
    dims = Measured({f"kl_dim_{d:02d}": math.nan for d in range(40)} | {"kl": math.nan})
    assert dims.unexplained() == ["kl", "kl_dim_* (40 dimensions)"]
