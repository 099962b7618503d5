"""Public tests of the training tools: numbers worked out by hand, shapes, and a relation or two.

`pytest tests/test_training.py` runs all of them, `-m free_bits` only those of one task.
"""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from grading import check

NAN = float("nan")


# ---------------------------------------------------------------- init_weights


@pytest.mark.task("init_weights")
def test_init_linear(student: Any) -> None:
    layer = student.make("torch.nn.Linear", 30, 60)
    before = layer.weight.detach().clone()
    student.init_weights(layer)
    check.differ(layer.weight, before, "The weights of a linear layer are not set.")
    check.equal(layer.bias.detach(), torch.zeros(60), "The bias of a linear layer must be 0.")
    bound = math.sqrt(6 / 90)
    # 1,800 uniform numbers: all below 0.99 of the bound has probability 1e-8.
    symptom = "Xavier-uniform weights for 30 inputs and 60 outputs reach just up to sqrt(6 / 90)."
    largest = layer.weight.detach().abs().max()
    check.between(largest, 0.99 * bound, bound + 1e-6, symptom, name="largest weight")


@pytest.mark.task("init_weights")
def test_init_convolution_and_others(student: Any) -> None:
    layer = student.make("torch.nn.Conv2d", 4, 8, 3)
    student.init_weights(layer)
    check.equal(layer.bias.detach(), torch.zeros(8), "The bias of a convolution must be 0.")
    student.init_weights(student.make("torch.nn.Linear", 3, 2, bias=False))  # it has none to set
    norm = student.make("torch.nn.BatchNorm2d", 4)
    student.init_weights(norm)
    check.equal(norm.weight.detach(), torch.ones(4), "Leave other kinds of layers as they are.")


# ---------------------------------------------------------------- safe_log_var


@pytest.mark.task("safe_log_var")
def test_safe_log_var_numbers(student: Any) -> None:
    log_var = torch.tensor([[-500.0, -20.0, 0.5], [19.0, 21.0, 1e6]])
    due = torch.tensor([[-20.0, -20.0, 0.5], [19.0, 20.0, 20.0]])
    check.close(student.safe_log_var(log_var), due, "Values are limited to -20 ... 20.")


@pytest.mark.task("safe_log_var")
def test_safe_log_var_other_limits(student: Any) -> None:
    log_var = torch.tensor([-3.0, 0.0, 7.0])
    got = student.safe_log_var(log_var, min_val=-1.0, max_val=4.0)
    check.close(got, torch.tensor([-1.0, 0.0, 4.0]), "min_val and max_val are the limits.")
    check.equal(log_var, torch.tensor([-3.0, 0.0, 7.0]), "The input was changed in place.")


# ---------------------------------------------------------------- free_bits


@pytest.mark.task("free_bits")
def test_free_bits_worked_number(student: Any) -> None:
    got = student.free_bits(torch.tensor([[0.0, 3.0], [0.4, 0.2]]), lam=0.5)
    check.that(
        abs(float(check.scalar(got)) - 2.25) > 1e-4,
        "Each example was clamped: take the mean over the batch first, then the maximum.",
        got=got,
        expected="2.1",
    )
    check.close(got, 2.1, "The means are 0.2 and 1.6, so with lam = 0.5 the sum is 0.5 + 1.6.")


@pytest.mark.task("free_bits")
def test_free_bits_without_lambda(student: Any) -> None:
    kl = torch.rand(5, 3)
    due = kl.sum(1).mean()
    check.close(student.free_bits(kl, lam=0.0), due, "With lam = 0 nothing is free: the plain KL.")


# ---------------------------------------------------------------- kl_per_dim


@pytest.mark.task("kl_per_dim")
def test_kl_per_dim_worked_number(student: Any) -> None:
    zero = torch.zeros(1, 2)
    got = student.kl_per_dim(
        [(torch.tensor([[2.0, 0.0]]), zero), (torch.tensor([[0.0, 1.0]]), zero)]
    )
    check.close(got, torch.tensor([1.0, 0.25]), "KLs (2, 0) and (0, 0.5) have the mean (1, 0.25).")


