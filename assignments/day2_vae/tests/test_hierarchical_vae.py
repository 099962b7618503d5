"""Public tests of the two-layer VAE: numbers worked out by hand, shapes, and a relation or two.

`pytest tests/test_hierarchical_vae.py` runs all of them, `-m hvae_elbo` only those of one task.
"""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from grading import check

LOG_2PI = math.log(2 * math.pi)
Q_NAMES = ("mu1", "logvar1", "mu2", "logvar2")


def awake(n_in: int, n_out: int) -> nn.Linear:
    """A layer in front of a ReLU whose units are all on: a dead one would hide what a test sees."""
    layer = nn.Linear(n_in, n_out)
    nn.init.constant_(layer.bias, 4.0)
    return layer


def mlp(n_in: int, n_hidden: int, n_out: int) -> nn.Sequential:
    return nn.Sequential(awake(n_in, n_hidden), nn.ReLU(), nn.Linear(n_hidden, n_out))


class Down(nn.Module):
    """The provided layers of GenerativeModel once more, on the side of the tests."""

    def __init__(self, n_z2: int, n_z1: int, n_hidden: int, n_x: int) -> None:
        super().__init__()
        self.prior = mlp(n_z2, n_hidden, 2 * n_z1)
        self.dec = mlp(n_z1, n_hidden, n_x)


class Up(nn.Module):
    """The provided layers of InferenceModel once more, on the side of the tests."""

    def __init__(self, n_x: int, n_hidden: int, n_z1: int, n_z2: int) -> None:
        super().__init__()
        self.enc = nn.Sequential(awake(n_x, n_hidden), nn.ReLU())
        self.head1 = nn.Linear(n_hidden, 2 * n_z1)
        self.head2 = nn.Linear(n_hidden, 2 * n_z2)


def take(taker: Any, giver: Any) -> None:
    try:
        taker.load_state_dict(giver.state_dict())
    except RuntimeError as error:
        raise check.Mismatch(
            "Leave the layers in __init__ as they are provided.",
            "other names or shapes of weights",
            "those of the provided layers",
        ) from error


def with_our_weights(theirs: Any, ours: nn.Module) -> Any:
    take(theirs, ours)
    return theirs


def as_seeded(theirs: Any, ours: nn.Module) -> Any:
    """Our layers take the weights of theirs: a call that fails can be made again as it was."""
    take(ours, theirs)
    return theirs


def listen(gen: Any, ours: Down) -> dict[str, Tensor]:
    """Note the z2 and z1 that reach the student's two networks; our own first layers answer."""
    seen: dict[str, Tensor] = {}

    def prior(z2: Tensor) -> Tensor:
        seen["z2"] = z2.detach().clone()
        return ours.prior[0](z2)

    def dec(z1: Tensor) -> Tensor:
        seen["z1"] = z1.detach().clone()
        return ours.dec[0](z1)

    gen.prior[0].forward, gen.dec[0].forward = prior, dec
    return seen


def is_close(got: Any, expected: Tensor) -> bool:
    try:
        check.close(got, expected, "")
    except check.Mismatch:
        return False
    return True


# ---------------------------------------------------------------- gaussian_log_prob


@pytest.mark.task("gaussian_log_prob")
@pytest.mark.parametrize(
    ("z", "mu", "logvar", "expected"),
    [
        ([[0.0]], [[0.0]], [[0.0]], -0.5 * LOG_2PI),
        ([[3.0, 0.0]], [[1.0, 0.0]], [[0.0, 0.0]], -LOG_2PI - 2.0),
        ([[2.0]], [[0.0]], [[math.log(4.0)]], -0.5 * (LOG_2PI + math.log(4.0) + 1.0)),
    ],
    ids=["at_the_mean", "two_dimensions", "variance_4"],
)
def test_log_prob_worked_numbers(
    student: Any,
    z: list[list[float]],
    mu: list[list[float]],
    logvar: list[list[float]],
    expected: float,
) -> None:
    got = student.gaussian_log_prob(torch.tensor(z), torch.tensor(mu), torch.tensor(logvar))
    at = f"z = {check.show(z)}, mu = {check.show(mu)}, logvar = {check.show(logvar)}"
    symptom = f"log N(z; mu, sigma^2) at {at} must be {expected:.4f}."
    check.close(got, torch.tensor([expected]), symptom)


