"""Public tests of the toy diffusion model: numbers worked out by hand, shapes, a relation or two.

`pytest tests/test_toy_diffusion.py` runs all of them, `-m q_sample` only those of one task.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from grading import check


class Spy(nn.Module):
    """A model on the side of the tests: it notes what it is asked and answers `answer(x_t, t)`."""

    def __init__(self, answer: Callable[[Tensor, Any], Tensor]) -> None:
        super().__init__()
        self.unused = nn.Parameter(torch.ones(()))
        self.answer = answer
        self.seen: list[tuple[Any, Any]] = []

    def forward(self, x_t: Any, t: Any) -> Tensor:
        self.seen.append((x_t.detach().clone(), t.detach().clone() if _is_tensor(t) else t))
        return self.answer(x_t, t)


def _is_tensor(value: Any) -> bool:
    return isinstance(value, Tensor)


def silent(x_t: Tensor, t: Any) -> Tensor:
    """The answer of a model that always guesses "no noise"."""
    return torch.zeros_like(x_t)


def betas_of(T: int = 12) -> Tensor:
    """A short and strong schedule, in which each step can be told from its neighbors."""
    return torch.linspace(0.02, 0.3, T)


def alpha_bar_of(betas: Tensor) -> Tensor:
    return torch.stack([torch.prod(1 - betas[: i + 1]) for i in range(len(betas))])


def schedules(student: Any, betas: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """The right (alphas, alpha_bar), then the student's own: those have a task of their own."""
    yield 1 - betas, alpha_bar_of(betas)
    try:
        own = check.fields(student.compute_alpha_cumprod(betas), ("alphas", "alpha_bar"))
    except Exception:
        return
    if all(_is_tensor(v) and v.shape == betas.shape and bool((v > 0).all()) for v in own) and all(
        bool((v < 1).all()) for v in own
    ):
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


def batched_time(t: Any, batch: int, due: list[int]) -> None:
    """The model must be told the step of each example, as whole numbers."""
    symptom = "The model must get t as a tensor, one number for each example."
    check.that(_is_tensor(t), symptom, got=check.show(t), expected="a tensor")
    check.shape(t, (batch,), "The model must get t with shape (B,): one number for each example.")
    check.that(
        not t.dtype.is_floating_point,
        "The model must get t as whole numbers (a long tensor), not scaled or converted.",
        got=str(t.dtype),
        expected="torch.int64",
    )
    check.equal(t.tolist(), due, "The model must get the very t of each example.")


# ---------------------------------------------------------------- compute_alpha_cumprod


@pytest.mark.task("compute_alpha_cumprod")
def test_alpha_bar_worked_numbers(student: Any) -> None:
    result = student.compute_alpha_cumprod(torch.tensor([0.1, 0.2, 0.5]))
    alphas, alpha_bar = check.fields(result, ("alphas", "alpha_bar"))
    check.close(alphas, torch.tensor([0.9, 0.8, 0.5]), "alphas must be 1 - betas, and come first.")
    check.close(
        alpha_bar,
        torch.tensor([0.9, 0.72, 0.36]),
        "alpha_bar must be 0.9, then 0.9 * 0.8, then 0.9 * 0.8 * 0.5.",
    )


@pytest.mark.task("compute_alpha_cumprod")
def test_alpha_bar_falls_step_by_step(student: Any) -> None:
    betas = torch.linspace(1e-3, 0.1, 60)
    result = student.compute_alpha_cumprod(betas)
    _, alpha_bar = check.fields(result, ("alphas", "alpha_bar"))
    check.shape(alpha_bar, (60,), "There is one alpha_bar for each step.")
    symptom = "Each alpha_bar must lie between 0 and 1."
    check.between(alpha_bar, 0.0, 1.0, symptom, name="an alpha_bar")
    check.close(alpha_bar[0], 1 - betas[0], "The first alpha_bar must be the first alpha.")
    check.close(
        alpha_bar[1:] / alpha_bar[:-1],
        1 - betas[1:],
        "From one step to the next, alpha_bar must shrink by the factor alpha_t = 1 - beta_t.",
    )


# ---------------------------------------------------------------- q_sample


