"""Hidden tests of the two-layer VAE: other sizes and constants, the law of the noise, gradients.

A test first compares with the judge's own numbers. Where a function is built from others, it may
instead agree with the student's own parts: their mistakes lose points in their own tasks only.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from grading import check

Pair = tuple[Any, Any]
Q_NAMES = ("mu1", "logvar1", "mu2", "logvar2")
SIZES = [(7, 2, 3, 5, 9), (4, 4, 4, 4, 4), (1, 3, 2, 6, 5), (3, 1, 1, 5, 6)]  # B, Z2, Z1, H, F
SIZE_NAMES = ["wide", "square", "one_row", "one_latent"]


def awake(n_in: int, n_out: int) -> nn.Linear:
    """A layer in front of a ReLU that is never dead as a whole: its first unit is always on."""
    layer = nn.Linear(n_in, n_out)
    with torch.no_grad():
        layer.bias[0] = 8.0
    return layer


def mlp(n_in: int, n_hidden: int, n_out: int) -> nn.Sequential:
    return nn.Sequential(awake(n_in, n_hidden), nn.ReLU(), nn.Linear(n_hidden, n_out))


class Down(nn.Module):
    """The provided layers of GenerativeModel, with biases far from zero."""

    def __init__(self, n_z2: int, n_z1: int, n_hidden: int, n_x: int, reach: float = 2.0) -> None:
        super().__init__()
        self.prior = mlp(n_z2, n_hidden, 2 * n_z1)
        self.dec = mlp(n_z1, n_hidden, n_x)
        with torch.no_grad():
            self.prior[2].bias.copy_(spread(n_z1, reach))
            self.dec[2].bias.copy_(torch.linspace(-reach, reach, n_x))


class Up(nn.Module):
    """The provided layers of InferenceModel, with biases far from zero."""

    def __init__(self, n_x: int, n_hidden: int, n_z1: int, n_z2: int, reach: float = 2.0) -> None:
        super().__init__()
        self.enc = nn.Sequential(awake(n_x, n_hidden), nn.ReLU())
        self.head1 = nn.Linear(n_hidden, 2 * n_z1)
        self.head2 = nn.Linear(n_hidden, 2 * n_z2)
        with torch.no_grad():
            self.head1.bias.copy_(spread(n_z1, reach))
            self.head2.bias.copy_(-spread(n_z2, reach))


def spread(n: int, reach: float) -> Tensor:
    """Biases of mu from reach down, of logvar from -reach up: an untrained logvar is near 0."""
    both = torch.linspace(0.3 * reach, reach, n)
    return torch.cat([both, both.flip(0) - 1.4 * reach])


def with_our_weights(theirs: Any, ours: nn.Module) -> Any:
    try:
        theirs.load_state_dict(ours.state_dict())
    except RuntimeError as error:
        raise check.Mismatch(
            "Leave the layers in __init__ as they are provided.",
            "other names or shapes of weights",
            "those of the provided layers",
        ) from error
    return theirs


def is_close(got: Any, expected: Any, rtol: float = 1e-4, atol: float = 1e-5) -> bool:
    try:
        check.close(got, expected, "", rtol=rtol, atol=atol)
    except check.Mismatch:
        return False
    return True


def leaf(*shape: int, scale: float = 1.0, dtype: torch.dtype | None = None) -> Tensor:
    return (scale * torch.randn(*shape, dtype=dtype)).requires_grad_()


def log_normal(z: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    """The judge's own log-density, (B,)."""
    const = z.shape[-1] * math.log(2 * math.pi)
    return -0.5 * (const + logvar.sum(-1) + ((z - mu) ** 2 / logvar.exp()).sum(-1))


def same_gradients(got: Any, due: Any, params: list[Any]) -> bool:
    have = check.gradient(got, params, allow_unused=True)
    want = check.gradient(due, params, allow_unused=True)
    return all(is_close(h, w, rtol=1e-3, atol=1e-4) for h, w in zip(have, want, strict=True))


# ---------------------------------------------------------------- gaussian_log_prob


