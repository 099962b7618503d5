"""Public tests of discrete diffusion: numbers worked out by hand, shapes, and a relation or two.

`pytest tests/test_discrete_diffusion.py` runs all of them, `-m mask_prob` only those of one task.
"""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from grading import check

MASK = 4  # tokens 0 ... 3 and the mask


class Guesser(nn.Module):
    """A model that gives the same logits whatever it sees, and notes what it was asked."""

    def __init__(self, logits: Tensor) -> None:
        super().__init__()
        self.logits = nn.Parameter(logits)  # (L, V) for every row, or (B, L, V)
        self.asked: list[tuple[Tensor, Tensor]] = []

    def forward(self, tokens: Tensor, t: Tensor) -> Tensor:
        self.asked.append((tokens.clone(), torch.as_tensor(t).clone()))
        return self.logits.expand(tokens.shape[0], *self.logits.shape[-2:])


def levels(*values: int) -> Tensor:
    return torch.tensor(values, dtype=torch.long)


def step(student: Any, model: nn.Module, x_t: Tensor, t: Tensor, mask_id: int, T: int) -> Tensor:
    """One ancestral step; whoever wrote it for a single number t is right, too."""
    names = {"model": model, "x_t": x_t, "mask_id": mask_id, "T": T}
    try:
        got = student.ancestral_step(t=t, **names)
    except NotImplementedError:
        raise
    except (TypeError, ValueError, RuntimeError) as error:
        try:
            got = student.ancestral_step(t=int(t[0]), **names)
        except (TypeError, ValueError, RuntimeError):
            raise error from None
    return check.shape(got, x_t.shape, "ancestral_step gives tokens of the shape of x_t.")


# ---------------------------------------------------------------- mask_prob


@pytest.mark.task("mask_prob")
def test_mask_prob_worked_numbers(student: Any) -> None:
    p = check.shape(student.mask_prob(levels(0, 1, 2, 3), T=4), (4,), "One probability per row.")
    check.close(
        p.float(), torch.tensor([0.25, 0.5, 0.75, 1.0]), "mask_prob must be (t + 1) / T: T = 4."
    )


@pytest.mark.task("mask_prob")
def test_mask_prob_reaches_one(student: Any) -> None:
    p = check.shape(student.mask_prob(levels(19), T=20), (1,), "One probability per row.")
    check.close(p.float(), torch.ones(1), "At the last level, t = T - 1, everything is masked.")
    p = check.shape(student.mask_prob(levels(0), T=20), (1,), "One probability per row.")
    check.close(p.float(), torch.tensor([0.05]), "At t = 0 one step in T is done already.")


# ---------------------------------------------------------------- q_sample_discrete


@pytest.mark.task("q_sample_discrete")
@pytest.mark.uses("mask_prob")
def test_q_sample_last_level_is_all_mask(student: Any) -> None:
    x0 = torch.tensor([[0, 1, 2], [3, 2, 1]])
    x_t = student.q_sample_discrete(x0=x0, t=levels(4, 4), mask_id=MASK, T=5)
    check.shape(x_t, (2, 3), "x_t has the shape of x0.")
    check.equal(x_t, torch.full((2, 3), MASK), "At t = T - 1 every token must be the mask.")
    x0 = torch.randint(0, MASK, (40, 6))  # all 240 are masked at p = 1/5 with probability 1e-167
    x_t = student.q_sample_discrete(x0=x0, t=torch.full((40,), 0), mask_id=MASK, T=5)
    same = check.shape(x_t, (40, 6)) == x0
    symptom = "At t = 0 most tokens must stay."
    check.that(bool(same.any()), symptom, got="0 tokens stay", expected="about 192 of 240")


@pytest.mark.task("q_sample_discrete")
@pytest.mark.uses("mask_prob")
def test_q_sample_masks_or_keeps(student: Any) -> None:
    x0 = torch.randint(0, MASK, (50, 6))
    x_t = student.q_sample_discrete(x0=x0, t=torch.full((50,), 2), mask_id=MASK, T=5)
    check.shape(x_t, (50, 6), "x_t has the shape of x0.")
    symptom = "Tokens are integers: keep the dtype of x0."
    check.that(not x_t.is_floating_point(), symptom, got=str(x_t.dtype), expected="torch.int64")
    changed = x_t != x0
    symptom = "No token was masked at t = 2 of T = 5."
    check.that(bool(changed.any()), symptom, got="0 masked", expected="about 180 of 300")
    symptom = "All tokens were masked at t = 2 of T = 5."
    check.that(not bool(changed.all()), symptom, got="300 masked", expected="about 180 of 300")
    check.equal(
        x_t[changed],
        torch.full((int(changed.sum()),), MASK),
        "A token that changes must become the mask, mask_id, and nothing else.",
    )
    # A row of six is all mask or all kept with probability 0.05: fifty such rows never come.
    mixed = changed.any(1) & ~changed.all(1)
    check.that(
        bool(mixed.any()),
        "Whole rows are masked or kept: each token has its own coin.",
        got="no row with masked and kept tokens",
        expected="about 47 of 50 rows",
    )