@pytest.mark.task("q_sample")
def test_q_sample_worked_numbers(student: Any) -> None:
    alpha_bar = torch.tensor([0.64, 0.36])
    x0 = torch.tensor([[10.0, 0.0], [10.0, 0.0]])
    noise = torch.tensor([[5.0, 1.0], [5.0, 1.0]])
    x_t = student.q_sample(x0, torch.tensor([0, 1]), noise, alpha_bar)
    due = torch.tensor([[11.0, 0.6], [10.0, 0.8]])
    check.close(
        x_t,
        due,
        "x_t must be 0.8 * 10 + 0.6 * 5 at the first t and 0.6 * 10 + 0.8 * 5 at the second.",
    )


@pytest.mark.task("q_sample")
def test_q_sample_keeps_unit_variance(student: Any) -> None:
    alpha_bar, t = alpha_bar_of(betas_of()), torch.arange(12)
    one, zero = torch.ones(12, 3), torch.zeros(12, 3)
    signal = check.shape(student.q_sample(one, t, zero, alpha_bar), (12, 3))
    noise = check.shape(student.q_sample(zero, t, one, alpha_bar), (12, 3))
    check.close(
        signal.pow(2) + noise.pow(2),
        one,
        "The squares of the two factors must add up to 1, or the data grow or fade.",
    )
    check.close(signal.pow(2)[:, 0], alpha_bar, "The factor of x0 must be sqrt(alpha_bar_t).")


@pytest.mark.task("q_sample")
def test_q_sample_images(student: Any) -> None:
    alpha_bar = torch.tensor([0.64, 0.36])
    x0, noise = torch.full((2, 1, 3, 3), 10.0), torch.full((2, 1, 3, 3), 5.0)
    x_t = student.q_sample(x0, torch.tensor([1, 0]), noise, alpha_bar)
    due = torch.tensor([10.0, 11.0]).reshape(2, 1, 1, 1).expand(2, 1, 3, 3)
    check.close(x_t, due, "With images (B, C, H, W), each image must get the factors of its own t.")


# ---------------------------------------------------------------- timestep_embedding


@pytest.mark.task("timestep_embedding")
def test_embedding_shape(student: Any) -> None:
    e = student.timestep_embedding(torch.arange(20), 16)
    check.shape(e, (20, 16), "timestep_embedding must give one row of dim numbers for each t.")
    nearest = torch.cdist(e, e)[~torch.eye(20, dtype=torch.bool)].min()
    check.that(
        nearest > 0.1,
        "Two different steps have (nearly) the same embedding: the network cannot tell them apart.",
        got=f"a distance of {nearest:.3g} between two steps",
        expected="more than 0.1",
    )


@pytest.mark.task("timestep_embedding")
def test_embedding_of_step_zero(student: Any) -> None:
    e = check.shape(student.timestep_embedding(torch.tensor([0, 3]), 8), (2, 8))
    check.close(
        e[0].sort().values,
        torch.tensor([0.0] * 4 + [1.0] * 4),
        "At t = 0 half of the numbers are sin 0 = 0 and half are cos 0 = 1.",
    )


@pytest.mark.task("timestep_embedding")
def test_embedding_has_sine_and_cosine_of_each_angle(student: Any) -> None:
    e = check.shape(student.timestep_embedding(torch.tensor([1]), 4), (1, 4))
    # Sorted, for any order of the columns; then with half - 1 in the denominator.
    due = [[0.0100, 0.5403, 0.8415, 0.99995], [0.0001, 0.5403, 0.8415, 1.0]]
    symptom = "With dim = 4, t = 1 must give sin 1, sin 0.01, cos 1, cos 0.01 (in any order)."
    check.one_of(e[0].sort().values, [torch.tensor(row) for row in due], symptom, atol=5e-5)
    e = check.shape(student.timestep_embedding(torch.tensor([1, 7, 50]), 12), (3, 12))
    check.close(
        e.pow(2).sum(1),
        torch.full((3,), 6.0),
        "sin^2 + cos^2 = 1 for each of the 6 frequencies, so each row's squares must add up to 6.",
    )
    nearest = (e[0] - torch.sin(torch.tensor(1.0))).abs().min()
    symptom = "At t = 1 none of the numbers is sin(1 * t)."
    check.between(nearest, 0.0, 1e-5, symptom, name="distance of the nearest number from sin 1:")


# ---------------------------------------------------------------- diffusion_loss


