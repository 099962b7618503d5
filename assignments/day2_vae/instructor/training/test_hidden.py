"""Hidden tests of the training tools: other sizes and constants, laws, gradients, edges."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from grading import check

NAN, INF = float("nan"), float("inf")
SHAPES = [(7, 5), (4, 4), (1, 6), (5, 1)]
SHAPE_NAMES = ["wide", "square", "one_row", "one_column"]


def leaf(*shape: int, scale: float = 1.0, dtype: torch.dtype | None = None) -> Tensor:
    return (scale * torch.randn(shape, dtype=dtype)).requires_grad_()


# ---------------------------------------------------------------- init_weights


def uniform(values: Tensor, bound: float, symptom: str) -> None:
    """Moments of a uniform law on [-bound, bound] at 6 standard errors (2e-9 each)."""
    u = (values.detach().double() / bound).reshape(-1)
    n = len(u)
    for power, mean, spread in ((1, 0.0, 1 / 3), (2, 1 / 3, 4 / 45), (4, 1 / 5, 16 / 225)):
        error = 6 * math.sqrt(spread / n)
        what = "mean of weight / bound" + (f" to the power {power}" if power > 1 else "") + ":"
        check.between(u.pow(power).mean(), mean - error, mean + error, symptom, name=what)
    # All n draws below 1 - 25/n of the bound: probability e^-25.
    check.between(u.abs().max(), 1 - 25 / n, 1 + 1e-6, symptom, name="largest weight / bound:")


@pytest.mark.task("init_weights")
@pytest.mark.parametrize("size", [(150, 50), (64, 128)], ids=["narrowing", "widening"])
def test_init_linear_law(student: Any, size: tuple[int, int]) -> None:
    # 7,500 numbers: He-normal, fan_in alone or PyTorch's default are 10 or more errors away.
    layer = student.make("torch.nn.Linear", *size)
    student.init_weights(layer)
    bound = math.sqrt(6 / sum(size))
    symptom = "Linear weights are not uniform on +-sqrt(6 / (fan_in + fan_out))."
    uniform(layer.weight, bound, symptom)
    check.equal(layer.bias.detach(), torch.zeros(size[1]), "The bias of a linear layer must be 0.")


@pytest.mark.task("init_weights")
@pytest.mark.parametrize(
    ("kind", "channels"),
    [("Conv2d", (6, 40)), ("ConvTranspose2d", (24, 24))],
    ids=["convolution", "transposed"],
)
def test_init_convolution_law(student: Any, kind: str, channels: tuple[int, int]) -> None:
    # 6,000 and 14,400 numbers; z-tests at 6 standard errors (false alarms < 1e-7 in all).
    # fan_in in place of fan_out is a factor of 6.7 in the variance.
    layer = student.make(f"torch.nn.{kind}", *channels, 5)
    student.init_weights(layer)
    spread = math.sqrt(2 / (channels[1] * 25))
    weights = (layer.weight.detach().double() / spread).reshape(-1, 5)
    check.standard_normal(weights, f"{kind}: weight / sqrt(2 / fan_out)")
    check.equal(layer.bias.detach(), torch.zeros(channels[1]), "The bias must be 0.")


@pytest.mark.task("init_weights")
def test_init_without_bias_and_others(student: Any) -> None:
    for kind, args in (("Linear", (4, 5)), ("Conv2d", (2, 3, 3)), ("ConvTranspose2d", (3, 3, 2))):
        layer = student.make(f"torch.nn.{kind}", *args, bias=False)
        before = layer.weight.detach().clone()
        student.init_weights(layer)
        symptom = f"The weights of {kind} without bias stay as they were."
        check.differ(layer.weight.detach(), before, symptom)
    for kind, args in (("BatchNorm1d", (4,)), ("LayerNorm", (4,)), ("Embedding", (3, 4))):
        layer = student.make(f"torch.nn.{kind}", *args)
        before = [value.clone() for value in layer.state_dict().values()]
        student.init_weights(layer)
        after = list(layer.state_dict().values())
        check.unchanged(before, after, f"{kind} was changed: only linear layers and convolutions.")
    student.init_weights(student.make("torch.nn.ReLU"))
    student.init_weights(student.make("torch.nn.Sequential"))


@pytest.mark.task("init_weights")
def test_init_is_random_and_trainable(student: Any) -> None:
    one, two = student.make("torch.nn.Linear", 6, 6), student.make("torch.nn.Linear", 6, 6)
    student.init_weights(one)
    student.init_weights(two)
    check.equal(one.bias.detach(), torch.zeros(6), "The bias of a linear layer must be 0.")
    check.differ(one.weight, two.weight, "Two layers get the same weights.")
    for values, name in ((one.weight, "The weights do"), (one.bias, "The bias does")):
        check.that(
            bool(values.requires_grad),
            f"{name} not require a gradient any more.",
            got="requires_grad False",
            expected="requires_grad True",
        )


# ---------------------------------------------------------------- safe_log_var


@pytest.mark.task("safe_log_var")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
def test_safe_log_var_values(student: Any, dtype: torch.dtype) -> None:
    log_var = torch.cat([12 * torch.randn(3, 4, 5), torch.tensor(1e30).expand(1, 4, 5)]).to(dtype)
    before = log_var.clone()
    low, high = -3.5, 8.25
    due = torch.where(log_var < low, low, torch.where(log_var > high, high, log_var)).to(dtype)
    got = student.safe_log_var(log_var=log_var, min_val=low, max_val=high)
    check.close(got, due, "A value is not min(max(log_var, min_val), max_val).", rtol=0, atol=1e-6)
    check.unchanged([before], [log_var], "The input was changed in place.")
    spread = student.safe_log_var(log_var).exp()
    check.that(
        bool(torch.isfinite(spread).all()),
        "With the limits -20 and 20 exp must stay finite.",
        got=spread[~torch.isfinite(spread)],
        expected="finite numbers",
    )


@pytest.mark.task("safe_log_var")
def test_safe_log_var_gradient(student: Any) -> None:
    log_var = torch.tensor([-19.0, -2.0, 0.3, 5.0, 19.5], requires_grad=True)
    out = check.shape(student.safe_log_var(log_var), (5,))
    (grad,) = check.gradient(out, [log_var])
    check.close(grad, torch.ones(5), "Inside the limits the gradient must pass unchanged.")
    far = student.safe_log_var(torch.tensor([99.0]))
    check.close(far, torch.tensor([20.0]), "Values beyond the limits must be clamped.")


@pytest.mark.task("safe_log_var")
def test_safe_log_var_inside_is_identity(student: Any) -> None:
    log_var = torch.linspace(-19.9, 19.9, 41)
    symptom = "Values inside the limits must stay as they are: no tanh, sigmoid or softplus."
    check.close(student.safe_log_var(log_var), log_var, symptom, rtol=0, atol=1e-6)
    far = student.safe_log_var(torch.tensor([99.0]))
    check.close(far, torch.tensor([20.0]), "Values beyond the limits must be clamped.")


# ---------------------------------------------------------------- free_bits


@pytest.mark.task("free_bits")
@pytest.mark.parametrize("size", SHAPES, ids=SHAPE_NAMES)
def test_free_bits_value(student: Any, size: tuple[int, int]) -> None:
    kl = torch.rand(size) * torch.linspace(0.1, 3.0, size[1])
    before = kl.clone()
    lam = 0.6
    due = torch.stack([torch.tensor(max(lam, float(column.mean()))) for column in kl.T]).sum()
    check.close(
        student.free_bits(kl_per_dim=kl, lam=lam),
        due,
        "The result is not the sum over dimensions of max(lam, mean over the batch).",
    )
    check.unchanged([before], [kl])


@pytest.mark.task("free_bits")
def test_free_bits_gradient(student: Any) -> None:
    kl = torch.tensor([[0.1, 2.0, 0.0], [0.2, 0.0, 3.0], [0.0, 1.0, 0.3], [0.1, 1.0, 0.3]])
    kl.requires_grad_()
    (grad,) = check.gradient(student.free_bits(kl, 0.5), [kl], allow_unused=True)
    due = torch.tensor([0.0, 0.25, 0.25]).expand(4, 3)
    check.close(
        grad, due, "Below lam a dimension has no gradient; above it each example has 1 / B."
    )


@pytest.mark.task("free_bits")
def test_free_bits_all_free(student: Any) -> None:
    got = student.free_bits(0.01 * torch.rand(6, 4, dtype=torch.float64), 0.25)
    check.close(got, torch.tensor(1.0, dtype=torch.float64), "Four dimensions below 0.25: 4 lam.")
    kl = torch.rand(6, 4) + 2
    check.close(
        student.free_bits(kl, 0.25),
        kl.sum(1).mean(),
        "With all dimensions above lam the result is the plain KL: nothing is added or capped.",
    )


# ---------------------------------------------------------------- kl_per_dim


def kl_rows(mu: Tensor, logvar: Tensor) -> Tensor:
    q = torch.distributions.Normal(mu.double(), (0.5 * logvar.double()).exp())
    return torch.distributions.kl_divergence(q, torch.distributions.Normal(0.0, 1.0))


@pytest.mark.task("kl_per_dim")
@pytest.mark.parametrize(
    "sizes", [(5, 5, 2), (3, 3, 3), (1,), (4, 1, 1)], ids=["uneven", "square", "single", "small"]
)
def test_kl_per_dim_value(student: Any, sizes: tuple[int, ...]) -> None:
    batches = [(2 * torch.randn(n, 3), 1.5 * torch.randn(n, 3)) for n in sizes]
    due = torch.cat([kl_rows(*batch) for batch in batches]).mean(0).float()
    got = student.kl_per_dim(batches)
    check.shape(got, (3,), "One number is due for each latent dimension.")
    check.close(got, due, "The KLs are not the mean over all examples of the data set.")


@pytest.mark.task("kl_per_dim")
def test_kl_per_dim_other_containers(student: Any) -> None:
    mu, logvar = torch.randn(6, 2), torch.randn(6, 2)
    due = kl_rows(mu, logvar).mean(0).float()
    symptom = "However the data are cut into batches, each KL is the mean over all examples."
    check.close(student.kl_per_dim(((mu, logvar),)), due, symptom)
    cut = [[mu[:1], logvar[:1]], [mu[1:3], logvar[1:3]], [mu[3:], logvar[3:]]]
    check.close(student.kl_per_dim(cut), due, symptom)
    check.close(
        student.kl_per_dim([(mu.double(), logvar.double())]),
        kl_rows(mu, logvar).mean(0),
        "In float64 the KLs are wrong: is a number rounded to float32 on the way?",
        rtol=1e-9,
    )


@pytest.mark.task("kl_per_dim")
def test_kl_per_dim_extremes(student: Any) -> None:
    mu, logvar = torch.tensor([[0.0, 30.0, 0.0]]), torch.tensor([[-30.0, 0.0, 9.0]])
    due = torch.tensor([14.5, 450.0, 0.5 * (math.exp(9.0) - 10)])
    symptom = "Very sharp, distant or wide posteriors have a wrong KL: is there a clamp or epsilon?"
    check.close(student.kl_per_dim([(mu, logvar)]), due, symptom)


# ---------------------------------------------------------------- active_units


def count(result: Any) -> int:
    whole = isinstance(result, Tensor) and result.dim() == 0 and not result.is_floating_point()
    if whole and result.dtype != torch.bool:
        return int(result)
    symptom = "active_units returns a count, one integer."
    kind = f"a {type(result).__name__}, {check.show(result)}"
    check.that(type(result) is int, symptom, got=kind, expected="one integer")
    return int(result)


@pytest.mark.task("active_units")
@pytest.mark.parametrize("shape", [(40, 6), (6, 6), (200, 3)], ids=["wide", "square", "long"])
def test_active_units_of_scaled_columns(student: Any, shape: tuple[int, int]) -> None:
    n, d = shape
    wave = torch.linspace(-1, 1, n)  # variance between 1/3 and 0.47 for n >= 6
    scale = torch.tensor([0.0, 1.0, 0.01, 2.0, 0.05, 3.0])[:d]
    offset = torch.tensor([4.0, 0.0, -7.0, 1.0, 0.3, 100.0])[:d]
    mu = wave[:, None] * scale + offset
    before = mu.clone()
    due = int((scale > 0.5).sum())
    got = count(student.active_units(mu))
    check.that(
        got == due,
        "The count is not that of columns whose variance over the examples exceeds 0.01.",
        got=got,
        expected=due,
    )
    check.unchanged([before], [mu])


@pytest.mark.task("active_units")
def test_active_units_thresholds(student: Any) -> None:
    mu = torch.linspace(-1, 1, 100)[:, None] * torch.tensor([0.3, 1.0, 3.0, 30.0])
    # Variances 0.03, 0.34, 3.1, 306; standard deviations 0.17, 0.58, 1.8, 17.
    for threshold, due in ((0.001, 4), (0.1, 3), (0.5, 2), (2.5, 2), (10.0, 1), (400.0, 0)):
        got = count(student.active_units(mu=mu, threshold=threshold))
        check.that(
            got == due,
            f"With threshold {threshold} and variances 0.03, 0.34, 3.1, 306 the count is {due}.",
            got=got,
            expected=due,
        )


@pytest.mark.task("active_units")
def test_active_units_nothing_varies(student: Any) -> None:
    mu = torch.tensor([3.0, -2.0, 0.5, 8.0]).repeat(9, 1)
    got = count(student.active_units(mu))
    check.that(got == 0, "The same mu for every example: nothing is active.", got=got, expected=0)
    got = count(student.active_units(torch.randn(50, 5, dtype=torch.float64) * 3))
    check.that(got == 5, "Every dimension varies, so all 5 are active.", got=got, expected=5)


# ---------------------------------------------------------------- log_weights


def normal(z: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    spread = (0.5 * logvar.double()).exp()
    return torch.distributions.Normal(mu.double(), spread).log_prob(z.double()).sum(-1)


@pytest.mark.task("log_weights")
@pytest.mark.parametrize(
    "size", [(5, 3, 2), (4, 4, 4), (1, 6, 3), (3, 1, 2), (2, 5, 1)],
    ids=["wide", "cube", "one_row", "one_sample", "one_latent"],
)  # fmt: skip
def test_log_weights_value(student: Any, size: tuple[int, int, int]) -> None:
    b, k, d = size
    log_px, z = 9 * torch.randn(b, k) - 50, 2 * torch.randn(b, k, d)
    mu, logvar = torch.randn(b, 1, d), 1.5 * torch.randn(b, 1, d)
    before = [value.clone() for value in (log_px, z, mu, logvar)]
    zero = torch.zeros(1)
    due = log_px.double() + normal(z, zero, zero) - normal(z, mu, logvar)
    got = student.log_weights(log_px=log_px, z=z, mu=mu, logvar=logvar)
    check.shape(got, (b, k), "One weight is due for each example and sample.")
    check.close(got, due.float(), "A weight is not log p(x|z) + log p(z) - log q(z|x).", atol=1e-3)
    check.unchanged(before, [log_px, z, mu, logvar])


@pytest.mark.task("log_weights")
def test_log_weights_of_the_exact_posterior(student: Any) -> None:
    # x | z ~ N(z, 1), z ~ N(0, 1): the posterior is N(x/2, 1/2) and every weight is p(x).
    x, z = torch.tensor([[[1.0]], [[-3.0]]]), 2 * torch.randn(2, 6, 1)
    log_px = (-0.5 * math.log(2 * math.pi) - 0.5 * (x - z) ** 2).squeeze(-1)
    got = student.log_weights(log_px, z, x / 2, torch.full((2, 1, 1), math.log(0.5)))
    evidence = -0.5 * (math.log(4 * math.pi) + x.reshape(2, 1) ** 2 / 2)
    symptom = "With the exact posterior every weight must be log p(x), whatever z is."
    check.close(got, evidence.expand(2, 6), symptom, rtol=1e-3, atol=1e-3)


@pytest.mark.task("log_weights")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
def test_log_weights_gradient(student: Any, dtype: torch.dtype) -> None:
    log_px, z = leaf(3, 4, dtype=dtype), leaf(3, 4, 2, dtype=dtype)
    mu, logvar = leaf(3, 1, 2, dtype=dtype), leaf(3, 1, 2, dtype=dtype)
    a = torch.randn(3, 4, dtype=dtype)
    got = check.shape(student.log_weights(log_px, z, mu, logvar), (3, 4))
    check.dtype(got, dtype, "The weights do not keep the dtype.")
    grads = check.gradient((a * got).sum(), [log_px, z, mu, logvar], allow_unused=True)
    gap = (z - mu) / logvar.exp()
    dues = (
        a,
        a[..., None] * (gap - z),
        -(a[..., None] * gap).sum(1, keepdim=True),
        0.5 * (a[..., None] * (1 - gap * (z - mu))).sum(1, keepdim=True),
    )
    for grad, due, name in zip(grads, dues, ("log_px", "z", "mu", "logvar"), strict=True):
        check.close(grad, due.detach(), f"The gradient for {name} is wrong: is something detached?")


# ---------------------------------------------------------------- iwae_bound


@pytest.mark.task("iwae_bound")
@pytest.mark.parametrize("size", SHAPES, ids=SHAPE_NAMES)
def test_iwae_value(student: Any, size: tuple[int, int]) -> None:
    log_w = 2 * torch.randn(size)
    due = log_w.double().exp().mean(1).log().mean().float()
    check.close(student.iwae_bound(log_w=log_w), due, "The bound is not mean_b log mean_k w[b, k].")


@pytest.mark.task("iwae_bound")
def test_iwae_far_from_zero(student: Any) -> None:
    log_w = torch.randn(4, 5)
    for shift in (-800.0, 800.0):
        due = (log_w.double().exp().mean(1).log().mean() + shift).float()
        symptom = (
            f"The bound is wrong for log-weights near {shift:.0f}: does exp overflow or underflow?"
        )
        check.close(student.iwae_bound(log_w + shift), due, symptom)
    shift = torch.tensor([[0.0], [-300.0], [-900.0], [500.0]])
    due = (log_w.double().exp().mean(1).log().mean() + shift.mean()).float()
    symptom = (
        "With the log-weights of examples far apart the bound is wrong: each has its own scale."
    )
    check.close(student.iwae_bound(log_w + shift), due, symptom)
    log_w = torch.tensor([[-2000.0, 0.0], [0.0, -2000.0]])
    check.close(student.iwae_bound(log_w), -math.log(2.0), "One sample has all the weight: -log 2.")


@pytest.mark.task("iwae_bound")
def test_iwae_relations(student: Any) -> None:
    log_w = 3 * torch.randn(6, 4)
    got = check.scalar(student.iwae_bound(log_w), "The bound is one number.")
    symptom = "The bound must lie between the mean and the largest of the log-weights."
    low, high = float(log_w.mean()), float(log_w.max(1).values.mean())
    check.between(got, low, high, symptom, name="bound")
    twice = student.iwae_bound(log_w.repeat(1, 3))
    check.close(
        twice, got, "Samples three times over must not change the bound: is -log K missing?"
    )
    batch = student.iwae_bound(log_w.repeat(5, 1))
    check.close(
        batch,
        got,
        "Examples five times over must not change the bound: take the mean over examples.",
    )
    single = student.iwae_bound(log_w[:, :1])
    check.close(single, log_w[:, 0].mean(), "With K = 1 the bound is the mean of the log-weights.")


@pytest.mark.task("iwae_bound")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
def test_iwae_gradient(student: Any, dtype: torch.dtype) -> None:
    log_w = leaf(4, 4, scale=2.0, dtype=dtype)
    got = student.iwae_bound(log_w)
    check.close(
        got.detach(),
        (log_w.exp().mean(1).log().mean()).detach(),
        "The bound is not mean_b log mean_k w[b, k].",
    )
    (grad,) = check.gradient(got, [log_w])
    due = torch.softmax(log_w.detach(), 1) / 4
    check.close(grad, due, "The gradient must be the normalized weights over B.")


# ---------------------------------------------------------------- ema_update


@pytest.mark.task("ema_update")
@pytest.mark.parametrize("decay", [0.0, 0.3, 0.995, 1.0])
def test_ema_value(student: Any, decay: float) -> None:
    shapes = [(3, 4), (5,), (), (2, 2, 2)]
    ema, params = [torch.randn(s) for s in shapes], [leaf(*s) for s in shapes]
    due = [decay * e + (1 - decay) * p.detach() for e, p in zip(ema, params, strict=True)]
    with student.in_place(ema):
        student.ema_update(ema_params=ema, params=params, decay=decay)
    for got, want in zip(ema, due, strict=True):
        check.close(got.detach(), want, f"decay = {decay}: not decay * ema + (1 - decay) * param.")


@pytest.mark.task("ema_update")
def test_ema_many_steps(student: Any) -> None:
    ema, params = [torch.zeros(2, dtype=torch.float64)], [torch.ones(2, dtype=torch.float64)]
    with student.in_place(ema):
        for _ in range(10):
            student.ema_update(ema, params, 0.8)
    due = torch.full((2,), 1 - 0.8**10, dtype=torch.float64)
    check.close(
        ema[0], due, "After ten steps toward 1 the average must be 1 - decay^10.", rtol=1e-9
    )


@pytest.mark.task("ema_update")
def test_ema_outside_the_graph(student: Any) -> None:
    ema, params = [torch.zeros(3, requires_grad=True)], [leaf(3)]
    with student.in_place(ema):
        student.ema_update(ema, params, 0.5)
    check.close(
        ema[0].detach(), 0.5 * params[0].detach(), "Averages that require a gradient: wrong value."
    )
    check.that(
        ema[0].is_leaf,
        "The average has become part of the graph: use torch.no_grad.",
        got="an average attached to the graph",
        expected="no graph",
    )
    check.that(
        params[0].requires_grad,
        "The parameters do not require a gradient any more.",
        got="requires_grad False",
        expected="requires_grad True",
    )


# ---------------------------------------------------------------- diagnose


def log(**columns: Any) -> dict[str, Any]:
    healthy = {
        "loss": [70.0, 64.0, 60.0, 58.5],
        "recon": [60.0, 52.0, 47.0, 45.0],
        "kl": [10.0, 12.0, 13.0, 13.5],
        "max_var": [1.0, 3.0, 2.0, 1.5],
        "latent_dim": 8,
    }
    return {**healthy, **columns}


def found(student: Any, history: dict[str, Any], ignore: str = "") -> str:
    result = student.diagnose(history=history)
    symptom = "The function returns None: is the return missing?"
    check.that(result is not None, symptom, got="None", expected="a list of names")
    check.that(
        isinstance(result, (list, tuple, set, frozenset)) and all(type(n) is str for n in result),
        "diagnose returns a list of names.",
        got=f"a {type(result).__name__}, {check.show(result)}",
        expected="a list of names",
    )
    return ", ".join(sorted(set(result) - {ignore}))


def expect(student: Any, due: str, symptom: str, ignore: str = "", **columns: Any) -> None:
    got = found(student, log(**columns), ignore)
    check.that(got == due, symptom, got=got or "nothing", expected=due or "nothing")


@pytest.mark.task("diagnose")
def test_diagnose_loss(student: Any) -> None:
    name, say = "loss_spike", "A loss of more than twice the one before is a spike, in any epoch."
    expect(student, name, say, loss=[50.0, 101.0, 45.0, 44.0])
    expect(student, name, say, loss=[70.0, 64.0, 3.0, 6.5])
    expect(student, "", "Exactly twice is not more than twice.", loss=[30.0, 60.0, 50.0, 40.0])
    expect(student, "", "A loss may rise slowly.", loss=[30.0, 50.0, 80.0, 90.0])
    expect(student, "", "A loss may rise slowly.", loss=[30.0, 31.0, 30.0, 29.0])
    expect(student, "", "A large fall is no spike.", loss=[900.0, 70.0, 64.0, 60.0])
    name, say = "nan_loss", "A NaN or infinite loss in any epoch must be reported."
    expect(student, name, say, loss=[NAN, 60.0, 50.0, 40.0])
    expect(student, name, say, loss=[70.0, 60.0, 50.0, NAN])
    expect(student, name, say, loss=[NAN, NAN, NAN, NAN])
    expect(student, name, say, "loss_spike", loss=[70.0, INF, INF, INF])
    say = "A NaN hides no spike before it: report both."
    expect(student, "loss_spike, nan_loss", say, loss=[20.0, 60.0, NAN, NAN])


@pytest.mark.task("diagnose")
def test_diagnose_kl(student: Any) -> None:
    name, say = "posterior_collapse", "The last kl, over latent_dim, below 0.01 is a collapse."
    expect(student, name, say, kl=[10.0, 1.0, 0.5, 0.07])
    expect(student, name, say, kl=[9.0, 9.0, 9.0, 0.9], latent_dim=100)
    expect(student, name, say, kl=[10.0, 1.0, 0.5, 0.005])
    expect(student, name, say, kl=[10.0, 1.0, 0.5, 0.001])
    expect(student, name, say, kl=[10.0, 1.0, 0.5, 0.0])
    expect(student, "", say, kl=[9.0, 9.0, 9.0, 1.1], latent_dim=100)
    expect(student, "", say, kl=[9.0, 9.0, 9.0, 0.02], latent_dim=1)
    expect(student, "", "Only the last epoch counts for a collapse.", kl=[0.0, 0.01, 5.0, 9.0])
    name, say = "kl_dominates", "The last kl above the last recon must be reported."
    expect(student, name, say, kl=[10.0, 12.0, 13.0, 45.5])
    expect(student, name, say, kl=[59.0, 51.5, 46.5, 45.5])
    expect(student, name, say, kl=[61.0, 10.0, 10.0, 45.5])
    expect(student, "", "Only the last epoch counts for kl_dominates.", kl=[80.0, 70.0, 60.0, 13.0])
    expect(student, "", "kl is compared with recon, not with the loss.", kl=[1.0, 2.0, 3.0, 44.5])


@pytest.mark.task("diagnose")
def test_diagnose_variance_and_all(student: Any) -> None:
    name, say = "exploding_variance", "A variance above 100 in any epoch must be reported."
    expect(student, name, say, max_var=[101.0, 1.0, 1.0, 1.0])
    expect(student, name, say, max_var=[1.0, 1.0, 1.0, 1e9])
    expect(student, "", "A variance of 99 does not explode yet.", max_var=[1.0, 99.0, 99.0, 99.0])
    expect(student, "", "A variance of 7 does not explode yet.", max_var=[1.0, 7.0, 7.0, 7.0])
    say = "Several things can be wrong at once: report all of them."
    both = "exploding_variance, kl_dominates"
    expect(student, both, say, kl=[9.0, 9.0, 9.0, 46.0], max_var=[1.0, 1.0, 1.0, 200.0])
    expect(
        student,
        "exploding_variance, kl_dominates, loss_spike, nan_loss",
        say,
        loss=[40.0, 90.0, NAN, 50.0], recon=[30.0, 50.0, 50.0, 20.0],
        kl=[10.0, 40.0, 40.0, 30.0], max_var=[1.0, 400.0, 2.0, 2.0],
    )  # fmt: skip
    one = {"loss": [9.0], "recon": [8.99], "kl": [0.01], "max_var": [1.0], "latent_dim": 4}
    got = found(student, one)
    name, say = "posterior_collapse", "A log of one epoch is diagnosed as well."
    check.that(got == name, say, got=got or "nothing", expected=name)