@pytest.mark.task("q_sample_discrete")
@pytest.mark.uses("mask_prob")
def test_q_sample_rate(student: Any) -> None:
    # 18,000 coins with p = 1/3: standard error 0.0035, so the bounds are 8 of them away (1e-15).
    x0 = torch.randint(0, MASK, (3000, 6))
    x_t = student.q_sample_discrete(x0=x0, t=torch.full((3000,), 1), mask_id=MASK, T=6)
    rate = float((check.shape(x_t, (3000, 6)) == MASK).double().mean())
    symptom = "At t = 1 of T = 6 a third of the tokens must be masked, each by its own coin."
    if 1 - 0.028 < rate + 1 / 3 < 1 + 0.028:
        symptom = "The mask rate is upside down: p_t is the probability of being masked, not kept."
    measured = "share of masked tokens:"
    check.between(rate, 1 / 3 - 0.028, 1 / 3 + 0.028, symptom, name=measured)


# ---------------------------------------------------------------- Denoiser.forward


@pytest.mark.task("forward")
def test_forward_shape(student: Any) -> None:
    model = student.Denoiser(vocab_size=7, max_length=9, d_model=8)
    model.eval()
    tokens = torch.randint(0, 7, (3, 5))
    logits = model(tokens, levels(0, 4, 9))
    check.shape(logits, (3, 5, 7), "forward gives (B, L, vocab_size) logits.")
    again = model(tokens, levels(0, 4, 9))
    check.close(again, logits.detach(), "Two calls with one input give different logits.")
    check.that(
        bool((logits < 0).any()),
        "Logits may be negative: no softmax, sigmoid or ReLU.",
        got=f"{logits.min():.3g} is the lowest logit",
        expected="some below 0",
    )


@pytest.mark.task("forward")
def test_forward_sees_both_sides(student: Any) -> None:
    model = student.Denoiser(vocab_size=7, max_length=6, d_model=8)
    one = torch.tensor([[0, 1, 2, 3, 4, 5]])
    first, last = one.clone(), one.clone()
    first[0, 0], last[0, 5] = 6, 6
    logits, with_first, with_last = (
        check.shape(model(x, levels(3)), (1, 6, 7)) for x in (one, first, last)
    )
    check.that(
        (with_first - logits)[0, 5].abs().max() > 1e-6,
        "The logits of the last position do not depend on the first token: use the blocks.",
        got="the same for another first token",
        expected="other logits",
    )
    check.that(
        (with_last - logits)[0, 0].abs().max() > 1e-6,
        "The logits of the first position do not depend on the last token: look at both sides.",
        got="the same for another last token",
        expected="other logits",
    )


# ---------------------------------------------------------------- discrete_diffusion_loss


@pytest.mark.task("discrete_diffusion_loss")
@pytest.mark.uses("mask_prob", "q_sample_discrete")
def test_loss_of_a_model_that_knows_nothing(student: Any) -> None:
    x0 = torch.tensor([[0, 1, 2], [3, 2, 1]])
    model = Guesser(torch.zeros(3, 5))
    loss = student.discrete_diffusion_loss(model=model, x0=x0, t=levels(7, 7), mask_id=MASK, T=8)
    loss = check.scalar(loss, "The loss must be one number.")
    check.close(
        loss, torch.tensor(math.log(5.0)), "With equal logits for 5 tokens the loss is log 5."
    )