def noisy(student: Any, x0: Tensor, t: Tensor, noise: Tensor, ab: Tensor) -> Iterator[Tensor]:
    """The right x_t, then that of the student's own q_sample."""
    pairs = zip(x0, noise, ab[t].tolist(), strict=True)
    yield torch.stack([math.sqrt(a) * x + math.sqrt(1 - a) * e for x, e, a in pairs])
    try:
        own = student.q_sample(x0, t, noise, ab)
    except Exception:
        return
    if _is_tensor(own) and own.shape == x0.shape and bool(torch.isfinite(own).all()):
        yield own.detach()


USES_DIFFUSION_LOSS = pytest.mark.uses("q_sample")
SEES_X_T = "The model must see x_t = q_sample(x0, t, noise) (compared here: the x_t that it saw)."


@pytest.mark.task("diffusion_loss")
@USES_DIFFUSION_LOSS
def test_loss_worked_number(student: Any) -> None:
    noise = torch.tensor([[1.0, 3.0], [0.0, 2.0]])
    loss = student.diffusion_loss(
        Spy(silent), torch.ones(2, 2), torch.tensor([0, 1]), torch.tensor([0.9, 0.5]), noise=noise
    )
    check.close(
        loss, 3.5, "A model that answers 0 has the loss (1 + 9 + 0 + 4) / 4: the mean of noise^2."
    )


@pytest.mark.task("diffusion_loss")
@USES_DIFFUSION_LOSS
def test_loss_asks_the_model_once(student: Any) -> None:
    x0, noise, t = torch.randn(4, 3), torch.randn(4, 3), torch.tensor([0, 11, 5, 5])
    alpha_bar, spy = alpha_bar_of(betas_of()), Spy(silent)
    student.diffusion_loss(spy, x0, t, alpha_bar, noise=noise)
    check.equal(len(spy.seen), 1, "The model must be called once.")
    x_t, told = spy.seen[0]
    batched_time(told, 4, t.tolist())
    with_any(
        noisy(student, x0, t, noise, alpha_bar),
        lambda due: check.close(x_t, due, SEES_X_T),
    )


@pytest.mark.task("diffusion_loss")
@USES_DIFFUSION_LOSS
def test_loss_of_a_perfect_guess_is_zero(student: Any) -> None:
    x0, noise = torch.randn(3, 1, 4, 4), torch.randn(3, 1, 4, 4)
    alpha_bar, t = alpha_bar_of(betas_of()), torch.tensor([1, 4, 9])
    loss = student.diffusion_loss(Spy(lambda x_t, t: noise), x0, t, alpha_bar, noise=noise)
    check.close(loss, 0.0, "A model that answers the very noise must have loss 0.")
    loss = student.diffusion_loss(Spy(lambda x_t, t: noise + 2), x0, t, alpha_bar, noise=noise)
    check.close(loss, 4.0, "A model that is off by 2 everywhere must have loss 4.")


# ---------------------------------------------------------------- predict_x0


@pytest.mark.task("predict_x0")
def test_predict_x0_worked_numbers(student: Any) -> None:
    x0 = student.predict_x0(
        torch.tensor([[11.0, 0.6], [10.0, 0.8]]),
        torch.tensor([0, 1]),
        torch.tensor([[5.0, 1.0], [5.0, 1.0]]),
        torch.tensor([0.64, 0.36]),
    )
    check.close(
        x0,
        torch.tensor([[10.0, 0.0], [10.0, 0.0]]),
        "x0 must be (11 - 0.6 * 5) / 0.8 = 10 at t = 0 and (10 - 0.8 * 5) / 0.6 = 10 at t = 1.",
    )


@pytest.mark.task("predict_x0")
def test_predict_x0_undoes_the_noise(student: Any) -> None:
    x0, noise, t = torch.randn(5, 2, 3, 3), torch.randn(5, 2, 3, 3), torch.tensor([0, 2, 4, 7, 11])
    alpha_bar = alpha_bar_of(betas_of())
    x_t = next(noisy(student, x0, t, noise, alpha_bar))
    check.close(
        student.predict_x0(x_t, t, noise, alpha_bar),
        x0,
        "With the true noise, predict_x0 must give back the clean images.",
        atol=1e-4,
    )


# ---------------------------------------------------------------- q_posterior