@pytest.mark.task("kl_per_dim")
def test_kl_per_dim_weighs_examples(student: Any) -> None:
    four, one = torch.zeros(4, 2), torch.zeros(1, 2)
    got = student.kl_per_dim([(four, four), (one + 2, one)])
    check.that(
        got is not None and bool((torch.as_tensor(got) - 1.0).abs().max() > 1e-4),
        "The small last batch counts as much as a full one: average over examples, not batches.",
        got=check.show(got),
        expected="shape (2,): [0.4, 0.4]",
    )
    check.close(got, torch.full((2,), 0.4), "Four examples with KL 0 and one with 2: 0.4.")
    wide = student.kl_per_dim([(one, one + math.log(4))])
    symptom = "For mu = 0 and sigma = 2 the KL is (4 - log 4 - 1) / 2 = 0.8069."
    check.close(wide, torch.full((2,), 0.806853), symptom)


# ---------------------------------------------------------------- active_units


@pytest.mark.task("active_units")
def test_active_units_counts(student: Any) -> None:
    mu = torch.tensor([[0.0, 5.0, 1.0], [1.0, 5.0, -1.0], [2.0, 5.0, 1.0], [3.0, 5.0, -1.0]])
    got = student.active_units(mu)
    check.scalar(got)
    symptom = "A dimension that is 5 for every example is not active: look at its variance."
    check.that(got != 3, symptom, got=got, expected="2")
    symptom = "Dimensions 0 and 2 vary over the data, dimension 1 does not."
    check.that(got == 2, symptom, got=got, expected="2")


@pytest.mark.task("active_units")
def test_active_units_threshold(student: Any) -> None:
    mu = torch.tensor([[0.0, 0.0], [1.0, 4.0]]).repeat(2, 1)
    symptom = "The variances are about 0.25 and 4: one of them is above 1."
    got = student.active_units(mu, threshold=1.0)
    check.scalar(got)
    check.that(got == 1, symptom, got=got, expected="1")


# ---------------------------------------------------------------- log_weights


@pytest.mark.task("log_weights")
def test_log_weights_worked_number(student: Any) -> None:
    zero = torch.zeros(1, 1, 1)
    got = student.log_weights(torch.tensor([[-5.0]]), zero + 2, zero + 1, zero)
    symptom = "-5 - 2^2 / 2 + 1^2 / 2 = -6.5 for z = 2, mu = 1, logvar = 0."
    check.close(got, torch.tensor([[-6.5]]), symptom)
    got = student.log_weights(torch.tensor([[-5.0]]), zero + 2, zero, zero + math.log(4))
    symptom = "-5 - 2^2 / 2 + 1 / 2 + log 2 = -5.8069 for z = 2, mu = 0, sigma = 2."
    check.close(got, torch.tensor([[-5.806853]]), symptom)


@pytest.mark.task("log_weights")
def test_log_weights_when_posterior_is_prior(student: Any) -> None:
    log_px, zero = torch.randn(3, 4), torch.zeros(3, 1, 2)
    got = student.log_weights(log_px, torch.randn(3, 4, 2), zero, zero)
    check.shape(got, (3, 4), "One weight is due for each example and sample.")
    check.close(got, log_px, "With q(z|x) = p(z) only log p(x|z) may remain.", atol=1e-4)
    other = student.log_weights(log_px, torch.randn(3, 4, 2), zero + 1, zero)
    symptom = "The weights do not depend on the posterior."
    check.that(
        bool((other != log_px).any()),
        symptom,
        got="log p(x|z) alone for mu = 1 too",
        expected="other weights",
    )


# ---------------------------------------------------------------- iwae_bound