@pytest.mark.task("gaussian_log_prob")
@pytest.mark.parametrize(
    "size", [(7, 5), (4, 4), (1, 6), (5, 1)], ids=["wide", "square", "one_row", "one_latent"]
)
def test_log_prob_against_torch(student: Any, size: tuple[int, int]) -> None:
    z, mu, logvar = 2 * torch.randn(size), 2 * torch.randn(size), 1.5 * torch.randn(size)
    old = [z.clone(), mu.clone(), logvar.clone()]
    normal = torch.distributions.Normal(mu.double(), (0.5 * logvar.double()).exp())
    check.close(
        student.gaussian_log_prob(z=z, mu=mu, logvar=logvar),
        normal.log_prob(z.double()).sum(1).float(),
        "log N(z; mu, sigma^2) differs from -1/2 sum(log 2 pi + logvar + (z - mu)^2 / sigma^2).",
    )
    check.unchanged(old, [z, mu, logvar])


@pytest.mark.task("gaussian_log_prob")
def test_log_prob_gradient(student: Any) -> None:
    z, mu, logvar = leaf(5, 3, scale=2.0), leaf(5, 3, scale=2.0), leaf(5, 3)
    a = torch.randn(5)
    out = check.shape(student.gaussian_log_prob(z, mu, logvar), (5,), "One number per example.")
    g_z, g_mu, g_logvar = check.gradient((a * out).sum(), [z, mu, logvar])
    weighted = "gradient, times a weight:"
    pull = ((mu - z) / logvar.exp()).detach() * a[:, None]
    symptom = "The gradient with respect to z must be (mu - z) / sigma^2."
    check.close(g_z, pull, symptom, name=weighted)
    symptom = "The gradient with respect to mu must be (z - mu) / sigma^2."
    check.close(g_mu, -pull, symptom, name=weighted)
    due = 0.5 * ((z - mu).pow(2) / logvar.exp() - 1).detach() * a[:, None]
    symptom = "The gradient with respect to logvar must be (q - 1) / 2, q = (z - mu)^2 / sigma^2."
    check.close(g_logvar, due, symptom, name=weighted)


@pytest.mark.task("gaussian_log_prob")
def test_log_prob_extreme_variances(student: Any) -> None:
    logvar = torch.tensor([[-30.0, 3.0], [25.0, -0.5], [-12.0, 14.0]])
    mu = torch.tensor([[0.0, 1.0], [2.0, 0.0], [0.0, -3.0]])
    z = mu + torch.tensor([[2e-7, 3.0], [1e5, 1.0], [3e-3, 900.0]])
    due = log_normal(z.double(), mu.double(), logvar.double()).float()
    check.close(
        student.gaussian_log_prob(z, mu, logvar),
        due,
        "For very small or large variances the density is wrong: is there an epsilon or a clamp?",
        rtol=1e-3,
    )


@pytest.mark.task("gaussian_log_prob")
def test_log_prob_float64(student: Any) -> None:
    z, mu, logvar = (torch.randn(3, 4, dtype=torch.float64) for _ in range(3))
    due = log_normal(z, mu, logvar)
    symptom = "In float64 the density is wrong: is a number rounded to float32 on the way?"
    check.close(student.gaussian_log_prob(z, mu, logvar), due, symptom, rtol=1e-7)


# ---------------------------------------------------------------- prior_z1


@pytest.mark.task("prior_z1")
@pytest.mark.parametrize("size", SIZES, ids=SIZE_NAMES)
def test_prior_moved_weights(student: Any, size: tuple[int, ...]) -> None:
    batch, n_z2, n_z1, *rest = size
    ours = Down(n_z2, n_z1, *rest, reach=12.0)
    gen = with_our_weights(student.GenerativeModel(n_z2, n_z1, *rest), ours)
    z2 = torch.randn(batch, n_z2)
    before = z2.clone()
    mu, logvar = check.fields(gen.prior_z1(z2), ("mu", "logvar"))
    due = ours.prior(z2)
    check.close(mu, due[:, :n_z1], "mu is not the first half of the columns of prior(z2).")
    check.close(
        logvar,
        due[:, n_z1:],
        "logvar is not the last half of the columns of prior(z2): any real number may come out, "
        "so no exp, softplus or clamp.",
    )
    check.unchanged([before], [z2])