def spread(var: Any, like: Tensor) -> Tensor:
    """A variance for each element, from one for each example or for each element."""
    check.that(_is_tensor(var), "var must be a tensor.", got=check.show(var), expected="a tensor")
    if var.dim() == 1 and var.shape[0] == like.shape[0]:
        var = var.reshape(-1, *[1] * (like.dim() - 1))
    try:
        return var.expand(like.shape)
    except RuntimeError as error:
        raise check.Mismatch(
            "var must have one number for each example, shaped (B, 1, ..., 1), or one per element.",
            f"shape {tuple(var.shape)}",
            f"shape {(like.shape[0], *[1] * (like.dim() - 1))}",
        ) from error


USES_Q_POSTERIOR = pytest.mark.uses("compute_alpha_cumprod")


@pytest.mark.task("q_posterior")
@USES_Q_POSTERIOR
def test_posterior_at_step_zero(student: Any) -> None:
    x0, x_t, t = torch.randn(3, 2), torch.randn(3, 2), torch.zeros(3, dtype=torch.long)
    betas = torch.linspace(0.2, 0.4, 5)
    mean, var = check.fields(student.q_posterior(x0, x_t, t, betas), ("mean", "var"))

    def test(schedule: tuple[Tensor, Tensor]) -> None:
        due = betas[0] / (1 - schedule[1][0]) * x0  # the factor is 1 unless alpha_bar is wrong
        symptom = "At t = 0 the previous state is x0 itself, so the mean must be x0."
        check.close(mean, due, symptom)

    with_any(schedules(student, betas), test)
    symptom = "At t = 0 nothing is left to chance: var must be 0 (alpha_bar_prev is 1 there)."
    check.close(spread(var, x0), torch.zeros(3, 2), symptom)


@pytest.mark.task("q_posterior")
@USES_Q_POSTERIOR
def test_posterior_worked_numbers(student: Any) -> None:
    # At t = 1: alpha_bar = 0.32, alpha_bar_prev = 0.64.
    betas = torch.tensor([0.36, 0.5])
    x0, x_t = torch.tensor([[3.0], [0.0]]), torch.tensor([[0.0], [3.0]])
    result = student.q_posterior(x0, x_t, torch.tensor([1, 1]), betas)

    def test(schedule: tuple[Tensor, Tensor]) -> None:
        alphas, ab = schedule
        of_x0 = float(ab[0].sqrt() * 0.5 / (1 - ab[1]))
        of_xt = float(alphas[1].sqrt() * (1 - ab[0]) / (1 - ab[1]))
        v = float(0.5 * (1 - ab[0]) / (1 - ab[1]))
        mean, var = check.fields(result, ("mean", "var"))
        symptom = f"The weights of x0 and x_t must be {of_x0:.4f} and {of_xt:.4f} here."
        check.close(mean, torch.tensor([[3 * of_x0], [3 * of_xt]]), symptom)
        symptom = f"var must be 0.5 * (1 - 0.64) / (1 - 0.32) = {v:.4f} here."
        check.close(spread(var, x0), torch.tensor([[v], [v]]), symptom)

    with_any(schedules(student, betas), test)


# ---------------------------------------------------------------- p_sample


USES_P_SAMPLE = pytest.mark.uses("compute_alpha_cumprod", "q_posterior")


@pytest.mark.task("p_sample")
@USES_P_SAMPLE
def test_last_step_has_no_noise(student: Any) -> None:
    x, betas = torch.randn(4, 2), betas_of()
    first = check.shape(student.p_sample(Spy(silent), x, 0, betas), (4, 2))
    second = student.p_sample(Spy(silent), x, 0, betas)
    check.agree(first, second, "At t = 0 two calls differ: no noise may be added in the last step.")
    symptom = "At t = 0, with eps = 0, the result must be x / sqrt(alpha_0)."
    with_any(
        schedules(student, betas),
        lambda schedule: check.close(first, x / schedule[0][0].sqrt(), symptom),
    )


@pytest.mark.task("p_sample")
@USES_P_SAMPLE
def test_step_asks_the_model_once(student: Any) -> None:
    x, spy = torch.randn(4, 2), Spy(silent)
    student.p_sample(spy, x, 5, betas_of())
    check.equal(len(spy.seen), 1, "The model must be called once in a step.")
    x_t, told = spy.seen[0]
    check.close(x_t, x, "The model must see x_t as it is.")
    batched_time(told, 4, [5, 5, 5, 5])