@pytest.mark.task("discrete_diffusion_loss")
@pytest.mark.uses("mask_prob", "q_sample_discrete")
def test_loss_counts_masked_positions_only(student: Any) -> None:
    x0 = torch.randint(0, MASK, (20, 6))
    model = Guesser(torch.randn(20, 6, 5))
    loss = student.discrete_diffusion_loss(
        model=model, x0=x0, t=torch.full((20,), 3), mask_id=MASK, T=8
    )
    calls = f"{len(model.asked)} calls"
    check.that(len(model.asked) == 1, "Call the model once.", got=calls, expected="1 call")
    masked = check.shape(model.asked[0][0], (20, 6), "The model gets x_t.") == MASK
    nll = -model.logits.log_softmax(-1).gather(2, x0[..., None])[..., 0].detach()
    loss = check.scalar(loss, "The loss must be one number.")
    due = (nll * masked).sum() / masked.sum().clamp(min=1)
    check.that(
        torch.allclose(loss.detach(), due, rtol=1e-4)
        or not torch.allclose(loss.detach(), nll.mean(), rtol=1e-4),
        "The loss counts visible positions: only masked ones are to guess.",
        got=loss,
        expected=due,
    )
    check.close(loss, due, "The loss is not the mean cross-entropy over the masked positions.")


# ---------------------------------------------------------------- ancestral_step


@pytest.mark.task("ancestral_step")
@pytest.mark.uses("mask_prob")
def test_step_at_zero_leaves_no_mask(student: Any) -> None:
    x_t = torch.tensor([[MASK, 1, MASK], [MASK, MASK, MASK]])
    logits = torch.zeros(3, 5)
    logits[:, 2] = 99.0
    got = step(student, Guesser(logits), x_t, levels(0, 0), MASK, 6)
    check.equal(
        got,
        torch.tensor([[2, 1, 2], [2, 2, 2]]),
        "At t = 0 every mask is replaced by a draw from the model, and visible tokens stay.",
    )


@pytest.mark.task("ancestral_step")
@pytest.mark.uses("mask_prob")
def test_step_keeps_visible_tokens(student: Any) -> None:
    x_t = torch.randint(0, 5, (150, 6))
    got = step(student, Guesser(torch.zeros(6, 5)), x_t, torch.full((150,), 3), MASK, 8)
    visible = x_t != MASK
    check.equal(got[visible], x_t[visible], "A visible token changed: only masks are revealed.")
    revealed = got[got != x_t]
    masks = int((~visible).sum())
    due = f"about {masks // 4} of {masks}"
    symptom = "No mask at all was revealed."
    check.that(len(revealed) > 0, symptom, got="0 revealed", expected=due)
    check.that(
        bool((got[~visible] == MASK).any()),
        "All masks were revealed at once: each one only with probability (p_t - p_s) / p_t.",
        got=f"{masks} revealed",
        expected=due,
    )
    # Some 40 of 180 masks, four tokens: all alike with probability 1e-20.
    check.that(
        bool((revealed != revealed[0]).any()),
        "All logits are equal and yet one token comes every time: draw, do not take the largest.",
        got=f"token {int(revealed[0])} {len(revealed)} times",
        expected="all of 0, 1, 2, 3",
    )


# ---------------------------------------------------------------- sample


@pytest.mark.task("sample")
@pytest.mark.uses("mask_prob", "ancestral_step")
def test_sample_shape(student: Any) -> None:
    logits = torch.zeros(3, 5)
    logits[:, 1] = 99.0
    x = student.sample(model=Guesser(logits), num_samples=40, length=3, mask_id=MASK, T=5)
    check.shape(x, (40, 3), "sample gives (num_samples, length) tokens.")
    # After a loop that ends at t = 1 none of the 120 is a mask with probability 0.8^120 = 2e-12.
    left = f"{int((x == MASK).sum())} masks of {x.numel()}"
    symptom = "Masks are left: does the loop reach t = 0?"
    check.that(bool((x != MASK).all()), symptom, got=left, expected="0 masks")
    check.equal(x, torch.ones(40, 3, dtype=torch.long), "A model that is sure of token 1 gives 1s.")


@pytest.mark.task("sample")
@pytest.mark.uses("mask_prob", "ancestral_step")
def test_sample_begins_with_masks_and_goes_down(student: Any) -> None:
    model = Guesser(torch.zeros(3, 5))
    student.sample(model=model, num_samples=4, length=3, mask_id=MASK, T=6)
    symptom = "sample never calls the model."
    check.that(bool(model.asked), symptom, got="0 calls", expected="6 calls")
    check.equal(
        model.asked[0][0], torch.full((4, 3), MASK), "Sampling begins with nothing but masks."
    )
    asked = [int(t.reshape(-1)[0]) for _, t in model.asked]
    check.that(
        asked == [5, 4, 3, 2, 1, 0],
        "The levels must run from T - 1 down to 0.",
        got=str(asked),
        expected="[5, 4, 3, 2, 1, 0]",
    )