@pytest.mark.task("prior_z1")
def test_prior_gradient(student: Any) -> None:
    ours = Down(3, 4, 5, 6).double()
    gen = with_our_weights(student.GenerativeModel(3, 4, 5, 6), ours)
    gen.double().eval()
    theirs, mine = leaf(5, 3, dtype=torch.float64), torch.zeros(0)
    mine = theirs.detach().clone().requires_grad_()
    a, b = torch.randn(5, 4, dtype=torch.float64), torch.randn(5, 4, dtype=torch.float64)
    mu, logvar = check.fields(gen.prior_z1(theirs), ("mu", "logvar"))
    due = ours.prior(mine)
    symptom = "In float64 mu is not the first half of the columns of prior(z2)."
    check.close(mu, due[:, :4], symptom, rtol=1e-9)
    total, want = (a * mu + b * logvar).sum(), (a * due[:, :4] + b * due[:, 4:]).sum()
    (got,) = check.gradient(
        total, [theirs], "No gradient reaches z2: q(z2|x) could not learn from p(z1|z2)."
    )
    check.close(got, check.gradient(want, [mine])[0], "The gradient with respect to z2 is wrong.")
    names = [f"prior.{name}" for name, _ in ours.prior.named_parameters()]
    own = dict(gen.named_parameters())
    grads = check.gradient(total, [own[name] for name in names], allow_unused=True)
    dues = check.gradient(want, list(ours.prior.parameters()))
    for name, g, w in zip(names, grads, dues, strict=True):
        check.close(g, w, f"The gradient of {name} is wrong: is a part cut?")


# ---------------------------------------------------------------- decode


@pytest.mark.task("decode")
@pytest.mark.parametrize("size", SIZES, ids=SIZE_NAMES)
def test_decode_moved_weights(student: Any, size: tuple[int, ...]) -> None:
    batch, *sizes = size
    ours = Down(*sizes, reach=14.0)
    gen = with_our_weights(student.GenerativeModel(*sizes), ours)
    z1 = (3 * torch.randn(batch, sizes[1])).requires_grad_()
    logits, due = gen.decode(z1), ours.dec(z1)
    check.close(
        logits,
        due,
        "The logits are not what the layer dec gives: any real number may come out, so no "
        "sigmoid, tanh or clamp.",
    )
    a = torch.randn(batch, sizes[3])
    (got,) = check.gradient((a * logits).sum(), [z1])
    want = check.gradient((a * due).sum(), [z1])[0]
    check.close(got, want, "The gradient with respect to z1 is wrong.")
    weight = dict(gen.named_parameters())["dec.0.weight"]
    (got,) = check.gradient((a * logits).sum(), [weight], allow_unused=True)
    want = check.gradient((a * due).sum(), [ours.dec[0].weight])[0]
    check.close(got, want, "The gradient of the decoder's weights is wrong.")


# ---------------------------------------------------------------- inference


@pytest.mark.task("inference")
@pytest.mark.parametrize("size", SIZES, ids=SIZE_NAMES)
def test_inference_moved_weights(student: Any, size: tuple[int, ...]) -> None:
    batch, n_z2, n_z1, n_hidden, n_x = size
    ours = Up(n_x, n_hidden, n_z1, n_z2, reach=12.0)
    inf = with_our_weights(student.InferenceModel(n_x, n_hidden, n_z1, n_z2), ours)
    x = torch.rand(batch, n_x)
    before = x.clone()
    out = check.fields(inf(x), Q_NAMES)
    h = ours.enc(x)
    one, two = ours.head1(h), ours.head2(h)
    due = (one[:, :n_z1], one[:, n_z1:], two[:, :n_z2], two[:, n_z2:])
    for value, want, name in zip(out, due, Q_NAMES, strict=True):
        check.close(
            value, want, f"{name} is not its half of the head's columns, as they are, for enc(x)."
        )
    check.unchanged([before], [x])