@pytest.mark.task("p_sample")
@USES_P_SAMPLE
def test_step_follows_the_formula(student: Any) -> None:
    # The numbers are so large that the noise (sigma < 0.5) cannot be seen beside them.
    x, eps, betas = 1e5 * torch.randn(5, 2), 1e5 * torch.randn(5, 2), betas_of()
    got = student.p_sample(Spy(lambda x_t, t: eps), x, 7, betas)

    def test(schedule: tuple[Tensor, Tensor]) -> None:
        alphas, ab = schedule
        mean = (x - betas[7] / (1 - ab[7]).sqrt() * eps) / alphas[7].sqrt()
        symptom = "The step is not (x_t - beta_t / sqrt(1 - alpha_bar_t) eps) / sqrt(alpha_t)."
        check.close(got, mean, symptom, atol=50.0)

    with_any(schedules(student, betas), test)


@pytest.mark.task("p_sample")
@USES_P_SAMPLE
def test_step_adds_noise(student: Any) -> None:
    # 4,000 numbers: the std has a standard error of 1.1 %, the bounds are 12 of them away.
    x, betas = torch.zeros(2000, 2), betas_of()
    z = check.shape(student.p_sample(Spy(silent), x, 6, betas), (2000, 2)).detach()

    def test(schedule: tuple[Tensor, Tensor]) -> None:
        _, ab = schedule
        large = float(betas[6].sqrt())
        small = large * float(((1 - ab[5]) / (1 - ab[6])).sqrt())
        symptom = "The noise must have standard deviation sqrt(beta_t) (or that of q_posterior)."
        low, high = 0.87 * small, 1.13 * large
        check.between(z.std(0), low, high, symptom, name="standard deviation")

    with_any(schedules(student, betas), test)


# ---------------------------------------------------------------- p_sample_loop


def times_of(spy: Spy) -> list[float]:
    """The steps that a model was asked for, in order."""
    flat = [torch.as_tensor(t).reshape(-1) for _, t in spy.seen]
    return [float(t[0]) if len(t) else -1.0 for t in flat]


USES_P_SAMPLE_LOOP = pytest.mark.uses("compute_alpha_cumprod", "p_sample")


@pytest.mark.task("p_sample_loop")
@USES_P_SAMPLE_LOOP
def test_loop_runs_backward_through_all_steps(student: Any) -> None:
    betas, spy = betas_of(6), Spy(silent)
    x = student.p_sample_loop(spy, (3, 2), betas)
    check.shape(x, (3, 2), "The result must have the shape that was asked for.")
    due = [5.0, 4.0, 3.0, 2.0, 1.0, 0.0]
    if times_of(spy) != due:
        own = Spy(silent)  # a p_sample that tells the model another t loses its points there
        for t in (5, 4, 3, 2, 1, 0):
            student.p_sample(own, torch.zeros(3, 2), t, betas)
        if times_of(spy) != times_of(own):
            symptom = "The loop must go through t = T-1, ..., 1, 0, each step once."
            check.equal(times_of(spy), due, symptom)


@pytest.mark.task("p_sample_loop")
@USES_P_SAMPLE_LOOP
def test_loop_starts_from_noise(student: Any) -> None:
    # 4,000 numbers; the bounds are 8 standard errors away.
    spy = Spy(silent)
    student.p_sample_loop(spy, (2000, 2), betas_of(3))
    check.that(spy.seen, "The loop never called the model.", got="0 calls", expected="3 calls")
    x = check.shape(spy.seen[0][0], (2000, 2), "The first x_t has another shape than asked for.")
    symptom = "The start must be N(0, I): its mean is not 0."
    check.between(x.mean(), -0.13, 0.13, symptom, name="mean")
    symptom = "The start must be N(0, I): its standard deviation is not 1."
    check.between(x.std(), 0.91, 1.09, symptom, name="standard deviation")


@pytest.mark.task("p_sample_loop")
@USES_P_SAMPLE_LOOP
def test_loop_keeps_no_graph(student: Any) -> None:
    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.tensor(0.1))

        def forward(self, x_t: Tensor, t: Any) -> Tensor:
            return self.scale * x_t

    x = check.shape(student.p_sample_loop(Scaled(), (4, 2), betas_of(4)), (4, 2))
    symptom = "Each step adds to a graph: sample without gradients (no_grad), or memory fills up."
    check.that(
        not x.requires_grad,
        symptom,
        got="a result attached to the graph",
        expected="no graph",
    )
