"""Hidden tests of the VAE: other sizes and constants, the law of the noise, gradients, edges.

A test first compares with the judge's own numbers. Where a function is built from others, it may
instead agree with the student's own parts: their mistakes lose points in their own tasks only.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from grading import check

FORWARD = ("logits", "mu", "logvar", "z")
ELBO = ("loss", "recon", "kl")
SIZES = [(7, 9, 8, 5), (4, 4, 4, 4), (1, 6, 5, 3), (3, 5, 6, 1)]  # (B, F, H, D)


class Layers(nn.Module):
    """The provided layers once more, on the side of the tests, with weights far from zero."""

    def __init__(self, n_in: int, n_hidden: int, n_latent: int) -> None:
        super().__init__()
        self.enc = nn.Sequential(nn.Linear(n_in, n_hidden), nn.ReLU())
        self.mu = nn.Linear(n_hidden, n_latent)
        self.logvar = nn.Linear(n_hidden, n_latent)
        self.dec = nn.Sequential(
            nn.Linear(n_latent, n_hidden), nn.ReLU(), nn.Linear(n_hidden, n_in)
        )

    def move(self, low: float, high: float) -> None:
        """Spread the heads' biases from `low` to `high`: an untrained net has logvar near 0."""
        with torch.no_grad():
            self.enc[0].bias.add_(0.5)
            self.mu.bias.copy_(torch.linspace(high, low, len(self.mu.bias)))
            self.logvar.bias.copy_(torch.linspace(low, high, len(self.logvar.bias)))
            self.dec[2].bias.copy_(torch.linspace(low, high, len(self.dec[2].bias)))


def pair(
    student: Any, n_in: int, n_hidden: int, n_latent: int, low: float = -2.0, high: float = 1.0
) -> tuple[Any, Layers]:
    """A VAE of the student's and the judge's layers, with the same weights."""
    ours = Layers(n_in, n_hidden, n_latent)
    ours.move(low, high)
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


def leaf(*shape: int, scale: float = 1.0, dtype: torch.dtype | None = None) -> Tensor:
    return (scale * torch.randn(*shape, dtype=dtype)).requires_grad_()


def gradients(
    student_side: Any, vae: Any, ours: Layers, our_side: Tensor
) -> list[tuple[str, Tensor, Tensor]]:
    """Each parameter's name and its gradients on the two sides."""
    theirs = dict(vae.named_parameters())
    names = [name for name, _ in ours.named_parameters()]
    got = check.gradient(student_side, [theirs[name] for name in names], allow_unused=True)
    due = check.gradient(our_side, [p for _, p in ours.named_parameters()], allow_unused=True)
    return list(zip(names, got, due, strict=True))


# ---------------------------------------------------------------- encode


@pytest.mark.task("encode")
@pytest.mark.parametrize("size", SIZES, ids=["wide", "square", "one_row", "one_latent"])
def test_encode_moved_weights(student: Any, size: tuple[int, int, int, int]) -> None:
    batch, *sizes = size
    vae, ours = pair(student, *sizes, low=-12.0, high=11.0)
    x = torch.rand(batch, sizes[0])
    before = x.clone()
    mu, logvar = check.fields(vae.encode(x), ("mu", "logvar"))
    h = ours.enc(x)
    check.close(mu, ours.mu(h), "mu is not W_mu h + b_mu (no activation, clamp or rescaling).")
    check.close(
        logvar,
        ours.logvar(h),
        "logvar is not W_logvar h + b_logvar: any real number may come out, so no exp, softplus, "
        "ReLU or clamp.",
    )
    check.unchanged([before], [x])


@pytest.mark.task("encode")
def test_encode_float64(student: Any) -> None:
    vae, ours = pair(student, 6, 40, 3)
    vae.double()
    ours.double()
    x = torch.rand(4, 6, dtype=torch.float64)
    mu, logvar = check.fields(vae.encode(x), ("mu", "logvar"))
    symptom = "In float64 mu is not what the layers enc and mu give."
    check.close(mu, ours.mu(ours.enc(x)), symptom, rtol=1e-9)
    symptom = "In float64 logvar is not what the layers enc and logvar give."
    check.close(logvar, ours.logvar(ours.enc(x)), symptom, rtol=1e-9)


@pytest.mark.task("encode")
def test_encode_gradient(student: Any) -> None:
    vae, ours = pair(student, 6, 40, 3)
    x, a, b = torch.rand(4, 6), torch.randn(4, 3), torch.randn(4, 3)
    mu, logvar = check.fields(vae.encode(x), ("mu", "logvar"))
    h = ours.enc(x)
    due = (a * ours.mu(h) + b * ours.logvar(h)).sum()
    for name, have, want in gradients((a * mu + b * logvar).sum(), vae, ours, due):
        symptom = f"The gradient of the encoder's weights ({name}) is wrong: is a part cut?"
        check.close(have, want, symptom, rtol=1e-3, atol=1e-4)


@pytest.mark.task("encode")
def test_encode_row_by_row_in_eval_mode(student: Any) -> None:
    vae, ours = pair(student, 6, 40, 3)
    vae.eval()
    x = torch.rand(4, 6)
    for row in (x[:1], x[2:3]):
        mu, logvar = check.fields(vae.encode(row), ("mu", "logvar"))
        symptom = (
            "In eval mode an example alone must have the mu and logvar that the layers give for it."
        )
        check.close(mu, ours.mu(ours.enc(row)), symptom)
        check.close(logvar, ours.logvar(ours.enc(row)), symptom)


# ---------------------------------------------------------------- decode


