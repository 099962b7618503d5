"""Hidden tests of discrete diffusion: the laws of the coins, gradients, squares, edges.

Every statistical comparison is a z-test at 6 standard errors: 2e-9 each by the normal
approximation, at most 1e-8 where fewer than 300 hits are expected. There are about 130 of them in
this file, so that a right solution fails with a probability below 1e-6 in all.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from grading import check

SIZES = [(5, 7, 4), (6, 6, 6), (4, 5, 5), (1, 9, 3)]  # (B, L, V)
SIZE_NAMES = ["wide", "cube", "square", "one_row"]
Z = 6.0  # standard errors


class Guesser(nn.Module):
    """A model that gives the same logits whatever it sees, and notes what it was asked."""

    def __init__(self, logits: Tensor) -> None:
        super().__init__()
        self.logits = nn.Parameter(logits)  # (L, V) for every row, or (B, L, V)
        self.asked: list[tuple[Tensor, Any]] = []

    def forward(self, tokens: Tensor, t: Tensor) -> Tensor:
        self.asked.append((tokens.clone(), t.clone() if isinstance(t, Tensor) else t))
        return self.logits.expand(tokens.shape[0], *self.logits.shape[-2:])


def step_with(
    student: Any, model: nn.Module, x_t: Tensor, t: Tensor, mask_id: int, T: int
) -> tuple[Tensor, bool]:
    """One ancestral step, and whether it took t as a tensor: a single number is right, too."""
    names = {"model": model, "x_t": x_t, "mask_id": mask_id, "T": T}
    whole = True
    try:
        got = student.ancestral_step(t=t, **names)
    except NotImplementedError:
        raise
    except (TypeError, ValueError, RuntimeError) as error:
        whole = False
        try:
            got = student.ancestral_step(t=int(t[0]), **names)
        except (TypeError, ValueError, RuntimeError):
            raise error from None
    check.shape(got, x_t.shape, "ancestral_step gives tokens of the shape of x_t.")
    return got, whole


def step(student: Any, model: nn.Module, x_t: Tensor, t: Tensor, mask_id: int, T: int) -> Tensor:
    return step_with(student, model, x_t, t, mask_id, T)[0]


def z_test(value: float, due: float, error: float, symptom: str, name: str) -> None:
    check.that(
        abs(value - due) <= Z * error,
        symptom,
        got=f"{name} {value:.4g}",
        expected=f"{name} {due:.4g} ± {Z * error:.2g}",
    )


def coin_rate(hits: Tensor, p: float, symptom: str) -> None:
    """Pass when the hits come with probability p; `hits` is a bool tensor of independent coins."""
    n = hits.numel()
    error = math.sqrt(p * (1 - p) / n)
    z_test(float(hits.double().mean()), p, error, symptom, f"share among {n:,}:")


def independent_coins(hits: Tensor, p: Tensor, what: str) -> None:
    """Pass when hits (N, L) are independent coins with probabilities p (N, 1).

    Rates over all and in each column, correlation of neighbors, and the spread of row sums, which
    sees every pair of columns. A fixed number per row or one coin per row is off by 30 errors.
    """
    n, length = hits.shape
    e = ((hits.double() - p) / (p * (1 - p)).sqrt()).double()
    kurtosis = float(((1 - 6 * p * (1 - p)) / (p * (1 - p))).mean())
    root = math.sqrt(n * length)
    off = "mean of (hit - p) / deviation"
    z_test(float(e.mean()), 0.0, 1 / root, f"{what} has the wrong rate.", f"{off}:")
    worst = int(e.mean(0).abs().argmax())
    z_test(
        float(e.mean(0)[worst]),
        0.0,
        1 / math.sqrt(n),
        f"{what} has a rate that depends on the position: is the probability one per row?",
        f"{off} at position {worst}:",
    )
    z_test(
        float((e[1:] * e[:-1]).mean()),
        0.0,
        1 / math.sqrt((n - 1) * length),
        f"{what} falls together in neighboring rows: draw a coin for each token of each row.",
        "correlation of rows",
    )
    z_test(
        float((e * e.roll(1, 1)).mean()),
        0.0,
        1 / root,
        f"{what} falls together at neighboring positions: draw a coin for each token.",
        "correlation of positions",
    )
    sums = e.sum(1).pow(2) / length
    z_test(
        float(sums.mean()),
        1.0,
        math.sqrt((2 + kurtosis / length) / n),
        f"{what} is not independent inside a row: neither one coin per row nor a fixed number.",
        "variance of the hits in a row, over that of independent coins:",
    )


# ---------------------------------------------------------------- mask_prob


@pytest.mark.task("mask_prob")
@pytest.mark.parametrize("T", [1, 3, 7, 1000])
def test_mask_prob_all_levels(student: Any, T: int) -> None:
    t = torch.arange(T)
    due = torch.arange(1, T + 1) / T
    p = check.shape(student.mask_prob(t=t, T=T), (T,), "mask_prob gives one number per row.")
    check.close(p.float(), due, f"mask_prob is not (t + 1) / T for T = {T}.")


@pytest.mark.task("mask_prob")
def test_mask_prob_any_order(student: Any) -> None:
    for levels in ([4, 0, 4, 2, 9], [1, 3, 2], [6]):
        t = torch.tensor(levels)
        p = check.shape(student.mask_prob(t=t, T=10), t.shape, "One number per row.")
        due = torch.tensor([(level + 1) / 10 for level in levels])
        check.close(p.float(), due, "mask_prob must look at the value of t, row by row.")


# ---------------------------------------------------------------- q_sample_discrete


@pytest.mark.task("q_sample_discrete")
@pytest.mark.uses("mask_prob")
def test_q_sample_coins(student: Any) -> None:
    n, T = 3000, 8
    t = torch.randint(0, T - 1, (n,))
    x0 = torch.randint(0, 5, (n, 6))
    x_t = student.q_sample_discrete(x0=x0, t=t, mask_id=5, T=T)
    hits = check.shape(x_t, (n, 6), "x_t has the shape of x0.") == 5
    independent_coins(hits, ((t + 1) / T).double()[:, None], "The masking")


@pytest.mark.task("q_sample_discrete")
@pytest.mark.uses("mask_prob")
@pytest.mark.parametrize("t", [0, 2, 5])
def test_q_sample_rate_of_a_level(student: Any, t: int) -> None:
    n, T = 2500, 7
    x0 = torch.randint(0, 3, (n, 4))
    x_t = student.q_sample_discrete(x0=x0, t=torch.full((n,), t), mask_id=3, T=T)
    p = (t + 1) / T
    coin_rate(
        check.shape(x_t, (n, 4)) == 3, p, f"The mask rate at t = {t}, T = {T} is not {p:.3f}."
    )


@pytest.mark.task("q_sample_discrete")
@pytest.mark.uses("mask_prob")
def test_q_sample_square(student: Any) -> None:
    # B == L: a probability per position instead of per row raises no error here.
    n, T = 80, 10
    t = torch.where(torch.arange(n) % 2 == 0, 1, 7)
    x0 = torch.randint(0, 3, (n, n))
    x_t = check.shape(student.q_sample_discrete(x0=x0, t=t, mask_id=3, T=T), (n, n))
    symptom = "With as many rows as positions a row has the wrong rate: t belongs to the row."
    coin_rate(x_t[t == 1] == 3, 0.2, symptom)
    coin_rate(x_t[t == 7] == 3, 0.8, symptom)


@pytest.mark.task("q_sample_discrete")
@pytest.mark.uses("mask_prob")
@pytest.mark.parametrize("mask_id", [0, 2, 31])
def test_q_sample_any_mask(student: Any, mask_id: int) -> None:
    tokens = torch.tensor([k for k in range(6) if k != mask_id])
    x0 = tokens[torch.randint(0, len(tokens), (1500, 5))]
    before = x0.clone()
    t = torch.randint(0, 4, (1500,))
    x_t = check.shape(student.q_sample_discrete(x0=x0, t=t, mask_id=mask_id, T=5), (1500, 5))
    check.dtype(x_t, torch.long, "Tokens stay long integers.")
    kept = x_t != mask_id
    check.equal(x_t[kept], x0[kept], "A token that is not masked must stay what it was.")
    coin_rate(~kept[t == 3], 0.8, f"With mask_id = {mask_id} the mask rate at t = 3, T = 5 is off.")
    check.unchanged([before], [x0])
    for token in tokens.tolist():
        coin_rate(
            ~kept[(x0 == token) & (t == 1)[:, None]],
            0.4,
            f"Of the tokens {token} a wrong share is masked at t = 1: the coin ignores the token.",
        )


@pytest.mark.task("q_sample_discrete")
@pytest.mark.uses("mask_prob")
def test_q_sample_is_fresh(student: Any) -> None:
    # Two draws of 200 fair coins agree by chance with probability 2^-200.
    x0, t = torch.zeros(20, 10, dtype=torch.long), torch.full((20,), 4)
    first, second = (student.q_sample_discrete(x0=x0, t=t, mask_id=1, T=10) for _ in range(2))
    for x_t in (first, second):
        coin_rate(check.shape(x_t, (20, 10)) == 1, 0.5, "Half of the tokens are masked at p = 1/2.")
        other = x_t[(x_t != 0) & (x_t != 1)]
        symptom = "A token became something else than the mask."
        check.that(not other.numel(), symptom, got=other, expected="0 or the mask, 1")
    check.differ(first, second, "Two calls mask the same places: is a seed set?")


@pytest.mark.task("q_sample_discrete")
@pytest.mark.uses("mask_prob")
@pytest.mark.parametrize(("batch", "length", "T"), [(1, 1, 1), (3, 1, 4), (4, 4, 4), (1, 6, 9)])
def test_q_sample_last_level(student: Any, batch: int, length: int, T: int) -> None:
    x0 = torch.randint(0, 3, (batch, length))
    x_t = student.q_sample_discrete(x0=x0, t=torch.full((batch,), T - 1), mask_id=7, T=T)
    due = torch.full((batch, length), 7)
    check.equal(x_t, due, "At t = T - 1 every token must be masked, in every row.")
    x0 = torch.randint(0, 3, (40, 5))  # all 200 are masked at p = 1/8 with probability 1e-180
    x_t = student.q_sample_discrete(x0=x0, t=torch.zeros(40, dtype=torch.long), mask_id=7, T=8)
    same = check.shape(x_t, (40, 5)) == x0
    symptom = "At t = 0 most tokens must stay."
    check.that(bool(same.any()), symptom, got="0 tokens stay", expected="about 175 of 200")


# ---------------------------------------------------------------- Denoiser.forward


def denoiser(student: Any, V: int = 7, max_length: int = 9, d_model: int = 8) -> Any:
    return student.Denoiser(vocab_size=V, max_length=max_length, d_model=d_model)


def repeatable(model: Any, tokens: Tensor, t: Tensor) -> Tensor:
    """The logits in eval mode, the same in two calls."""
    model.eval()
    first, second = model(tokens, t), model(tokens, t)
    check.close(second, first.detach(), "Two calls with one input give different logits.")
    return first


def moved(a: Tensor, b: Tensor) -> Tensor:
    """Greatest change over the vocabulary, (B, L)."""
    return (a - b).detach().abs().amax(-1)


NO_CHANGE, A_CHANGE = "no change in the logits", "a change at every position"


def largest(change: Tensor) -> str:
    return f"a change of {change.max():.3g}"


@pytest.mark.task("forward")
@pytest.mark.parametrize("size", [*SIZES, (8, 8, 8)], ids=[*SIZE_NAMES, "all_eight"])
def test_forward_sizes(student: Any, size: tuple[int, int, int]) -> None:
    batch, length, V = size
    model = denoiser(student, V)
    logits = repeatable(model, torch.randint(0, V, (batch, length)), torch.arange(batch))
    check.shape(logits, (batch, length, V), "forward gives logits of shape (B, L, vocab_size).")
    check.that(
        bool((logits != logits[:1, :1, :1]).any()),
        "All logits are the same number.",
        got=f"{logits[0, 0, 0]:.6g} everywhere",
        expected="different logits",
    )
    infinite = logits[~torch.isfinite(logits)]
    symptom = "The logits are not finite."
    check.that(not infinite.numel(), symptom, got=infinite, expected="finite numbers")


@pytest.mark.task("forward")
def test_forward_unbounded(student: Any) -> None:
    model = denoiser(student)
    model.load_state_dict({name: 4 * value for name, value in model.state_dict().items()})
    logits = repeatable(model, torch.randint(0, 7, (6, 9)), torch.arange(6)).detach()
    softmax = "The logits of a position sum to 1: no softmax, the losses take it themselves."
    sums = logits.sum(-1)
    check.that(
        not torch.allclose(sums, torch.ones(6, 9), atol=1e-3),
        softmax,
        got=f"sums of the logits {check.show(sums)}",
        expected="any real numbers",
    )
    check.that(
        bool((logits < 0).any()),
        "Logits may be negative: no ReLU, sigmoid or softmax.",
        got=f"{logits.min():.3g} is the lowest logit",
        expected="some below 0",
    )
    check.that(
        bool((logits > 0).any()),
        "Logits may be positive: return the head's output.",
        got=f"{logits.max():.3g} is the highest logit",
        expected="some above 0",
    )
    check.that(
        bool((logits.abs() > 1.01).any()),
        "The logits are squeezed into [-1, 1]: no tanh, no sigmoid.",
        got=f"{logits.abs().max():.3g} is the largest size",
        expected="some beyond 1.01",
    )


@pytest.mark.task("forward")
@pytest.mark.parametrize("square", [False, True])
def test_forward_rows_are_independent(student: Any, square: bool) -> None:
    batch, length = (8, 8) if square else (4, 6)
    model = denoiser(student)
    tokens, t = torch.randint(0, 6, (batch, length)), torch.arange(batch)
    logits = check.shape(model(tokens, t), (batch, length, 7))
    other = tokens.clone()
    other[1] = 6
    change = moved(check.shape(model(other, t), (batch, length, 7)), logits)
    rest = [row for row in range(batch) if row != 1]
    symptom = "A row's logits depend on the tokens of other rows."
    check.that(change[rest].max() < 1e-5, symptom, got=largest(change[rest]), expected=NO_CHANGE)
    symptom = "A row's logits do not follow its tokens."
    check.that(bool((change[1] > 1e-6).all()), symptom, got=NO_CHANGE, expected=A_CHANGE)


@pytest.mark.task("forward")
@pytest.mark.parametrize("square", [False, True])
def test_forward_time_belongs_to_the_row(student: Any, square: bool) -> None:
    batch, length = (8, 8) if square else (4, 6)
    model = denoiser(student)
    tokens, t = torch.randint(0, 7, (batch, length)), torch.full((batch,), 2)
    logits = check.shape(model(tokens, t), (batch, length, 7))
    later = t.clone()
    later[2] = 9
    change = moved(check.shape(model(tokens, later), (batch, length, 7)), logits)
    symptom = "The logits do not depend on t: add embed_time(t)."
    check.that(change.max() > 1e-6, symptom, got=NO_CHANGE, expected=A_CHANGE)
    symptom = "In a row some positions do not see the row's noise level."
    check.that(bool((change[2] > 1e-6).all()), symptom, got=NO_CHANGE, expected=A_CHANGE)
    rest = [row for row in range(batch) if row != 2]
    symptom = "A row's logits depend on t of another row: [:, None, :]."
    check.that(change[rest].max() < 1e-5, symptom, got=largest(change[rest]), expected=NO_CHANGE)


@pytest.mark.task("forward")
@pytest.mark.parametrize("square", [False, True])
def test_forward_positions_belong_to_the_column(student: Any, square: bool) -> None:
    batch, length = (8, 8) if square else (3, 6)
    model = denoiser(student)
    tokens, t = torch.full((batch, length), 6), torch.full((batch,), 5)
    logits = check.shape(model(tokens, t), (batch, length, 7))
    check.that(
        moved(logits[:, :1], logits[:, 1:]).min() > 1e-6,
        "Positions of equal tokens have equal logits: add the position embedding.",
        got="the same logits at two positions",
        expected="other logits at each",
    )
    apart = moved(logits[:1], logits[1:]).max()
    check.that(
        apart < 1e-5,
        "Equal rows have different logits: the position is the index in the row, not of the row.",
        got=f"{apart:.3g} between two rows",
        expected="the same logits",
    )


@pytest.mark.task("forward")
def test_forward_every_position_reaches_every_position(student: Any) -> None:
    model = denoiser(student)
    tokens = torch.randint(0, 6, (1, 7))
    logits = check.shape(model(tokens, torch.tensor([3])), (1, 7, 7))
    for position in range(7):
        other = tokens.clone()
        other[0, position] = 6
        change = moved(model(other, torch.tensor([3])), logits)[0]
        deaf = [i for i in range(7) if change[i] <= 1e-7]
        check.that(
            not deaf,
            f"Position {deaf[:1]} does not see position {position}: look at both sides.",
            got=f"no change at {len(deaf)} of 7 positions",
            expected="a change at each",
        )


@pytest.mark.task("forward")
def test_forward_gradient(student: Any) -> None:
    model = denoiser(student)
    logits = model(torch.randint(0, 7, (8, 9)), torch.arange(8))
    provided = ("token.", "position.", "time.", "blocks.", "head.")
    named = [(n, p) for n, p in model.named_parameters() if n.startswith(provided)]
    weights = torch.randn(8, 9, 7)
    if not named:
        check.that(
            logits.requires_grad,
            "No gradient flows from the logits to the weights.",
            got="logits without a graph",
            expected="logits attached to the graph",
        )
        return
    grads = check.gradient((logits * weights).sum(), [p for _, p in named], allow_unused=True)
    for (name, _), grad in zip(named, grads, strict=True):
        symptom = f"The layer of {name} gets no gradient: is it used?"
        used = bool((grad != 0).any())
        check.that(used, symptom, got="a gradient of 0 everywhere", expected="another somewhere")


@pytest.mark.task("forward")
def test_forward_float64(student: Any) -> None:
    model = denoiser(student)
    model.double()
    logits = model(torch.randint(0, 7, (2, 5)), torch.tensor([1, 4]))
    check.shape(logits, (2, 5, 7))
    check.dtype(logits, torch.float64, "A model in float64 must give float64.")


# ---------------------------------------------------------------- discrete_diffusion_loss


def clean(size: tuple[int, int, int]) -> Tensor:
    """Tokens 0 ... V - 2; the mask is V - 1."""
    return torch.randint(0, size[2] - 1, size[:2])


def positive(loss: Any, symptom: str) -> None:
    check.that(check.scalar(loss) > 0, symptom, got=loss, expected="above 0")


def due_loss(logits: Tensor, x0: Tensor, masked: Tensor) -> Tensor:
    nll = -logits.log_softmax(-1).gather(2, x0[..., None])[..., 0]
    return (nll * masked).sum() / masked.sum().clamp(min=1)


@pytest.mark.task("discrete_diffusion_loss")
@pytest.mark.uses("mask_prob", "q_sample_discrete")
@pytest.mark.parametrize("size", SIZES, ids=SIZE_NAMES)
def test_loss_sizes(student: Any, size: tuple[int, int, int]) -> None:
    for t in (2, 5, 8):
        x0, model = clean(size), Guesser(3 * torch.randn(size))
        level = torch.full((size[0],), t)
        loss = student.discrete_diffusion_loss(
            model=model, x0=x0, t=level, mask_id=size[2] - 1, T=9
        )
        loss = check.scalar(loss, "The loss must be one finite number.")
        calls = f"{len(model.asked)} calls"
        check.that(len(model.asked) == 1, "Call the model once.", got=calls, expected="1 call")
        masked = check.shape(model.asked[0][0], size[:2], "The model gets x_t.") == size[2] - 1
        due = due_loss(model.logits.detach(), x0, masked)
        check.close(
            loss.detach(),
            due,
            "The loss is not the mean of the cross-entropy with x0 over the masked positions of "
            "the x_t that the model saw.",
        )


@pytest.mark.task("discrete_diffusion_loss")
@pytest.mark.uses("mask_prob", "q_sample_discrete")
def test_loss_mean_over_all_masked_tokens(student: Any) -> None:
    # Rows with many and with few masks, easy and hard: a mean of the rows' means is another number.
    x0 = torch.randint(0, 4, (40, 6))
    logits = torch.randn(40, 6, 5)
    logits[::2] += 4 * torch.nn.functional.one_hot(x0[::2], 5)
    t = torch.where(torch.arange(40) % 2 == 0, 8, 1)
    model = Guesser(logits)
    loss = student.discrete_diffusion_loss(model=model, x0=x0, t=t, mask_id=4, T=10)
    loss = check.scalar(loss, "The loss must be one finite number.").detach()
    masked = check.shape(model.asked[-1][0], (40, 6), "The model gets x_t.") == 4
    due = due_loss(logits, x0, masked)
    nll = -logits.log_softmax(-1).gather(2, x0[..., None])[..., 0]
    rows = ((nll * masked).sum(1) / masked.sum(1).clamp(min=1)).mean()
    check.that(
        torch.allclose(loss, due, rtol=1e-4) or not torch.allclose(loss, rows, rtol=1e-4),
        "You averaged in each row and then over the rows: every masked token counts the same.",
        got=loss,
        expected=due,
    )
    check.close(loss, due, "The loss is not the mean over all masked tokens of the batch.")


@pytest.mark.task("discrete_diffusion_loss")
@pytest.mark.uses("mask_prob", "q_sample_discrete")
def test_loss_what_the_model_is_asked(student: Any) -> None:
    x0, t = torch.randint(0, 4, (30, 8)), torch.randint(0, 12, (30,))
    model = Guesser(torch.zeros(8, 5))
    before = x0.clone()
    loss = student.discrete_diffusion_loss(model=model, x0=x0, t=t, mask_id=4, T=12)
    positive(loss, "The loss of a model that is not sure is above 0.")
    calls = f"{len(model.asked)} calls"
    check.that(len(model.asked) == 1, "Call the model once.", got=calls, expected="1 call")
    x_t, asked_t = model.asked[0]
    check.equal(asked_t, t, "The model must get the t of the corruption, as it is.")
    check.shape(x_t, (30, 8), "The model gets x_t.")
    check.differ(x_t, x0, "The model sees the clean tokens: it must get x_t.")
    check.unchanged([before], [x0])


@pytest.mark.task("discrete_diffusion_loss")
@pytest.mark.uses("mask_prob", "q_sample_discrete")
def test_loss_corrupts_at_its_level(student: Any) -> None:
    x0, T = torch.randint(0, 4, (1500, 4)), 6
    for level in (0, 3):
        t = torch.full((1500,), level)
        model = Guesser(torch.zeros(4, 5))
        loss = student.discrete_diffusion_loss(model=model, x0=x0, t=t, mask_id=4, T=T)
        positive(loss, "The loss of a model that is not sure is above 0.")
        coin_rate(
            check.shape(model.asked[-1][0], (1500, 4)) == 4,
            (level + 1) / T,
            f"The tokens are not corrupted with q_sample_discrete at t = {level}.",
        )


@pytest.mark.task("discrete_diffusion_loss")
@pytest.mark.uses("mask_prob", "q_sample_discrete")
def test_loss_gradient(student: Any) -> None:
    x0 = torch.randint(0, 4, (6, 5))
    model = Guesser(torch.randn(6, 5, 5))
    loss = student.discrete_diffusion_loss(
        model=model, x0=x0, t=torch.full((6,), 5), mask_id=4, T=8
    )
    (grad,) = check.gradient(check.scalar(loss), [model.logits])
    masked = check.shape(model.asked[-1][0], (6, 5), "The model gets x_t.") == 4
    due = model.logits.detach().softmax(-1) - torch.nn.functional.one_hot(x0, 5)
    due = due * masked[..., None] / masked.sum().clamp(min=1)
    check.close(
        grad,
        due,
        "The gradient is wrong: visible positions get none, masked ones softmax - target.",
    )


@pytest.mark.task("discrete_diffusion_loss")
@pytest.mark.uses("mask_prob", "q_sample_discrete")
def test_loss_without_any_mask(student: Any) -> None:
    everything = student.discrete_diffusion_loss(
        model=Guesser(torch.zeros(2, 5)),
        x0=torch.tensor([[0, 3]]),
        t=torch.tensor([49]),
        mask_id=4,
        T=50,
    )
    positive(everything, "With masks the loss of a poor model is above 0.")
    # Each of the 12 calls leaves both tokens visible with probability 0.96.
    for _ in range(12):
        model = Guesser(torch.randn(2, 5))
        loss = student.discrete_diffusion_loss(
            model=model, x0=torch.tensor([[0, 3]]), t=torch.tensor([0]), mask_id=4, T=50
        )
        if model.asked and bool((model.asked[-1][0] == 4).any()):
            continue
        symptom = "Where no token is masked the loss must be 0, not 0 / 0."
        check.close(check.scalar(loss, symptom).detach(), 0.0, symptom)
        check.that(
            isinstance(loss, Tensor) and loss.requires_grad,
            "Where no token is masked the loss must still be attached to the graph: the training "
            "loop calls backward on it.",
            got="a loss without a graph",
            expected="a loss attached to the graph",
        )


@pytest.mark.task("discrete_diffusion_loss")
@pytest.mark.uses("mask_prob", "q_sample_discrete")
def test_loss_extreme_and_float64(student: Any) -> None:
    x0 = torch.randint(0, 3, (3, 5))
    logits = 200.0 * torch.nn.functional.one_hot((x0 + 1) % 3, 4).double()
    loss = student.discrete_diffusion_loss(
        model=Guesser(logits), x0=x0, t=torch.full((3,), 4), mask_id=3, T=5
    )
    # A mean over any of the positions is 200: a wrong mask rate does not matter here.
    due = torch.tensor(200.0, dtype=torch.float64)
    loss = check.scalar(loss, "With logits of 200 the loss must stay finite.").detach()
    check.close(loss, due, "A model that is sure of wrong tokens must be punished by its logits.")


# ---------------------------------------------------------------- ancestral_step


@pytest.mark.task("ancestral_step")
@pytest.mark.uses("mask_prob")
@pytest.mark.parametrize("t", [1, 3, 6])
def test_step_reveals_one_in_t_plus_one(student: Any, t: int) -> None:
    n = 3000
    x_t = torch.full((n, 4), 3)
    got = step(student, Guesser(torch.zeros(4, 4)), x_t, torch.full((n,), t), 3, 7)
    coin_rate(
        got != 3,
        1 / (t + 1),
        f"A token that is masked at t = {t} must be revealed with probability (p_t - p_s) / p_t.",
    )


@pytest.mark.task("ancestral_step")
@pytest.mark.uses("mask_prob")
def test_step_coins_are_independent(student: Any) -> None:
    n = 3000
    x_t = torch.full((n, 6), 3)
    got = step(student, Guesser(torch.zeros(6, 4)), x_t, torch.full((n,), 2), 3, 5)
    independent_coins(got != 3, torch.full((n, 1), 1 / 3, dtype=torch.float64), "The revealing")


@pytest.mark.task("ancestral_step")
@pytest.mark.uses("mask_prob")
@pytest.mark.parametrize("mask_id", [4, 0, 2])
def test_step_draws_from_the_model(student: Any, mask_id: int) -> None:
    n, length, V = 3000, 3, 5
    logits = 1.6 * torch.rand(length, V) - 0.8  # no token is rarer than 1 in 16
    logits[:, mask_id] = logits.amax(-1) + 2  # the model likes the mask best
    x_t = torch.full((n, length), mask_id)
    got = step(student, Guesser(logits), x_t, torch.zeros(n, dtype=torch.long), mask_id, 5)
    check.that(
        not bool((got == mask_id).any()),
        "At t = 0 masks are left: is the mask taken out of what can be drawn?",
        got=f"{int((got == mask_id).sum())} masks",
        expected="0 masks",
    )
    logits[:, mask_id] = -torch.inf
    p = logits.softmax(-1)
    for position in range(length):
        if bool((got[:, position] == p[position].argmax()).all()):
            best = int(p[position].argmax())
            raise check.Mismatch(
                "You took the likeliest token: draw one from the softmax.",
                f"token {best} {n:,} times of {n:,}",
                f"with probability {p[position, best]:.3g} only",
            )
        for token in range(V):
            if token != mask_id:
                coin_rate(
                    got[:, position] == token,
                    float(p[position, token]),
                    "The tokens do not follow the softmax of the logits (without the mask).",
                )


@pytest.mark.task("ancestral_step")
@pytest.mark.uses("mask_prob")
def test_step_never_draws_the_mask(student: Any) -> None:
    # With t = 2 two thirds stay masked; the mask must not add to them.
    n = 3000
    logits = torch.zeros(4, 4)
    logits[:, 3] = 3.0
    x_t = torch.full((n, 4), 3)
    got = step(student, Guesser(logits), x_t, torch.full((n,), 2), 3, 9)
    coin_rate(
        got != 3, 1 / 3, "A wrong share of tokens is revealed: is the mask drawn like a token?"
    )


@pytest.mark.task("ancestral_step")
@pytest.mark.uses("mask_prob")
def test_step_each_row_and_position_its_own(student: Any) -> None:
    # A model that is sure: every token is known, for every row and position, also where B == L.
    for batch, length, V in [(5, 7, 9), (6, 6, 6), (4, 4, 5)]:
        due = torch.randint(0, V - 1, (batch, length))
        model = Guesser(60.0 * torch.nn.functional.one_hot(due, V).float() - 30)
        x_t = torch.where(torch.rand(batch, length) < 0.3, 0, V - 1)
        got = step(student, model, x_t, torch.zeros(batch, dtype=torch.long), V - 1, 4)
        due = torch.where(x_t == V - 1, due, x_t)
        check.equal(got, due, "A token lands in another row or position than its logits.")


@pytest.mark.task("ancestral_step")
@pytest.mark.uses("mask_prob")
def test_step_tokens_are_drawn_one_by_one(student: Any) -> None:
    # Fair coins over two tokens: neighbors in a row and in a column agree half of the time.
    n = 3000
    x_t = torch.full((n, 4), 2)
    got = step(student, Guesser(torch.zeros(4, 3)), x_t, torch.zeros(n, dtype=torch.long), 2, 4)
    same = "Neighbors agree too often or too seldom: draw each position of each row on its own."
    coin_rate(got[:, 1:] == got[:, :-1], 0.5, same)
    coin_rate(got[1:] == got[:-1], 0.5, same)
    again = step(student, Guesser(torch.zeros(4, 3)), x_t, torch.zeros(n, dtype=torch.long), 2, 4)
    check.differ(got, again, "Two calls draw the same tokens: is a seed set?")


@pytest.mark.task("ancestral_step")
@pytest.mark.uses("mask_prob")
def test_step_coin_and_token_are_independent(student: Any) -> None:
    # One random number for both, or a reveal that favors likely tokens, shifts the frequencies.
    n = 4000
    logits = torch.log(torch.tensor([0.1, 0.2, 0.7, 1.0]))
    x_t = torch.full((n, 4), 3)
    got = step(student, Guesser(logits.expand(4, 4)), x_t, torch.full((n,), 1), 3, 6)
    shown = got[got != 3]
    check.that(
        shown.numel() > 4000,
        "Too few tokens are revealed at t = 1.",
        got=f"{shown.numel():,} revealed",
        expected="about 8,000 of 16,000",
    )
    for token, p in enumerate((0.1, 0.2, 0.7)):
        symptom = f"Token {token} has a wrong share among the revealed: does it matter which it is?"
        coin_rate(shown == token, p, symptom)


@pytest.mark.task("ancestral_step")
@pytest.mark.uses("mask_prob")
def test_step_visible_stay_and_rates_with_them(student: Any) -> None:
    n = 3000
    x_t = torch.randint(0, 4, (n, 6))
    before = x_t.clone()
    model = Guesser(torch.zeros(6, 4))
    got = step(student, model, x_t, torch.full((n,), 3), 3, 8)
    visible = before != 3
    check.equal(got[visible], before[visible], "A visible token was changed or masked again.")
    coin_rate(
        got[~visible] != 3,
        0.25,
        "Among visible tokens the masked ones are revealed at a wrong rate.",
    )
    check.equal(model.asked[-1][0], before, "The model must see x_t as it is.")
    asked = model.asked[-1][1]
    check.that(
        isinstance(asked, Tensor) and asked.shape == (n,) and bool((asked == 3).all()),
        "The model must get t as a (B,) tensor, the level of x_t (not of x_s).",
        got=check.show(asked),
        expected=check.show(torch.full((n,), 3)),
    )


@pytest.mark.task("ancestral_step")
@pytest.mark.uses("mask_prob")
@pytest.mark.parametrize(("n", "length"), [(3000, 4), (90, 90)])
def test_step_rows_have_their_own_level(student: Any, n: int, length: int) -> None:
    t = torch.where(torch.arange(n) % 2 == 0, 1, 5)
    x_t = torch.full((n, length), 3)
    got, whole = step_with(student, Guesser(torch.zeros(length, 4)), x_t, t, 3, 6)
    if whole:
        symptom = (
            "A row is revealed at a wrong rate: each has its own t, for every position: [:, None]."
        )
        coin_rate(got[t == 1] != 3, 1 / 2, symptom)
        coin_rate(got[t == 5] != 3, 1 / 6, symptom)


@pytest.mark.task("ancestral_step")
@pytest.mark.uses("mask_prob")
def test_step_softmax_once(student: Any) -> None:
    # Adding a constant to a position's logits changes nothing; logits of ±80 leave one choice.
    n = 2500
    logits = torch.tensor([[90.0, 91.0, 80.0], [-91.0, -90.0, -99.0]])
    x_t = torch.full((n, 2), 2)
    got = step(student, Guesser(logits), x_t, torch.zeros(n, dtype=torch.long), 2, 3)
    p = 1 / (1 + math.e)
    coin_rate(got == 0, p, "The probabilities are not the softmax of the logits, taken once.")


# ---------------------------------------------------------------- sample


@pytest.mark.task("sample")
@pytest.mark.uses("mask_prob", "ancestral_step")
@pytest.mark.parametrize(("n", "length", "T"), [(5, 7, 9), (6, 6, 6), (1, 3, 1)])
def test_sample_chain(student: Any, n: int, length: int, T: int) -> None:
    model = Guesser(torch.zeros(length, 4))
    x = student.sample(model=model, num_samples=n, length=length, mask_id=3, T=T)
    check.shape(x, (n, length), "sample gives (num_samples, length) tokens.")
    integers = not x.is_floating_point()
    check.that(integers, "Tokens are integers.", got=str(x.dtype), expected="torch.int64")
    symptom = f"sample never calls the model for T = {T}."
    check.that(bool(model.asked), symptom, got="0 calls", expected=f"calls at {T} levels")
    for x_t, t in model.asked:
        check.shape(x_t, (n, length), "The model gets (num_samples, length) tokens.")
        check.that(
            isinstance(t, Tensor) and t.shape == (n,),
            "The model must get t as a (num_samples,) tensor.",
            got=check.show(t),
            expected=f"a tensor of shape ({n},)",
        )
    check.equal(model.asked[0][0], torch.full((n, length), 3), "Sampling begins with all masks.")
    asked = [int(t[0]) for _, t in model.asked]
    full = list(reversed(range(T)))
    # Who stops asking once nothing is masked is right, too.
    check.that(
        asked == full[: len(asked)] or (asked[0] == T - 1 and asked == sorted(set(asked))[::-1]),
        "The levels must run T - 1, ..., 1, 0, one step each.",
        got=str(asked),
        expected=str(full),
    )
    states = [x_t for x_t, _ in model.asked] + [x]
    for earlier, later in itertools.pairwise(states):
        shown = earlier != 3
        check.equal(later[shown], earlier[shown], "A revealed token changed later on.")


@pytest.mark.task("sample")
@pytest.mark.uses("mask_prob", "ancestral_step")
def test_sample_leaves_no_mask(student: Any) -> None:
    x = student.sample(model=Guesser(torch.zeros(4, 6)), num_samples=500, length=4, mask_id=2, T=6)
    check.shape(x, (500, 4))
    check.between(x, 0, 5, "Tokens must lie in 0 ... V - 1.", name="token")
    counts = torch.bincount(x.flatten(), minlength=6)
    check.that(
        bool((counts[[0, 1, 3, 4, 5]] > 200).all()),
        "Some tokens hardly ever come.",
        got=f"tokens 0 ... 5 come {counts.tolist()} times",
        expected="about 400 times each, but for the mask, 2",
    )
    check.that(
        not bool((x == 2).any()),
        "Masks are left at the end: does the loop reach t = 0?",
        got=f"{int((x == 2).sum())} masks of {x.numel()}",
        expected="0 masks",
    )


class TwoWords(nn.Module):
    """The exact model of data with two words only, 00 and 11, half of the time each."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(30.0))
        self.calls = 0

    def forward(self, tokens: Tensor, t: Tensor) -> Tensor:
        self.calls += 1
        votes = torch.stack([(tokens == k).sum(1) for k in (0, 1, 2)], 1).float()  # (B, 3)
        votes[:, 2] = 0
        return (self.scale * votes)[:, None, :].expand(*tokens.shape, 3)


