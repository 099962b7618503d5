"""Hidden tests of the toy diffusion model: other sizes, the law of the noise, gradients, edges.

A test first compares with the judge's own numbers. Where a function is built from others, it may
instead agree with the student's own parts: their mistakes lose points in their own tasks only.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from grading import check

# (B, ...) of points, of squares in which wrong axes go unnoticed, and of images.
SIZES = [(7, 3), (5, 5), (1, 4), (3, 2, 4, 5), (4, 4, 4, 4), (6, 3, 2)]
SIZE_NAMES = ["points", "square", "one", "images", "square_images", "3d"]


class Spy(nn.Module):
    """A model of the judge's: notes what it is asked and answers `answer(x_t, t)`."""

    def __init__(self, answer: Callable[[Tensor, Any], Tensor]) -> None:
        super().__init__()
        self.unused = nn.Parameter(torch.ones(()))
        self.answer = answer
        self.seen: list[tuple[Any, Any]] = []
        self.graphs = 0

    def forward(self, x_t: Any, t: Any) -> Tensor:
        self.graphs += bool(x_t.requires_grad)
        self.seen.append((x_t.detach().clone(), t.detach().clone() if isinstance(t, Tensor) else t))
        return self.answer(x_t, t)


class Linear(nn.Module):
    """A model with one weight: it answers `scale * x_t`."""

    def __init__(self, scale: float, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(scale, dtype=dtype))

    def forward(self, x_t: Tensor, t: Any) -> Tensor:
        return self.scale * x_t


def silent(x_t: Tensor, t: Any) -> Tensor:
    return torch.zeros_like(x_t)


def betas_of(T: int = 12, low: float = 0.02, high: float = 0.3, **kwargs: Any) -> Tensor:
    """A short and strong schedule in no special order: each step differs from its neighbors."""
    even = torch.linspace(low, high, T, **kwargs)
    return even[torch.randperm(T)]


def alpha_bar_of(betas: Tensor) -> Tensor:
    return torch.stack([torch.prod(1 - betas[: i + 1]) for i in range(len(betas))])


def tall(values: Tensor, like: Tensor) -> Tensor:
    return values.reshape(-1, *[1] * (like.dim() - 1))


