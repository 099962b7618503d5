"""Thursday, part 1: masked (discrete) diffusion over short sequences of tokens.

Fill in the functions from top to bottom; the guide `discrete_diffusion.md` has a section for each.
Notation: B sequences in the batch, L tokens in a sequence, V tokens in the vocabulary (the mask is
one of them, with the number `mask_id`), T noise levels, t = 0 ... T - 1 (0: little is masked).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# ---------------------------------------------------------------- provided


def batch_time(t: int | Tensor, x: Tensor) -> Tensor:
    """The noise level of each row of x as a (B,) long tensor, from an int or a (B,) tensor.

    >>> batch_time(3, torch.zeros(2, 5))
    tensor([3, 3])
    """
    return torch.zeros(x.shape[0], dtype=torch.long, device=x.device) + t


def time_features(t: Tensor, dim: int) -> Tensor:
    """Sines and cosines of t at dim / 2 frequencies, Wednesday's timestep embedding.

    Shapes: t (B,) long -> (B, dim); dim is even.
    """
    half = dim // 2
    freqs = torch.exp(-math.log(1000.0) * torch.arange(half, device=t.device) / half)  # (dim / 2,)
    angles = t[:, None] * freqs  # (B, dim / 2)
    return torch.cat([angles.sin(), angles.cos()], dim=1)  # (B, dim)


class Block(nn.Module):
    """One transformer block without a causal mask: every position looks at every other."""

    def __init__(self, d_model: int, num_heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(d_model)
        self.attention = nn.MultiheadAttention(d_model, num_heads, batch_first=True)
        self.norm2 = nn.LayerNorm(d_model)
        self.mlp = nn.Sequential(
            nn.Linear(d_model, 4 * d_model), nn.GELU(), nn.Linear(4 * d_model, d_model)
        )

    def forward(self, h: Tensor) -> Tensor:
        """Shapes: h (B, L, d_model) -> (B, L, d_model)."""
        n = self.norm1(h)
        h = h + self.attention(n, n, n, need_weights=False)[0]
        out: Tensor = h + self.mlp(self.norm2(h))
        return out


# ---------------------------------------------------------------- the forward process


def mask_prob(t: Tensor, T: int) -> Tensor:
    """Probability that a token is masked at noise level t: linear, and 1 at the last level.

    Shapes: t (B,) long -> (B,) float.
    Formula: p_t = (t + 1) / T.

    >>> mask_prob(torch.tensor([0, 1, 3]), T=4)
    tensor([0.2500, 0.5000, 1.0000])
    """
    # TODO(mask_prob): ~1 line, 5 min
    # BEGIN SOLUTION
    return (t + 1) / T
    # END SOLUTION


def q_sample_discrete(x0: Tensor, t: Tensor, mask_id: int, T: int) -> Tensor:
    """A sample x_t of q(x_t | x_0): each token becomes the mask, independently, or stays.

    Shapes: x0 (B, L) long, t (B,) long -> x_t (B, L) long.
    Formula: x_t[b, i] = mask_id with probability p_t[b], else x0[b, i].

    >>> q_sample_discrete(torch.tensor([[5, 6, 7]]), torch.tensor([3]), mask_id=9, T=4)
    tensor([[9, 9, 9]])
    """
    # TODO(q_sample_discrete): ~3 lines, 12 min
    # BEGIN SOLUTION
    p = mask_prob(t, T)[:, None]  # (B, 1)
    masked = torch.rand(x0.shape, device=x0.device) < p  # (B, L)
    return torch.where(masked, mask_id, x0)
    # END SOLUTION


# ---------------------------------------------------------------- the denoising model


class Denoiser(nn.Module):
    """Guesses the clean token at every position from the tokens that are still visible.

    A small transformer that sees both sides of every position. The layers are provided; `forward`
    connects them.
    """

    def __init__(self, vocab_size: int, max_length: int, d_model: int) -> None:
        super().__init__()
        self.vocab_size, self.max_length, self.d_model = vocab_size, max_length, d_model
        self.token = nn.Embedding(vocab_size, d_model)  # (B, L) -> (B, L, d_model)
        self.position = nn.Embedding(max_length, d_model)  # (L,) -> (L, d_model)
        self.time = nn.Sequential(  # (B, d_model) -> (B, d_model)
            nn.Linear(d_model, d_model), nn.SiLU(), nn.Linear(d_model, d_model)
        )
        heads = 4 if d_model % 4 == 0 else 1
        self.blocks = nn.Sequential(Block(d_model, heads), Block(d_model, heads))
        self.head = nn.Sequential(nn.LayerNorm(d_model), nn.Linear(d_model, vocab_size))

    def embed_time(self, t: Tensor) -> Tensor:
        """One vector for each row's noise level. Shapes: t (B,) long -> (B, d_model)."""
        out: Tensor = self.time(time_features(t, self.d_model).to(self.token.weight.dtype))
        return out

    def forward(self, tokens: Tensor, t: Tensor) -> Tensor:
        """Logits of the clean token at each position.

        Shapes: tokens (B, L) long with L <= max_length, t (B,) long -> logits (B, L, vocab_size).
        Formula: h = token(tokens) + position(0 ... L - 1) + embed_time(t), then the blocks, then
        the head. The positions are the same for every row, the time is the same for every column.
        """
        # TODO(forward): ~4 lines, 15 min
        # BEGIN SOLUTION
        places = torch.arange(tokens.shape[1], device=tokens.device)  # (L,)
        h = self.token(tokens) + self.position(places)  # (B, L, d_model)
        h = h + self.embed_time(t)[:, None, :]  # (B, 1, d_model) is added to every position
        return self.head(self.blocks(h))  # (B, L, vocab_size)
        # END SOLUTION