@pytest.mark.task("sample")
@pytest.mark.uses("mask_prob", "ancestral_step")
@pytest.mark.parametrize("T", [2, 6])
def test_sample_two_words(student: Any, T: int) -> None:
    # Both tokens are revealed in the same step with probability 1 / T, and differ half of the time.
    n = 3000
    model = TwoWords()
    x = student.sample(model=model, num_samples=n, length=2, mask_id=2, T=T)
    check.shape(x, (n, 2))
    broken = x[:, 0] != x[:, 1]
    coin_rate(
        broken,
        1 / (2 * T),
        "Words are torn apart more or less often than T steps explain: each step must use what "
        "the earlier ones revealed.",
    )
    coin_rate(x[~broken][:, 0] == 1, 0.5, "Both words must come out equally often.")


@pytest.mark.task("sample")
@pytest.mark.uses("mask_prob")
@pytest.mark.uses("mask_prob", "ancestral_step")
def test_sample_is_fresh(student: Any) -> None:
    model = Guesser(torch.zeros(12, 6))
    names = {"model": model, "num_samples": 10, "length": 12, "mask_id": 5, "T": 4}
    first, second = (student.sample(**names) for _ in range(2))
    check.shape(first, (10, 12), "sample gives (num_samples, length) tokens.")
    check.between(first, 0, 4, "Tokens must lie in 0 ... V - 1, without the mask.", name="token")
    symptom = "sample never calls the model."
    check.that(bool(model.asked), symptom, got="0 calls", expected="4 calls each time")
    check.differ(first[0], first[1], "All samples are the same sequence.")
    check.differ(first, second, "Two calls give the same samples.")
    # Once more with the student's own step, since a step that is lent would hide a seed.
    student.unpatch()
    masks, zero = torch.full((10, 12), 5), torch.zeros(10, dtype=torch.long)
    try:
        steps = [step(student, model, masks, zero, 5, 4) for _ in range(2)]
        first, second = (student.sample(**names) for _ in range(2))
    except Exception:
        return  # ancestral_step loses its own points
    if not torch.equal(*steps):
        check.differ(first, second, "Two calls give the same samples: is a seed set?")