@pytest.mark.task("inference")
def test_inference_gradient(student: Any) -> None:
    ours = Up(6, 5, 3, 4).double()
    inf = with_our_weights(student.InferenceModel(6, 5, 3, 4), ours)
    inf.double().eval()
    x = torch.rand(4, 6, dtype=torch.float64)
    out = check.fields(inf(x), Q_NAMES)
    h = ours.enc(x)
    due = (*ours.head1(h).chunk(2, -1), *ours.head2(h).chunk(2, -1))
    symptom = "In float64 mu1 is not its half of the columns of head1(enc(x))."
    check.close(out[0], due[0], symptom, rtol=1e-9)
    mix = [torch.randn_like(value) for value in due]
    got = sum((a * value).sum() for a, value in zip(mix, out, strict=True))
    want = sum((a * value).sum() for a, value in zip(mix, due, strict=True))
    own = dict(inf.named_parameters())
    names = [name for name, _ in ours.named_parameters()]
    grads = check.gradient(got, [own[name] for name in names], allow_unused=True)
    dues = check.gradient(want, list(ours.parameters()))
    for name, g, w in zip(names, grads, dues, strict=True):
        check.close(g, w, f"The gradient of {name} is wrong: is a part cut?")


# ---------------------------------------------------------------- hvae_elbo


def elbo_terms(
    x: Tensor, logits: Tensor, z1: Tensor, z2: Tensor, q1: Pair, q2: Pair, p1: Pair,
    density: Callable[..., Any] = log_normal,
) -> list[Any]:  # fmt: skip
    """The five terms with their signs, each (B,)."""
    log_px = (x * F.logsigmoid(logits) + (1 - x) * F.logsigmoid(-logits)).sum(-1)
    zero = torch.zeros_like(z2)
    return [
        log_px, density(z1, *p1), density(z2, zero, zero), -density(z1, *q1), -density(z2, *q2)
    ]  # fmt: skip


def elbo_case(
    batch: int, n_z2: int, n_z1: int, n_x: int, dtype: torch.dtype = torch.float32
) -> dict[str, Any]:
    def numbers(*shape: int) -> Tensor:
        return leaf(*shape, scale=1.3, dtype=dtype)

    return {
        "x": torch.bernoulli(torch.full((batch, n_x), 0.4, dtype=dtype)),
        "logits": numbers(batch, n_x),
        "z1": numbers(batch, n_z1),
        "z2": numbers(batch, n_z2),
        "q1": (numbers(batch, n_z1), numbers(batch, n_z1)),
        "q2": (numbers(batch, n_z2), numbers(batch, n_z2)),
        "p1": (numbers(batch, n_z1), numbers(batch, n_z1)),
    }


def own_elbo(student: Any, case: dict[str, Any]) -> Any:
    """The ELBO from the student's own density; None when that says nothing about its arguments."""
    z, mu = case["z1"], case["q1"][0]
    base = student.gaussian_log_prob(z, mu, case["q1"][1])
    told = [
        student.gaussian_log_prob(z + 0.7, mu, case["q1"][1]),
        student.gaussian_log_prob(z, mu, case["q1"][1] - 0.7),
    ]
    if any(is_close(other, base) for other in told):
        return None
    return sum(elbo_terms(**case, density=student.gaussian_log_prob))


USES_HVAE_ELBO = pytest.mark.uses("gaussian_log_prob")