@pytest.mark.task("gaussian_log_prob")
def test_log_prob_one_number_per_example(student: Any) -> None:
    z, mu, logvar = torch.randn(3, 4), torch.randn(3, 4), torch.randn(3, 4)
    one = check.shape(
        student.gaussian_log_prob(z, mu, logvar),
        (3,),
        "One number is due for each example: sum over the dimensions, keep the batch.",
    )
    symptom = "The log-density must be finite."
    check.that(bool(torch.isfinite(one).all()), symptom, got=one, expected="finite numbers")
    wide = student.gaussian_log_prob(z.repeat(1, 2), mu.repeat(1, 2), logvar.repeat(1, 2))
    check.close(wide, 2 * one, "Twice the dimensions, twice the log-density: sum, no mean.")


# ---------------------------------------------------------------- the generative model
# The inputs are large, so that an activation or a clamp after the layer shows.


@pytest.mark.task("prior_z1")
def test_prior_shapes(student: Any) -> None:
    gen = as_seeded(student.GenerativeModel(2, 3, 32, 6), Down(2, 3, 32, 6))
    mu, logvar = check.fields(gen.prior_z1(20 * torch.randn(4, 2)), ("mu", "logvar"))
    check.shape(mu, (4, 3), "mu of p(z1|z2) has one row for each example and z1_dim columns.")
    check.shape(logvar, (4, 3), "logvar of p(z1|z2) is shaped as mu.")
    check.differ(mu[0], mu[1], "mu is the same for two different z2.")


@pytest.mark.task("prior_z1")
def test_prior_splits_the_layer(student: Any) -> None:
    ours = Down(2, 3, 32, 6)
    gen = as_seeded(student.GenerativeModel(2, 3, 32, 6), ours)
    z2 = 20 * torch.randn(4, 2)
    mu, logvar = check.fields(gen.prior_z1(z2), ("mu", "logvar"))
    both = ours.prior(z2)
    check.that(
        not (is_close(mu, both[:, 3:]) and is_close(logvar, both[:, :3])),
        "mu and logvar are swapped: the first z1_dim numbers are mu.",
        got=f"mu {check.show(mu)}",
        expected=f"mu {check.show(both[:, :3])}",
    )
    check.close(mu, both[:, :3], "mu must be the first z1_dim columns of what `prior` gives.")
    check.close(logvar, both[:, 3:], "logvar must be the last z1_dim columns, without activation.")


@pytest.mark.task("decode")
def test_decode_gives_logits(student: Any) -> None:
    ours = Down(2, 3, 32, 6)
    gen = as_seeded(student.GenerativeModel(2, 3, 32, 6), ours)
    z1 = 20 * torch.randn(4, 3)
    logits = check.shape(gen.decode(z1), (4, 6), "decode gives one logit for each pixel.")
    check.that(
        not is_close(logits, torch.sigmoid(ours.dec(z1))),
        "decode returns probabilities: the loss applies the sigmoid, so return plain logits.",
        got=logits,
        expected=ours.dec(z1),
    )
    check.close(logits, ours.dec(z1), "decode is not what the layer dec gives.")


USES_SAMPLE = pytest.mark.uses("GenerativeModel.prior_z1", "GenerativeModel.decode")


@pytest.mark.task("sample")
@USES_SAMPLE
def test_sample_shape(student: Any) -> None:
    gen = with_our_weights(student.GenerativeModel(2, 3, 5, 6), Down(2, 3, 5, 6))
    logits = check.shape(gen.sample(4), (4, 6), "sample(4) gives four rows of logits.")
    check.differ(logits[0], logits[1], "All samples are the same image.")
    check.differ(logits, gen.sample(4), "Two calls of sample give the same images.")


@pytest.mark.task("sample")
@USES_SAMPLE
def test_sample_goes_down_the_chain(student: Any) -> None:
    ours = Down(2, 3, 5, 6)
    gen = with_our_weights(student.GenerativeModel(2, 3, 5, 6), ours)
    seen = listen(gen, ours)
    logits = check.shape(gen.sample(5), (5, 6))
    symptom = "sample must ask prior_z1 for p(z1|z2)."
    check.that("z2" in seen, symptom, got="no call of prior_z1", expected="one call")
    symptom = "sample must end with decode(z1)."
    check.that("z1" in seen, symptom, got="no call of decode", expected="one call")
    z2, z1 = check.shape(seen["z2"], (5, 2)), check.shape(seen["z1"], (5, 3))
    mu, logvar = check.fields(gen.prior_z1(z2), ("mu", "logvar"))
    # 15 normal numbers all within 7 standard deviations: false alarms < 1e-10.
    eps = ((z1 - mu) / (0.5 * logvar).exp()).detach()
    symptom = "z1 must be drawn from p(z1|z2) of the sampled z2."
    check.between(eps, -7, 7, symptom, name="(z1 - mu) / sigma")
    check.that(
        float(eps.abs().max()) > 1e-3,
        "z1 is the mean of p(z1|z2), not a sample.",
        got="z1 = mu",
        expected="z1 = mu + sigma * eps",
    )
    check.close(logits, gen.decode(z1), "sample must return the logits of decode(z1).")