# ---------------------------------------------------------------- training


def discrete_diffusion_loss(
    model: nn.Module, x0: Tensor, t: Tensor, mask_id: int, T: int
) -> Tensor:
    """Cross-entropy of the model's guesses at the masked positions, mean over these positions.

    Corrupts x0 to x_t, asks `model(x_t, t)` for logits once, and compares with x0 where x_t is the
    mask. No masked position anywhere in the batch: 0.

    Shapes: x0 (B, L) long, t (B,) long, logits (B, L, V) -> 0-dim tensor.
    Formula: - sum over masked (b, i) of log softmax(logits[b, i])[x0[b, i]] / number of masked.

    >>> guess = lambda x_t, t: torch.zeros(1, 3, 4)  # knows nothing: log 4 per token
    >>> discrete_diffusion_loss(guess, torch.tensor([[0, 1, 2]]), torch.tensor([7]), 3, T=8)
    tensor(1.3863)
    """
    # TODO(discrete_diffusion_loss): ~5 lines, 15 min
    # BEGIN SOLUTION
    x_t = q_sample_discrete(x0, t, mask_id, T)  # (B, L)
    logits = model(x_t, t)  # (B, L, V)
    ce = F.cross_entropy(logits.transpose(1, 2), x0, reduction="none")  # (B, L)
    masked = (x_t == mask_id).to(ce.dtype)  # (B, L)
    return (ce * masked).sum() / masked.sum().clamp(min=1)  # the clamp: 0 / 1 where none is masked
    # END SOLUTION


# ---------------------------------------------------------------- sampling