@pytest.mark.task("decode")
@pytest.mark.parametrize("size", SIZES, ids=["wide", "square", "one_row", "one_latent"])
def test_decode_moved_weights(student: Any, size: tuple[int, int, int, int]) -> None:
    batch, *sizes = size
    vae, ours = pair(student, *sizes, low=-12.0, high=15.0)
    z = 3 * torch.randn(batch, sizes[2])
    before = z.clone()
    check.close(
        vae.decode(z),
        ours.dec(z),
        "The logits are not what the layer dec gives: any real number may come out, so no "
        "sigmoid, tanh or clamp.",
    )
    check.unchanged([before], [z])


@pytest.mark.task("decode")
def test_decode_gradient_and_eval(student: Any) -> None:
    vae, ours = pair(student, 6, 40, 3)
    vae.double().eval()
    ours.double()
    z, a = torch.randn(4, 3, dtype=torch.float64), torch.randn(4, 6, dtype=torch.float64)
    theirs, mine = z.clone().requires_grad_(), z.clone().requires_grad_()
    logits, due = vae.decode(theirs), ours.dec(mine)
    check.close(logits, due, "In float64 the logits are not what the layer dec gives.", rtol=1e-9)
    for name, have, want in gradients((a * logits).sum(), vae, ours, (a * due).sum()):
        symptom = f"The gradient of the decoder's weights ({name}) is wrong: is a part cut?"
        check.close(have, want, symptom, rtol=1e-3, atol=1e-4)
    (got,) = check.gradient((a * logits).sum(), [theirs])
    (want,) = check.gradient((a * due).sum(), [mine])
    check.close(got, want, "The gradient with respect to z is wrong: the encoder needs it.")


# ---------------------------------------------------------------- reparameterize


def recovered(z: Any, mu: Tensor, logvar: Tensor, what: str) -> Tensor:
    """The noise in z, if it is the standard normal noise that it should be."""
    check.shape(z, mu.shape, "z has the shape of mu.")
    eps = (z.detach().double() - mu.detach().double()) / (0.5 * logvar.detach().double()).exp()
    check.standard_normal(eps.reshape(-1, eps.shape[-1]), what)
    return eps


@pytest.mark.task("reparameterize")
def test_reparameterize_noise(student: Any) -> None:
    # 80,000 numbers. False alarms: 14 z-tests at 6 standard errors, < 3e-8 in all. Power: 5 % off
    # in the variance is 10 standard errors, uniform noise 34; clipped noise has a check of its own.
    n = 40_000
    logvar = torch.linspace(-3.0, 2.0, n)[:, None] + torch.tensor([0.0, 0.5])
    mu = 2 * torch.randn(n, 2)
    eps = recovered(student.reparameterize(mu, logvar), mu, logvar, "The noise (z - mu) / sigma")
    # 80,000 normal numbers all below 3.5 in size: probability 1e-16.
    check.that(
        eps.abs().max() > 3.5,
        "The noise is clipped: a normal has tails.",
        got=f"no noise beyond {eps.abs().max():.3g}",
        expected="some beyond 3.5",
    )
    u = (logvar - logvar.mean()) / logvar.std()
    check.between(
        ((eps.pow(2) - 1) * u).mean(),
        -6 * math.sqrt(1 / n),
        6 * math.sqrt(1 / n),
        "The spread of z does not follow exp(logvar / 2).",
        name="correlation of the squared noise with logvar:",
    )
    check.between(
        (eps * mu / mu.std()).mean(),
        -6 * math.sqrt(0.5 / n),
        6 * math.sqrt(0.5 / n),
        "z is not centered at mu: is mu rescaled?",
        name="correlation of the noise with mu:",
    )


@pytest.mark.task("reparameterize")
def test_reparameterize_fresh_noise(student: Any) -> None:
    mu, logvar = torch.zeros(3, 4), torch.zeros(3, 4)
    first, second = student.reparameterize(mu, logvar), student.reparameterize(mu, logvar)
    for z in (first, second):
        finite = check.shape(z, (3, 4)).isfinite()
        symptom = "The sample is not finite."
        check.that(finite.all(), symptom, got=z[~finite], expected="finite numbers")
    check.differ(first, second, "Two calls give the same noise: do not fix a seed or keep eps.")
    torch.manual_seed(11)
    third = student.reparameterize(mu, logvar)
    torch.manual_seed(11)
    check.close(
        student.reparameterize(mu, logvar),
        third,
        "torch.manual_seed does not make the noise repeatable: use torch's global generator.",
    )


@pytest.mark.task("reparameterize")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
def test_reparameterize_gradient(student: Any, dtype: torch.dtype) -> None:
    mu, logvar = leaf(4, 4, dtype=dtype), leaf(4, 4, dtype=dtype)
    old = [mu.detach().clone(), logvar.detach().clone()]
    a = torch.randn(4, 4, dtype=dtype)
    z = student.reparameterize(mu, logvar)
    check.dtype(z, dtype, "z does not have the dtype of mu.")
    g_mu, g_logvar = check.gradient((a * z).sum(), [mu, logvar])
    tolerance = {"rtol": 1e-4, "atol": 1e-5} if dtype is torch.float32 else {"rtol": 1e-9}
    symptom = "dz/dmu must be 1: is mu cut from the graph or rescaled?"
    check.close(g_mu, a, symptom, name="dz/dmu, times a weight:", **tolerance)
    check.close(
        g_logvar,
        a * 0.5 * (z - mu).detach(),
        "dz/dlogvar must be (z - mu) / 2: does the gradient flow through sigma?",
        name="dz/dlogvar, times a weight:",
        **tolerance,
    )
    check.unchanged(old, [mu.detach(), logvar.detach()])


@pytest.mark.task("reparameterize")
def test_reparameterize_half_precision(student: Any) -> None:
    half = torch.zeros(3, 2, dtype=torch.float16)
    z = check.shape(student.reparameterize(half, half), (3, 2))
    symptom = "float16 goes in, another dtype comes out: draw the noise with the dtype of mu."
    check.dtype(z, torch.float16, symptom)
    check.differ(z, half, "There is no noise in float16: z is mu.")