# ---------------------------------------------------------------- the inference model


@pytest.mark.task("inference")
def test_inference_shapes(student: Any) -> None:
    inference = as_seeded(student.InferenceModel(6, 32, 3, 2), Up(6, 32, 3, 2))
    out = check.fields(inference(20 * torch.rand(4, 6)), Q_NAMES)
    for value, name, width in zip(out, Q_NAMES, (3, 3, 2, 2), strict=True):
        check.shape(value, (4, width), f"forward returns (mu1, logvar1, mu2, logvar2); see {name}.")
        check.differ(value[0], value[1], f"{name} is the same for all examples.")


@pytest.mark.task("inference")
def test_inference_splits_the_heads(student: Any) -> None:
    ours = Up(6, 32, 3, 2)
    inference = as_seeded(student.InferenceModel(6, 32, 3, 2), ours)
    x = 20 * torch.rand(4, 6)
    out = check.fields(inference(x), Q_NAMES)
    h = ours.enc(x)
    due = (*ours.head1(h).chunk(2, -1), *ours.head2(h).chunk(2, -1))
    for value, want, name in zip(out, due, Q_NAMES, strict=True):
        check.close(value, want, f"{name} is not its half of what head1 and head2 give for enc(x).")


# ---------------------------------------------------------------- hvae_elbo


def pair(*shape: int) -> tuple[Tensor, Tensor]:
    return torch.randn(shape), torch.randn(shape)


USES_HVAE_ELBO = pytest.mark.uses("gaussian_log_prob")


@pytest.mark.task("hvae_elbo")
@USES_HVAE_ELBO
def test_elbo_one_number_per_example(student: Any) -> None:
    elbo = student.hvae_elbo(
        x=torch.ones(4, 6), logits=torch.randn(4, 6), z1=torch.randn(4, 3), z2=torch.randn(4, 2),
        q1=pair(4, 3), q2=pair(4, 2), p1=pair(4, 3),
    )  # fmt: skip
    check.shape(elbo, (4,), "hvae_elbo gives one number for each example: no mean over the batch.")


@pytest.mark.task("hvae_elbo")
@USES_HVAE_ELBO
def test_elbo_worked_number(student: Any) -> None:
    zero = torch.zeros(1, 1)
    # A wrong gaussian_log_prob loses its own points; the sum of the five terms may still be right.
    density = student.gaussian_log_prob
    own = density(zero, zero + 2, zero) + density(zero + 1, zero, zero)
    own = own - density(zero, zero, zero) - density(zero + 1, zero + 1, zero) - math.log(2.0)
    got = check.shape(
        student.hvae_elbo(
            x=torch.ones(1, 1), logits=zero, z1=zero, z2=zero + 1,
            q1=(zero, zero), q2=(zero + 1, zero), p1=(zero + 2, zero),
        ),
        (1,),
    )  # fmt: skip
    due = torch.tensor([-math.log(2.0) - 2.0 - 0.5])
    check.that(
        not is_close(got, -due),
        "The sign is turned: hvae_elbo is to be maximized.",
        got=got,
        expected=due,
    )
    if not is_close(own, due) and is_close(got, own):
        return
    check.close(
        got,
        due,
        "With all variances 1, x = 1, logit 0, z1 = 0, z2 = 1 and means 0 (q1), 1 (q2), 2 (p1) "
        "the ELBO is -log 2 - 2 - 1/2.",
    )


