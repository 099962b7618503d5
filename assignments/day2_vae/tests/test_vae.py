"""Public tests of the VAE: numbers worked out by hand, shapes, and a relation or two.

`pytest tests/test_vae.py` runs all of them, `-m kl_divergence` only those of one task.
"""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from grading import check

MEAN_NOT_SUM = "Each pixel twice must double the loss: sum over pixels, then average the examples."
SUM_OVER_BATCH = (
    "Each example twice must not change the loss: sum over pixels, but average over the batch."
)


class Layers(nn.Module):
    """The provided layers once more, on the side of the tests."""

    def __init__(self, n_in: int, n_hidden: int, n_latent: int) -> None:
        super().__init__()
        self.enc = nn.Sequential(nn.Linear(n_in, n_hidden), nn.ReLU())
        self.mu = nn.Linear(n_hidden, n_latent)
        self.logvar = nn.Linear(n_hidden, n_latent)
        self.dec = nn.Sequential(
            nn.Linear(n_latent, n_hidden), nn.ReLU(), nn.Linear(n_hidden, n_in)
        )

    def heads(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """What the two heads give, in matrix products of their own."""
        w = self.state_dict()
        hidden = (x @ w["enc.0.weight"].T + w["enc.0.bias"]).clamp(min=0)
        due = [hidden @ w[f"{name}.weight"].T + w[f"{name}.bias"] for name in ("mu", "logvar")]
        return due[0], due[1]

    def image(self, z: Tensor) -> Tensor:
        """What the provided decoder gives, likewise."""
        w = self.state_dict()
        hidden = (z @ w["dec.0.weight"].T + w["dec.0.bias"]).clamp(min=0)
        return hidden @ w["dec.2.weight"].T + w["dec.2.bias"]


def same_layers(student: Any, n_in: int, n_hidden: int, n_latent: int) -> tuple[Any, Layers]:
    """A VAE of the student's and the provided layers, with the same weights."""
    ours = Layers(n_in, n_hidden, n_latent)
    vae = student.VAE(n_in, n_hidden, n_latent)
    try:
        vae.load_state_dict(ours.state_dict())
    except RuntimeError as error:
        raise check.Mismatch(
            "Leave the layers enc, mu, logvar and dec of VAE.__init__ as they are provided.",
            "other names or shapes of weights",
            "those of the provided layers",
        ) from error
    return vae, ours


def is_close(got: Any, expected: Tensor, rtol: float = 1e-4, atol: float = 1e-5) -> bool:
    try:
        check.close(got, expected, "", rtol=rtol, atol=atol)
    except check.Mismatch:
        return False
    return True


# ---------------------------------------------------------------- encode


@pytest.mark.task("encode")
def test_encode_shapes(student: Any) -> None:
    vae = student.VAE(6, 40, 3)  # so many units are never all dead
    mu, logvar = check.fields(vae.encode(torch.rand(4, 6)), ("mu", "logvar"))
    check.shape(mu, (4, 3), "mu has one row for each example and latent_dim columns.")
    check.shape(logvar, (4, 3), "logvar has one row for each example and latent_dim columns.")
    check.differ(mu[0], mu[1], "mu is the same for two different examples.")


@pytest.mark.task("encode")
def test_encode_uses_the_layers(student: Any) -> None:
    vae, ours = same_layers(student, 6, 5, 3)
    x = torch.rand(4, 6)
    mu, logvar = check.fields(vae.encode(x), ("mu", "logvar"))
    due_mu, due_logvar = ours.heads(x)
    check.that(
        not (is_close(mu, due_logvar) and is_close(logvar, due_mu)),
        "encode returns (logvar, mu): mu comes first.",
        got=f"logvar first, {check.show(mu)}",
        expected=f"mu first, {check.show(due_mu)}",
    )
    check.close(mu, due_mu, "mu is not what the layers enc and mu give.")
    check.close(logvar, due_logvar, "logvar is not what the layers enc and logvar give.")


# ---------------------------------------------------------------- decode


@pytest.mark.task("decode")
def test_decode_gives_logits(student: Any) -> None:
    vae, ours = same_layers(student, 6, 5, 3)
    z = torch.randn(4, 3)
    logits = check.shape(vae.decode(z), (4, 6), "decode gives one logit for each pixel.")
    check.that(
        not is_close(logits, torch.sigmoid(ours.image(z))),
        "decode returns probabilities: the losses apply the sigmoid, so return plain logits.",
        got=logits,
        expected=ours.image(z),
    )
    check.close(logits, ours.image(z), "decode is not what the layer dec gives.")


# ---------------------------------------------------------------- reparameterize


@pytest.mark.task("reparameterize")
def test_reparameterize_shape(student: Any) -> None:
    vae = student.VAE(4, 4, 3)
    for sample in (student.reparameterize, vae.reparameterize):
        z = check.shape(sample(torch.zeros(5, 3), torch.zeros(5, 3)), (5, 3), "z is shaped as mu.")
        check.that(
            z.abs().max() > 0,
            "With sigma = 1 the sample must differ from mu.",
            got=z,
            expected="numbers beside mu = 0",
        )


@pytest.mark.task("reparameterize")
def test_reparameterize_without_spread_is_mu(student: Any) -> None:
    mu = torch.tensor([[1.5, -2.0, 0.25]])
    z = student.reparameterize(mu, torch.full((1, 3), -60.0))
    check.close(z, mu, "With sigma near 0 the sample must be mu itself.", atol=1e-3)
    spread = check.shape(student.reparameterize(mu, torch.zeros(1, 3)), (1, 3))
    check.differ(spread, mu, "With sigma = 1 the sample is still mu: where is eps?")


@pytest.mark.task("reparameterize")
def test_reparameterize_spread(student: Any) -> None:
    # 20,000 numbers: the std of a column has a standard error of 0.7 %, the bounds are 12 of them
    # away (false alarms < 1e-30), and exp(logvar) for sigma would be 100 % off.
    mu, logvar = torch.zeros(10_000, 2), torch.full((10_000, 2), math.log(4.0))
    z = check.shape(student.reparameterize(mu, logvar), (10_000, 2)).detach().double()
    symptom = "The samples are not centered at mu: is eps standard normal?"
    check.between(z.mean(0), -0.24, 0.24, symptom, name="mean of a column")
    check.that(
        not bool(((z.std(0) > 3.6) & (z.std(0) < 4.4)).all()),
        "The samples spread like the variance: sigma is exp(logvar / 2), not exp(logvar).",
        got=f"standard deviation {z.std(0)[0]:.3g}",
        expected="standard deviation 2",
    )
    symptom = "With logvar = log 4 the standard deviation must be 2."
    check.between(z.std(0), 1.83, 2.17, symptom, name="standard deviation")


# ---------------------------------------------------------------- forward


USES_FORWARD = pytest.mark.uses("VAE.encode", "VAE.reparameterize", "VAE.decode")


@pytest.mark.task("forward")
@USES_FORWARD
def test_forward_returns_four(student: Any) -> None:
    vae = student.VAE(6, 40, 3)  # so many units are never all dead
    out = check.fields(vae(torch.rand(4, 6)), ("logits", "mu", "logvar", "z"))
    for value, name, width in zip(out, ("logits", "mu", "logvar", "z"), (6, 3, 3, 3), strict=True):
        check.shape(value, (4, width), f"forward returns (logits, mu, logvar, z); check {name}.")
        check.differ(value[0], value[1], f"{name} is the same for all examples.")


@pytest.mark.task("forward")
@USES_FORWARD
def test_forward_decodes_the_z_it_returns(student: Any) -> None:
    vae, ours = same_layers(student, 6, 40, 3)
    logits, mu, _, z = check.fields(vae(torch.rand(4, 6)), ("logits", "mu", "logvar", "z"))
    if is_close(logits, ours.image(z)):
        return
    check.that(
        not is_close(logits, ours.image(mu)),
        "forward decodes mu: decode the sample z.",
        got=logits,
        expected=ours.image(z),
    )
    # A wrong decode loses its own points; forward is right when it uses it.
    own = vae.decode(z)
    check.differ(own[0], own[1], "decode gives the same logits for every z.")
    check.close(logits, own, "The logits are not decode(z) of the z that is returned.")


# ---------------------------------------------------------------- kl_divergence


@pytest.mark.task("kl_divergence")
def test_kl_of_the_prior_is_zero(student: Any) -> None:
    kl = student.kl_divergence(torch.zeros(3, 4), torch.zeros(3, 4))
    check.close(kl, 0.0, "The KL of N(0, I) with itself must be 0: is the -1 there?")
    away = check.scalar(student.kl_divergence(torch.ones(3, 4), torch.zeros(3, 4)))
    check.that(
        away > 0, "Away from the prior the KL must be positive.", got=away, expected="above 0"
    )


@pytest.mark.task("kl_divergence")
@pytest.mark.parametrize(
    ("mu", "logvar", "expected"),
    [
        ([[2.0]], [[0.0]], 2.0),
        ([[0.0]], [[math.log(4.0)]], 0.5 * (4 - math.log(4.0) - 1)),
        ([[1.0, 0.0], [-3.0, 0.0]], [[0.0, 0.0], [0.0, 0.0]], (0.5 + 4.5) / 2),
    ],
    ids=["mean", "variance", "batch"],
)
def test_kl_worked_numbers(
    student: Any, mu: list[list[float]], logvar: list[list[float]], expected: float
) -> None:
    kl = student.kl_divergence(torch.tensor(mu), torch.tensor(logvar))
    check.close(kl, expected, f"KL for mu = {mu}, logvar = {logvar} must be {expected:.4f}.")


@pytest.mark.task("kl_divergence")
def test_kl_sums_dimensions_and_averages_examples(student: Any) -> None:
    mu, logvar = torch.randn(3, 4), torch.randn(3, 4)
    one = check.scalar(student.kl_divergence(mu, logvar), "KL must be one number.")
    check.that(one > 0, "KL must be positive.", got=one, expected="above 0")
    batch = student.kl_divergence(mu.repeat(2, 1), logvar.repeat(2, 1))
    check.close(batch, one, "Each example twice must not change KL: did you sum over the batch?")
    wide = student.kl_divergence(mu.repeat(1, 2), logvar.repeat(1, 2))
    check.close(
        wide,
        2 * one,
        "Twice the latent dimensions must give twice the KL: sum over the dimensions.",
    )


# ---------------------------------------------------------------- reconstruction losses


@pytest.mark.task("reconstruction_loss_bce")
def test_bce_of_gray_guess(student: Any) -> None:
    x = torch.tensor([[0.0, 1.0, 1.0], [0.3, 0.0, 1.0]])
    loss = student.reconstruction_loss_bce(torch.zeros(2, 3), x)
    check.close(
        loss, 3 * math.log(2.0), "Logits of 0 cost log 2 a pixel, so 3 log 2 for three pixels."
    )


@pytest.mark.task("reconstruction_loss_bce")
def test_bce_worked_number(student: Any) -> None:
    logits = torch.tensor([[math.log(3.0), math.log(3.0)]])  # p = 3/4
    loss = student.reconstruction_loss_bce(logits, torch.tensor([[1.0, 0.0]]))
    check.close(
        loss,
        math.log(4 / 3) + math.log(4.0),
        "A white and a black pixel with p = 3/4 cost -log 3/4 - log 1/4.",
    )


@pytest.mark.task("reconstruction_loss_bce")
def test_bce_sums_pixels_and_averages_examples(student: Any) -> None:
    _sums_and_averages(student.reconstruction_loss_bce)


@pytest.mark.task("reconstruction_loss_mse")
def test_mse_worked_number(student: Any) -> None:
    logits = torch.tensor([[math.log(3.0), 0.0]])  # p = 3/4, 1/2
    loss = student.reconstruction_loss_mse(logits, torch.tensor([[1.0, 0.0]]))
    check.close(
        loss, 0.0625 + 0.25, "(3/4 - 1)^2 + (1/2 - 0)^2 = 0.3125, with p = sigmoid(logits)."
    )


@pytest.mark.task("reconstruction_loss_mse")
def test_mse_sums_pixels_and_averages_examples(student: Any) -> None:
    _sums_and_averages(student.reconstruction_loss_mse)


@pytest.mark.task("reconstruction_loss_l1")
def test_l1_worked_number(student: Any) -> None:
    logits = torch.tensor([[math.log(3.0), 0.0]])  # p = 3/4, 1/2
    loss = student.reconstruction_loss_l1(logits, torch.tensor([[1.0, 0.0]]))
    check.close(loss, 0.25 + 0.5, "|3/4 - 1| + |1/2 - 0| = 0.75, with p = sigmoid(logits).")


@pytest.mark.task("reconstruction_loss_l1")
def test_l1_sums_pixels_and_averages_examples(student: Any) -> None:
    _sums_and_averages(student.reconstruction_loss_l1)


def _sums_and_averages(loss: Any) -> None:
    logits, x = torch.randn(3, 4), torch.rand(3, 4)
    one = check.scalar(loss(logits, x), "The loss must be one number.")
    check.that(one > 0, "The loss must be positive.", got=one, expected="above 0")
    check.close(loss(logits.repeat(2, 1), x.repeat(2, 1)), one, SUM_OVER_BATCH)
    check.close(loss(logits.repeat(1, 2), x.repeat(1, 2)), 2 * one, MEAN_NOT_SUM)


# ---------------------------------------------------------------- compute_elbo, vae_loss


USES_COMPUTE_ELBO = pytest.mark.uses(
    "kl_divergence", "reconstruction_loss_bce", "reconstruction_loss_mse", "reconstruction_loss_l1"
)


@pytest.mark.task("compute_elbo")
@USES_COMPUTE_ELBO
@pytest.mark.parametrize("beta", [0.0, 1.0, 4.0])
def test_elbo_adds_up(student: Any, beta: float) -> None:
    out = student.compute_elbo(*_batch(), beta=beta)
    loss, recon, kl = map(_number, check.fields(out, ("loss", "recon", "kl")))
    check.that(
        (recon != 0).all() and (kl != 0).all(),
        "recon and kl must not be 0 here.",
        got=f"recon {check.show(recon)}, kl {check.show(kl)}",
        expected="neither 0",
    )
    check.close(loss, recon + beta * kl, f"loss must be recon + beta * kl (here beta = {beta:g}).")


@pytest.mark.task("compute_elbo")
@USES_COMPUTE_ELBO
def test_elbo_worked_number(student: Any) -> None:
    # Judged by the student's own terms where those are wrong: they lose their points elsewhere.
    logits, x = torch.zeros(1, 2), torch.tensor([[1.0, 0.0]])
    mu, logvar = torch.tensor([[2.0]]), torch.tensor([[math.log(4.0)]])
    torch.manual_seed(1)
    out = student.compute_elbo(logits, x, mu, logvar, beta=3.0)
    _, recon, kl = map(_number, check.fields(out, ("loss", "recon", "kl")))
    check.that(
        (recon != 0).all() and (kl != 0).all(),
        "recon and kl must not be 0 here.",
        got=f"recon {check.show(recon)}, kl {check.show(kl)}",
        expected="neither 0",
    )
    if not is_close(recon, torch.tensor(2 * math.log(2.0))):
        own = _number(student.reconstruction_loss_bce(logits, x))
        check.close(recon, own, "recon must be the bce loss unless told otherwise.")
    if not is_close(kl, torch.tensor(3.5 - 0.5 * math.log(4.0))):
        torch.manual_seed(1)
        own = _number(student.kl_divergence(mu, logvar))
        check.close(kl, own, "kl must be the KL without beta.")


@pytest.mark.task("compute_elbo")
@USES_COMPUTE_ELBO
def test_elbo_refuses_an_unknown_loss(student: Any) -> None:
    try:
        student.compute_elbo(*_batch(), recon_loss="huber")
    except ValueError:
        return
    except KeyError as error:
        raise check.Mismatch(
            "An unknown recon_loss must raise ValueError.", "KeyError", "ValueError"
        ) from error
    raise check.Mismatch("recon_loss='huber' must raise ValueError.", "no error", "ValueError")


@pytest.mark.task("compute_elbo")
@USES_COMPUTE_ELBO
def test_vae_loss_is_the_loss_of_the_elbo(student: Any) -> None:
    logits, x, mu, logvar = _batch()
    torch.manual_seed(2)
    loss = student.vae_loss(logits, x, mu, logvar)
    torch.manual_seed(2)
    due = check.fields(student.compute_elbo(logits, x, mu, logvar), ("loss", "recon", "kl"))[0]
    check.close(loss, _number(due), "vae_loss must be the loss of compute_elbo.")
    symptom = "The loss must not be 0 here."
    check.that((_number(loss) != 0).all(), symptom, got=_number(loss), expected="not 0")


def _number(value: Any) -> Tensor:
    return value.detach() if isinstance(value, Tensor) else torch.tensor(value)


def _batch() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    return torch.randn(4, 6), torch.rand(4, 6), torch.randn(4, 3), torch.randn(4, 3)


# ---------------------------------------------------------------- beta_schedule


@pytest.mark.task("beta_schedule")
@pytest.mark.parametrize(
    ("step", "expected"), [(0, 0.0), (1, 0.25), (2, 0.5), (4, 1.0), (5, 1.0), (400, 1.0)]
)
def test_beta_rises_and_stays(student: Any, step: int, expected: float) -> None:
    beta = check.scalar(student.beta_schedule(step, 4))
    check.close(beta, expected, f"With 4 warm-up steps, beta at step {step} must be {expected:g}.")


@pytest.mark.task("beta_schedule")
def test_beta_without_warmup(student: Any) -> None:
    beta = check.scalar(student.beta_schedule(0, 0, 2.0))
    check.close(beta, 2.0, "Without a warm-up, beta is beta_max from the start.")


# ---------------------------------------------------------------- build_model


@pytest.mark.task("build_model")
def test_build_model_has_the_sizes(student: Any) -> None:
    cfg = student.make(
        "types.SimpleNamespace", input_dim=7, hidden_dim=5, latent_dim=3, beta=1.0, recon_loss="bce"
    )
    weights = student.build_model(cfg).state_dict()
    check.equal(
        tuple(weights["mu.weight"].shape), (3, 5), "mu must map hidden_dim to latent_dim numbers."
    )
    check.equal(
        tuple(weights["enc.0.weight"].shape),
        (5, 7),
        "enc must map input_dim to hidden_dim numbers.",
    )


# ---------------------------------------------------------------- interpolate


@pytest.mark.task("interpolate")
def test_interpolate_worked_number(student: Any) -> None:
    z = student.interpolate(torch.tensor([0.0, 1.0]), torch.tensor([4.0, 1.0]), num_steps=5)
    due = torch.tensor([[0.0, 1.0], [1.0, 1.0], [2.0, 1.0], [3.0, 1.0], [4.0, 1.0]])
    check.close(z, due, "From (0, 1) to (4, 1) in five points: 0, 1, 2, 3, 4 in the first column.")


@pytest.mark.task("interpolate")
def test_interpolate_has_both_ends(student: Any) -> None:
    z1, z2 = torch.randn(3), torch.randn(3)
    z = check.shape(student.interpolate(z1, z2), (10, 3), "By default there are 10 points.")
    check.close(z[0], z1, "The first point must be z1.")
    check.close(z[-1], z2, "The last point must be z2.")


# ---------------------------------------------------------------- bonus


@pytest.mark.task("cyclical_beta")
@pytest.mark.parametrize(
    ("step", "expected"), [(0, 0.0), (5, 0.4), (12, 0.96), (13, 1.0), (24, 1.0), (25, 0.0)]
)
def test_cyclical_beta_default(student: Any, step: int, expected: float) -> None:
    beta = check.scalar(student.cyclical_beta(step, 100))
    check.close(
        beta, expected, f"With 100 steps in 4 cycles, beta at step {step} must be {expected:g}."
    )


@pytest.mark.task("slerp")
def test_slerp_quarter_circle(student: Any) -> None:
    z = student.slerp(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0]), num_steps=3)
    half = math.sqrt(0.5)
    due = torch.tensor([[1.0, 0.0], [half, half], [0.0, 1.0]])
    check.close(z, due, "Halfway along a quarter circle lies (0.7071, 0.7071).")


@pytest.mark.task("slerp")
def test_slerp_keeps_the_norm(student: Any) -> None:
    z1 = torch.randn(6)
    z2 = torch.randn(6)
    z2 = z2 * z1.norm() / z2.norm()
    z = check.shape(student.slerp(z1, z2), (10, 6), "By default there are 10 points.")
    check.close(
        z.norm(dim=1),
        z1.norm().expand(10),
        "Every point must have the norm of z1: on the straight line it dips.",
    )
    check.close(z[0], z1, "The first point must be z1.")
    check.close(z[-1], z2, "The last point must be z2.")