@pytest.mark.task("hvae_elbo")
@USES_HVAE_ELBO
@pytest.mark.parametrize(
    "size", [(5, 2, 3, 9), (4, 4, 4, 4), (1, 3, 2, 6), (6, 1, 1, 5)], ids=SIZE_NAMES
)
def test_elbo_value(student: Any, size: tuple[int, int, int, int]) -> None:
    case = elbo_case(*size)
    got = student.hvae_elbo(**case)
    check.shape(got, (size[0],), "hvae_elbo gives one number for each example.")
    terms = elbo_terms(**case)
    due = sum(terms)
    if is_close(got, due):
        return
    if is_close(got, -due):
        symptom = "hvae_elbo returns minus the ELBO: the minus belongs to hvae_loss."
        raise check.Mismatch(symptom, check.show(got), check.show(due))
    own = own_elbo(student, case)
    if own is not None and is_close(got, own):
        return
    names = ("log p(x|z1)", "log p(z1|z2)", "log p(z2)", "log q(z1|x)", "log q(z2|x)")
    for term, name in zip(terms, names, strict=True):
        symptom = f"The term {name} is missing from the ELBO."
        check.that(not is_close(got, due - term), symptom, got=got, expected=due)
        symptom = f"The term {name} has the wrong sign."
        check.that(not is_close(got, due - 2 * term), symptom, got=got, expected=due)
    check.close(
        got,
        due,
        "The ELBO is not log p(x|z1) + log p(z1|z2) + log p(z2) - log q(z1|x) - log q(z2|x).",
    )


@pytest.mark.task("hvae_elbo")
@USES_HVAE_ELBO
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
def test_elbo_gradient(student: Any, dtype: torch.dtype) -> None:
    case = elbo_case(4, 3, 2, 5, dtype)
    inputs = [case["logits"], case["z1"], case["z2"], *case["q1"], *case["q2"], *case["p1"]]
    names = ["logits", "z1", "z2", "mu1", "logvar1", "mu2", "logvar2", "mu of p1", "logvar of p1"]
    a = torch.randn(4, dtype=dtype)
    got = check.shape(student.hvae_elbo(**case), (4,), "One number is due for each example.")
    check.dtype(got, dtype, "The ELBO does not keep the dtype.")
    grads = check.gradient((a * got).sum(), inputs, allow_unused=True)
    dues = check.gradient((a * sum(elbo_terms(**case))).sum(), inputs)
    off = [n for n, g, w in zip(names, grads, dues, strict=True) if not is_close(g, w)]
    if not off:
        return
    own = own_elbo(student, case)
    if own is not None and own.requires_grad:
        dues = check.gradient((a * own).sum(), inputs, allow_unused=True)
        off = [n for n, g, w in zip(names, grads, dues, strict=True) if not is_close(g, w)]
    for name, have, want in zip(names, grads, dues, strict=True):
        check.close(
            have,
            want,
            f"The gradient of the ELBO with respect to {', '.join(off)} is wrong: is a sample or "
            "a parameter detached, or a term missing?",
            name=f"gradient for {name}:",
        )


@pytest.mark.task("hvae_elbo")
@USES_HVAE_ELBO
def test_elbo_saturated_logits(student: Any) -> None:
    case = elbo_case(2, 2, 2, 4)
    case["logits"] = torch.tensor([[150.0, -150.0, 40.0, 0.0]]).repeat(2, 1)
    case["x"] = torch.tensor([[0.0, 0.0, 1.0, 1.0], [1.0, 1.0, 1.0, 0.0]])
    got = student.hvae_elbo(**case)
    if is_close(got, sum(elbo_terms(**case))):
        return
    own = own_elbo(student, case)
    due = sum(elbo_terms(**case)) if own is None else own
    check.close(got, due, "With logits of 150 the ELBO must stay finite and exact.")


@pytest.mark.task("hvae_elbo")
@USES_HVAE_ELBO
def test_elbo_rows_are_independent(student: Any) -> None:
    case = elbo_case(5, 2, 3, 6)
    whole = check.shape(student.hvae_elbo(**case), (5,), "One number is due for each example.")

    def rows(value: Any) -> Any:
        return tuple(v[1:3] for v in value) if isinstance(value, tuple) else value[1:3]

    cut = {name: rows(value) for name, value in case.items()}
    part = student.hvae_elbo(**cut)
    if not is_close(part, whole[1:3]):
        own = own_elbo(student, cut)
        due = whole[1:3].detach() if own is None else own
        check.close(part, due, "Two examples alone have another ELBO than among the others.")