# ---------------------------------------------------------------- bonus


def rows_to_one(weights: Tensor) -> Tensor:
    return weights / weights.sum(-1, keepdim=True)


@pytest.mark.task("absorbing_matrix")
@pytest.mark.parametrize(("K", "beta"), [(1, 0.3), (4, 0.1), (5, 0.0), (3, 1.0)])
def test_absorbing_matrix_entries(student: Any, K: int, beta: float) -> None:
    Q = check.shape(student.absorbing_matrix(K=K, beta=beta), (K + 1, K + 1), "K tokens + mask.")
    due = torch.zeros(K + 1, K + 1)
    for i in range(K):
        due[i, i] += 1 - beta
        due[i, K] += beta
    due[K, K] = 1
    check.that(
        beta == 0 or K == 0 or not torch.allclose(Q.float(), due.T),
        "The matrix is transposed: rows say where a token goes, and sum to 1.",
        got=Q.float(),
        expected=due,
    )
    check.close(Q.float(), due, "A token stays with 1 - beta, is masked with beta; the mask stays.")


@pytest.mark.task("uniform_matrix")
@pytest.mark.parametrize(("K", "beta"), [(3, 0.3), (7, 0.1), (5, 0.0), (4, 1.0)])
def test_uniform_matrix_entries(student: Any, K: int, beta: float) -> None:
    Q = check.shape(student.uniform_matrix(K=K, beta=beta), (K, K))
    due = torch.full((K, K), beta / K)
    due.fill_diagonal_(1 - beta + beta / K)
    check.close(Q.float().sum(1), torch.ones(K), "The rows must sum to 1.")
    check.close(Q.float(), due, "The new token is uniform over all K, the old one among them.")