def schedules(student: Any, betas: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """The right (alphas, alpha_bar), then the student's own if they can be reckoned with."""
    yield 1 - betas, alpha_bar_of(betas)
    try:
        own = check.fields(student.compute_alpha_cumprod(betas), ("alphas", "alpha_bar"))
    except Exception:
        return
    for v in own:
        if not isinstance(v, Tensor) or v.shape != betas.shape or v.dtype != betas.dtype:
            return
        if not bool(((v > 0) & (v < 1)).all()):
            return
    yield own


def with_any(options: Iterator[Any], test: Callable[[Any], None]) -> None:
    """Pass when one option passes the test; else the first one's failure counts."""
    first: check.Mismatch | None = None
    for option in options:
        try:
            return test(option)
        except check.Mismatch as error:
            first = first or error
    assert first is not None
    raise first


def tolerance(dtype: torch.dtype) -> dict[str, float]:
    return {"rtol": 1e-9, "atol": 1e-9} if dtype is torch.float64 else {"rtol": 1e-4, "atol": 1e-4}


def batched_time(t: Any, due: Tensor) -> None:
    """The model must be told the step of each example, as whole numbers."""
    symptom = "The model must get t as a tensor, one number for each example."
    check.that(isinstance(t, Tensor), symptom, got=check.show(t), expected="a tensor")
    check.shape(t, due.shape, "The model must get t with shape (B,): one number for each example.")
    check.that(
        not t.dtype.is_floating_point,
        "The model must get t as whole numbers (a long tensor), not scaled or converted.",
        got=str(t.dtype),
        expected="torch.int64",
    )
    check.equal(t.tolist(), due.tolist(), "The model must get the very t of each example.")


# ---------------------------------------------------------------- compute_alpha_cumprod


@pytest.mark.task("compute_alpha_cumprod")
@pytest.mark.parametrize("T", [1, 2, 9, 40], ids=str)
def test_alpha_bar_of_any_schedule(student: Any, T: int) -> None:
    betas = 0.02 + 0.6 * torch.rand(T, dtype=torch.float64)
    result = student.compute_alpha_cumprod(betas)
    alphas, alpha_bar = check.fields(result, ("alphas", "alpha_bar"))
    check.close(alphas, 1 - betas, "alphas must be 1 - betas, in the dtype of betas.", rtol=1e-9)
    symptom = "alpha_bar_t must be the product of the alphas up to and with t."
    check.close(alpha_bar, alpha_bar_of(betas), symptom, rtol=1e-9, atol=1e-12)


@pytest.mark.task("compute_alpha_cumprod")
def test_alpha_bar_of_a_thousand_steps(student: Any) -> None:
    betas = torch.linspace(1e-4, 0.02, 1000)
    due = torch.exp(torch.cumsum(torch.log1p(-betas.double()), 0)).float()
    result = student.compute_alpha_cumprod(betas)
    alphas, alpha_bar = check.fields(result, ("alphas", "alpha_bar"))
    check.close(alphas, 1 - betas, "alphas must be 1 - betas, and come first.")
    symptom = "With 1000 steps alpha_bar must fall to 4e-5 and stay positive: it is a product."
    check.close(alpha_bar, due, symptom, rtol=2e-3, atol=1e-9)


@pytest.mark.task("compute_alpha_cumprod")
def test_alpha_bar_of_strong_noise(student: Any) -> None:
    betas = torch.tensor([0.5, 0.9, 0.999, 0.1])
    result = student.compute_alpha_cumprod(betas)
    _, alpha_bar = check.fields(result, ("alphas", "alpha_bar"))
    due = torch.tensor([0.5, 0.05, 5e-5, 4.5e-5])
    symptom = "With betas 0.5, 0.9, 0.999, 0.1 alpha_bar must be 0.5, 0.05, 5e-5, 4.5e-5."
    check.close(alpha_bar, due, symptom, rtol=1e-3, atol=1e-9)


# ---------------------------------------------------------------- q_sample


@pytest.mark.task("q_sample")
@pytest.mark.parametrize("size", SIZES, ids=SIZE_NAMES)
def test_q_sample_any_shape(student: Any, size: tuple[int, ...]) -> None:
    alpha_bar = alpha_bar_of(betas_of())
    x0, noise, t = 3 * torch.randn(size), torch.randn(size), torch.randint(0, 12, size[:1])
    ab = tall(alpha_bar[t], x0)
    got = student.q_sample(x0=x0, t=t, noise=noise, alpha_bar=alpha_bar)
    due = ab.sqrt() * x0 + (1 - ab).sqrt() * noise
    check.close(got, due, "x_t must be sqrt(ab) x0 + sqrt(1 - ab) noise, ab = alpha_bar of each t.")
    again = student.q_sample(x0=x0, t=t, noise=noise, alpha_bar=alpha_bar)
    check.equal(again, got, "Two calls with the same noise differ: q_sample draws nothing itself.")


@pytest.mark.task("q_sample")
def test_q_sample_square_in_everything(student: Any) -> None:
    # B == D == T: values indexed or broadcast along the wrong axis raise no error here.
    alpha_bar = alpha_bar_of(betas_of(6))
    x0, noise, t = torch.randn(6, 6), torch.randn(6, 6), torch.tensor([3, 0, 5, 5, 1, 2])
    ab = alpha_bar[t][:, None].expand(6, 6)
    got = student.q_sample(x0, t, noise, alpha_bar)
    due = ab.sqrt() * x0 + (1 - ab).sqrt() * noise
    check.close(got, due, "Each row must get the alpha_bar of its own t, not each column.")


@pytest.mark.task("q_sample")
def test_q_sample_gradient_in_float64(student: Any) -> None:
    alpha_bar = alpha_bar_of(betas_of(dtype=torch.float64))
    x0 = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    noise = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    t, a = torch.tensor([0, 11, 4, 4]), torch.randn(4, 3, dtype=torch.float64)
    got = student.q_sample(x0, t, noise, alpha_bar)
    ab = alpha_bar[t][:, None]
    due = (ab.sqrt() * x0 + (1 - ab).sqrt() * noise).detach()
    check.close(
        got,
        due,
        "In float64 x_t is wrong: is a number rounded to float32 on the way?",
        rtol=1e-9,
        atol=1e-12,
    )
    g_x0, g_noise = check.gradient((a * got).sum(), [x0, noise])
    weighted = "gradient, times a weight:"
    symptom = "The gradient with respect to x0 must be sqrt(ab)."
    check.close(g_x0, a * ab.sqrt(), symptom, name=weighted)
    symptom = "The gradient of the noise must be sqrt(1 - ab)."
    check.close(g_noise, a * (1 - ab).sqrt(), symptom, name=weighted)


@pytest.mark.task("q_sample")
def test_q_sample_at_both_ends(student: Any) -> None:
    alpha_bar = torch.tensor([0.9999, 0.5, 1e-6])
    x0, noise = 40 * torch.randn(3, 2), torch.randn(3, 2)
    got = student.q_sample(x0, torch.tensor([0, 0, 2]), noise, alpha_bar)
    factors = [(math.sqrt(a), math.sqrt(1 - a)) for a in (0.9999, 0.9999, 1e-6)]
    due = torch.stack([f * x + g * e for (f, g), x, e in zip(factors, x0, noise, strict=True)])
    check.close(
        got,
        due,
        "Near t = 0 x_t must be x0, at the last t nearly pure noise.",
        rtol=1e-3,
        atol=1e-3,
    )


# ---------------------------------------------------------------- timestep_embedding


def frequencies(dim: int, max_period: float) -> Iterator[Tensor]:
    """Both usual sets: from 1 down towards 1 / max_period, the end left out or included."""
    half = dim // 2
    i = torch.arange(half, dtype=torch.float64)
    yield max_period ** (-i / half)
    yield max_period ** (-i / (half - 1))


@pytest.mark.task("timestep_embedding")
@pytest.mark.parametrize(
    ("dim", "max_period"), [(8, 10000), (6, 50), (64, 10000), (4, 7)], ids=["8", "p50", "64", "p7"]
)
def test_embedding_has_the_frequencies(student: Any, dim: int, max_period: int) -> None:
    # The inner products are sums of cos(w (t - s)): they tell the frequencies, and leave open the
    # order of the columns and the signs.
    t = torch.tensor([0, 1, 2, 5, 17, 60, 61, 400])
    e = student.timestep_embedding(t, dim, max_period=max_period)
    check.shape(e, (8, dim), "timestep_embedding must give one row of dim numbers for each t.")
    check.dtype(e, torch.float32, "The embedding of a long t must be float32.")
    gap = (t[:, None] - t[None, :]).double()

    def test(w: Tensor) -> None:
        due = torch.cos(gap[..., None] * w).sum(-1)
        symptom = (
            "The frequencies must go from 1 down to about 1 / max_period, "
            "each with a sine and a cosine."
        )
        check.close(e.double() @ e.double().T, due, symptom, rtol=0.0, atol=2e-4 * dim)

    with_any(frequencies(dim, float(max_period)), test)


@pytest.mark.task("timestep_embedding")
def test_embedding_square(student: Any) -> None:
    # B == dim == 8, and B == dim / 2 == 4.
    for batch in (8, 4):
        t = torch.randint(0, 500, (batch,))
        e = check.shape(student.timestep_embedding(t, 8), (batch, 8))
        one = torch.cat([student.timestep_embedding(t[i : i + 1], 8) for i in range(batch)])
        check.close(e, one, "The embedding of a t depends on the others in the batch.", atol=1e-4)
        symptom = "Each row's squares must add up to dim / 2: sin^2 + cos^2 = 1 per frequency."
        check.close(e.pow(2).sum(1), torch.full((batch,), 4.0), symptom, rtol=1e-3)
        zero = check.shape(student.timestep_embedding(torch.zeros_like(t), 8), (batch, 8))
        due = torch.tensor([0.0] * 4 + [1.0] * 4).expand(batch, 8)
        symptom = "At t = 0 half of the numbers must be sin 0 = 0 and half cos 0 = 1."
        check.close(zero.sort(1).values, due, symptom)


@pytest.mark.task("timestep_embedding")
def test_embedding_tells_neighbors_apart(student: Any) -> None:
    t = torch.arange(1000)
    e = check.shape(student.timestep_embedding(t, 32), (1000, 32))
    near = (e[1:] - e[:-1]).norm(dim=1)
    symptom = "Neighboring steps are too near or too far apart: keep t as it is, 0, 1, 2, ..."
    check.between(near, 0.5, 3.0, symptom, name="distance")
    symptom = "The numbers must be sines and cosines: within ±1."
    check.between(e.abs().max(), 0.9, 1.0001, symptom, name="largest size")
    # Slow columns order all the steps: no two distant steps may look alike.
    far = torch.cdist(e[::50], e[::50]) + 10 * torch.eye(20)
    symptom = "Two distant steps have nearly the same embedding."
    check.between(far.min(), 1.5, 20.0, symptom, name="smallest distance")


# ---------------------------------------------------------------- diffusion_loss


def noisy(student: Any, x0: Tensor, t: Tensor, noise: Tensor, ab: Tensor) -> Iterator[Tensor]:
    """The right x_t, then that of the student's own q_sample."""
    a = tall(ab[t], x0)
    yield a.sqrt() * x0 + (1 - a).sqrt() * noise
    try:
        own = student.q_sample(x0, t, noise, ab)
    except Exception:
        return
    if isinstance(own, Tensor) and own.shape == x0.shape and bool(torch.isfinite(own).all()):
        yield own.detach()


USES_DIFFUSION_LOSS = pytest.mark.uses("q_sample")
SEES_X_T = "The model must see x_t = q_sample(x0, t, noise) (compared here: the x_t that it saw)."


@pytest.mark.task("diffusion_loss")
@USES_DIFFUSION_LOSS
@pytest.mark.parametrize("size", SIZES, ids=SIZE_NAMES)
def test_loss_any_shape(student: Any, size: tuple[int, ...]) -> None:
    alpha_bar = alpha_bar_of(betas_of())
    x0, noise, t = 2 * torch.randn(size), torch.randn(size), torch.randint(0, 12, size[:1])
    answer, spy = torch.randn(size), Spy(lambda x_t, t: 0.5 * x_t + answer)
    loss = student.diffusion_loss(model=spy, x0=x0, t=t, alpha_bar=alpha_bar, noise=noise)
    check.equal(len(spy.seen), 1, "The model must be called once.")
    batched_time(spy.seen[0][1], t)

    def test(x_t: Tensor) -> None:
        check.close(spy.seen[0][0], x_t, SEES_X_T, atol=1e-4)
        due = (0.5 * x_t + answer - noise).pow(2).mean()
        check.close(loss, due, "The loss must be the mean of (noise - model(x_t, t))^2.")

    with_any(noisy(student, x0, t, noise, alpha_bar), test)


@pytest.mark.task("diffusion_loss")
@USES_DIFFUSION_LOSS
def test_loss_draws_normal_noise(student: Any) -> None:
    # x0 = 0 lets the noise be read off x_t. 24,000 numbers, 14 z-tests at 6 standard errors (false
    # alarms < 3e-8); uniform noise is 20 standard errors off in its fourth moment.
    n = 12_000
    alpha_bar, t = alpha_bar_of(betas_of()), torch.randint(0, 12, (n,))
    spy = Spy(lambda x_t, t: torch.ones_like(x_t))
    loss = student.diffusion_loss(spy, torch.zeros(n, 2), t, alpha_bar)
    check.equal(len(spy.seen), 1, "The model must be called once.")
    x_t, told = spy.seen[0]
    check.shape(x_t, (n, 2), "x_t has the shape of x0.")
    batched_time(told, t)

    def test(scale: Tensor) -> None:
        eps = x_t.double() / scale.double()
        check.standard_normal(eps, "The noise that diffusion_loss draws")
        due = (1 - eps).pow(2).mean().float()
        symptom = "The target must be the very noise that went into x_t, not a fresh draw."
        check.close(loss, due, symptom, rtol=1e-3)

    def scales() -> Iterator[Tensor]:
        yield (1 - alpha_bar[t]).sqrt()[:, None]
        for own in list(noisy(student, torch.zeros(n, 2), t, torch.ones(n, 2), alpha_bar))[1:]:
            if bool((own.abs() > 1e-3).all()):
                yield own

    with_any(scales(), test)


@pytest.mark.task("diffusion_loss")
@USES_DIFFUSION_LOSS
def test_loss_draws_fresh_noise(student: Any) -> None:
    alpha_bar, t = alpha_bar_of(betas_of()), torch.tensor([3, 9])
    spy = Spy(silent)
    first, second = (
        check.scalar(student.diffusion_loss(spy, torch.zeros(2, 2), t, alpha_bar)) for _ in range(2)
    )
    symptom = "Two calls use the same noise: do not fix a seed or keep the noise."
    check.that(
        abs(float(first - second)) > 1e-7,
        symptom,
        got=f"the loss {check.show(first)} twice",
        expected="another loss at each call",
    )
    torch.manual_seed(5)
    third = student.diffusion_loss(spy, torch.zeros(2, 2), t, alpha_bar)
    torch.manual_seed(5)
    symptom = "torch.manual_seed does not repeat the noise: use torch's global generator."
    fourth = student.diffusion_loss(spy, torch.zeros(2, 2), t, alpha_bar)
    check.close(fourth, check.scalar(third), symptom)


@pytest.mark.task("diffusion_loss")
@USES_DIFFUSION_LOSS
def test_loss_given_noise_of_zeros(student: Any) -> None:
    alpha_bar, x0, t = alpha_bar_of(betas_of()), torch.randn(3, 2), torch.tensor([2, 5, 8])
    loss = student.diffusion_loss(Spy(silent), x0, t, alpha_bar, noise=torch.zeros(3, 2))
    symptom = (
        "With noise of zeros and a model that answers 0 the loss must be 0: is other noise used?"
    )
    check.close(loss, 0.0, symptom)
    spy = Spy(lambda x_t, t: torch.full_like(x_t, 2.0))
    loss = student.diffusion_loss(spy, x0, t, alpha_bar, noise=torch.zeros(3, 2))
    check.close(loss, 4.0, "With noise of zeros and a model that answers 2 the loss must be 4.")


@pytest.mark.task("diffusion_loss")
@USES_DIFFUSION_LOSS
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
def test_loss_gradient_of_the_model(student: Any, dtype: torch.dtype) -> None:
    alpha_bar = alpha_bar_of(betas_of(dtype=dtype))
    x0, noise = torch.randn(4, 4, dtype=dtype), torch.randn(4, 4, dtype=dtype)
    t, model = torch.tensor([1, 3, 3, 10]), Linear(0.7, dtype)
    loss = check.scalar(student.diffusion_loss(model, x0, t, alpha_bar, noise=noise))
    check.dtype(loss, dtype, "The loss must have the dtype of x0.")
    (got,) = check.gradient(loss, [model.scale])

    def test(x_t: Tensor) -> None:
        due = 2 * ((0.7 * x_t - noise) * x_t).mean()
        symptom = (
            "The gradient of the model's weight is wrong: is the graph cut or the loss scaled?"
        )
        check.close(got, due, symptom, **tolerance(dtype))

    with_any(noisy(student, x0, t, noise, alpha_bar), test)


@pytest.mark.task("diffusion_loss")
@USES_DIFFUSION_LOSS
def test_loss_is_a_mean(student: Any) -> None:
    alpha_bar, t = alpha_bar_of(betas_of()), torch.tensor([2, 7, 11])
    x0, noise, spy = torch.randn(3, 4), torch.randn(3, 4), Spy(silent)
    one = check.scalar(student.diffusion_loss(spy, x0, t, alpha_bar, noise=noise))
    check.that(one > 0, "The loss must be positive here.", got=one, expected="above 0")
    more = student.diffusion_loss(spy, x0.repeat(2, 1), t.repeat(2), alpha_bar, noise.repeat(2, 1))
    check.close(more, one, "Each example twice must not change the loss: it must be a mean.")
    wide = student.diffusion_loss(spy, x0.repeat(1, 3), t, alpha_bar, noise=noise.repeat(1, 3))
    check.close(wide, one, "Each feature three times must not change the loss: it must be a mean.")


# ---------------------------------------------------------------- predict_x0


@pytest.mark.task("predict_x0")
@pytest.mark.parametrize("size", SIZES, ids=SIZE_NAMES)
def test_predict_x0_any_shape(student: Any, size: tuple[int, ...]) -> None:
    alpha_bar = alpha_bar_of(betas_of())
    x_t, eps, t = 5 * torch.randn(size), torch.randn(size), torch.randint(0, 12, size[:1])
    ab = tall(alpha_bar[t], x_t)
    got = student.predict_x0(x_t=x_t, t=t, eps=eps, alpha_bar=alpha_bar)
    symptom = "x0 must be (x_t - sqrt(1 - ab) eps) / sqrt(ab), unclamped, ab = alpha_bar of each t."
    check.close(got, (x_t - (1 - ab).sqrt() * eps) / ab.sqrt(), symptom, atol=1e-4)


@pytest.mark.task("predict_x0")
def test_predict_x0_gradient_in_float64(student: Any) -> None:
    alpha_bar = alpha_bar_of(betas_of(6, dtype=torch.float64))
    x_t = torch.randn(6, 6, dtype=torch.float64, requires_grad=True)
    eps = torch.randn(6, 6, dtype=torch.float64, requires_grad=True)
    t, a = torch.tensor([4, 0, 5, 1, 1, 2]), torch.randn(6, 6, dtype=torch.float64)
    ab = alpha_bar[t][:, None].expand(6, 6)
    got = student.predict_x0(x_t, t, eps, alpha_bar)
    due = ((x_t - (1 - ab).sqrt() * eps) / ab.sqrt()).detach()
    check.close(
        got,
        due,
        "In float64 x0 is wrong: is a number rounded to float32 on the way?",
        rtol=1e-9,
        atol=1e-12,
    )
    g_x, g_eps = check.gradient((a * got).sum(), [x_t, eps])
    weighted = "gradient, times a weight:"
    symptom = "The gradient with respect to x_t must be 1 / sqrt(ab)."
    check.close(g_x, a / ab.sqrt(), symptom, name=weighted)
    due = -a * (1 - ab).sqrt() / ab.sqrt()
    symptom = "The gradient with respect to eps must be -sqrt(1 - ab) / sqrt(ab)."
    check.close(g_eps, due, symptom, name=weighted)


@pytest.mark.task("predict_x0")
def test_predict_x0_of_nearly_pure_noise(student: Any) -> None:
    alpha_bar = torch.tensor([0.99, 1e-4], dtype=torch.float64)
    x_t, eps = torch.randn(2, 3, dtype=torch.float64), torch.randn(2, 3, dtype=torch.float64)
    got = student.predict_x0(x_t, torch.tensor([1, 1]), eps, alpha_bar)
    symptom = "At alpha_bar = 0.0001, x0 must be 100 (x_t - 0.99995 eps): no clamp, no epsilon."
    check.close(got, 100 * (x_t - math.sqrt(0.9999) * eps), symptom, rtol=1e-7)


# ---------------------------------------------------------------- q_posterior


def spread(var: Any, like: Tensor) -> Tensor:
    """A variance for each element, from one for each example or for each element."""
    symptom = "var must be a tensor."
    check.that(isinstance(var, Tensor), symptom, got=check.show(var), expected="a tensor")
    if var.dim() == 1 and var.shape[0] == like.shape[0]:
        var = tall(var, like)
    try:
        return var.expand(like.shape)
    except RuntimeError as error:
        raise check.Mismatch(
            "var must have one number for each example, shaped (B, 1, ..., 1), or one per element.",
            f"shape {tuple(var.shape)}",
            f"shape {(like.shape[0], *[1] * (like.dim() - 1))}",
        ) from error


def bayes(
    x0: Tensor, x_t: Tensor, t: Tensor, betas: Tensor, ab: Tensor, alphas: Tensor
) -> tuple[Tensor, Tensor]:
    """q(x_{t-1} | x_t, x0) as the product of two Gaussians in x_{t-1}, for t > 0."""
    prior_mean, prior_var = tall(ab[t - 1], x0).sqrt() * x0, 1 - tall(ab[t - 1], x0)
    slope, noise_var = tall(alphas[t], x0).sqrt(), tall(betas[t], x0)
    precision = 1 / prior_var + slope.pow(2) / noise_var
    return (prior_mean / prior_var + slope * x_t / noise_var) / precision, 1 / precision


USES_Q_POSTERIOR = pytest.mark.uses("compute_alpha_cumprod")


@pytest.mark.task("q_posterior")
@USES_Q_POSTERIOR
@pytest.mark.parametrize("size", SIZES, ids=SIZE_NAMES)
def test_posterior_is_bayes_rule(student: Any, size: tuple[int, ...]) -> None:
    betas = betas_of()
    x0, x_t, t = 2 * torch.randn(size), 2 * torch.randn(size), torch.randint(1, 12, size[:1])
    result = student.q_posterior(x0=x0, x_t=x_t, t=t, betas=betas)
    mean, var = check.fields(result, ("mean", "var"))
    var = spread(var, x0)

    def test(schedule: tuple[Tensor, Tensor]) -> None:
        alphas, ab = schedule
        # Bayes' rule needs alphas and alpha_bar that belong together.
        rule = bayes if is_right(betas, schedule) else formula
        due, due_var = rule(x0, x_t, t, betas, ab, alphas)
        symptom = "The mean is not that of q(x_{t-1} | x_t, x0) by Bayes' rule."
        check.close(mean, due, symptom, rtol=1e-3, atol=1e-3)
        symptom = (
            "var must be beta_t (1 - alpha_bar_{t-1}) / (1 - alpha_bar_t): a variance, no std."
        )
        check.close(var, due_var.expand(size), symptom, rtol=1e-3, atol=1e-6)

    with_any(schedules(student, betas), test)


def is_right(betas: Tensor, schedule: tuple[Tensor, Tensor]) -> bool:
    return torch.equal(schedule[0], 1 - betas) and torch.equal(schedule[1], alpha_bar_of(betas))


def formula(
    x0: Tensor, x_t: Tensor, t: Tensor, betas: Tensor, ab: Tensor, alphas: Tensor
) -> tuple[Tensor, Tensor]:
    """The closed form, which is Bayes' rule only where alphas and alpha_bar belong together."""
    prev = torch.cat([torch.ones_like(ab[:1]), ab[:-1]])
    b, a, p, c = (tall(v[t], x0) for v in (betas, alphas, prev, ab))
    mean = (p.sqrt() * b * x0 + a.sqrt() * (1 - p) * x_t) / (1 - c)
    return mean, b * (1 - p) / (1 - c)


@pytest.mark.task("q_posterior")
@USES_Q_POSTERIOR
def test_posterior_at_both_ends(student: Any) -> None:
    # A strong first step: 1 - alpha_bar_0 keeps few digits when beta_0 is tiny.
    betas = torch.linspace(0.3, 0.05, 6, dtype=torch.float64)
    x0, x_t = (3 * torch.randn(6, 6, dtype=torch.float64) for _ in range(2))
    t = torch.tensor([0, 5, 0, 1, 0, 5])
    mean, var = check.fields(student.q_posterior(x0, x_t, t, betas), ("mean", "var"))
    var = spread(var, x0)
    first = t == 0
    symptom = "At t = 0 var must be 0: alpha_bar_prev is 1 there."
    check.close(var[first], torch.zeros(3, 6, dtype=torch.float64), symptom, atol=1e-9)

    def test(schedule: tuple[Tensor, Tensor]) -> None:
        alphas, ab = schedule
        due, due_var = formula(x0, x_t, t, betas, ab, alphas)
        symptom = "At t = 0 the mean must be x0, whatever x_t is: alpha_bar_prev is 1 there."
        check.close(mean[first], due[first], symptom, rtol=1e-9)
        symptom = "In a batch with t = 0 and t = T-1 the mean of the others is wrong."
        check.close(mean, due, symptom, rtol=1e-7)
        check.close(var, due_var.expand(6, 6), "var is wrong in float64 or at t = T-1.", rtol=1e-7)

    with_any(schedules(student, betas), test)


@pytest.mark.task("q_posterior")
@USES_Q_POSTERIOR
def test_posterior_of_one_step(student: Any) -> None:
    x0, x_t = torch.randn(2, 3), torch.randn(2, 3)
    t, betas = torch.zeros(2, dtype=torch.long), torch.tensor([0.4])
    mean, var = check.fields(student.q_posterior(x0, x_t, t, betas), ("mean", "var"))
    check.close(spread(var, x0), torch.zeros(2, 3), "With T = 1 var must be 0.")

    def test(schedule: tuple[Tensor, Tensor]) -> None:
        due, _ = formula(x0, x_t, t, betas, schedule[1], schedule[0])
        check.close(mean, due, "With T = 1 the mean must be x0.")

    with_any(schedules(student, betas), test)


@pytest.mark.task("q_posterior")
@USES_Q_POSTERIOR
def test_posterior_leads_back_to_the_marginal(student: Any) -> None:
    # Averaged over q(x_t | x0), the step back must land on q(x_{t-1} | x0): the mean of x_{t-1} is
    # sqrt(ab_{t-1}) x0, and its variance var + slope^2 (1 - ab_t) must be 1 - ab_{t-1}.
    betas = betas_of(9, dtype=torch.float64)
    t = torch.arange(9)
    one, zero = torch.ones(9, 2, dtype=torch.float64), torch.zeros(9, 2, dtype=torch.float64)
    w0, var = check.fields(student.q_posterior(one, zero, t, betas), ("mean", "var"))
    wt, _ = check.fields(student.q_posterior(zero, one, t, betas), ("mean", "var"))
    var = spread(var, one)

    def test(schedule: tuple[Tensor, Tensor]) -> None:
        alphas, ab = schedule
        if not is_right(betas, schedule):
            due, _ = formula(one, zero, t, betas, ab, alphas)
            check.close(w0, due, "The weight of x0 is wrong.", rtol=1e-6)
            return
        prev = torch.cat([one[:1, 0], ab[:-1]])[:, None].expand(9, 2)
        c = ab[:, None].expand(9, 2)
        symptom = "Averaged over x_t, the mean must be sqrt(alpha_bar_{t-1}) x0."
        check.close(w0 + wt * c.sqrt(), prev.sqrt(), symptom, rtol=1e-6)
        symptom = "Averaged over x_t, the variance must come out as 1 - alpha_bar_{t-1}."
        check.close(var + wt.pow(2) * (1 - c), 1 - prev, symptom, rtol=1e-6, atol=1e-9)

    with_any(schedules(student, betas), test)


# ---------------------------------------------------------------- p_sample


def step_mean(x: Tensor, eps: Tensor, t: int, betas: Tensor, schedule: Any) -> Tensor:
    alphas, ab = schedule
    return (x - betas[t] / (1 - ab[t]).sqrt() * eps) / alphas[t].sqrt()


def step_stds(t: int, betas: Tensor, ab: Tensor) -> list[float]:
    """Both right standard deviations of a step: of beta_t and of the posterior."""
    prev = float(ab[t - 1]) if t else 1.0
    beta = float(betas[t])
    return [math.sqrt(beta), math.sqrt(beta * (1 - prev) / (1 - float(ab[t])))]


USES_P_SAMPLE = pytest.mark.uses("compute_alpha_cumprod", "q_posterior")


@pytest.mark.task("p_sample")
@USES_P_SAMPLE
@pytest.mark.parametrize(
    ("size", "T"),
    [((3, 2), 12), ((4, 4), 1), ((2, 3, 4, 4), 5)],
    ids=["points", "one_step", "images"],
)
def test_last_step_is_the_mean(student: Any, size: tuple[int, ...], T: int) -> None:
    betas = torch.linspace(0.2, 0.05, T)
    x, eps = torch.randn(size), torch.randn(size)
    first = student.p_sample(model=Spy(lambda x_t, t: eps), x_t=x, t=0, betas=betas)
    check.shape(first, size, "The result has the shape of x_t.")
    second = student.p_sample(Spy(lambda x_t, t: eps), x, 0, betas)
    symptom = "At t = 0 two calls differ: no noise may be added in the last step."
    check.agree(first, second, symptom)

    def test(schedule: tuple[Tensor, Tensor]) -> None:
        due = step_mean(x, eps, 0, betas, schedule)
        symptom = (
            "At t = 0 the result must be the mean (x - beta / sqrt(1 - ab) eps) / sqrt(alpha)."
        )
        check.close(first, due, symptom, rtol=1e-3, atol=1e-4)

    with_any(schedules(student, betas), test)


@pytest.mark.task("p_sample")
@USES_P_SAMPLE
@pytest.mark.parametrize(
    ("size", "t"),
    [((7, 3), 1), ((5, 5), 11), ((3, 3, 3, 3), 6), ((1, 2), 4)],
    ids=["t1", "last", "square_images", "one"],
)
def test_step_mean_in_float64(student: Any, size: tuple[int, ...], t: int) -> None:
    # Beside numbers of 1e6 the noise (sigma < 0.6, so below 6 but for 1e-20) cannot be seen.
    betas = betas_of(dtype=torch.float64)
    x, eps = (1e6 * torch.randn(size, dtype=torch.float64) for _ in range(2))
    spy = Spy(lambda x_t, t: eps)
    got = student.p_sample(spy, x, t, betas)
    check.equal(len(spy.seen), 1, "The model must be called once in a step.")
    check.close(spy.seen[0][0], x, "The model must see x_t as it is.")
    batched_time(spy.seen[0][1], torch.full(size[:1], t))

    def test(schedule: tuple[Tensor, Tensor]) -> None:
        due = step_mean(x, eps, t, betas, schedule)
        symptom = "The step is not (x_t - beta_t / sqrt(1 - alpha_bar_t) eps) / sqrt(alpha_t)."
        check.close(got, due, symptom, rtol=0.0, atol=6.0)

    with_any(schedules(student, betas), test)


@pytest.mark.task("p_sample")
@USES_P_SAMPLE
@pytest.mark.parametrize("t", [1, 6, 11], ids=str)
def test_step_noise(student: Any, t: int) -> None:
    # 16,000 numbers; each of the two right variances gets 14 z-tests at 6 standard errors (false
    # alarms < 3e-8). The two differ by a factor of 3 at t = 1; 5 % off is 4.5 standard errors,
    # beta_t for its root (a factor of 2 and more) over 40.
    n = 8000
    betas = torch.linspace(0.02, 0.3, 12)
    x, eps = torch.randn(n, 2), torch.randn(n, 2)
    got = student.p_sample(Spy(lambda x_t, t: eps), x, t, betas)
    check.shape(got, (n, 2), "The result has the shape of x_t.")

    def laws() -> Iterator[tuple[Tensor, float]]:
        for schedule in schedules(student, betas):
            mean = step_mean(x, eps, t, betas, schedule)
            for std in step_stds(t, betas, schedule[1]):
                yield mean, std

    def test(law: tuple[Tensor, float]) -> None:
        mean, std = law
        check.standard_normal((got - mean) / std, f"The noise (x - mean) / sigma at t = {t}")

    with_any(laws(), test)


@pytest.mark.task("p_sample")
@USES_P_SAMPLE
def test_step_draws_fresh_noise(student: Any) -> None:
    x, betas, spy = torch.zeros(3, 2), betas_of(), Spy(silent)
    first, second = (student.p_sample(spy, x, 8, betas) for _ in range(2))
    check.shape(first, (3, 2), "The result has the shape of x_t.")
    symptom = "From x = 0 and eps = 0 a step must give small, finite noise."
    check.between(first, -9.0, 9.0, symptom, name="a number of the result")
    check.differ(first, second, "Two steps use the same noise: do not fix a seed or keep it.")
    torch.manual_seed(3)
    third = student.p_sample(spy, x, 8, betas)
    torch.manual_seed(3)
    symptom = "torch.manual_seed does not repeat the noise: use torch's global generator."
    check.close(student.p_sample(spy, x, 8, betas), third, symptom)


@pytest.mark.task("p_sample")
@USES_P_SAMPLE
def test_steps_rebuild_a_gaussian(student: Any) -> None:
    # Data N(m, s^2): the best eps is known, each step is linear, and so is the law of the end.
    # 4,000 numbers: the bounds are 7 standard errors of the mean and of the variance.
    n, m, s2, betas = 2000, 2.0, 0.25, torch.linspace(0.02, 0.3, 12)
    right = alpha_bar_of(betas)

    def best(x_t: Tensor, t: Any) -> Tensor:
        k = int(t.reshape(-1)[0].clamp(0, 11)) if isinstance(t, Tensor) else int(t)
        a = right[k]
        return (1 - a).sqrt() * (x_t - a.sqrt() * m) / (a * s2 + 1 - a)

    x = torch.randn(n, 2)
    for t in reversed(range(12)):
        x = check.shape(student.p_sample(Spy(best), x, t, betas), (n, 2))

    def laws() -> Iterator[tuple[float, float]]:
        for schedule in schedules(student, betas):
            for which in (0, 1):
                mean, var = 0.0, 1.0
                for t in reversed(range(12)):
                    # Two points fix the linear map x -> slope x + shift of this step.
                    ends = torch.tensor([[0.0], [1.0]])
                    y = step_mean(ends, best(ends, torch.tensor([t])), t, betas, schedule)
                    shift, slope = float(y[0]), float(y[1] - y[0])
                    std = step_stds(t, betas, schedule[1])[which] if t else 0.0
                    mean, var = slope * mean + shift, slope**2 * var + std**2
                yield mean, var

    def test(law: tuple[float, float]) -> None:
        mean, var = law
        error = math.sqrt(var / (2 * n))
        symptom = "With the best possible eps, 12 steps must lead from noise to the data's mean."
        check.between(x.mean(), mean - 7 * error, mean + 7 * error, symptom, name="mean")
        symptom = "With the best possible eps, 12 steps must lead to the data's variance."
        error = var * math.sqrt(1 / n)
        check.between(x.var(), var - 7 * error, var + 7 * error, symptom, name="variance")

    with_any(laws(), test)


# ---------------------------------------------------------------- p_sample_loop


def times_of(spy: Spy) -> list[float]:
    flat = [torch.as_tensor(t).reshape(-1) for _, t in spy.seen]
    return [float(t[0]) if len(t) else -1.0 for t in flat]


USES_P_SAMPLE_LOOP = pytest.mark.uses("compute_alpha_cumprod", "p_sample")


@pytest.mark.task("p_sample_loop")
@USES_P_SAMPLE_LOOP
@pytest.mark.parametrize("T", [12, 5, 1], ids=str)
def test_loop_goes_through_all_steps(student: Any, T: int) -> None:
    betas, spy = betas_of(T), Spy(silent)
    x = student.p_sample_loop(model=spy, shape=(4, 3), betas=betas)
    check.shape(x, (4, 3), "The result must have the shape that was asked for.")
    due = [float(t) for t in reversed(range(T))]
    if times_of(spy) != due:
        own = Spy(silent)  # a p_sample that tells the model another t loses its points there
        for t in reversed(range(T)):
            student.p_sample(own, torch.zeros(4, 3), t, betas)
        if times_of(spy) != times_of(own):
            symptom = "The loop must go through t = T-1, ..., 1, 0, each step once."
            check.equal(times_of(spy), due, symptom)
    shapes = {tuple(x_t.shape) for x_t, _ in spy.seen}
    check.equal(shapes, {(4, 3)}, "Each step must work on the whole batch, in the shape asked for.")


@pytest.mark.task("p_sample_loop")
@USES_P_SAMPLE_LOOP
def test_loop_starts_from_standard_normal_noise(student: Any) -> None:
    # 16,000 numbers, 14 z-tests at 6 standard errors (false alarms < 3e-8); uniform noise on any
    # scale is more than 20 standard errors off in variance or fourth moment.
    spy = Spy(silent)
    student.p_sample_loop(spy, (8000, 2), betas_of(2))
    check.that(spy.seen, "The loop never called the model.", got="0 calls", expected="2 calls")
    start = check.shape(spy.seen[0][0], (8000, 2), "The start has another shape than asked for.")
    check.standard_normal(start, "The start of the loop")


def law(x: Tensor, y: Tensor) -> tuple[float, float, float]:
    """Slope, shift and standard deviation of y given x, over all elements."""
    x, y = x.double().reshape(-1), y.double().reshape(-1)
    slope = float((x * y).mean() / (x * x).mean())
    rest = y - slope * x
    return slope, float(rest.mean()), float(rest.pow(2).mean().sqrt())


@pytest.mark.task("p_sample_loop")
@USES_P_SAMPLE_LOOP
def test_loop_chains_the_steps(student: Any) -> None:
    # 4,000 numbers in each of 6 steps, three comparisons at 7 standard errors: false alarms < 1e-9.
    n, betas, spy = 2000, torch.linspace(0.05, 0.4, 6), Spy(silent)
    x = check.shape(student.p_sample_loop(spy, (n, 2), betas), (n, 2))
    check.equal(len(spy.seen), 6, "The model must be called once in each of the T steps.")
    states = [x_t for x_t, _ in spy.seen] + [x.detach()]
    ab = alpha_bar_of(betas)
    for k, t in enumerate(reversed(range(6))):
        before, after = states[k], check.shape(states[k + 1], (n, 2))
        slope, shift, std = law(before, after)
        size = float(before.pow(2).mean().sqrt())
        due = float((1 - betas[t]).rsqrt())
        stds = step_stds(t, betas, ab) if t else [0.0]
        if any(_same_law(slope, shift, std, due, 0.0, s, 2 * n, size) for s in stds):
            continue
        # Wrong steps lose their points in p_sample: here they must only be the student's own.
        own = law(before, check.shape(student.p_sample(Spy(silent), before, t, betas), (n, 2)))
        check.that(
            _same_law(slope, shift, std, *own, n, size),
            f"The state after t = {t} is not p_sample of the state before it.",
            got=f"x -> {slope:.4f} x + {shift:.4f}, standard deviation {std:.4f}",
            expected=f"x -> {due:.4f} x + 0, standard deviation {stds[0]:.4f}",
        )


def _same_law(
    slope: float,
    shift: float,
    std: float,
    slope2: float,
    shift2: float,
    std2: float,
    n: int,
    size: float,
) -> bool:
    wide = 7 * max(std, std2) / math.sqrt(n)
    return (
        abs(slope - slope2) <= wide / size + 1e-4
        and abs(shift - shift2) <= wide + 1e-4 * size
        and abs(std - std2) <= wide + 1e-4 * size
    )


@pytest.mark.task("p_sample_loop")
@USES_P_SAMPLE_LOOP
def test_loop_builds_no_graph(student: Any) -> None:
    class Scaled(Spy):
        def __init__(self) -> None:
            super().__init__(lambda x_t, t: self.scale * x_t)
            self.scale = nn.Parameter(torch.tensor(0.1))

    model = Scaled()
    x = check.shape(student.p_sample_loop(model, (4, 2), betas_of(5)), (4, 2))
    symptom = "Each step adds to a graph: sample without gradients (no_grad), or memory fills up."
    check.that(
        not x.requires_grad and model.graphs == 0,
        symptom,
        got="a result attached to the graph",
        expected="no graph",
    )


@pytest.mark.task("p_sample_loop")
@USES_P_SAMPLE_LOOP
def test_loop_makes_other_samples_each_time(student: Any) -> None:
    betas, spy = betas_of(4), Spy(lambda x_t, t: 0.1 * x_t)
    first, second = (student.p_sample_loop(spy, (4, 1, 4, 4), betas) for _ in range(2))
    check.shape(first, (4, 1, 4, 4), "Images must come out in the shape that was asked for.")
    symptom = "The samples must be finite and not huge."
    check.between(first, -99.0, 99.0, symptom, name="a number of the samples")
    check.differ(first, second, "Two loops give the same samples: is a seed fixed?")
    torch.manual_seed(9)
    third = student.p_sample_loop(spy, (4, 1, 4, 4), betas)
    torch.manual_seed(9)
    symptom = "torch.manual_seed does not repeat the samples: use torch's global generator."
    check.close(student.p_sample_loop(spy, (4, 1, 4, 4), betas), third, symptom)