@pytest.mark.task("iwae_bound")
def test_iwae_of_equal_weights(student: Any) -> None:
    for k in (1, 5):
        got = student.iwae_bound(torch.full((3, k), -200.0))
        check.close(got, -200.0, "Equal weights: the bound is their log, however many there are.")


@pytest.mark.task("iwae_bound")
def test_iwae_worked_number(student: Any) -> None:
    log_w = torch.log(torch.tensor([[1.0, 3.0], [4.0, 4.0]]))
    due = (math.log(2.0) + math.log(4.0)) / 2
    check.close(student.iwae_bound(log_w), due, "Weights (1, 3) and (4, 4): (log 2 + log 4) / 2.")


# ---------------------------------------------------------------- ema_update


@pytest.mark.task("ema_update")
def test_ema_moves_in_place(student: Any) -> None:
    ema, params = (
        [torch.tensor([1.0, 0.0]), torch.ones(2, 2)],
        [torch.tensor([3.0, 4.0]), torch.zeros(2, 2)],
    )
    with student.in_place(ema):
        student.ema_update(ema, params, 0.75)
    check.close(ema[0], torch.tensor([1.5, 1.0]), "0.75 * (1, 0) + 0.25 * (3, 4) = (1.5, 1).")
    check.close(ema[1], torch.full((2, 2), 0.75), "Every tensor of the list is averaged.")


@pytest.mark.task("ema_update")
def test_ema_of_parameters(student: Any) -> None:
    # The second average is a copy of a model's own parameter: it requires a gradient too.
    ema = [torch.zeros(3), torch.zeros(3, requires_grad=True)]
    params = [torch.ones(3, requires_grad=True), torch.ones(3, requires_grad=True)]
    with student.in_place(ema):
        student.ema_update(ema, params, decay=0.9)
    for got in ema:
        check.close(got.detach(), torch.full((3,), 0.1), "0.9 * 0 + 0.1 * 1 = 0.1.")
    outside = not ema[0].requires_grad and ema[1].is_leaf
    check.that(
        outside,
        "The average drags the graph along: use torch.no_grad.",
        got="an average attached to the graph",
        expected="no graph",
    )


# ---------------------------------------------------------------- diagnose


def log(**columns: Any) -> dict[str, Any]:
    healthy = {
        "loss": [110.0, 95.0, 90.0],
        "recon": [100.0, 80.0, 72.0],
        "kl": [0.05, 15.0, 18.0],  # near 0 at first is no collapse
        "max_var": [1.0, 1.2, 1.1],
        "latent_dim": 10,
    }
    return {**healthy, **columns}


def found(student: Any, history: dict[str, Any]) -> set[str]:
    result = student.diagnose(history)
    symptom = "The function returns None: is the return missing?"
    check.that(result is not None, symptom, got="None", expected="a list of names")
    check.that(
        isinstance(result, (list, tuple, set, frozenset)),
        "diagnose returns a list of names.",
        got=f"a {type(result).__name__}",
        expected="a list of names",
    )
    return set(result)


@pytest.mark.task("diagnose")
def test_diagnose_healthy(student: Any) -> None:
    names = found(student, log())
    symptom = "A healthy log has no findings."
    check.that(not names, symptom, got=str(sorted(names)), expected="[]")


@pytest.mark.task("diagnose")
@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("nan_loss", {"loss": [110.0, NAN, NAN]}),
        ("loss_spike", {"loss": [110.0, 95.0, 300.0]}),
        ("posterior_collapse", {"kl": [10.0, 1.0, 0.05]}),
        ("exploding_variance", {"max_var": [1.0, 500.0, 1.1]}),
        ("kl_dominates", {"kl": [10.0, 15.0, 99.0]}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_diagnose_one_thing(student: Any, name: str, columns: dict[str, Any]) -> None:
    names = found(student, log(**columns))
    check.that(
        name in names, f"{name} is not reported.", got=str(sorted(names)), expected=str([name])
    )
    check.that(
        names == {name},
        "More is reported than is wrong.",
        got=str(sorted(names)),
        expected=str([name]),
    )