@pytest.mark.task("cumulative_q")
@pytest.mark.parametrize(("T", "V"), [(1, 3), (4, 4), (6, 3), (3, 5)])
def test_cumulative_against_products(student: Any, T: int, V: int) -> None:
    Qs = rows_to_one(torch.rand(T, V, V).pow(3) + 0.01)
    before = Qs.clone()
    out = check.shape(student.cumulative_Q(Qs=Qs), (T, V, V), "One matrix for each of the T steps.")
    due = torch.eye(V)
    for t in range(T):
        due = due @ Qs[t]
        check.close(out[t], due, f"Qbar_{t + 1} is not the matrix product Q_1 ... Q_{t + 1}.")
    check.unchanged([before], [Qs])


@pytest.mark.task("cumulative_q")
def test_cumulative_float64(student: Any) -> None:
    Qs = rows_to_one(torch.rand(8, 4, 4, dtype=torch.float64).pow(3) + 0.01)
    out = check.shape(student.cumulative_Q(Qs=Qs), (8, 4, 4))
    due = torch.linalg.multi_dot(list(Qs))
    symptom = "In float64 the product is wrong: is a number rounded to float32 on the way?"
    check.close(out[-1], due, symptom, rtol=1e-10, atol=1e-12)


@pytest.mark.task("q_sample_uniform")
@pytest.mark.uses("mask_prob")
def test_q_sample_uniform_law(student: Any) -> None:
    n, K, T = 3000, 4, 6
    t = torch.where(torch.arange(n) % 2 == 0, 1, 4)
    x0 = torch.randint(0, K, (n, 4))
    before = x0.clone()
    x_t = check.shape(student.q_sample_uniform(x0=x0, t=t, K=K, T=T), (n, 4))
    check.unchanged([before], [x0])
    for level in (1, 4):
        p = (level + 1) / T
        here, was = x_t[t == level], x0[t == level]
        coin_rate(here == was, 1 - p + p / K, f"At t = {level} too many or too few tokens stay.")
        for token in range(K):
            coin_rate(
                here[was != token] == token,
                p / K,
                "The new tokens are not uniform over all K.",
            )