@pytest.mark.task("reparameterize")
@pytest.mark.parametrize(
    "shape", [(6,), (1, 5), (3, 4, 5), (2, 3, 4, 5)], ids=["1d", "one_row", "3d", "4d"]
)
def test_reparameterize_any_shape(student: Any, shape: tuple[int, ...]) -> None:
    mu, logvar = torch.zeros(shape), torch.randn(shape)
    z = check.shape(student.reparameterize(mu, logvar), shape, "z has the shape of mu.")
    eps = z / (0.5 * logvar).exp()
    for axis, length in enumerate(shape):
        if length > 1:
            # Two independent numbers agree to 1e-6 with probability 2e-6 at most, and three do so
            # at once in (6,), the smallest case, with probability below 1e-12.
            parts = [eps.select(axis, i) for i in range(min(length, 3))]
            check.that(
                not all(is_close(part, parts[0], 1e-6, 1e-6) for part in parts[1:]),
                f"The noise is shared along axis {axis}: draw one number for each element.",
                got=f"the same noise {len(parts)} times",
                expected="other noise in each place",
            )


@pytest.mark.task("reparameterize")
def test_reparameterize_extreme_spread(student: Any) -> None:
    # 6,000 numbers, 14 z-tests at 6 standard errors (false alarms < 3e-8). A clamp at -10 or +10,
    # or 1e-6 added to sigma, is off by a factor of 12 or more.
    n = 2000
    mu, logvar = torch.zeros(n, 3), torch.tensor([-60.0, -15.0, 30.0]).expand(n, 3).contiguous()
    z = student.reparameterize(mu, logvar)
    recovered(z, mu, logvar, "For logvar = -60, -15, 30 (clamped?) the noise z / sigma")


@pytest.mark.task("reparameterize")
def test_reparameterize_method(student: Any) -> None:
    # 8,000 numbers, 14 z-tests at 6 standard errors (false alarms < 3e-8); uniform noise is
    # 10 standard errors off in its fourth moment, exp(logvar) for sigma far more.
    vae = student.VAE(3, 4, 2)
    vae.eval()
    n = 4000
    mu, logvar = leaf(n, 2), torch.linspace(-3.0, 1.0, n)[:, None].repeat(1, 2).requires_grad_()
    z = vae.reparameterize(mu, logvar)
    check.that(
        not is_close(z, mu.detach()),
        "VAE.reparameterize returns mu in eval mode: sample there too.",
        got="z = mu",
        expected="z = mu + sigma * eps",
    )
    recovered(z, mu, logvar, "The noise of VAE.reparameterize")
    g_mu, g_logvar = check.gradient(z, [mu, logvar])
    check.close(g_mu, torch.ones(n, 2), "VAE.reparameterize: dz/dmu must be 1.")
    check.close(
        g_logvar, 0.5 * (z - mu).detach(), "VAE.reparameterize: dz/dlogvar must be (z - mu) / 2."
    )
    again = vae.reparameterize(mu, logvar)
    check.differ(again, z, "Two calls of VAE.reparameterize give the same noise.")


# ---------------------------------------------------------------- forward


def composed(vae: Any, x: Tensor, seed: int) -> tuple[Any, Any, Any, Any]:
    """The student's own encode, reparameterize and decode, put together by the judge.

    They count only when they say something about x: a model of constants agrees with itself too.
    """
    torch.manual_seed(seed)
    mu, logvar = check.fields(vae.encode(x), ("mu", "logvar"))
    torch.manual_seed(seed)
    z = vae.reparameterize(mu, logvar)
    logits = vae.decode(z)
    torch.manual_seed(seed)
    other = vae.encode(1 - x)[0]
    check.differ(mu, other, "encode gives the same mu for every x.")
    check.differ(logits, vae.decode(z + 1), "decode gives the same for every z.")
    return logits, mu, logvar, z


def run_forward(vae: Any, x: Tensor, seed: int) -> tuple[Any, ...]:
    torch.manual_seed(seed)
    return check.fields(vae(x), FORWARD)


def draw_seed() -> int:
    return int(torch.randint(1 << 31, (1,)))


USES_FORWARD = pytest.mark.uses("VAE.encode", "VAE.reparameterize", "VAE.decode")


@pytest.mark.task("forward")
@USES_FORWARD
@pytest.mark.parametrize("size", SIZES, ids=["wide", "square", "one_row", "one_latent"])
def test_forward_is_the_composition(student: Any, size: tuple[int, int, int, int]) -> None:
    batch, *sizes = size
    vae, ours = pair(student, *sizes)
    x, seed = torch.rand(batch, sizes[0]), draw_seed()
    logits, mu, logvar, z = run_forward(vae, x, seed)
    h = ours.enc(x)
    if (
        is_close(mu, ours.mu(h))
        and is_close(logvar, ours.logvar(h))
        and is_close(logits, ours.dec(z))
    ):
        return
    _, own_mu, own_logvar, _ = composed(vae, x, seed)
    check.close(mu, own_mu, "The second value must be mu as encode gives it.")
    check.close(logvar, own_logvar, "The third value must be logvar as encode gives it.")
    if not is_close(logits, ours.dec(z)):
        due = vae.decode(z)
        check.close(logits, due, "The first value must be decode(z) of the z returned.")