@torch.no_grad()
def ancestral_step(model: nn.Module, x_t: Tensor, t: Tensor, mask_id: int, T: int) -> Tensor:
    """One step back, a sample x_s of p(x_s | x_t) with s = t - 1: reveal some of the masks.

    A visible token stays. A masked token is revealed with probability (p_t - p_s) / p_t, each one
    by its own coin, where p_s = 0 at t = 0: then all are revealed. A revealed token is drawn from
    the softmax of the model's logits without the mask, which is never drawn.

    Shapes: x_t (B, L) long, t (B,) long (the same in every row while sampling) -> x_s (B, L) long.
    Formula: with p_t = (t + 1) / T the reveal probability is 1 / (t + 1).

    >>> sure = lambda x_t, t: torch.tensor([[[0.0, 99.0, 0.0]]])  # token 1, without any doubt
    >>> ancestral_step(sure, torch.tensor([[2]]), torch.tensor([0]), mask_id=2, T=4)
    tensor([[1]])
    """
    # TODO(ancestral_step): ~7 lines, 20 min
    # BEGIN SOLUTION
    t = batch_time(t, x_t)  # (B,)
    p_t, p_s = mask_prob(t, T), mask_prob(t - 1, T)  # (B,), (B,): p_s is 0 at t = 0
    coin = torch.rand(x_t.shape, device=x_t.device) < ((p_t - p_s) / p_t)[:, None]  # (B, L)
    logits = model(x_t, t).clone()  # (B, L, V)
    logits[..., mask_id] = -torch.inf
    guess = torch.distributions.Categorical(logits=logits).sample()  # (B, L)
    return torch.where((x_t == mask_id) & coin, guess, x_t)
    # END SOLUTION


@torch.no_grad()
def sample(model: nn.Module, num_samples: int, length: int, mask_id: int, T: int) -> Tensor:
    """New sequences: start with masks only, then `ancestral_step` for t = T - 1, ..., 1, 0.

    Shapes: -> (num_samples, length) long, without a mask.
    """
    # TODO(sample): ~4 lines, 8 min
    # BEGIN SOLUTION
    x = torch.full((num_samples, length), mask_id)  # (B, L)
    for step in reversed(range(T)):
        x = ancestral_step(model, x, batch_time(step, x), mask_id, T)
    return x
    # END SOLUTION


# ---------------------------------------------------------------- bonus: D3PM, transition matrices


def absorbing_matrix(K: int, beta: float) -> Tensor:
    """One step of masking as a matrix over K tokens and the mask, which has the number K.

    Shapes: -> (K + 1, K + 1); row i holds the probabilities of where token i goes, and sums to 1.
    Formula: Q[i, i] = 1 - beta and Q[i, K] = beta for i < K; Q[K, K] = 1.

    >>> absorbing_matrix(2, 0.25)
    tensor([[0.7500, 0.0000, 0.2500],
            [0.0000, 0.7500, 0.2500],
            [0.0000, 0.0000, 1.0000]])
    """
    # TODO(absorbing_matrix): ~3 lines, 6 min
    # BEGIN SOLUTION
    Q = (1 - beta) * torch.eye(K + 1)
    Q[:, K] += beta  # (1 - beta) + beta = 1 for the mask itself
    return Q
    # END SOLUTION


def uniform_matrix(K: int, beta: float) -> Tensor:
    """One step of random replacement over K tokens: with probability beta draw a new one of all K.

    Shapes: -> (K, K), each row sums to 1.
    Formula: Q = (1 - beta) I + (beta / K) 1 1^T; the new token may be the old one.

    >>> uniform_matrix(2, 0.5)
    tensor([[0.7500, 0.2500],
            [0.2500, 0.7500]])
    """
    # TODO(uniform_matrix): ~1 line, 4 min
    # BEGIN SOLUTION
    return (1 - beta) * torch.eye(K) + beta / K
    # END SOLUTION