@pytest.mark.task("q_sample_uniform")
@pytest.mark.uses("mask_prob")
def test_q_sample_uniform_tokens_are_independent(student: Any) -> None:
    n, K = 3000, 3
    x0 = torch.zeros(n, 4, dtype=torch.long)
    x_t = check.shape(student.q_sample_uniform(x0=x0, t=torch.full((n,), 4), K=K, T=5), (n, 4))
    same = "Neighbors agree too often or too seldom: one draw for each token."
    coin_rate(x_t[:, 1:] == x_t[:, :-1], 1 / K, same)
    coin_rate(x_t[1:] == x_t[:-1], 1 / K, same)
    half = student.q_sample_uniform(x0=x0 + 2, t=torch.full((n,), 2), K=K, T=6)
    independent_coins(
        check.shape(half, (n, 4)) != 2, torch.full((n, 1), 1 / 3).double(), "The replacement"
    )


@pytest.mark.task("q_sample_uniform")
@pytest.mark.uses("mask_prob")
def test_q_sample_uniform_square(student: Any) -> None:
    n, K, T = 60, 5, 10
    t = torch.where(torch.arange(n) % 2 == 0, 0, 8)
    x0 = torch.randint(0, K, (n, n))
    x_t = check.shape(student.q_sample_uniform(x0=x0, t=t, K=K, T=T), (n, n))
    symptom = "With as many rows as positions a row has the wrong rate: t belongs to the row."
    coin_rate((x_t != x0)[t == 0], 0.1 * 0.8, symptom)
    coin_rate((x_t != x0)[t == 8], 0.9 * 0.8, symptom)