# ---------------------------------------------------------------- sample and hvae_loss


def listen(gen: Any, ours: Down) -> dict[str, list[Tensor]]:
    """Note what reaches the student's two networks; the judge's own first layers answer."""
    seen: dict[str, list[Tensor]] = {"prior": [], "dec": []}

    def prior(z2: Tensor) -> Tensor:
        seen["prior"].append(z2.detach().clone())
        return ours.prior[0](z2)

    def dec(z1: Tensor) -> Tensor:
        seen["dec"].append(z1.detach().clone())
        return ours.dec[0](z1)

    gen.prior[0].forward, gen.dec[0].forward = prior, dec
    return seen


def heard(seen: dict[str, list[Tensor]], z1: tuple[int, ...], z2: tuple[int, ...]) -> Any:
    """The z1 and z2 that the student's code used."""
    symptom = "prior_z1 is never asked: where does p(z1|z2) come from?"
    check.that(len(seen["prior"]) > 0, symptom, got="0 calls", expected="a call of prior_z1")
    symptom = "decode is never called."
    check.that(len(seen["dec"]) > 0, symptom, got="0 calls", expected="a call of decode")
    for values in seen.values():
        check.that(
            all(torch.equal(value, values[0]) for value in values),
            "Two different samples are used: draw z1 once and z2 once.",
            got="other numbers in a later call",
            expected="the same sample in each call",
        )
    return (
        check.shape(seen["dec"][0], z1, "decode must get z1, one row for each example."),
        check.shape(seen["prior"][0], z2, "prior_z1 must get z2, one row for each example."),
    )


def recovered(z: Tensor, mu: Tensor, logvar: Tensor, what: str) -> Tensor:
    eps = (z.detach().double() - mu.detach().double()) / (0.5 * logvar.detach().double()).exp()
    check.standard_normal(eps, what)
    return eps


def unrelated(eps1: Tensor, eps2: Tensor, symptom: str) -> None:
    """Each column of one against each of the other, at 6 standard errors (2e-9 a pair)."""
    cross, bound = eps1.T @ eps2 / len(eps1), 6 / math.sqrt(len(eps1))
    check.between(cross, -bound, bound, symptom, name="correlation")


USES_SAMPLE = pytest.mark.uses("GenerativeModel.prior_z1", "GenerativeModel.decode")


@pytest.mark.task("sample")
@USES_SAMPLE
@pytest.mark.parametrize("size", [(2, 3), (2, 2)], ids=["wide", "square"])
def test_sample_noise(student: Any, size: tuple[int, int]) -> None:
    # 4,000 rows: 28 z-tests and 6 correlations at 6 standard errors, false alarms < 8e-8 in all.
    # Uniform noise, the mean alone, variance for sigma or shared noise are 10 or more away.
    n, (n_z2, n_z1) = 4000, size
    ours = Down(n_z2, n_z1, 8, 4)
    gen = with_our_weights(student.GenerativeModel(n_z2, n_z1, 8, 4), ours)
    seen = listen(gen, ours)
    logits = check.shape(gen.sample(n), (n, 4), "sample(N) gives N rows of logits.")
    z1, z2 = heard(seen, (n, n_z1), (n, n_z2))
    check.standard_normal(z2, "z2, drawn from p(z2) = N(0, I),")
    mu, logvar = check.fields(gen.prior_z1(z2), ("mu", "logvar"))
    eps = recovered(z1, mu, logvar, "The noise (z1 - mu) / sigma of z1 given z2")
    unrelated(
        eps, z2.double(), "The noise of z1 goes along with that of z2: draw it anew for each layer."
    )
    check.close(logits, gen.decode(z1), "sample does not return the logits of decode(z1).")
    check.differ(logits[0], logits[1], "All samples are the same image.")