@pytest.mark.task("forward")
@USES_FORWARD
@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
def test_forward_samples(student: Any, training: bool) -> None:
    # 8,000 numbers, 14 z-tests at 6 standard errors (false alarms < 3e-8); z = mu or noise that
    # is shared, uniform or of the wrong size is 10 or more standard errors off.
    vae, _ = pair(student, 3, 20, 2)
    vae.train(training)
    x, seed = torch.rand(4000, 3), draw_seed()
    _, mu, logvar, z = run_forward(vae, x, seed)
    mode = "training" if training else "eval"
    try:
        recovered(z, mu, logvar, f"In {mode} mode the noise (z - mu) / sigma of forward")
    except check.Mismatch:
        if not is_close(composed(vae, x, seed)[3], z.detach()):
            check.that(
                not is_close(z, mu.detach()),
                f"In {mode} mode forward returns mu for z: sample in both modes.",
                got="z = mu",
                expected="z = mu + sigma * eps",
            )
            raise


@pytest.mark.task("forward")
@USES_FORWARD
def test_forward_fresh_noise(student: Any) -> None:
    vae, _ = pair(student, 4, 4, 4)
    x = torch.rand(4, 4)
    (_, mu, logvar, first), second = check.fields(vae(x), FORWARD), check.fields(vae(x), FORWARD)[3]
    if torch.equal(first, second):
        own = vae.reparameterize(mu, logvar), vae.reparameterize(mu, logvar)
        symptom = "Two passes use the same noise: draw eps at each call."
        twice = f"the same z twice, {check.show(first)}"
        kept = torch.equal(*own) and is_close(first, own[0].detach())
        check.that(kept, symptom, got=twice, expected="another z at each call")
        check.that(len(first.unique()) > 1, symptom, got=twice, expected="noise in z")


@pytest.mark.task("forward")
@USES_FORWARD
def test_forward_gradient(student: Any) -> None:
    vae, ours = pair(student, 6, 40, 3)
    x, seed = torch.rand(4, 6), draw_seed()
    a, b, c, d = torch.randn(4, 6), torch.randn(4, 3), torch.randn(4, 3), torch.randn(4, 3)

    def mix(parts: Any) -> Any:
        logits, mu, logvar, z = parts
        return (a * logits).sum() + (b * mu).sum() + (c * logvar).sum() + (d * z).sum()

    out = run_forward(vae, x, seed)
    _, mu, logvar, z = (value.detach() for value in out)
    eps = (z - mu) / (0.5 * logvar).exp()
    h = ours.enc(x)
    our_z = ours.mu(h) + (0.5 * ours.logvar(h)).exp() * eps
    ours_mixed = mix((ours.dec(our_z), ours.mu(h), ours.logvar(h), our_z))
    pairs = gradients(mix(out), vae, ours, ours_mixed)
    if all(is_close(have, want, rtol=1e-3, atol=1e-4) for _, have, want in pairs):
        return
    own = dict(vae.named_parameters())
    got = check.gradient(mix(out), list(own.values()), allow_unused=True)
    due = check.gradient(mix(composed(vae, x, seed)), list(own.values()), allow_unused=True)
    for name, have, want in zip(own, got, due, strict=True):
        symptom = (
            f"The gradient of {name} is wrong: is something cut between x and the logits "
            "(detach, no_grad, a second sample)?"
        )
        check.close(have, want, symptom, rtol=1e-3, atol=1e-4)


@pytest.mark.task("forward")
@USES_FORWARD
def test_forward_float64(student: Any) -> None:
    vae, _ = pair(student, 6, 40, 3)
    vae.double()
    x, seed = torch.rand(4, 6, dtype=torch.float64), draw_seed()
    out = run_forward(vae, x, seed)
    if any(value.dtype != torch.float64 for value in out):
        for name, value, own in zip(FORWARD, out, composed(vae, x, seed), strict=True):
            check.dtype(value, own.dtype, f"{name} is not float64 although the model is.")


# ---------------------------------------------------------------- kl_divergence


def kl_oracle(mu: Tensor, logvar: Tensor) -> Tensor:
    m, v = mu.double(), logvar.double()
    return ((m * m + v.exp() - 1 - v).sum() / (2 * len(m))).to(mu.dtype)


@pytest.mark.task("kl_divergence")
@pytest.mark.parametrize(
    "size", [(7, 5), (4, 4), (1, 6), (5, 1)], ids=["wide", "square", "one_row", "one_latent"]
)
def test_kl_closed_form(student: Any, size: tuple[int, int]) -> None:
    mu, logvar = 2 * torch.randn(size), 2 * torch.randn(size)
    old = [mu.clone(), logvar.clone()]
    due = kl_oracle(mu, logvar)
    check.close(
        student.kl_divergence(mu, logvar),
        due,
        "KL differs from 1/2 sum(mu^2 + sigma^2 - log sigma^2 - 1), mean over the batch.",
    )
    check.unchanged(old, [mu, logvar])


@pytest.mark.task("kl_divergence")
def test_kl_gradient(student: Any) -> None:
    mu, logvar = leaf(5, 3, scale=2.0), leaf(5, 3, scale=2.0)
    g_mu, g_logvar = check.gradient(student.kl_divergence(mu, logvar), [mu, logvar])
    check.close(g_mu, mu.detach() / 5, "dKL/dmu must be mu / B.")
    check.close(
        g_logvar, (logvar.detach().exp() - 1) / 10, "dKL/dlogvar must be (sigma^2 - 1) / 2B."
    )


@pytest.mark.task("kl_divergence")
@pytest.mark.parametrize("value", [-60.0, -15.0, 15.0], ids=["-60", "-15", "15"])
def test_kl_extreme_variance(student: Any, value: float) -> None:
    mu, logvar = torch.tensor([[0.5, -40.0]]), torch.tensor([[value, value]], requires_grad=True)
    kl = student.kl_divergence(mu, logvar)
    symptom = f"KL is wrong for logvar = {value:g}: is logvar clamped, or a number added to sigma?"
    check.close(kl, kl_oracle(mu, logvar.detach()), symptom)
    (grad,) = check.gradient(kl, [logvar])
    due = 0.5 * torch.expm1(logvar.detach())
    check.close(grad, due, f"The gradient of KL is wrong for logvar = {value:g}: is it clamped?")


