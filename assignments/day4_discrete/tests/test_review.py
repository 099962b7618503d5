"""Public tests of the review: what you get in an exam, numbers worked out by hand and shapes."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from grading import check


def row(*values: float) -> Tensor:
    return torch.tensor([values])


def reverse(student: Any, t: Tensor, **names: Tensor) -> Tensor:
    """One reverse step; whoever wrote it for a single number t is right, too."""
    try:
        return student.reverse_step(t=t, **names)
    except NotImplementedError:
        raise
    except (TypeError, ValueError, RuntimeError, IndexError) as error:
        try:
            return student.reverse_step(t=int(t[0]), **names)
        except (TypeError, ValueError, RuntimeError, IndexError):
            raise error from None


# ---------------------------------------------------------------- gaussian_kl


@pytest.mark.task("gaussian_kl")
def test_kl_is_zero_at_equality(student: Any) -> None:
    mu, logvar = torch.randn(3, 4), torch.randn(3, 4)
    kl = student.gaussian_kl(mu_q=mu, logvar_q=logvar, mu_p=mu, logvar_p=logvar)
    check.shape(kl, (3,), "One number for each row.")
    check.close(kl, torch.zeros(3), "The KL of a distribution with itself must be 0.")
    ones = torch.ones(2, 4)
    kl = student.gaussian_kl(mu_q=ones, logvar_q=0 * ones, mu_p=0 * ones, logvar_p=0 * ones)
    check.close(kl, torch.full((2,), 2.0), "Four dimensions, 1/2 each: sum over them, no mean.")
    kl = student.gaussian_kl(mu_q=mu + 1, logvar_q=logvar, mu_p=mu, logvar_p=logvar)
    symptom = "Elsewhere the KL must be positive."
    positive = bool((check.shape(kl, (3,)) > 0).all())
    check.that(positive, symptom, got=kl, expected="three numbers above 0")


@pytest.mark.task("gaussian_kl")
@pytest.mark.parametrize(
    ("q", "p", "expected"),
    [
        ((2.0, 0.0), (0.0, 0.0), 2.0),
        ((0.0, math.log(4.0)), (0.0, 0.0), 0.5 * (4 - math.log(4.0) - 1)),
        ((0.0, 0.0), (0.0, math.log(4.0)), 0.5 * (math.log(4.0) + 0.25 - 1)),
        ((3.0, 0.0), (1.0, math.log(4.0)), 0.5 * (math.log(4.0) + 5 / 4 - 1)),
    ],
    ids=["mean", "wide_q", "wide_p", "all"],
)
def test_kl_worked_numbers(
    student: Any, q: tuple[float, float], p: tuple[float, float], expected: float
) -> None:
    kl = student.gaussian_kl(mu_q=row(q[0]), logvar_q=row(q[1]), mu_p=row(p[0]), logvar_p=row(p[1]))
    symptom = f"For q = N(mu, exp(logvar)) with {q} and p with {p} the KL is {expected:.4f}."
    check.close(kl, torch.tensor([expected]), symptom)


# ---------------------------------------------------------------- reparameterize


@pytest.mark.task("reparameterize")
def test_reparameterize_without_spread(student: Any) -> None:
    mu = torch.tensor([[1.5, -2.0, 0.25]])
    z = student.reparameterize(mu=mu, logvar=torch.full((1, 3), -60.0))
    check.close(z, mu, "With sigma near 0 the sample must be mu itself.", atol=1e-3)
    z = check.shape(student.reparameterize(mu=mu, logvar=torch.zeros(1, 3)), (1, 3))
    symptom = "With sigma = 1 the sample must differ from mu in every element."
    check.that((z - mu).abs().min() > 0, symptom, got=z, expected=f"other than mu, {mu.tolist()}")


@pytest.mark.task("reparameterize")
def test_reparameterize_spread(student: Any) -> None:
    # 20,000 numbers: the std of a column has a standard error of 0.7 %, the bounds are 12 of them
    # away (false alarms < 1e-30).
    z = student.reparameterize(
        mu=torch.zeros(10_000, 2), logvar=torch.full((10_000, 2), math.log(4.0))
    )
    z = check.shape(z, (10_000, 2), "z has the shape of mu.").detach().double()
    symptom = "The samples are not centered at mu."
    check.between(z.mean(0), -0.24, 0.24, symptom, name="mean of a column")
    symptom = "With logvar = log 4 the standard deviation must be 2."
    check.between(z.std(0), 1.83, 2.17, symptom, name="standard deviation")


# ---------------------------------------------------------------- reverse_step


@pytest.mark.task("reverse_step")
def test_reverse_step_worked_number(student: Any) -> None:
    # alpha = 0.75, 0.5; alpha_bar = 0.75, 0.375; mean = (2 - 0.5 / sqrt(0.625) * 1) / sqrt(0.5)
    due = (2 - 0.5 / math.sqrt(0.625)) / math.sqrt(0.5)
    got = reverse(
        student,
        torch.tensor([1]),
        x_t=row(2.0, 2.0),
        eps=row(1.0, 1.0),
        betas=torch.tensor([0.25, 0.5]),
        noise=row(0.0, 0.0),
    )
    check.close(got, row(due, due), f"With noise 0 the step must give the mean, {due:.4f}.")


@pytest.mark.task("reverse_step")
def test_reverse_step_adds_no_noise_at_zero(student: Any) -> None:
    x_t, eps = torch.randn(3, 2), torch.randn(3, 2)
    names = {"x_t": x_t, "eps": eps, "betas": torch.tensor([0.25, 0.5])}
    t = torch.zeros(3, dtype=torch.long)
    still = check.shape(reverse(student, t, noise=torch.zeros(3, 2), **names), (3, 2))
    noisy = check.shape(reverse(student, t, noise=torch.ones(3, 2), **names), (3, 2))
    check.close(noisy, still, "At t = 0 no noise is added: the last step gives the mean.")
    symptom = "The step does not change x_t at all."
    check.that((still - x_t).abs().max() > 1e-6, symptom, got=still, expected="other than x_t")
    symptom = "Rows with other x_t and eps come out alike."
    apart = (still[1:] - still[:-1]).abs().min() > 0
    check.that(apart, symptom, got=still, expected="other numbers in each row")


# ---------------------------------------------------------------- corrupt_tokens


@pytest.mark.task("corrupt_tokens")
def test_corrupt_last_level(student: Any) -> None:
    x0 = torch.tensor([[0, 1, 2], [3, 2, 1]])
    got = student.corrupt_tokens(x0=x0, t=torch.tensor([4, 4]), mask_id=9, T=5)
    check.equal(got, torch.full((2, 3), 9), "At t = T - 1 every token must be the mask.")
    x0 = torch.randint(0, 9, (40, 6))  # all 240 are masked at p = 1/5 with probability 1e-167
    got = student.corrupt_tokens(x0=x0, t=torch.zeros(40, dtype=torch.long), mask_id=9, T=5)
    same = check.shape(got, (40, 6)) == x0
    symptom = "At t = 0 most tokens must stay."
    check.that(bool(same.any()), symptom, got="0 tokens stay", expected="about 192 of 240")


@pytest.mark.task("corrupt_tokens")
def test_corrupt_masks_or_keeps(student: Any) -> None:
    # 18,000 coins with p = 1/3: standard error 0.0035, so the bounds are 8 of them away (1e-15).
    x0 = torch.randint(0, 9, (3000, 6))
    got = student.corrupt_tokens(x0=x0, t=torch.ones(3000, dtype=torch.long), mask_id=9, T=6)
    check.shape(got, (3000, 6), "The result has the shape of x0.")
    masked = got == 9
    check.equal(got[~masked], x0[~masked], "A token that is not masked must stay what it was.")
    rate = float(masked.double().mean())
    symptom = "At t = 1 of T = 6 a third is masked."
    measured = "share of masked tokens:"
    check.between(rate, 1 / 3 - 0.028, 1 / 3 + 0.028, symptom, name=measured)