@pytest.mark.task("sample")
@USES_SAMPLE
def test_sample_is_repeatable(student: Any) -> None:
    gen = with_our_weights(student.GenerativeModel(3, 2, 5, 4), Down(3, 2, 5, 4))
    gen.eval()
    torch.manual_seed(5)
    first = check.shape(gen.sample(num_samples=3), (3, 4), "sample(N) gives N rows of logits.")
    check.differ(first, gen.sample(num_samples=3), "Two calls of sample give the same images.")
    torch.manual_seed(5)
    symptom = "torch.manual_seed does not make sample repeatable: use torch's global generator."
    check.close(gen.sample(num_samples=3), first.detach(), symptom)
    check.shape(gen.sample(num_samples=1), (1, 4), "One sample is one row of logits.")


class Case:
    """A student's two models with the judge's weights, and the samples that hvae_loss draws."""

    def __init__(self, student: Any, batch: int, sizes: tuple[int, ...], double: bool = False):
        n_z2, n_z1, n_hidden, n_x = sizes
        self.student = student
        self.ours, up = Down(n_z2, n_z1, n_hidden, n_x), Up(n_x, n_hidden, n_z1, n_z2)
        self.gen = with_our_weights(student.GenerativeModel(n_z2, n_z1, n_hidden, n_x), self.ours)
        self.inf = with_our_weights(student.InferenceModel(n_x, n_hidden, n_z1, n_z2), up)
        self.x = torch.bernoulli(torch.full((batch, n_x), 0.4))
        if double:
            self.ours.double(), self.gen.double(), self.inf.double()
            self.x = self.x.double()
        seen = listen(self.gen, self.ours)
        self.loss = student.hvae_loss(generative=self.gen, inference=self.inf, x=self.x)
        check.scalar(self.loss, "hvae_loss must be one finite number.")
        self.z1, self.z2 = heard(seen, (batch, n_z1), (batch, n_z2))
        self.q = check.fields(self.inf(self.x), Q_NAMES)

    def noise(self) -> tuple[Tensor, Tensor]:
        mu1, logvar1, mu2, logvar2 = (value.detach() for value in self.q)
        e1 = (self.z1 - mu1) / (0.5 * logvar1).exp()
        return e1, (self.z2 - mu2) / (0.5 * logvar2).exp()

    def dues(self) -> list[Any]:
        """Minus the ELBO of these samples with its graph; each KL sampled or in closed form."""
        mu1, logvar1, mu2, logvar2 = self.q
        e1, e2 = self.noise()
        z1, z2 = mu1 + (0.5 * logvar1).exp() * e1, mu2 + (0.5 * logvar2).exp() * e2
        p1 = check.fields(self.gen.prior_z1(z2), ("mu", "logvar"))
        logits, q1, q2 = self.gen.decode(z1), (mu1, logvar1), (mu2, logvar2)
        args = (self.x, logits, z1, z2, q1, q2, p1)
        log_px, pz1, pz2, qz1, qz2 = elbo_terms(*args)
        first = (pz1 + qz1, -kl(*q1, *p1))
        second = (pz2 + qz2, -kl(*q2, torch.zeros_like(mu2), torch.zeros_like(mu2)))
        found = [-(log_px + a + b).mean() for a, b in itertools.product(first, second)]
        names = ("x", "logits", "z1", "z2", "q1", "q2", "p1")
        own = self.student.hvae_elbo(**dict(zip(names, args, strict=True)))
        # An own ELBO counts when it is one, wrong as it may be: it depends on the image.
        if isinstance(own, Tensor) and own.requires_grad:
            other = dict(zip(names, (1 - self.x, *args[1:]), strict=True))
            if not is_close(self.student.hvae_elbo(**other), own):
                found.append(-own.mean())
        return found


def kl(mu_q: Tensor, logvar_q: Tensor, mu_p: Tensor, logvar_p: Tensor) -> Tensor:
    q = torch.distributions.Normal(mu_q, (0.5 * logvar_q).exp(), validate_args=False)
    p = torch.distributions.Normal(mu_p, (0.5 * logvar_p).exp(), validate_args=False)
    return torch.distributions.kl_divergence(q, p).sum(-1)