@pytest.mark.task("posterior")
@pytest.mark.parametrize(("batch", "length", "V"), [(3, 5, 4), (4, 4, 4), (1, 7, 3)])
def test_posterior_by_enumeration(student: Any, batch: int, length: int, V: int) -> None:
    Q_t, Qbar = (rows_to_one(torch.rand(V, V).pow(3) + 0.01) for _ in range(2))
    x0, x_t = torch.randint(0, V, (batch, length)), torch.randint(0, V, (batch, length))
    got = check.shape(
        student.posterior(x0=x0, x_t=x_t, Q_t=Q_t, Qbar_prev=Qbar), (batch, length, V)
    )
    due = torch.zeros(batch, length, V)
    for b in range(batch):
        for i in range(length):
            for j in range(V):
                due[b, i, j] = Qbar[x0[b, i], j] * Q_t[j, x_t[b, i]]
    ones = torch.ones(batch, length)
    check.close(got.sum(-1), ones, "The probabilities of x_{t-1} must sum to 1.", rtol=1e-3)
    check.close(
        got, rows_to_one(due), "The posterior is not Bayes' rule: Qbar[x_0, j] Q_t[j, x_t]."
    )


@pytest.mark.task("posterior")
def test_posterior_averages_to_the_marginal(student: Any) -> None:
    V = 4
    Q_t, Qbar = (rows_to_one(torch.rand(V, V, dtype=torch.float64).pow(3) + 0.01) for _ in range(2))
    x0, x_t = torch.meshgrid(torch.arange(V), torch.arange(V), indexing="ij")
    got = check.shape(student.posterior(x0=x0, x_t=x_t, Q_t=Q_t, Qbar_prev=Qbar), (V, V, V))
    average = ((Qbar @ Q_t)[..., None] * got).sum(1)
    check.close(
        average,
        Qbar,
        "Averaged over x_t, the posterior must give q(x_{t-1} | x_0) back.",
        rtol=1e-8,
        atol=1e-10,
    )