# ---------------------------------------------------------------- bonus


@pytest.mark.task("absorbing_matrix")
def test_absorbing_matrix_worked_numbers(student: Any) -> None:
    Q = check.shape(student.absorbing_matrix(K=2, beta=0.25), (3, 3), "The mask is token K.")
    due = torch.tensor([[0.75, 0.0, 0.25], [0.0, 0.75, 0.25], [0.0, 0.0, 1.0]])
    check.close(Q.float(), due, "Row i says where token i goes; the mask stays the mask.")


@pytest.mark.task("uniform_matrix")
def test_uniform_matrix_worked_numbers(student: Any) -> None:
    Q = check.shape(student.uniform_matrix(K=2, beta=0.5), (2, 2))
    due = torch.tensor([[0.75, 0.25], [0.25, 0.75]])
    check.close(Q.float(), due, "Q must be (1 - beta) I + beta / K in every entry.")


@pytest.mark.task("cumulative_q")
def test_cumulative_of_two_steps(student: Any) -> None:
    a = torch.tensor([[0.9, 0.1], [0.4, 0.6]])
    b = torch.tensor([[0.5, 0.5], [0.0, 1.0]])
    out = check.shape(student.cumulative_Q(Qs=torch.stack([a, b])), (2, 2, 2))
    check.close(out[0], a, "The first of the products is Q_1 itself.")
    check.that(
        not torch.allclose(out[1], b @ a),
        "The order is reversed: Qbar_2 = Q_1 Q_2, not Q_2 Q_1.",
        got=out[1],
        expected=a @ b,
    )
    check.close(out[1], torch.tensor([[0.45, 0.55], [0.2, 0.8]]), "Qbar_2 is not Q_1 Q_2.")


@pytest.mark.task("q_sample_uniform")
@pytest.mark.uses("mask_prob")
def test_q_sample_uniform_rate(student: Any) -> None:
    # 18,000 coins with p = 3/8: standard error 0.0036, so the bounds are 8 of them away (1e-15).
    x0 = torch.randint(0, 4, (3000, 6))
    x_t = student.q_sample_uniform(x0=x0, t=torch.full((3000,), 1), K=4, T=4)
    check.shape(x_t, (3000, 6), "x_t has the shape of x0.")
    check.between(x_t, 0, 3, "Tokens must lie in 0 ... K - 1.", name="token")
    rate = float((x_t != x0).double().mean())
    symptom = (
        "Half of the tokens are drawn anew, a quarter of these come out as before: 3/8 change."
    )
    measured = "share of changed tokens:"
    check.between(rate, 0.375 - 0.029, 0.375 + 0.029, symptom, name=measured)
    new = sorted(set(x_t[x_t != x0].tolist()))
    check.that(
        new == [0, 1, 2, 3],
        "What is drawn anew must be any of the K tokens, each by its own draw.",
        got=f"only {new} came",
        expected="0, 1, 2 and 3 among 6,750 or so",
    )


@pytest.mark.task("posterior")
def test_posterior_worked_numbers(student: Any) -> None:
    Q = torch.tensor([[0.5, 0.0, 0.5], [0.0, 0.5, 0.5], [0.0, 0.0, 1.0]])
    x0, x_t = torch.tensor([[0, 1]]), torch.tensor([[2, 1]])
    got = check.shape(student.posterior(x0=x0, x_t=x_t, Q_t=Q, Qbar_prev=Q), (1, 2, 3))
    due = torch.tensor([[[1 / 3, 0.0, 2 / 3], [0.0, 1.0, 0.0]]])
    check.close(got, due, "q(x_{t-1} | x_t, x_0) is off for two steps of masking with beta = 1/2.")


@pytest.mark.task("confidence_step")
def test_confidence_worked_example(student: Any) -> None:
    logits = torch.tensor([[[0.0, 2.0, 0.0], [3.0, 0.0, 0.0], [0.0, 9.0, 0.0]]])
    x_t = torch.tensor([[2, 2, 0]])
    got = student.confidence_step(logits=logits, x_t=x_t, mask_id=2, n_reveal=1)
    check.shape(got, (1, 3), "confidence_step gives tokens of the shape of x_t.")
    check.equal(got, torch.tensor([[2, 0, 0]]), "Position 1 is the surest of the masked ones.")
    both = student.confidence_step(logits=logits, x_t=x_t, mask_id=2, n_reveal=3)
    check.equal(both, torch.tensor([[1, 0, 0]]), "Three to reveal, two masked: reveal these two.")