@pytest.mark.task("kl_divergence")
def test_kl_float64(student: Any) -> None:
    mu, logvar = torch.randn(4, 3, dtype=torch.float64), torch.randn(4, 3, dtype=torch.float64)
    kl = student.kl_divergence(mu, logvar)
    symptom = "In float64 KL is wrong: is a number rounded to float32 on the way?"
    check.close(kl, kl_oracle(mu, logvar), symptom, rtol=1e-9, atol=1e-9)
    again = student.kl_divergence(mu, logvar)
    check.close(again, kl.detach(), "Two calls differ: the closed form needs no noise.", rtol=1e-9)


# ---------------------------------------------------------------- reconstruction losses

Loss = Callable[[Tensor, Tensor], Tensor]


def bce_oracle(logits: Tensor, x: Tensor) -> Tensor:
    return (torch.logaddexp(logits, torch.zeros_like(logits)) - logits * x).sum() / len(x)


def mse_oracle(logits: Tensor, x: Tensor) -> Tensor:
    return (torch.sigmoid(logits) - x).square().sum() / len(x)


def l1_oracle(logits: Tensor, x: Tensor) -> Tensor:
    return (torch.sigmoid(logits) - x).abs().sum() / len(x)


def _agrees(loss: Any, oracle: Loss, formula: str) -> None:
    for size in [(7, 5), (4, 4), (1, 6), (5, 1)]:
        logits, x = leaf(*size, scale=3.0), torch.rand(size)
        x[0, 0] = 1.0
        old = [logits.detach().clone(), x.clone()]
        value = loss(logits, x)
        ours = logits.detach().clone().requires_grad_()
        due = oracle(ours, x)
        where = f"for a batch of shape {size}"
        check.close(value, due, f"The loss is not {formula}, mean over the batch, {where}.")
        check.unchanged(old, [logits.detach(), x])
        (got,), (want,) = check.gradient(value, [logits]), torch.autograd.grad(due, [ours])
        check.close(got, want, f"The value is right but its gradient is not, {where}.")


def _saturates(loss: Any, oracle: Loss) -> None:
    logits = torch.tensor([[200.0, -200.0, 200.0, -200.0, 30.0]], requires_grad=True)
    x = torch.tensor([[1.0, 0.0, 0.0, 1.0, 0.25]])
    value = loss(logits, x)
    ours = logits.detach().clone().requires_grad_()
    due = oracle(ours, x)
    check.close(
        value, due, "The loss is wrong for logits of +-200: is a log or a clamp in the way?"
    )
    (got,), (want,) = check.gradient(value, [logits]), torch.autograd.grad(due, [ours])
    check.close(got, want, "The gradient is wrong for logits of +-200.")


def _keeps_float64(loss: Any, oracle: Loss) -> None:
    logits, x = torch.randn(4, 3, dtype=torch.float64), torch.rand(4, 3, dtype=torch.float64)
    value = loss(logits, x)
    symptom = "In float64 the loss is wrong: is a number rounded to float32 on the way?"
    check.close(value, oracle(logits, x), symptom, rtol=1e-9, atol=1e-9)
    check.close(loss(logits, x), value.detach(), "Two calls differ: there is no noise here.")


@pytest.mark.task("reconstruction_loss_bce")
def test_bce_values_and_gradient(student: Any) -> None:
    _agrees(student.reconstruction_loss_bce, bce_oracle, "-sum(x log p + (1 - x) log(1 - p))")


@pytest.mark.task("reconstruction_loss_bce")
def test_bce_saturated_logits(student: Any) -> None:
    _saturates(student.reconstruction_loss_bce, bce_oracle)


@pytest.mark.task("reconstruction_loss_bce")
def test_bce_float64(student: Any) -> None:
    _keeps_float64(student.reconstruction_loss_bce, bce_oracle)


@pytest.mark.task("reconstruction_loss_mse")
def test_mse_values_and_gradient(student: Any) -> None:
    _agrees(student.reconstruction_loss_mse, mse_oracle, "sum (sigmoid(logits) - x)^2")


@pytest.mark.task("reconstruction_loss_mse")
def test_mse_edges(student: Any) -> None:
    _saturates(student.reconstruction_loss_mse, mse_oracle)
    _keeps_float64(student.reconstruction_loss_mse, mse_oracle)


@pytest.mark.task("reconstruction_loss_l1")
def test_l1_values_and_gradient(student: Any) -> None:
    _agrees(student.reconstruction_loss_l1, l1_oracle, "sum |sigmoid(logits) - x|")


@pytest.mark.task("reconstruction_loss_l1")
def test_l1_edges(student: Any) -> None:
    _saturates(student.reconstruction_loss_l1, l1_oracle)
    _keeps_float64(student.reconstruction_loss_l1, l1_oracle)


# ---------------------------------------------------------------- compute_elbo, vae_loss

ORACLES: dict[str, Loss] = {"bce": bce_oracle, "mse": mse_oracle, "l1": l1_oracle}