USES_HVAE_LOSS = pytest.mark.uses(
    "InferenceModel.forward", "GenerativeModel.prior_z1", "GenerativeModel.decode", "hvae_elbo"
)


@pytest.mark.task("hvae_loss")
@USES_HVAE_LOSS
@pytest.mark.parametrize("size", SIZES, ids=SIZE_NAMES)
def test_loss_value(student: Any, size: tuple[int, ...]) -> None:
    case = Case(student, size[0], size[1:])
    dues = case.dues()
    if any(is_close(case.loss, due, rtol=1e-3, atol=1e-3) for due in dues):
        return
    check.that(
        not any(is_close(case.loss, due * size[0], rtol=1e-3) for due in dues),
        "The loss grows with the batch size: take the mean over the batch.",
        got=case.loss,
        expected=dues[0],
    )
    check.that(
        not any(is_close(case.loss, -due, rtol=1e-3) for due in dues),
        "The sign is turned: training would make the ELBO smaller.",
        got=case.loss,
        expected=dues[0],
    )
    check.close(case.loss, dues[0], "The loss is not minus the ELBO of the samples that it drew.")


@pytest.mark.task("hvae_loss")
@USES_HVAE_LOSS
@pytest.mark.parametrize("double", [False, True], ids=["float32", "float64"])
def test_loss_gradient(student: Any, double: bool) -> None:
    case = Case(student, 4, (3, 2, 6, 5), double)
    params = [*case.inf.parameters(), *case.gen.parameters(), *case.ours.parameters()]
    dues = case.dues()
    if any(same_gradients(case.loss, due, params) for due in dues):
        return
    have = check.gradient(case.loss, params, allow_unused=True)
    want = check.gradient(dues[0], params, allow_unused=True)
    models = (case.inf, case.gen, case.ours)
    names = [name for model in models for name, _ in model.named_parameters()]
    for name, got, due in zip(names, have, want, strict=True):
        check.close(
            got,
            due,
            f"The gradient of the loss with respect to {name} is not that of minus the ELBO: is "
            "something detached or drawn under no_grad, or does a sample not come from "
            "mu + sigma * eps?",
            rtol=1e-3,
            atol=1e-4,
        )


@pytest.mark.task("hvae_loss")
@USES_HVAE_LOSS
@pytest.mark.parametrize("size", [(2, 3), (2, 2)], ids=["wide", "square"])
def test_loss_noise(student: Any, size: tuple[int, int]) -> None:
    # 4,000 rows: 28 z-tests and up to 6 correlations at 6 standard errors, false alarms < 8e-8.
    n = 4000
    case = Case(student, n, (*size, 6, 5))
    mu1, logvar1, mu2, logvar2 = case.q
    eps1 = recovered(case.z1, mu1, logvar1, "The noise (z1 - mu1) / sigma1 of hvae_loss")
    eps2 = recovered(case.z2, mu2, logvar2, "The noise (z2 - mu2) / sigma2 of hvae_loss")
    unrelated(
        eps1, eps2, "The noise of z1 goes along with that of z2: draw it anew for each layer."
    )


@pytest.mark.task("hvae_loss")
@USES_HVAE_LOSS
def test_loss_is_drawn_anew(student: Any) -> None:
    gen = with_our_weights(student.GenerativeModel(2, 3, 6, 5), Down(2, 3, 6, 5))
    inf = with_our_weights(student.InferenceModel(5, 6, 3, 2), Up(5, 6, 3, 2))
    gen.eval(), inf.eval()
    x = torch.bernoulli(torch.full((4, 5), 0.5))
    torch.manual_seed(3)
    first = check.scalar(student.hvae_loss(gen, inf, x), "hvae_loss must be one number.")
    second = student.hvae_loss(gen, inf, x)
    check.differ(first, second, "Two calls give the same loss: draw fresh samples.")
    torch.manual_seed(3)
    symptom = "torch.manual_seed does not make the loss repeatable."
    check.close(student.hvae_loss(gen, inf, x), first.detach(), symptom)