def cumulative_Q(Qs: Tensor) -> Tensor:  # noqa: N802
    """All steps up to t in one matrix, for every t.

    Shapes: Qs (T, V, V), rows sum to 1 -> (T, V, V).
    Formula: Qbar_t = Q_1 Q_2 ... Q_t (matrix products), so that row i of Qbar_t is
    q(x_t | x_0 = i).

    >>> cumulative_Q(torch.stack([uniform_matrix(2, 0.5)] * 2))[1]
    tensor([[0.6250, 0.3750],
            [0.3750, 0.6250]])
    """
    # TODO(cumulative_Q): ~4 lines, 8 min
    # BEGIN SOLUTION
    out = [Qs[0]]
    for Q in Qs[1:]:
        out.append(out[-1] @ Q)
    return torch.stack(out)
    # END SOLUTION


def q_sample_uniform(x0: Tensor, t: Tensor, K: int, T: int) -> Tensor:
    """Replacement in one jump: with probability p_t = (t + 1) / T a new token, uniform over all K.

    Shapes: x0 (B, L) long with values 0 ... K - 1, t (B,) long -> x_t (B, L) long.
    Formula: x_t = x0 with probability 1 - p_t + p_t / K, any other token with p_t / K each.
    """
    # TODO(q_sample_uniform): ~3 lines, 8 min
    # BEGIN SOLUTION
    replaced = torch.rand(x0.shape, device=x0.device) < mask_prob(t, T)[:, None]  # (B, L)
    return torch.where(replaced, torch.randint_like(x0, K), x0)
    # END SOLUTION


def posterior(x0: Tensor, x_t: Tensor, Q_t: Tensor, Qbar_prev: Tensor) -> Tensor:
    """q(x_{t-1} | x_t, x_0) for every position, by Bayes' rule (D3PM, equation 3).

    Shapes: x0 (B, L) long, x_t (B, L) long, Q_t (V, V), Qbar_prev (V, V) -> (B, L, V), sums to 1.
    Formula: proportional over j to  Q_t[j, x_t] * Qbar_{t-1}[x_0, j]:
    the step from j to x_t, times the way from x_0 to j.

    >>> Q = absorbing_matrix(2, 0.5)  # the same in both steps, so Qbar_1 = Q
    >>> posterior(torch.tensor([[0]]), torch.tensor([[2]]), Q, Q)  # masked now; and before?
    tensor([[[0.3333, 0.0000, 0.6667]]])
    """
    # TODO(posterior): ~2 lines, 12 min
    # BEGIN SOLUTION
    joint = Q_t.T[x_t] * Qbar_prev[x0]  # (B, L, V): column x_t of Q_t, row x_0 of Qbar
    return joint / joint.sum(dim=-1, keepdim=True)
    # END SOLUTION


def confidence_step(logits: Tensor, x_t: Tensor, mask_id: int, n_reveal: int) -> Tensor:
    """Reveal in every row the n_reveal masked positions where the model is surest.

    The confidence of a position is its greatest softmax probability, and the token that has it is
    what it becomes; the mask is no guess. Rows with fewer masks than n_reveal are revealed wholly,
    visible tokens never change.

    Shapes: logits (B, L, V), x_t (B, L) long -> (B, L) long.

    >>> logits = torch.tensor([[[0.0, 2.0, 0.0], [3.0, 0.0, 0.0], [0.0, 9.0, 0.0]]])
    >>> confidence_step(logits, torch.tensor([[2, 2, 0]]), mask_id=2, n_reveal=1)
    tensor([[2, 0, 0]])
    """
    # TODO(confidence_step): ~8 lines, 15 min
    # BEGIN SOLUTION
    logits = logits.clone()
    logits[..., mask_id] = -torch.inf
    confidence, guess = logits.softmax(dim=-1).max(dim=-1)  # (B, L), (B, L)
    confidence = confidence.masked_fill(x_t != mask_id, -1.0)  # visible ones come last
    best = confidence.topk(min(n_reveal, x_t.shape[1]), dim=1).indices  # (B, n)
    chosen = torch.zeros_like(x_t, dtype=torch.bool).scatter(1, best, True)  # (B, L)
    return torch.where(chosen & (x_t == mask_id), guess, x_t)
    # END SOLUTION