def _batch(dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    x = torch.rand(5, 6, dtype=dtype)
    return leaf(5, 6, scale=2.0, dtype=dtype), x, leaf(5, 3, dtype=dtype), leaf(5, 3, dtype=dtype)


def _term(value: Any, dtype: torch.dtype = torch.float32) -> Tensor:
    """A term as a tensor: whether it is attached or 0-dim is its own task's business."""
    return value if isinstance(value, Tensor) else torch.tensor(value, dtype=dtype)


def _own_terms(student: Any, args: tuple[Tensor, ...], kind: str, seed: int) -> tuple[Any, Any]:
    """The student's reconstruction loss and KL; constants do not count."""
    logits, x, mu, logvar = args
    recon_loss = getattr(student, f"reconstruction_loss_{kind}")
    torch.manual_seed(seed)
    recon = recon_loss(logits, x)
    torch.manual_seed(seed)
    kl = student.kl_divergence(mu, logvar)
    torch.manual_seed(seed)
    check.that(
        _term(recon_loss(-logits, x) != recon).all(),
        "The reconstruction loss is constant.",
        got="the same loss for -logits",
        expected="another loss",
    )
    torch.manual_seed(seed)
    check.that(
        _term(student.kl_divergence(mu + 1, logvar + 1) != kl).all(),
        "The KL is constant.",
        got="the same KL for mu + 1, logvar + 1",
        expected="another KL",
    )
    return recon, kl


def _seeded(function: Any, seed: int, *args: Any, **options: Any) -> Any:
    torch.manual_seed(seed)
    return function(*args, **options)


def _judge_terms(
    student: Any, args: tuple[Tensor, ...], beta: float, kind: str, seed: int, out: Any
) -> None:
    """Each term is right or the student's own; the loss is their sum, 0-dim if they are."""
    logits, x, mu, logvar = args
    loss, recon, kl = check.fields(out, ELBO)
    tolerance = 1e-4 if logits.dtype is torch.float32 else 1e-9
    recon_ok = is_close(recon, ORACLES[kind](logits, x), rtol=tolerance, atol=tolerance / 10)
    kl_ok = is_close(kl, kl_oracle(mu, logvar), rtol=tolerance, atol=tolerance / 10)
    if not (recon_ok and kl_ok):
        own_recon, own_kl = _own_terms(student, args, kind, seed)
        if not recon_ok:
            symptom = f"recon is not the {kind} loss although recon_loss = {kind!r}."
            check.close(recon, _term(own_recon), symptom)
        if not kl_ok:
            symptom = "kl is not the KL divergence (it is returned without beta)."
            check.close(kl, _term(own_kl), symptom)
    due = _term(recon, logits.dtype) + beta * _term(kl, logits.dtype)
    check.close(
        _term(loss), due.to(_term(loss).dtype), f"loss must be recon + beta * kl (beta = {beta:g})."
    )
    check.shape(loss, due.shape, "loss must be a 0-dim tensor.")
    if recon_ok and kl_ok:
        check.dtype(loss, logits.dtype, "loss has another dtype than the logits.")


USES_COMPUTE_ELBO = pytest.mark.uses(
    "kl_divergence", "reconstruction_loss_bce", "reconstruction_loss_mse", "reconstruction_loss_l1"
)


@pytest.mark.task("compute_elbo")
@USES_COMPUTE_ELBO
@pytest.mark.parametrize("kind", ["bce", "mse", "l1"])
def test_elbo_terms(student: Any, kind: str) -> None:
    args, seed = _batch(), draw_seed()
    out = _seeded(student.compute_elbo, seed, *args, beta=2.5, recon_loss=kind)
    _judge_terms(student, args, 2.5, kind, seed, out)


@pytest.mark.task("compute_elbo")
@USES_COMPUTE_ELBO
def test_elbo_depends_on_beta_in_loss_only(student: Any) -> None:
    args, seed = _batch(), draw_seed()
    for beta in (0.0, 0.5, 8.0):
        out = _seeded(student.compute_elbo, seed, *args, beta, "mse")
        _judge_terms(student, args, beta, "mse", seed, out)


@pytest.mark.task("compute_elbo")
@USES_COMPUTE_ELBO
def test_elbo_defaults(student: Any) -> None:
    args, seed = _batch(), draw_seed()
    _judge_terms(student, args, 1.0, "bce", seed, _seeded(student.compute_elbo, seed, *args))


@pytest.mark.task("compute_elbo")
@USES_COMPUTE_ELBO
def test_elbo_gradient(student: Any) -> None:
    args, seed = _batch(), draw_seed()
    logits, x, mu, logvar = args
    inputs = [logits, mu, logvar]
    out = _seeded(student.compute_elbo, seed, *args, beta=3.0)
    got = check.gradient(check.fields(out, ELBO)[0], inputs, allow_unused=True)
    due = torch.autograd.grad(bce_oracle(logits, x) + 3 * kl_oracle(mu, logvar), inputs)
    if all(is_close(g, w) for g, w in zip(got, due, strict=True)):
        return
    # The student's own terms may be cut or wrong; that is their tasks' business.
    own = _own_gradients(_own_terms(student, args, "bce", seed), inputs)
    for have, part, name in zip(got, own, ("logits", "mu", "logvar"), strict=True):
        symptom = f"The gradient of loss with respect to {name} is wrong: is a term cut?"
        check.close(have, part, symptom)


def _own_gradients(own: tuple[Any, Any], inputs: list[Tensor]) -> list[Tensor]:
    size = max((_term(term) for term in own), key=torch.numel)
    total = [torch.zeros_like(value) for value in inputs]
    for term, weight in zip(own, (1.0, 3.0), strict=True):
        if isinstance(term, Tensor) and term.requires_grad:
            whole = (term + torch.zeros_like(size.detach())).sum()  # as it is broadcast in loss
            grads = torch.autograd.grad(whole, inputs, allow_unused=True, retain_graph=True)
            total = [t if g is None else t + weight * g for t, g in zip(total, grads, strict=True)]
    return total


@pytest.mark.task("compute_elbo")
@USES_COMPUTE_ELBO
def test_elbo_and_vae_loss_refuse_unknown_losses(student: Any) -> None:
    for function in (student.compute_elbo, student.vae_loss):
        try:
            function(*_batch(), recon_loss="charbonnier")
        except ValueError:
            continue
        except KeyError as error:
            symptom = "An unknown recon_loss must raise ValueError."
            raise check.Mismatch(symptom, "KeyError", "ValueError") from error
        raise check.Mismatch(
            "An unknown recon_loss must raise ValueError.", "no error", "ValueError"
        )


@pytest.mark.task("compute_elbo")
@USES_COMPUTE_ELBO
@pytest.mark.parametrize(("beta", "kind"), [(0.25, "mse"), (6.0, "l1")], ids=["mse", "l1"])
def test_vae_loss_passes_everything_on(student: Any, beta: float, kind: str) -> None:
    args, seed = _batch(), draw_seed()
    logits, x, mu, logvar = args
    loss = _seeded(student.vae_loss, seed, *args, beta=beta, recon_loss=kind)
    check.that(
        isinstance(loss, Tensor),
        "vae_loss returns one tensor, the loss.",
        got=check.show(loss),
        expected="a tensor",
    )
    right = ORACLES[kind](logits, x) + beta * kl_oracle(mu, logvar)
    if not is_close(loss, right):
        _own_terms(student, args, kind, seed)
        out = _seeded(student.compute_elbo, seed, *args, beta=beta, recon_loss=kind)
        right = check.fields(out, ELBO)[0]
        check.close(loss, right, "vae_loss must hand beta and recon_loss on to compute_elbo.")
    inputs = [logits, mu, logvar]
    got = check.gradient(loss, inputs, allow_unused=True)
    if not all(map(is_close, got, check.gradient(right, inputs, allow_unused=True))):
        out = _seeded(student.compute_elbo, seed, *args, beta=beta, recon_loss=kind)
        own = check.gradient(check.fields(out, ELBO)[0], inputs, allow_unused=True)
        for name, have, want in zip(("logits", "mu", "logvar"), got, own, strict=True):
            symptom = f"The gradient of vae_loss with respect to {name} is wrong: keep the graph."
            check.close(have, want, symptom)


@pytest.mark.task("compute_elbo")
@USES_COMPUTE_ELBO
def test_elbo_float64(student: Any) -> None:
    args, seed = _batch(torch.float64), draw_seed()
    _judge_terms(
        student, args, 2.0, "bce", seed, _seeded(student.compute_elbo, seed, *args, beta=2.0)
    )


# ---------------------------------------------------------------- beta_schedule


@pytest.mark.task("beta_schedule")
@pytest.mark.parametrize("beta_max", [0.5, 4.0])
def test_beta_schedule_values(student: Any, beta_max: float) -> None:
    for step, warmup in [(0, 8), (3, 8), (7, 8), (8, 8), (9, 8), (0, 1), (1, 1), (700, 1000)]:
        beta = check.scalar(student.beta_schedule(step, warmup_steps=warmup, beta_max=beta_max))
        due = beta_max * min(step, warmup) / warmup
        check.close(
            beta,
            due,
            f"beta at step {step} of {warmup} warm-up steps with beta_max = {beta_max:g} must be "
            f"{due:g}.",
        )


@pytest.mark.task("beta_schedule")
def test_beta_schedule_without_warmup(student: Any) -> None:
    for step in (0, 1, 50):
        beta = check.scalar(student.beta_schedule(step, 0, 3.0))
        check.close(beta, 3.0, f"Without a warm-up beta is beta_max, at step {step} too.")
    check.close(check.scalar(student.beta_schedule(9, 3)), 1.0, "By default beta_max is 1.")


# ---------------------------------------------------------------- build_model


def _config(student: Any, **changes: Any) -> Any:
    values = {"input_dim": 9, "hidden_dim": 6, "latent_dim": 4, "beta": 4.0, "recon_loss": "l1"}
    return student.make("types.SimpleNamespace", **{**values, **changes})


@pytest.mark.task("build_model")
def test_build_model_passes_everything_on(student: Any) -> None:
    model = student.build_model(_config(student))
    shapes = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    due = {name: tuple(value.shape) for name, value in Layers(9, 6, 4).state_dict().items()}
    odd = next((name for name in due if shapes.get(name) != due[name]), "")
    check.that(
        shapes == due,
        "The layers do not have the sizes of the configuration.",
        got=f"{odd} {shapes.get(odd)}" if odd else "more layers",
        expected=f"{odd} {due[odd]}" if odd else "enc, mu, logvar and dec",
    )
    check.close(model.beta, 4.0, "The model's beta is not that of the configuration.")
    check.equal(model.recon_loss, "l1", "The model's recon_loss is not that of the configuration.")


@pytest.mark.task("build_model")
def test_build_model_makes_a_new_model(student: Any) -> None:
    cfg = _config(student, beta=0.5, recon_loss="mse")
    one, two = student.build_model(cfg), student.build_model(cfg)
    check.differ(
        one.state_dict()["mu.weight"],
        two.state_dict()["mu.weight"],
        "Two calls give models with the same weights: make a new model at each call.",
    )
    check.that(
        all(p.requires_grad and p.dtype is torch.float32 for p in two.parameters()),
        "The parameters cannot be trained: return the model as it is made.",
        got="parameters without a gradient or not float32",
        expected="float32 that requires a gradient",
    )
    check.close(two.beta, 0.5, "The model's beta is not that of the configuration.")
    check.equal(two.recon_loss, "mse", "The model's recon_loss is not that of the configuration.")


# ---------------------------------------------------------------- interpolate


@pytest.mark.task("interpolate")
@pytest.mark.parametrize(
    ("steps", "size"), [(2, 5), (7, 3), (6, 6)], ids=["ends", "seven", "square"]
)
def test_interpolate_values(student: Any, steps: int, size: int) -> None:
    z1, z2 = torch.randn(size), torch.randn(size)
    old = [z1.clone(), z2.clone()]
    z = student.interpolate(z1, z2, num_steps=steps)
    due = torch.stack([z1 + (z2 - z1) * i / (steps - 1) for i in range(steps)])
    check.shape(z, due.shape, "The result has num_steps rows and one column for each dimension.")
    symptom = "The points run from z2 to z1: start at z1."
    check.that(not is_close(z, due.flip(0)), symptom, got=z[0], expected=z1)
    check.close(z, due, "The points are not evenly spaced on the line from z1 to z2.")
    check.unchanged(old, [z1, z2])


@pytest.mark.task("interpolate")
def test_interpolate_float64(student: Any) -> None:
    # 1e-6: the weights may be float32 numbers.
    z1, z2 = torch.randn(3, dtype=torch.float64), torch.randn(3, dtype=torch.float64)
    due = torch.stack([z1 + (z2 - z1) * i / 4 for i in range(5)])
    symptom = "In float64 the points are not evenly spaced on the line from z1 to z2."
    check.close(student.interpolate(z1, z2, 5), due, symptom, rtol=1e-6)


# ---------------------------------------------------------------- bonus


@pytest.mark.task("cyclical_beta")
@pytest.mark.parametrize(
    ("total", "n_cycles", "ratio", "beta_max", "steps"),
    [
        (64, 2, 0.25, 2.0, (0, 1, 4, 8, 9, 31, 32, 36, 63)),
        (64, 8, 1.0, 0.5, (0, 1, 7, 8, 13, 63)),
        (30, 3, 0.8, 1.0, (1, 4, 9, 12, 25)),
        (16, 1, 0.5, 1.0, (0, 3, 8, 15)),
    ],
    ids=["two", "eight", "three", "one"],
)
def test_cyclical_beta_values(
    student: Any, total: int, n_cycles: int, ratio: float, beta_max: float, steps: tuple[int, ...]
) -> None:
    for step in steps:
        period = total // n_cycles
        due = beta_max * min(1.0, step % period / period / ratio)
        beta = student.cyclical_beta(step, total, n_cycles=n_cycles, ratio=ratio, beta_max=beta_max)
        check.close(
            check.scalar(beta),
            due,
            f"beta at step {step} of {total} with {n_cycles} cycles, ratio {ratio:g} and beta_max "
            f"{beta_max:g} must be {due:g}.",
        )


def slerp_oracle(z1: Tensor, z2: Tensor, steps: int) -> Tensor:
    w = torch.linspace(0, 1, steps, dtype=torch.float64)[:, None]
    a, b = z1.double(), z2.double()
    omega = torch.acos((a @ b) / (a.norm() * b.norm()))
    arc = (torch.sin((1 - w) * omega) * a + torch.sin(w * omega) * b) / torch.sin(omega)
    return arc.to(z1.dtype)


@pytest.mark.task("slerp")
@pytest.mark.parametrize("angle", [40.0, 150.0])
@pytest.mark.parametrize(("steps", "size"), [(7, 4), (5, 5)], ids=["seven", "square"])
def test_slerp_values(student: Any, angle: float, steps: int, size: int) -> None:
    basis, _ = torch.linalg.qr(torch.randn(size, 2))
    turn = math.radians(angle)
    z1 = 3 * basis[:, 0]
    z2 = 3 * (math.cos(turn) * basis[:, 0] + math.sin(turn) * basis[:, 1])
    old = [z1.clone(), z2.clone()]
    z = student.slerp(z1, z2, num_steps=steps)
    check.close(
        z,
        slerp_oracle(z1, z2, steps),
        f"Wrong points on an arc of {angle:g} degrees.",
        rtol=1e-3,
        atol=1e-4,
    )
    check.unchanged(old, [z1, z2])


@pytest.mark.task("slerp")
def test_slerp_ends_of_different_length(student: Any) -> None:
    z1, z2 = torch.tensor([2.0, 0.0, 0.0]), torch.tensor([0.0, 0.0, 5.0])
    z = student.slerp(z1, z2, 5)
    check.shape(z, (5, 3))
    check.close(z[0], z1, "The first point must be z1, with its own length.")
    check.close(z[-1], z2, "The last point must be z2, with its own length.")
    # The lengths in between are a matter of convention: the plain formula, or a straight ramp.
    w = torch.linspace(0, 1, 5)[:, None]
    ramp = slerp_oracle(z1 / 2, z2 / 5, 5) * (2 + 3 * w)
    if not is_close(z, ramp, rtol=1e-3):
        check.close(z, slerp_oracle(z1, z2, 5), "Wrong points between z1 and z2.", rtol=1e-3)


@pytest.mark.task("slerp")
def test_slerp_of_parallel_vectors(student: Any) -> None:
    # Rounding decides whether a cosine leaves [-1, 1]; on an axis it is exactly 1.
    axis = torch.eye(5)[2] * torch.randint(1, 9, (1,))
    for z1 in (axis, *torch.randn(4, 5)):
        same = check.shape(student.slerp(z1, z1.clone(), 4), (4, 5))
        check.close(same, z1.expand(4, 5), "From z1 to z1 every point is z1 (0 / 0?).", rtol=1e-3)
    longer = student.slerp(z1, 2 * z1, 3)
    due = torch.stack([z1, 1.5 * z1, 2 * z1])
    check.close(longer, due, "For parallel vectors take the straight line.", rtol=2e-3, atol=1e-4)


@pytest.mark.task("slerp")
def test_slerp_float64(student: Any) -> None:
    z1, z2 = torch.randn(4, dtype=torch.float64), torch.randn(4, dtype=torch.float64)
    z2 = z2 * z1.norm() / z2.norm()
    z = check.shape(student.slerp(z1, z2, 6), (6, 4))
    check.close(z[0], z1, "In float64 the first point must be z1.", rtol=1e-6)