@pytest.mark.task("confidence_step")
@pytest.mark.parametrize(("batch", "length", "V"), [(6, 8, 5), (6, 6, 6), (4, 7, 7)])
def test_confidence_against_a_loop(student: Any, batch: int, length: int, V: int) -> None:
    mask = V - 1
    logits = 2 * torch.randn(batch, length, V) + 5 * torch.randn(batch, length, 1)
    logits[..., mask] = -60.0
    x_t = torch.where(
        torch.rand(batch, length) < 0.5, mask, torch.randint(0, mask, (batch, length))
    )
    before = logits.clone()
    sure, guess = logits.softmax(-1).max(-1)
    for n in (0, 1, 3, length):
        got = student.confidence_step(logits=logits, x_t=x_t, mask_id=mask, n_reveal=n)
        due = x_t.clone()
        for b in range(batch):
            hidden = (x_t[b] == mask).nonzero()[:, 0].tolist()
            for i in sorted(hidden, key=lambda i, b=b: -float(sure[b, i]))[:n]:
                due[b, i] = guess[b, i]
        visible = x_t != mask
        check.shape(got, (batch, length))
        check.equal(got[visible], x_t[visible], "A visible token was overwritten.")
        check.equal((got != mask).sum(1), (due != mask).sum(1), f"Not {n} revealed in each row.")
        check.equal(got, due, "Not the surest masked positions, or not their likeliest tokens.")
    check.unchanged([before], [logits])


@pytest.mark.task("confidence_step")
@pytest.mark.parametrize("mask_id", [0, 3])
def test_confidence_mask_is_no_guess(student: Any, mask_id: int) -> None:
    logits = torch.zeros(1, 4, 4)
    best = torch.tensor([1, 2, 1, 2])
    logits[0, torch.arange(4), best] = torch.tensor([3.0, 7.0, 1.0, 5.0])
    logits[..., mask_id] = 9.0
    x_t = torch.full((1, 4), mask_id)
    got = student.confidence_step(logits=logits, x_t=x_t, mask_id=mask_id, n_reveal=2)
    due = torch.tensor([[mask_id, 2, mask_id, 2]])
    check.equal(got, due, "The mask is no guess: leave it out of what a position can become.")