@pytest.mark.task("hvae_elbo")
@USES_HVAE_ELBO
def test_elbo_when_posteriors_are_priors(student: Any) -> None:
    x, logits = torch.bernoulli(torch.full((5, 6), 0.5)), torch.randn(5, 6)
    p1, standard = pair(5, 3), (torch.zeros(5, 2), torch.zeros(5, 2))
    got = student.hvae_elbo(
        x=x, logits=logits, z1=torch.randn(5, 3), z2=torch.randn(5, 2), q1=p1, q2=standard, p1=p1
    )
    p = torch.sigmoid(logits)
    due = (x * p.log() + (1 - x) * (1 - p).log()).sum(1)
    check.close(
        got, due, "With q(z1|x) = p(z1|z2) and q(z2|x) = p(z2) only log p(x|z1) may remain."
    )


# ---------------------------------------------------------------- hvae_loss


def log_normal(z: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    spread = torch.exp(0.5 * logvar)
    return torch.distributions.Normal(mu, spread, validate_args=False).log_prob(z).sum(1)


USES_HVAE_LOSS = pytest.mark.uses(
    "InferenceModel.forward", "GenerativeModel.prior_z1", "GenerativeModel.decode", "hvae_elbo"
)


@pytest.mark.task("hvae_loss")
@USES_HVAE_LOSS
def test_loss_is_one_number_with_gradients(student: Any) -> None:
    gen = with_our_weights(student.GenerativeModel(2, 3, 5, 6), Down(2, 3, 5, 6))
    inf = with_our_weights(student.InferenceModel(6, 5, 3, 2), Up(6, 5, 3, 2))
    loss = check.scalar(student.hvae_loss(generative=gen, inference=inf, x=torch.ones(4, 6)))
    weights = [gen.dec[2].weight, inf.head1.weight, inf.enc[0].weight]
    for grad in check.gradient(loss, weights):
        symptom = "A layer gets no gradient from hvae_loss."
        check.that(grad.abs().max() > 0, symptom, got=grad, expected="a gradient other than 0")


@pytest.mark.task("hvae_loss")
@USES_HVAE_LOSS
@pytest.mark.parametrize("batch", [1, 6], ids=["one_example", "six_examples"])
def test_loss_is_minus_the_mean_elbo(student: Any, batch: int) -> None:
    layers = Down(2, 3, 5, 7)
    gen = with_our_weights(student.GenerativeModel(2, 3, 5, 7), layers)
    inf = with_our_weights(student.InferenceModel(7, 5, 3, 2), Up(7, 5, 3, 2))
    ours = listen(gen, layers)
    x = torch.bernoulli(torch.full((batch, 7), 0.5))
    loss = check.scalar(student.hvae_loss(generative=gen, inference=inf, x=x))
    check.that(
        len(ours) == 2,
        "hvae_loss must use prior_z1(z2) and decode(z1) of the generative.",
        got="a call of " + " and ".join({"z2": "prior_z1", "z1": "decode"}[name] for name in ours)
        if ours
        else "no call of either",
        expected="a call of both",
    )
    z1, z2 = check.shape(ours["z1"], (batch, 3)), check.shape(ours["z2"], (batch, 2))
    mu1, logvar1, mu2, logvar2 = check.fields(inf(x), Q_NAMES)
    p1, logits = check.fields(gen.prior_z1(z2), ("mu", "logvar")), gen.decode(z1)
    check.that(
        bool((z1 != mu1).any()) and bool((z2 != mu2).any()),
        "prior_z1 must get the sampled z2 and decode the sampled z1, not the means.",
        got="z1 = mu1" if torch.equal(z1, mu1) else "z2 = mu2",
        expected="mu + sigma * eps each",
    )
    log_px = -nn.functional.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(1)
    sampled1 = log_normal(z1, *p1) - log_normal(z1, mu1, logvar1)
    sampled2 = log_normal(z2, 0 * z2, 0 * z2) - log_normal(z2, mu2, logvar2)
    exact1 = -student.gaussian_kl(mu1, logvar1, *p1)
    exact2 = -student.gaussian_kl(mu2, logvar2, 0 * mu2, 0 * mu2)
    due = -(log_px + sampled1 + sampled2).mean()
    for first in (sampled1, exact1):  # the closed form of either KL is as good an estimate
        for second in (sampled2, exact2):
            if is_close(loss, -(log_px + first + second).mean()):
                return
    # A wrong hvae_elbo loses its own points; hvae_loss is right when it uses it.
    own = student.hvae_elbo(
        x=x, logits=logits, z1=z1, z2=z2, q1=(mu1, logvar1), q2=(mu2, logvar2), p1=p1
    )
    if own.requires_grad and is_close(loss, -own.mean()):
        return
    check.close(loss, due, "The loss is not minus the ELBO of the sampled z1 and z2, mean over x.")
