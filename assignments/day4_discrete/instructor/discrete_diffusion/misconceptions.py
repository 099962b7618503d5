"""Wrong implementations that students write, each with the sentence that names the mistake."""

from grading.bank import mistake

# ---------------------------------------------------------------- mask_prob


@mistake(
    "mask_prob",
    "t_over_T",
    "p_t = t / T never reaches 1: sampling starts from all masks, which training then never saw, "
    "and at t = 0 nothing is masked.",
)
def mask_prob(t, T):
    return t.float() / T


@mistake("mask_prob", "integer_division", "`//` rounds down: p_t is 0 until the last level.")
def mask_prob(t, T):
    return (t.float() + 1) // T


@mistake(
    "mask_prob",
    "integer_division_long",
    "`//` rounds down and keeps integers: p_t is 0 until the last level.",
)
def mask_prob(t, T):
    return (t + 1) // T


@mistake(
    "mask_prob",
    "bert_fifteen_percent",
    "A fixed rate of 15 % is masked language modeling; in diffusion the rate depends on t.",
)
def mask_prob(t, T):
    return torch.full_like(t.float(), 0.15)


@mistake("mask_prob", "reversed", "The schedule runs backward: the mask rate must grow with t.")
def mask_prob(t, T):
    return 1 - (t + 1) / T


@mistake("mask_prob", "reversed_shifted", "The schedule runs backward: level 0 masks everything.")
def mask_prob(t, T):
    return (T - t) / T


@mistake(
    "mask_prob",
    "t_over_T_minus_one",
    "t / (T - 1) masks nothing at t = 0 and divides by zero for T = 1: the levels are (t + 1) / T.",
)
def mask_prob(t, T):
    return t / (T - 1)


@mistake("mask_prob", "plus_one_in_both", "(t + 1) / (T + 1) never reaches 1.")
def mask_prob(t, T):
    return (t + 1) / (T + 1)


@mistake("mask_prob", "precedence", "t + 1 / T divides only the 1: parentheses are missing.")
def mask_prob(t, T):
    return t + 1 / T


@mistake("mask_prob", "cosine", "This is a cosine schedule: the guide asks for the linear one.")
def mask_prob(t, T):
    return 1 - torch.cos(0.5 * math.pi * (t + 1) / T)


@mistake("mask_prob", "square", "The schedule is quadratic: the guide asks for the linear one.")
def mask_prob(t, T):
    return ((t + 1) / T) ** 2


@mistake("mask_prob", "two_past", "(t + 2) / T is one level too far, and above 1 at the end.")
def mask_prob(t, T):
    return (t + 2) / T


@mistake(
    "mask_prob",
    "clamped_below_one",
    "The clamp keeps p_t below 1, so that training never sees a wholly masked sequence.",
)
def mask_prob(t, T):
    return ((t + 1) / T).clamp(max=0.99)


@mistake("mask_prob", "one_number", "mask_prob looks at one t only: each row has its own level.")
def mask_prob(t, T):
    return (t[0] + 1) / T


@mistake(
    "mask_prob", "mean_level", "mask_prob averages t over the batch: each row has its own level."
)
def mask_prob(t, T):
    return (t.float().mean() + 1).expand(t.shape) / T


@mistake(
    "mask_prob", "max_of_batch", "mask_prob divides by the largest t of the batch instead of T."
)
def mask_prob(t, T):
    return (t + 1) / (t.max() + 1)


@mistake(
    "mask_prob",
    "hazard",
    "1 / (T - t) is the chance of being masked in step t, not of being masked by then.",
)
def mask_prob(t, T):
    return 1 / (T - t)


@mistake("mask_prob", "random_level", "mask_prob draws random levels: it must look at t.")
def mask_prob(t, T):
    return torch.rand(t.shape)


@mistake(
    "mask_prob", "arange", "mask_prob gives the schedule in order and ignores which t each row has."
)
def mask_prob(t, T):
    return torch.arange(1, len(t) + 1) / T


@mistake(
    "mask_prob", "exponential", "This is 1 - exp(-(t + 1) / T), a schedule that never reaches 1."
)
def mask_prob(t, T):
    return 1 - torch.exp(-(t + 1) / T)


# ---------------------------------------------------------------- q_sample_discrete


@mistake(
    "q_sample_discrete",
    "inverted",
    "The mask rate is upside down: rand < p masks with probability p, rand > p keeps with it.",
)
def q_sample_discrete(x0, t, mask_id, T):
    p = mask_prob(t, T)[:, None]
    m = torch.rand(x0.shape) > p
    return torch.where(m, mask_id, x0)


@mistake(
    "q_sample_discrete",
    "where_swapped",
    "The arguments of where are swapped: where(condition, if true, if false).",
)
def q_sample_discrete(x0, t, mask_id, T):
    p = mask_prob(t, T)[:, None]
    m = torch.rand(x0.shape) < p
    return torch.where(m, x0, torch.full_like(x0, mask_id))


@mistake(
    "q_sample_discrete",
    "whole_rows",
    "One coin per row masks or keeps whole sequences: draw a coin for each token.",
)
def q_sample_discrete(x0, t, mask_id, T):
    p = mask_prob(t, T)[:, None]
    m = torch.rand(x0.shape[0], 1) < p
    return torch.where(m, torch.full_like(x0, mask_id), x0)


@mistake(
    "q_sample_discrete",
    "whole_columns",
    "One coin per position, shared by all rows: draw a coin for each token of each row.",
)
def q_sample_discrete(x0, t, mask_id, T):
    p = mask_prob(t, T)[:, None]
    m = torch.rand(1, x0.shape[1]) < p
    return torch.where(m, torch.full_like(x0, mask_id), x0)


@mistake(
    "q_sample_discrete",
    "one_coin_for_all",
    "One random number for the whole batch: draw one for each token.",
)
def q_sample_discrete(x0, t, mask_id, T):
    m = torch.rand(1) < mask_prob(t, T)[:, None].expand(x0.shape)
    return torch.where(m, torch.full_like(x0, mask_id), x0)


@mistake(
    "q_sample_discrete",
    "missing_none",
    "p has shape (B,), so it is lined up with positions: an error, or with B == L one rate per "
    "position. Write p[:, None].",
)
def q_sample_discrete(x0, t, mask_id, T):
    m = torch.rand(x0.shape) < mask_prob(t, T)
    return torch.where(m, torch.full_like(x0, mask_id), x0)


@mistake(
    "q_sample_discrete",
    "none_on_the_left",
    "p[None, :] lines the rate up with positions: each row has its own t, so write p[:, None].",
)
def q_sample_discrete(x0, t, mask_id, T):
    m = torch.rand(x0.shape) < mask_prob(t, T)[None, :]
    return torch.where(m, torch.full_like(x0, mask_id), x0)


@mistake(
    "q_sample_discrete",
    "mask_is_zero",
    "You wrote 0 for the mask: 0 is a token, the mask is mask_id.",
)
def q_sample_discrete(x0, t, mask_id, T):
    m = torch.rand(x0.shape) < mask_prob(t, T)[:, None]
    return torch.where(m, torch.zeros_like(x0), x0)


@mistake(
    "q_sample_discrete",
    "multiplied",
    "Multiplying by the kept positions writes 0 where the mask belongs.",
)
def q_sample_discrete(x0, t, mask_id, T):
    keep = torch.rand(x0.shape) >= mask_prob(t, T)[:, None]
    return x0 * keep


@mistake("q_sample_discrete", "added", "You added mask_id to the token: replace the token instead.")
def q_sample_discrete(x0, t, mask_id, T):
    m = torch.rand(x0.shape) < mask_prob(t, T)[:, None]
    return x0 + mask_id * m


@mistake(
    "q_sample_discrete",
    "minus_one",
    "The mask is written as -1: use mask_id, which the model has an embedding for.",
)
def q_sample_discrete(x0, t, mask_id, T):
    m = torch.rand(x0.shape) < mask_prob(t, T)[:, None]
    return torch.where(m, -1, x0)


@mistake(
    "q_sample_discrete",
    "off_by_one",
    "The rate t / T is one level too low: at t = T - 1 some tokens stay visible. Use mask_prob.",
)
def q_sample_discrete(x0, t, mask_id, T):
    m = torch.rand(x0.shape) < (t.float() / T)[:, None]
    return torch.where(m, torch.full_like(x0, mask_id), x0)


@mistake(
    "q_sample_discrete",
    "fixed_number",
    "A fixed number of masks per row has the right mean and the wrong law: each token has its "
    "own coin.",
)
def q_sample_discrete(x0, t, mask_id, T):
    k = (mask_prob(t, T) * x0.shape[1]).long()
    m = torch.stack([torch.randperm(x0.shape[1]) < n for n in k])
    return torch.where(m, torch.full_like(x0, mask_id), x0)


@mistake(
    "q_sample_discrete",
    "fixed_number_rounded",
    "A fixed number of masks per row, even well rounded, is another law: each token has its own "
    "coin.",
)
def q_sample_discrete(x0, t, mask_id, T):
    k = (mask_prob(t, T) * x0.shape[1]).round()
    order = torch.rand(x0.shape).argsort(1)
    return torch.where(order < k[:, None], mask_id, x0)


@mistake(
    "q_sample_discrete",
    "first_positions",
    "Always the first positions are masked: which ones must be random.",
)
def q_sample_discrete(x0, t, mask_id, T):
    k = mask_prob(t, T) * x0.shape[1]
    return torch.where(torch.arange(x0.shape[1]) < k[:, None], mask_id, x0)


@mistake(
    "q_sample_discrete",
    "span",
    "One span from a random start is masked: each token has its own coin.",
)
def q_sample_discrete(x0, t, mask_id, T):
    L = x0.shape[1]
    start = torch.randint(0, L, (x0.shape[0], 1))
    away = (torch.arange(L)[None] - start) % L
    return torch.where(away < mask_prob(t, T)[:, None] * L, mask_id, x0)


@mistake(
    "q_sample_discrete", "threshold_half", "The coins are compared with 1/2: compare them with p_t."
)
def q_sample_discrete(x0, t, mask_id, T):
    m = torch.rand(x0.shape) < 0.5
    return torch.where(m, mask_id, x0)


@mistake(
    "q_sample_discrete",
    "normal_coins",
    "randn draws normal numbers: P(randn < p) is not p. Use rand.",
)
def q_sample_discrete(x0, t, mask_id, T):
    m = torch.randn(x0.shape) < mask_prob(t, T)[:, None]
    return torch.where(m, mask_id, x0)


@mistake(
    "q_sample_discrete", "seeded", "A seed inside the function masks the same places at every call."
)
def q_sample_discrete(x0, t, mask_id, T):
    torch.manual_seed(0)
    m = torch.rand(x0.shape) < mask_prob(t, T)[:, None]
    return torch.where(m, mask_id, x0)


@mistake(
    "q_sample_discrete",
    "own_generator",
    "A generator with a fixed seed masks the same places at every call.",
)
def q_sample_discrete(x0, t, mask_id, T):
    g = torch.Generator().manual_seed(42)
    m = torch.rand(x0.shape, generator=g) < mask_prob(t, T)[:, None]
    return torch.where(m, mask_id, x0)


@mistake(
    "q_sample_discrete",
    "first_rows_level",
    "Only the t of the first row is used: each row has its own level.",
)
def q_sample_discrete(x0, t, mask_id, T):
    m = torch.rand(x0.shape) < (int(t[0]) + 1) / T
    return torch.where(m, mask_id, x0)


@mistake(
    "q_sample_discrete",
    "mean_level",
    "The levels are averaged over the batch: each row has its own t.",
)
def q_sample_discrete(x0, t, mask_id, T):
    m = torch.rand(x0.shape) < mask_prob(t, T).mean()
    return torch.where(m, mask_id, x0)


@mistake(
    "q_sample_discrete",
    "in_place",
    "x0 is overwritten: the clean tokens are gone when the loss needs them as targets.",
)
def q_sample_discrete(x0, t, mask_id, T):
    m = torch.rand(x0.shape) < mask_prob(t, T)[:, None]
    x0[m] = mask_id
    return x0


@mistake(
    "q_sample_discrete",
    "bert_recipe",
    "BERT's 80/10/10 recipe: here a chosen token always becomes the mask.",
)
def q_sample_discrete(x0, t, mask_id, T):
    m = torch.rand(x0.shape) < mask_prob(t, T)[:, None]
    r = torch.rand(x0.shape)
    x = torch.where(m & (r < 0.8), mask_id, x0)
    other = x0[torch.randperm(x0.shape[0])]
    return torch.where(m & (r > 0.9), other, x)


@mistake(
    "q_sample_discrete",
    "uniform_replacement",
    "Tokens are replaced by random tokens: this is the uniform process, here they become the mask.",
)
def q_sample_discrete(x0, t, mask_id, T):
    m = torch.rand(x0.shape) < mask_prob(t, T)[:, None]
    return torch.where(m, torch.randint_like(x0, mask_id + 1), x0)


@mistake(
    "q_sample_discrete",
    "one_step_only",
    "beta = 1 / T is the rate of one step: x_t has gone through t + 1 of them.",
)
def q_sample_discrete(x0, t, mask_id, T):
    m = torch.rand(x0.shape) < 1 / T
    return torch.where(m, mask_id, x0)


@mistake(
    "q_sample_discrete",
    "repeated_coins",
    "Each of t + 1 steps masks with 1 / T: that leaves (1 - 1/T)^(t+1) visible, not 1 - p_t.",
)
def q_sample_discrete(x0, t, mask_id, T):
    stay = (1 - 1 / T) ** (t + 1).float()
    m = torch.rand(x0.shape) > stay[:, None]
    return torch.where(m, mask_id, x0)


@mistake(
    "q_sample_discrete",
    "float_tokens",
    "The tokens come back as floats: an embedding cannot look them up.",
)
def q_sample_discrete(x0, t, mask_id, T):
    m = (torch.rand(x0.shape) < mask_prob(t, T)[:, None]).float()
    return m * mask_id + (1 - m) * x0


@mistake(
    "q_sample_discrete", "squared_rate", "Two coins have to fall: the rate comes out as p squared."
)
def q_sample_discrete(x0, t, mask_id, T):
    p = mask_prob(t, T)[:, None]
    m = (torch.rand(x0.shape) < p) & (torch.rand(x0.shape) < p)
    return torch.where(m, mask_id, x0)


@mistake(
    "q_sample_discrete",
    "spares_zero",
    "Token 0 is never masked (as if it were padding): every token has the same coin.",
)
def q_sample_discrete(x0, t, mask_id, T):
    m = (torch.rand(x0.shape) < mask_prob(t, T)[:, None]) & (x0 != 0)
    return torch.where(m, mask_id, x0)


@mistake(
    "q_sample_discrete",
    "always_one_visible",
    "One token is kept visible in every row: at t = T - 1 all must be masked.",
)
def q_sample_discrete(x0, t, mask_id, T):
    m = torch.rand(x0.shape) < mask_prob(t, T)[:, None]
    m[:, 0] = False
    return torch.where(m, mask_id, x0)


@mistake(
    "q_sample_discrete",
    "at_least_one_mask",
    "One mask is forced into every row: the coins alone decide.",
)
def q_sample_discrete(x0, t, mask_id, T):
    m = torch.rand(x0.shape) < mask_prob(t, T)[:, None]
    m[:, -1] |= ~m.any(1)
    return torch.where(m, mask_id, x0)


@mistake(
    "q_sample_discrete",
    "rounded_coin",
    "Adding p to a random number and rounding is not a coin with probability p.",
)
def q_sample_discrete(x0, t, mask_id, T):
    m = (torch.rand(x0.shape) * mask_prob(t, T)[:, None]).round().bool()
    return torch.where(m, mask_id, x0)


@mistake("q_sample_discrete", "clean", "The placeholder x0 was left in: nothing is masked.")
def q_sample_discrete(x0, t, mask_id, T):
    return x0


# ---------------------------------------------------------------- forward


@mistake(
    "forward",
    "softmax",
    "forward returns probabilities: the loss takes the softmax itself, so it is taken twice.",
    replaces="Denoiser.forward",
)
def forward(self, tokens, t):
    h = (
        self.token(tokens)
        + self.position(torch.arange(tokens.shape[1]))
        + self.embed_time(t)[:, None]
    )
    return self.head(self.blocks(h)).softmax(-1)


@mistake(
    "forward", "sigmoid", "A sigmoid squeezes the logits into (0, 1).", replaces="Denoiser.forward"
)
def forward(self, tokens, t):
    h = (
        self.token(tokens)
        + self.position(torch.arange(tokens.shape[1]))
        + self.embed_time(t)[:, None]
    )
    return torch.sigmoid(self.head(self.blocks(h)))


@mistake(
    "forward",
    "tanh",
    "A tanh squeezes the logits into (-1, 1): the model can never be sure.",
    replaces="Denoiser.forward",
)
def forward(self, tokens, t):
    h = (
        self.token(tokens)
        + self.position(torch.arange(tokens.shape[1]))
        + self.embed_time(t)[:, None]
    )
    return torch.tanh(self.head(self.blocks(h)))


@mistake(
    "forward",
    "relu",
    "A ReLU cuts negative logits off: return the head's plain output.",
    replaces="Denoiser.forward",
)
def forward(self, tokens, t):
    h = (
        self.token(tokens)
        + self.position(torch.arange(tokens.shape[1]))
        + self.embed_time(t)[:, None]
    )
    return F.relu(self.head(self.blocks(h)))


@mistake(
    "forward",
    "no_position",
    "The position embedding is missing: the model cannot tell the first letter from the last.",
    replaces="Denoiser.forward",
)
def forward(self, tokens, t):
    h = self.token(tokens) + self.embed_time(t)[:, None]
    return self.head(self.blocks(h))


@mistake("forward", "no_time", "The noise level t is not used.", replaces="Denoiser.forward")
def forward(self, tokens, t):
    h = self.token(tokens) + self.position(torch.arange(tokens.shape[1]))
    return self.head(self.blocks(h))


@mistake(
    "forward",
    "no_tokens",
    "The tokens are not used: only position and time reach the blocks.",
    replaces="Denoiser.forward",
)
def forward(self, tokens, t):
    h = self.position(torch.arange(tokens.shape[1])) + self.embed_time(t)[:, None]
    return self.head(self.blocks(h))


@mistake(
    "forward",
    "no_blocks",
    "The blocks are left out: each position sees only its own token.",
    replaces="Denoiser.forward",
)
def forward(self, tokens, t):
    h = (
        self.token(tokens)
        + self.position(torch.arange(tokens.shape[1]))
        + self.embed_time(t)[:, None]
    )
    return self.head(h)


@mistake("forward", "one_block", "Only the first block is used.", replaces="Denoiser.forward")
def forward(self, tokens, t):
    h = (
        self.token(tokens)
        + self.position(torch.arange(tokens.shape[1]))
        + self.embed_time(t)[:, None]
    )
    return self.head(self.blocks[0](h))


@mistake(
    "forward",
    "no_head",
    "The head is left out: the result has d_model columns instead of vocab_size.",
    replaces="Denoiser.forward",
)
def forward(self, tokens, t):
    h = (
        self.token(tokens)
        + self.position(torch.arange(tokens.shape[1]))
        + self.embed_time(t)[:, None]
    )
    return self.blocks(h)


@mistake(
    "forward",
    "time_on_positions",
    "embed_time(t) is (B, d): without [:, None] it is lined up with positions, an error or (B == "
    "L) the time of another row.",
    replaces="Denoiser.forward",
)
def forward(self, tokens, t):
    h = self.token(tokens) + self.position(torch.arange(tokens.shape[1])) + self.embed_time(t)
    return self.head(self.blocks(h))


@mistake(
    "forward",
    "time_of_first_row",
    "All rows get the noise level of the first one.",
    replaces="Denoiser.forward",
)
def forward(self, tokens, t):
    h = (
        self.token(tokens)
        + self.position(torch.arange(tokens.shape[1]))
        + self.embed_time(t[:1])[:, None]
    )
    return self.head(self.blocks(h))


@mistake(
    "forward",
    "mean_time",
    "The noise levels are averaged over the batch.",
    replaces="Denoiser.forward",
)
def forward(self, tokens, t):
    h = (
        self.token(tokens)
        + self.position(torch.arange(tokens.shape[1]))
        + self.embed_time(t).mean(0)
    )
    return self.head(self.blocks(h))


@mistake(
    "forward",
    "time_zero",
    "The time is replaced by zeros: the model never learns how much is hidden.",
    replaces="Denoiser.forward",
)
def forward(self, tokens, t):
    h = (
        self.token(tokens)
        + self.position(torch.arange(tokens.shape[1]))
        + self.embed_time(torch.zeros_like(t))[:, None]
    )
    return self.head(self.blocks(h))


@mistake(
    "forward",
    "time_at_first_position",
    "The time is added to the first position only.",
    replaces="Denoiser.forward",
)
def forward(self, tokens, t):
    h = self.token(tokens) + self.position(torch.arange(tokens.shape[1]))
    h = torch.cat([h[:, :1] + self.embed_time(t)[:, None], h[:, 1:]], dim=1)
    for block in self.blocks:
        n = block.norm2(h)
        h = h + block.mlp(n)
    return self.head(h)


@mistake(
    "forward",
    "position_of_row",
    "The position embedding is indexed by the row: it must be the index inside the sequence.",
    replaces="Denoiser.forward",
)
def forward(self, tokens, t):
    places = torch.arange(tokens.shape[0]) % self.max_length
    h = self.token(tokens) + self.position(places)[:, None] + self.embed_time(t)[:, None]
    return self.head(self.blocks(h))


@mistake(
    "forward",
    "position_of_token",
    "The position embedding is looked up with the tokens: it must be the index 0 ... L - 1.",
    replaces="Denoiser.forward",
)
def forward(self, tokens, t):
    h = self.token(tokens) + self.position(tokens % self.max_length) + self.embed_time(t)[:, None]
    return self.head(self.blocks(h))


@mistake(
    "forward",
    "position_all_zero",
    "Every position gets the embedding of position 0.",
    replaces="Denoiser.forward",
)
def forward(self, tokens, t):
    h = self.token(tokens) + self.position(torch.zeros_like(tokens)) + self.embed_time(t)[:, None]
    return self.head(self.blocks(h))


@mistake(
    "forward",
    "all_max_length",
    "The positions run to max_length whatever the sequence's length: shorter sequences fail.",
    replaces="Denoiser.forward",
)
def forward(self, tokens, t):
    h = self.token(tokens) + self.position.weight + self.embed_time(t)[:, None]
    return self.head(self.blocks(h))


@mistake(
    "forward",
    "causal",
    "The model sees only what is to the left: a denoiser looks at both sides.",
    replaces="Denoiser.forward",
)
def forward(self, tokens, t):
    h = (
        self.token(tokens)
        + self.position(torch.arange(tokens.shape[1]))
        + self.embed_time(t)[:, None]
    )
    future = torch.ones(tokens.shape[1], tokens.shape[1]).triu(1).bool()
    for block in self.blocks:
        n = block.norm1(h)
        h = h + block.attention(n, n, n, attn_mask=future, need_weights=False)[0]
        h = h + block.mlp(block.norm2(h))
    return self.head(h)


@mistake(
    "forward",
    "batch_and_length_swapped",
    "Batch and length are exchanged before the blocks: rows look at other rows.",
    replaces="Denoiser.forward",
)
def forward(self, tokens, t):
    h = (
        self.token(tokens)
        + self.position(torch.arange(tokens.shape[1]))
        + self.embed_time(t)[:, None]
    )
    return self.head(self.blocks(h.transpose(0, 1)).transpose(0, 1))


@mistake(
    "forward",
    "pooled",
    "The positions are averaged away: every position needs logits of its own.",
    replaces="Denoiser.forward",
)
def forward(self, tokens, t):
    h = (
        self.token(tokens)
        + self.position(torch.arange(tokens.shape[1]))
        + self.embed_time(t)[:, None]
    )
    return self.head(self.blocks(h).mean(1))


@mistake(
    "forward",
    "pooled_and_repeated",
    "All positions get the same logits, those of the average.",
    replaces="Denoiser.forward",
)
def forward(self, tokens, t):
    h = (
        self.token(tokens)
        + self.position(torch.arange(tokens.shape[1]))
        + self.embed_time(t)[:, None]
    )
    h = self.blocks(h).mean(1, keepdim=True)
    return self.head(h).expand(-1, tokens.shape[1], -1)


@mistake(
    "forward",
    "transposed",
    "The logits are (B, V, L): return (B, L, V).",
    replaces="Denoiser.forward",
)
def forward(self, tokens, t):
    h = (
        self.token(tokens)
        + self.position(torch.arange(tokens.shape[1]))
        + self.embed_time(t)[:, None]
    )
    return self.head(self.blocks(h)).transpose(1, 2)


@mistake(
    "forward",
    "argmax",
    "forward returns tokens: return the logits of all of them.",
    replaces="Denoiser.forward",
)
def forward(self, tokens, t):
    h = (
        self.token(tokens)
        + self.position(torch.arange(tokens.shape[1]))
        + self.embed_time(t)[:, None]
    )
    return self.head(self.blocks(h)).argmax(-1)


@mistake(
    "forward",
    "detached",
    "The embeddings are cut from the graph (detach or no_grad): they are never trained.",
    replaces="Denoiser.forward",
)
def forward(self, tokens, t):
    h = (
        self.token(tokens)
        + self.position(torch.arange(tokens.shape[1]))
        + self.embed_time(t)[:, None]
    )
    return self.head(self.blocks(h.detach()))


@mistake(
    "forward",
    "no_grad",
    "forward runs without gradients: nothing is trained.",
    replaces="Denoiser.forward",
)
def forward(self, tokens, t):
    with torch.no_grad():
        h = (
            self.token(tokens)
            + self.position(torch.arange(tokens.shape[1]))
            + self.embed_time(t)[:, None]
        )
        return self.head(self.blocks(h))


@mistake(
    "forward",
    "time_detached",
    "The time embedding is detached: its layers are never trained.",
    replaces="Denoiser.forward",
)
def forward(self, tokens, t):
    h = (
        self.token(tokens)
        + self.position(torch.arange(tokens.shape[1]))
        + self.embed_time(t).detach()[:, None]
    )
    return self.head(self.blocks(h))


@mistake(
    "forward",
    "raw_features",
    "time_features are used without the layers of self.time, which are never trained.",
    replaces="Denoiser.forward",
)
def forward(self, tokens, t):
    h = (
        self.token(tokens)
        + self.position(torch.arange(tokens.shape[1]))
        + time_features(t, self.d_model)[:, None]
    )
    return self.head(self.blocks(h))


@mistake(
    "forward",
    "only_last_position",
    "Only the logits of the last position are returned, as in a next-token model.",
    replaces="Denoiser.forward",
)
def forward(self, tokens, t):
    h = (
        self.token(tokens)
        + self.position(torch.arange(tokens.shape[1]))
        + self.embed_time(t)[:, None]
    )
    return self.head(self.blocks(h)[:, -1])


@mistake(
    "forward",
    "head_sees_only_time",
    "The blocks' result is thrown away: the head gets the input of the blocks.",
    replaces="Denoiser.forward",
)
def forward(self, tokens, t):
    h = (
        self.token(tokens)
        + self.position(torch.arange(tokens.shape[1]))
        + self.embed_time(t)[:, None]
    )
    self.blocks(h)
    return self.head(h)


@mistake(
    "forward",
    "normalized_over_positions",
    "A softmax over positions: logits are compared over the vocabulary, and by the loss.",
    replaces="Denoiser.forward",
)
def forward(self, tokens, t):
    h = (
        self.token(tokens)
        + self.position(torch.arange(tokens.shape[1]))
        + self.embed_time(t)[:, None]
    )
    return self.head(self.blocks(h)).softmax(1)


@mistake(
    "forward",
    "cast_to_float32",
    "The result is cast to float32: keep the dtype of the model.",
    replaces="Denoiser.forward",
)
def forward(self, tokens, t):
    h = (
        self.token(tokens)
        + self.position(torch.arange(tokens.shape[1]))
        + self.embed_time(t)[:, None]
    )
    return self.head(self.blocks(h)).float()


# ---------------------------------------------------------------- discrete_diffusion_loss


@mistake(
    "discrete_diffusion_loss",
    "all_positions",
    "The loss is averaged over all positions: copying visible tokens is easy, so it looks good "
    "and samples are poor.",
)
def discrete_diffusion_loss(model, x0, t, mask_id, T):
    x_t = q_sample_discrete(x0, t, mask_id, T)
    logits = model(x_t, t)
    return F.cross_entropy(logits.transpose(1, 2), x0)


@mistake(
    "discrete_diffusion_loss",
    "visible_positions",
    "The loss looks at the visible positions: the masked ones are to be guessed.",
)
def discrete_diffusion_loss(model, x0, t, mask_id, T):
    x_t = q_sample_discrete(x0, t, mask_id, T)
    logits = model(x_t, t)
    ce = F.cross_entropy(logits.transpose(1, 2), x0, reduction="none")
    m = (x_t == mask_id).float()
    return (ce * (1 - m)).sum() / (1 - m).sum().clamp(min=1)


@mistake(
    "discrete_diffusion_loss",
    "target_x_t",
    "The target is x_t: the model learns to predict the mask. The target is x0.",
)
def discrete_diffusion_loss(model, x0, t, mask_id, T):
    x_t = q_sample_discrete(x0, t, mask_id, T)
    logits = model(x_t, t)
    ce = F.cross_entropy(
        logits.transpose(1, 2), x_t.clamp(max=logits.shape[-1] - 1), reduction="none"
    )
    m = (x_t == mask_id).float()
    return (ce * m).sum() / m.sum().clamp(min=1)


@mistake(
    "discrete_diffusion_loss",
    "reshape_for_transpose",
    "reshape mixes positions and classes without an error: cross_entropy wants (B, V, L), which "
    "is a transpose.",
)
def discrete_diffusion_loss(model, x0, t, mask_id, T):
    x_t = q_sample_discrete(x0, t, mask_id, T)
    logits = model(x_t, t)
    ce = F.cross_entropy(logits.reshape(x0.shape[0], logits.shape[2], -1), x0, reduction="none")
    m = (x_t == mask_id).float()
    return (ce * m).sum() / m.sum().clamp(min=1)


@mistake(
    "discrete_diffusion_loss",
    "no_transpose",
    "cross_entropy takes classes in dimension 1: (B, L, V) is an error, or with L == V a softmax "
    "over positions.",
)
def discrete_diffusion_loss(model, x0, t, mask_id, T):
    x_t = q_sample_discrete(x0, t, mask_id, T)
    logits = model(x_t, t)
    ce = F.cross_entropy(logits, x0, reduction="none")
    m = (x_t == mask_id).float()
    return (ce * m).sum() / m.sum().clamp(min=1)


@mistake(
    "discrete_diffusion_loss",
    "softmax_over_positions",
    "The log-softmax runs over positions (dim 1): it belongs over the vocabulary, the last "
    "dimension.",
)
def discrete_diffusion_loss(model, x0, t, mask_id, T):
    x_t = q_sample_discrete(x0, t, mask_id, T)
    logp = model(x_t, t).log_softmax(1)
    ce = -logp.gather(2, x0[..., None])[..., 0]
    m = (x_t == mask_id).to(ce.dtype)
    return (ce * m).sum() / m.sum().clamp(min=1)


@mistake(
    "discrete_diffusion_loss",
    "clean_input",
    "The model gets the clean tokens: it only has to copy, and the loss goes to 0.",
)
def discrete_diffusion_loss(model, x0, t, mask_id, T):
    x_t = q_sample_discrete(x0, t, mask_id, T)
    logits = model(x0, t)
    ce = F.cross_entropy(logits.transpose(1, 2), x0, reduction="none")
    m = (x_t == mask_id).to(ce.dtype)
    return (ce * m).sum() / m.sum().clamp(min=1)


@mistake(
    "discrete_diffusion_loss",
    "row_means",
    "You averaged in each row and then over the rows: tokens of rows with few masks count more.",
)
def discrete_diffusion_loss(model, x0, t, mask_id, T):
    x_t = q_sample_discrete(x0, t, mask_id, T)
    logits = model(x_t, t)
    ce = F.cross_entropy(logits.transpose(1, 2), x0, reduction="none")
    m = (x_t == mask_id).to(ce.dtype)
    return ((ce * m).sum(1) / m.sum(1).clamp(min=1)).mean()


@mistake(
    "discrete_diffusion_loss",
    "sum",
    "The loss is a sum: it grows with the batch and the number of masks.",
)
def discrete_diffusion_loss(model, x0, t, mask_id, T):
    x_t = q_sample_discrete(x0, t, mask_id, T)
    logits = model(x_t, t)
    ce = F.cross_entropy(logits.transpose(1, 2), x0, reduction="none")
    m = (x_t == mask_id).to(ce.dtype)
    return (ce * m).sum()


@mistake(
    "discrete_diffusion_loss",
    "sum_over_batch_size",
    "The sum is divided by the batch size: divide by the number of masked positions.",
)
def discrete_diffusion_loss(model, x0, t, mask_id, T):
    x_t = q_sample_discrete(x0, t, mask_id, T)
    logits = model(x_t, t)
    ce = F.cross_entropy(logits.transpose(1, 2), x0, reduction="none")
    m = (x_t == mask_id).to(ce.dtype)
    return (ce * m).sum(1).mean()


@mistake(
    "discrete_diffusion_loss",
    "masked_then_mean",
    "The masked cross-entropies are divided by all positions: divide by the number of masked ones.",
)
def discrete_diffusion_loss(model, x0, t, mask_id, T):
    x_t = q_sample_discrete(x0, t, mask_id, T)
    logits = model(x_t, t)
    ce = F.cross_entropy(logits.transpose(1, 2), x0, reduction="none")
    m = (x_t == mask_id).to(ce.dtype)
    return (ce * m).mean()


@mistake(
    "discrete_diffusion_loss",
    "second_mask",
    "A second random mask picks the positions: use those where x_t is the mask.",
)
def discrete_diffusion_loss(model, x0, t, mask_id, T):
    x_t = q_sample_discrete(x0, t, mask_id, T)
    logits = model(x_t, t)
    ce = F.cross_entropy(logits.transpose(1, 2), x0, reduction="none")
    m = (torch.rand(x0.shape) < ((t.float() + 1) / T)[:, None]).to(ce.dtype)
    return (ce * m).sum() / m.sum().clamp(min=1)


@mistake(
    "discrete_diffusion_loss",
    "second_corruption",
    "q_sample_discrete is called twice: the model sees another x_t than the one whose masks are "
    "counted.",
)
def discrete_diffusion_loss(model, x0, t, mask_id, T):
    logits = model(q_sample_discrete(x0, t, mask_id, T), t)
    ce = F.cross_entropy(logits.transpose(1, 2), x0, reduction="none")
    m = (q_sample_discrete(x0, t, mask_id, T) == mask_id).to(ce.dtype)
    return (ce * m).sum() / m.sum().clamp(min=1)


@mistake(
    "discrete_diffusion_loss",
    "nan_without_masks",
    "Where nothing is masked this is 0 / 0 = NaN, and one such batch destroys all weights.",
)
def discrete_diffusion_loss(model, x0, t, mask_id, T):
    x_t = q_sample_discrete(x0, t, mask_id, T)
    logits = model(x_t, t)
    m = x_t == mask_id
    return F.cross_entropy(logits[m], x0[m])


@mistake(
    "discrete_diffusion_loss",
    "nan_without_masks_sum",
    "The number of masked positions can be 0: the division gives NaN.",
)
def discrete_diffusion_loss(model, x0, t, mask_id, T):
    x_t = q_sample_discrete(x0, t, mask_id, T)
    logits = model(x_t, t)
    ce = F.cross_entropy(logits.transpose(1, 2), x0, reduction="none")
    m = (x_t == mask_id).to(ce.dtype)
    return (ce * m).sum() / m.sum()


@mistake(
    "discrete_diffusion_loss",
    "epsilon",
    "A large epsilon in the denominator makes the loss too small where few tokens are masked.",
)
def discrete_diffusion_loss(model, x0, t, mask_id, T):
    x_t = q_sample_discrete(x0, t, mask_id, T)
    logits = model(x_t, t)
    ce = F.cross_entropy(logits.transpose(1, 2), x0, reduction="none")
    m = (x_t == mask_id).to(ce.dtype)
    return (ce * m).sum() / (m.sum() + 1)


@mistake(
    "discrete_diffusion_loss",
    "cut_without_masks",
    "Where nothing is masked a new tensor without a graph is returned: backward fails on it.",
)
def discrete_diffusion_loss(model, x0, t, mask_id, T):
    x_t = q_sample_discrete(x0, t, mask_id, T)
    m = x_t == mask_id
    logits = model(x_t, t)
    if not m.any():
        return torch.tensor(0.0)
    return F.cross_entropy(logits[m], x0[m])


@mistake(
    "discrete_diffusion_loss",
    "detached",
    "The logits are cut from the graph (detach or no_grad): the model does not learn.",
)
def discrete_diffusion_loss(model, x0, t, mask_id, T):
    x_t = q_sample_discrete(x0, t, mask_id, T)
    logits = model(x_t, t).detach()
    ce = F.cross_entropy(logits.transpose(1, 2), x0, reduction="none")
    m = (x_t == mask_id).to(ce.dtype)
    return (ce * m).sum() / m.sum().clamp(min=1)


@mistake(
    "discrete_diffusion_loss", "item", "item() makes a number of the loss: no gradient flows back."
)
def discrete_diffusion_loss(model, x0, t, mask_id, T):
    x_t = q_sample_discrete(x0, t, mask_id, T)
    logits = model(x_t, t)
    ce = F.cross_entropy(logits.transpose(1, 2), x0, reduction="none")
    m = (x_t == mask_id).to(ce.dtype)
    return ((ce * m).sum() / m.sum().clamp(min=1)).item()


@mistake(
    "discrete_diffusion_loss",
    "softmax_first",
    "cross_entropy takes logits and does the softmax: here it is taken twice.",
)
def discrete_diffusion_loss(model, x0, t, mask_id, T):
    x_t = q_sample_discrete(x0, t, mask_id, T)
    p = model(x_t, t).softmax(-1)
    ce = F.cross_entropy(p.transpose(1, 2), x0, reduction="none")
    m = (x_t == mask_id).to(ce.dtype)
    return (ce * m).sum() / m.sum().clamp(min=1)


@mistake(
    "discrete_diffusion_loss",
    "nll_of_logits",
    "nll_loss expects log-probabilities: without a log_softmax logits go in.",
)
def discrete_diffusion_loss(model, x0, t, mask_id, T):
    x_t = q_sample_discrete(x0, t, mask_id, T)
    ce = F.nll_loss(model(x_t, t).transpose(1, 2), x0, reduction="none")
    m = (x_t == mask_id).to(ce.dtype)
    return (ce * m).sum() / m.sum().clamp(min=1)


@mistake(
    "discrete_diffusion_loss",
    "naive_log",
    "log of a softmax is -inf for large logits: use cross_entropy or log_softmax.",
)
def discrete_diffusion_loss(model, x0, t, mask_id, T):
    x_t = q_sample_discrete(x0, t, mask_id, T)
    p = model(x_t, t).float().exp()
    ce = -(p / p.sum(-1, keepdim=True)).log().gather(2, x0[..., None])[..., 0]
    m = (x_t == mask_id).to(ce.dtype)
    return (ce * m).sum() / m.sum().clamp(min=1)


@mistake(
    "discrete_diffusion_loss",
    "sign",
    "The sign is lost: this is the log-likelihood, and minimizing it makes the model worse.",
)
def discrete_diffusion_loss(model, x0, t, mask_id, T):
    x_t = q_sample_discrete(x0, t, mask_id, T)
    logits = model(x_t, t)
    ce = F.cross_entropy(logits.transpose(1, 2), x0, reduction="none")
    m = (x_t == mask_id).to(ce.dtype)
    return -(ce * m).sum() / m.sum().clamp(min=1)


@mistake(
    "discrete_diffusion_loss",
    "squared_error",
    "A squared error between tokens treats their numbers as sizes: use the cross-entropy.",
)
def discrete_diffusion_loss(model, x0, t, mask_id, T):
    x_t = q_sample_discrete(x0, t, mask_id, T)
    logits = model(x_t, t)
    error = (logits.softmax(-1) - F.one_hot(x0, logits.shape[-1])).pow(2).sum(-1)
    m = (x_t == mask_id).to(error.dtype)
    return (error * m).sum() / m.sum().clamp(min=1)


@mistake(
    "discrete_diffusion_loss",
    "elbo_weight",
    "The 1 / (t + 1) weight of the likelihood bound is in the loss: the guide asks for the plain "
    "mean.",
)
def discrete_diffusion_loss(model, x0, t, mask_id, T):
    x_t = q_sample_discrete(x0, t, mask_id, T)
    logits = model(x_t, t)
    ce = F.cross_entropy(logits.transpose(1, 2), x0, reduction="none") / (t + 1)[:, None]
    m = (x_t == mask_id).to(ce.dtype)
    return (ce * m).sum() / m.sum().clamp(min=1)


@mistake("discrete_diffusion_loss", "time_zero", "The model is told t = 0 whatever the level is.")
def discrete_diffusion_loss(model, x0, t, mask_id, T):
    x_t = q_sample_discrete(x0, t, mask_id, T)
    logits = model(x_t, torch.zeros_like(t))
    ce = F.cross_entropy(logits.transpose(1, 2), x0, reduction="none")
    m = (x_t == mask_id).to(ce.dtype)
    return (ce * m).sum() / m.sum().clamp(min=1)


@mistake(
    "discrete_diffusion_loss",
    "normalized_time",
    "The model gets t / T: pass the level itself, as the sampler does.",
)
def discrete_diffusion_loss(model, x0, t, mask_id, T):
    x_t = q_sample_discrete(x0, t, mask_id, T)
    logits = model(x_t, t / T)
    ce = F.cross_entropy(logits.transpose(1, 2), x0, reduction="none")
    m = (x_t == mask_id).to(ce.dtype)
    return (ce * m).sum() / m.sum().clamp(min=1)


@mistake(
    "discrete_diffusion_loss",
    "own_time",
    "The loss draws a t of its own and ignores the one it is given.",
)
def discrete_diffusion_loss(model, x0, t, mask_id, T):
    t = torch.randint(0, T, t.shape)
    x_t = q_sample_discrete(x0, t, mask_id, T)
    logits = model(x_t, t)
    ce = F.cross_entropy(logits.transpose(1, 2), x0, reduction="none")
    m = (x_t == mask_id).to(ce.dtype)
    return (ce * m).sum() / m.sum().clamp(min=1)


@mistake(
    "discrete_diffusion_loss",
    "always_fully_masked",
    "The model only ever sees wholly masked sequences: corrupt at level t.",
)
def discrete_diffusion_loss(model, x0, t, mask_id, T):
    x_t = torch.full_like(x0, mask_id)
    logits = model(x_t, t)
    return F.cross_entropy(logits.transpose(1, 2), x0)


@mistake(
    "discrete_diffusion_loss",
    "fixed_rate",
    "The corruption has a fixed rate of 15 %: it must follow t.",
)
def discrete_diffusion_loss(model, x0, t, mask_id, T):
    x_t = torch.where(torch.rand(x0.shape) < 0.15, mask_id, x0)
    logits = model(x_t, t)
    ce = F.cross_entropy(logits.transpose(1, 2), x0, reduction="none")
    m = (x_t == mask_id).to(ce.dtype)
    return (ce * m).sum() / m.sum().clamp(min=1)


@mistake(
    "discrete_diffusion_loss",
    "vector",
    "The loss has one number per row: average over all masked tokens of the batch.",
)
def discrete_diffusion_loss(model, x0, t, mask_id, T):
    x_t = q_sample_discrete(x0, t, mask_id, T)
    logits = model(x_t, t)
    ce = F.cross_entropy(logits.transpose(1, 2), x0, reduction="none")
    m = (x_t == mask_id).to(ce.dtype)
    return (ce * m).sum(1) / m.sum(1).clamp(min=1)


@mistake(
    "discrete_diffusion_loss",
    "ignore_index_of_target",
    "ignore_index looks at the target, which never is the mask: visible positions still count.",
)
def discrete_diffusion_loss(model, x0, t, mask_id, T):
    x_t = q_sample_discrete(x0, t, mask_id, T)
    logits = model(x_t, t)
    return F.cross_entropy(logits.transpose(1, 2), x0, ignore_index=mask_id)


@mistake(
    "discrete_diffusion_loss",
    "label_smoothing",
    "Label smoothing changes the loss: its least value is no longer reached by the right "
    "probabilities.",
)
def discrete_diffusion_loss(model, x0, t, mask_id, T):
    x_t = q_sample_discrete(x0, t, mask_id, T)
    logits = model(x_t, t)
    ce = F.cross_entropy(logits.transpose(1, 2), x0, reduction="none", label_smoothing=0.1)
    m = (x_t == mask_id).to(ce.dtype)
    return (ce * m).sum() / m.sum().clamp(min=1)


@mistake(
    "discrete_diffusion_loss",
    "weighted_positions",
    "Masked and visible positions are mixed half and half: only masked ones count.",
)
def discrete_diffusion_loss(model, x0, t, mask_id, T):
    x_t = q_sample_discrete(x0, t, mask_id, T)
    logits = model(x_t, t)
    ce = F.cross_entropy(logits.transpose(1, 2), x0, reduction="none")
    m = (x_t == mask_id).to(ce.dtype)
    w = 0.5 + 0.5 * m
    return (ce * w).sum() / w.sum()


@mistake(
    "discrete_diffusion_loss",
    "base_two",
    "The loss is in bits: cross_entropy's nats are asked for.",
)
def discrete_diffusion_loss(model, x0, t, mask_id, T):
    x_t = q_sample_discrete(x0, t, mask_id, T)
    logits = model(x_t, t)
    ce = F.cross_entropy(logits.transpose(1, 2), x0, reduction="none") / math.log(2)
    m = (x_t == mask_id).to(ce.dtype)
    return (ce * m).sum() / m.sum().clamp(min=1)


# ---------------------------------------------------------------- ancestral_step


@mistake(
    "ancestral_step",
    "not_conditioned",
    "The reveal probability is p_t - p_s, without the division by p_t: masks are left at the end.",
)
def ancestral_step(model, x_t, t, mask_id, T):
    t = batch_time(t, x_t)
    p_t, p_s = mask_prob(t, T), mask_prob(t - 1, T)
    reveal = torch.rand(x_t.shape) < (p_t - p_s)[:, None]
    logits = model(x_t, t).clone()
    logits[..., mask_id] = -torch.inf
    guess = torch.distributions.Categorical(logits=logits).sample()
    return torch.where((x_t == mask_id) & reveal, guess, x_t)


@mistake(
    "ancestral_step",
    "all_at_once",
    "Everything is revealed in one step: the model decides all tokens without seeing any of them.",
)
def ancestral_step(model, x_t, t, mask_id, T):
    logits = model(x_t, batch_time(t, x_t)).clone()
    logits[..., mask_id] = -torch.inf
    guess = torch.distributions.Categorical(logits=logits).sample()
    return torch.where(x_t == mask_id, guess, x_t)


@mistake(
    "ancestral_step",
    "argmax",
    "argmax takes the likeliest token: all samples look alike. Draw from the softmax.",
)
def ancestral_step(model, x_t, t, mask_id, T):
    t = batch_time(t, x_t)
    reveal = torch.rand(x_t.shape) < (1 / (t + 1))[:, None]
    logits = model(x_t, t).clone()
    logits[..., mask_id] = -torch.inf
    return torch.where((x_t == mask_id) & reveal, logits.argmax(-1), x_t)


@mistake(
    "ancestral_step",
    "whole_rows",
    "One coin per row reveals whole sequences at once: draw a coin for each token.",
)
def ancestral_step(model, x_t, t, mask_id, T):
    t = batch_time(t, x_t)
    reveal = torch.rand(x_t.shape[0], 1) < (1 / (t + 1))[:, None]
    logits = model(x_t, t).clone()
    logits[..., mask_id] = -torch.inf
    guess = torch.distributions.Categorical(logits=logits).sample()
    return torch.where((x_t == mask_id) & reveal, guess, x_t)


@mistake("ancestral_step", "whole_columns", "One coin per position, shared by all rows.")
def ancestral_step(model, x_t, t, mask_id, T):
    t = batch_time(t, x_t)
    reveal = torch.rand(1, x_t.shape[1]) < (1 / (t + 1))[:, None]
    logits = model(x_t, t).clone()
    logits[..., mask_id] = -torch.inf
    guess = torch.distributions.Categorical(logits=logits).sample()
    return torch.where((x_t == mask_id) & reveal, guess, x_t)


@mistake("ancestral_step", "remasks", "Visible tokens are masked again: what is revealed stays.")
def ancestral_step(model, x_t, t, mask_id, T):
    t = batch_time(t, x_t)
    reveal = torch.rand(x_t.shape) < (1 / (t + 1))[:, None]
    logits = model(x_t, t).clone()
    logits[..., mask_id] = -torch.inf
    guess = torch.distributions.Categorical(logits=logits).sample()
    return torch.where((x_t == mask_id) & reveal, guess, torch.full_like(x_t, mask_id))


@mistake(
    "ancestral_step",
    "redraws_visible",
    "Visible tokens are drawn anew: only masked positions may change.",
)
def ancestral_step(model, x_t, t, mask_id, T):
    t = batch_time(t, x_t)
    reveal = torch.rand(x_t.shape) < (1 / (t + 1))[:, None]
    logits = model(x_t, t).clone()
    logits[..., mask_id] = -torch.inf
    guess = torch.distributions.Categorical(logits=logits).sample()
    return torch.where(reveal, guess, x_t)


@mistake(
    "ancestral_step", "double_softmax", "softmax of a softmax: the tokens come out nearly uniform."
)
def ancestral_step(model, x_t, t, mask_id, T):
    t = batch_time(t, x_t)
    reveal = torch.rand(x_t.shape) < (1 / (t + 1))[:, None]
    p = model(x_t, t).softmax(-1).softmax(-1).clone()
    p[..., mask_id] = 0
    guess = torch.distributions.Categorical(probs=p).sample()
    return torch.where((x_t == mask_id) & reveal, guess, x_t)


@mistake(
    "ancestral_step", "double_softmax_with_mask", "softmax of a softmax, and the mask can be drawn."
)
def ancestral_step(model, x_t, t, mask_id, T):
    t = batch_time(t, x_t)
    reveal = torch.rand(x_t.shape) < (1 / (t + 1))[:, None]
    guess = torch.distributions.Categorical(probs=model(x_t, t).softmax(-1).softmax(-1)).sample()
    return torch.where((x_t == mask_id) & reveal, guess, x_t)


@mistake(
    "ancestral_step",
    "draws_the_mask",
    "The mask can be drawn like a token: set its logit to -inf first.",
)
def ancestral_step(model, x_t, t, mask_id, T):
    t = batch_time(t, x_t)
    reveal = torch.rand(x_t.shape) < (1 / (t + 1))[:, None]
    guess = torch.distributions.Categorical(logits=model(x_t, t)).sample()
    return torch.where((x_t == mask_id) & reveal, guess, x_t)


@mistake(
    "ancestral_step",
    "mask_logit_zero",
    "A logit of 0 is not a probability of 0: the mask is still drawn. Use -inf.",
)
def ancestral_step(model, x_t, t, mask_id, T):
    t = batch_time(t, x_t)
    reveal = torch.rand(x_t.shape) < (1 / (t + 1))[:, None]
    logits = model(x_t, t).clone()
    logits[..., mask_id] = 0.0
    guess = torch.distributions.Categorical(logits=logits).sample()
    return torch.where((x_t == mask_id) & reveal, guess, x_t)


@mistake(
    "ancestral_step",
    "last_token_is_mask",
    "The last column is taken for the mask: the mask is mask_id, wherever it stands.",
)
def ancestral_step(model, x_t, t, mask_id, T):
    t = batch_time(t, x_t)
    reveal = torch.rand(x_t.shape) < (1 / (t + 1))[:, None]
    guess = torch.distributions.Categorical(logits=model(x_t, t)[..., :-1]).sample()
    return torch.where((x_t == mask_id) & reveal, guess, x_t)


@mistake(
    "ancestral_step",
    "mask_prob_as_rate",
    "p_t itself is used as the reveal probability: it is (p_t - p_s) / p_t.",
)
def ancestral_step(model, x_t, t, mask_id, T):
    t = batch_time(t, x_t)
    reveal = torch.rand(x_t.shape) < mask_prob(t, T)[:, None]
    logits = model(x_t, t).clone()
    logits[..., mask_id] = -torch.inf
    guess = torch.distributions.Categorical(logits=logits).sample()
    return torch.where((x_t == mask_id) & (reveal | (t == 0)[:, None]), guess, x_t)


@mistake(
    "ancestral_step",
    "stay_as_reveal",
    "p_s / p_t is the probability of staying masked, not of being revealed.",
)
def ancestral_step(model, x_t, t, mask_id, T):
    t = batch_time(t, x_t)
    p_t, p_s = mask_prob(t, T), mask_prob(t - 1, T)
    reveal = torch.rand(x_t.shape) < (p_s / p_t)[:, None]
    logits = model(x_t, t).clone()
    logits[..., mask_id] = -torch.inf
    guess = torch.distributions.Categorical(logits=logits).sample()
    return torch.where((x_t == mask_id) & reveal, guess, x_t)


@mistake("ancestral_step", "next_level", "s = t + 1 instead of t - 1: the step goes the wrong way.")
def ancestral_step(model, x_t, t, mask_id, T):
    t = batch_time(t, x_t)
    p_t, p_s = mask_prob(t, T), mask_prob(t + 1, T)
    reveal = torch.rand(x_t.shape) < ((p_s - p_t) / p_s)[:, None]
    logits = model(x_t, t).clone()
    logits[..., mask_id] = -torch.inf
    guess = torch.distributions.Categorical(logits=logits).sample()
    return torch.where((x_t == mask_id) & reveal, guess, x_t)


@mistake(
    "ancestral_step",
    "one_over_t",
    "The reveal probability is 1 / (t + 1), not 1 / t: levels count from 0.",
)
def ancestral_step(model, x_t, t, mask_id, T):
    t = batch_time(t, x_t)
    reveal = torch.rand(x_t.shape) < (1 / t.clamp(min=1))[:, None]
    logits = model(x_t, t).clone()
    logits[..., mask_id] = -torch.inf
    guess = torch.distributions.Categorical(logits=logits).sample()
    return torch.where((x_t == mask_id) & reveal, guess, x_t)


@mistake(
    "ancestral_step",
    "one_over_T",
    "The reveal probability is 1 / T in every step: masks are left at the end.",
)
def ancestral_step(model, x_t, t, mask_id, T):
    t = batch_time(t, x_t)
    reveal = torch.rand(x_t.shape) < 1 / T
    logits = model(x_t, t).clone()
    logits[..., mask_id] = -torch.inf
    guess = torch.distributions.Categorical(logits=logits).sample()
    return torch.where((x_t == mask_id) & (reveal | (t == 0)[:, None]), guess, x_t)


@mistake(
    "ancestral_step",
    "half",
    "Half of the masks are revealed whatever t is: the probability is 1 / (t + 1).",
)
def ancestral_step(model, x_t, t, mask_id, T):
    t = batch_time(t, x_t)
    reveal = (torch.rand(x_t.shape) < 0.5) | (t == 0)[:, None]
    logits = model(x_t, t).clone()
    logits[..., mask_id] = -torch.inf
    guess = torch.distributions.Categorical(logits=logits).sample()
    return torch.where((x_t == mask_id) & reveal, guess, x_t)


@mistake(
    "ancestral_step",
    "fixed_number",
    "A fixed number of masks is revealed per row: each mask has its own coin.",
)
def ancestral_step(model, x_t, t, mask_id, T):
    t = batch_time(t, x_t)
    masked = x_t == mask_id
    n = (masked.sum(1) / (t + 1)).ceil()
    order = torch.where(masked, torch.rand(x_t.shape), 2.0).argsort(1).argsort(1)
    logits = model(x_t, t).clone()
    logits[..., mask_id] = -torch.inf
    guess = torch.distributions.Categorical(logits=logits).sample()
    return torch.where(masked & (order < n[:, None]), guess, x_t)


@mistake(
    "ancestral_step",
    "left_to_right",
    "Masks are revealed from left to right: which ones must be random.",
)
def ancestral_step(model, x_t, t, mask_id, T):
    t = batch_time(t, x_t)
    masked = x_t == mask_id
    n = (masked.sum(1) / (t + 1)).ceil()
    logits = model(x_t, t).clone()
    logits[..., mask_id] = -torch.inf
    guess = torch.distributions.Categorical(logits=logits).sample()
    return torch.where(masked & (masked.cumsum(1) <= n[:, None]), guess, x_t)


@mistake(
    "ancestral_step",
    "surest_first",
    "The surest positions are revealed: this is confidence decoding, here coins decide.",
)
def ancestral_step(model, x_t, t, mask_id, T):
    t = batch_time(t, x_t)
    masked = x_t == mask_id
    logits = model(x_t, t).clone()
    logits[..., mask_id] = -torch.inf
    p = logits.softmax(-1)
    n = (masked.sum(1) / (t + 1)).ceil()
    order = torch.where(masked, -p.amax(-1), 2.0).argsort(1).argsort(1)
    guess = torch.distributions.Categorical(probs=p).sample()
    return torch.where(masked & (order < n[:, None]), guess, x_t)


@mistake(
    "ancestral_step",
    "same_number_for_both",
    "One random number decides both whether and which: the tokens revealed early are biased.",
)
def ancestral_step(model, x_t, t, mask_id, T):
    t = batch_time(t, x_t)
    u = torch.rand(x_t.shape)
    logits = model(x_t, t).clone()
    logits[..., mask_id] = -torch.inf
    cdf = logits.softmax(-1).cumsum(-1)
    guess = (u[..., None] > cdf).sum(-1).clamp(max=cdf.shape[-1] - 1)
    return torch.where((x_t == mask_id) & (u < (1 / (t + 1))[:, None]), guess, x_t)


@mistake(
    "ancestral_step",
    "one_draw_per_row",
    "One random number per row draws all its tokens: they come out together.",
)
def ancestral_step(model, x_t, t, mask_id, T):
    t = batch_time(t, x_t)
    reveal = torch.rand(x_t.shape) < (1 / (t + 1))[:, None]
    logits = model(x_t, t).clone()
    logits[..., mask_id] = -torch.inf
    cdf = logits.softmax(-1).cumsum(-1)
    u = torch.rand(x_t.shape[0], 1, 1)
    guess = (u > cdf).sum(-1).clamp(max=cdf.shape[-1] - 2)
    return torch.where((x_t == mask_id) & reveal, guess, x_t)


@mistake(
    "ancestral_step", "one_draw_for_the_batch", "All rows get the tokens drawn for the first row."
)
def ancestral_step(model, x_t, t, mask_id, T):
    t = batch_time(t, x_t)
    reveal = torch.rand(x_t.shape) < (1 / (t + 1))[:, None]
    logits = model(x_t, t).clone()
    logits[..., mask_id] = -torch.inf
    guess = torch.distributions.Categorical(logits=logits[:1]).sample().expand(x_t.shape)
    return torch.where((x_t == mask_id) & reveal, guess, x_t)


@mistake(
    "ancestral_step",
    "softmax_over_positions",
    "The softmax runs over positions (dim 1): it belongs over the vocabulary.",
)
def ancestral_step(model, x_t, t, mask_id, T):
    t = batch_time(t, x_t)
    reveal = torch.rand(x_t.shape) < (1 / (t + 1))[:, None]
    p = model(x_t, t).softmax(1).clone()
    p[..., mask_id] = 0
    guess = torch.distributions.Categorical(probs=p).sample()
    return torch.where((x_t == mask_id) & reveal, guess, x_t)


@mistake(
    "ancestral_step",
    "uniform_tokens",
    "The tokens are drawn uniformly: the model is asked for nothing.",
)
def ancestral_step(model, x_t, t, mask_id, T):
    t = batch_time(t, x_t)
    reveal = torch.rand(x_t.shape) < (1 / (t + 1))[:, None]
    logits = torch.zeros_like(model(x_t, t))
    logits[..., mask_id] = -torch.inf
    guess = torch.distributions.Categorical(logits=logits).sample()
    return torch.where((x_t == mask_id) & reveal, guess, x_t)


@mistake(
    "ancestral_step",
    "logits_as_probs",
    "The logits are taken for probabilities: take the softmax first.",
)
def ancestral_step(model, x_t, t, mask_id, T):
    t = batch_time(t, x_t)
    reveal = torch.rand(x_t.shape) < (1 / (t + 1))[:, None]
    p = model(x_t, t).clamp(min=1e-3).clone()
    p[..., mask_id] = 0
    guess = torch.distributions.Categorical(probs=p).sample()
    return torch.where((x_t == mask_id) & reveal, guess, x_t)


@mistake(
    "ancestral_step",
    "temperature",
    "A temperature sharpens the softmax: draw from the model's own probabilities.",
)
def ancestral_step(model, x_t, t, mask_id, T):
    t = batch_time(t, x_t)
    reveal = torch.rand(x_t.shape) < (1 / (t + 1))[:, None]
    logits = model(x_t, t) / 0.7
    logits[..., mask_id] = -torch.inf
    guess = torch.distributions.Categorical(logits=logits).sample()
    return torch.where((x_t == mask_id) & reveal, guess, x_t)


@mistake(
    "ancestral_step",
    "reshaped",
    "view for multinomial mixes the dimensions: (B, L, V) becomes (B L, V), not (V, B L).",
)
def ancestral_step(model, x_t, t, mask_id, T):
    t = batch_time(t, x_t)
    reveal = torch.rand(x_t.shape) < (1 / (t + 1))[:, None]
    logits = model(x_t, t).clone()
    logits[..., mask_id] = -torch.inf
    p = logits.softmax(-1).transpose(0, 1).reshape(-1, logits.shape[-1])
    guess = torch.multinomial(p, 1).view(x_t.shape)
    return torch.where((x_t == mask_id) & reveal, guess, x_t)


@mistake(
    "ancestral_step",
    "model_sees_masks_only",
    "The model is shown masks only: it must see what is visible already.",
)
def ancestral_step(model, x_t, t, mask_id, T):
    t = batch_time(t, x_t)
    reveal = torch.rand(x_t.shape) < (1 / (t + 1))[:, None]
    logits = model(torch.full_like(x_t, mask_id), t).clone()
    logits[..., mask_id] = -torch.inf
    guess = torch.distributions.Categorical(logits=logits).sample()
    return torch.where((x_t == mask_id) & reveal, guess, x_t)


@mistake(
    "ancestral_step",
    "model_gets_s",
    "The model gets s = t - 1: it was trained with the level of the x_t it sees.",
)
def ancestral_step(model, x_t, t, mask_id, T):
    t = batch_time(t, x_t)
    reveal = torch.rand(x_t.shape) < (1 / (t + 1))[:, None]
    logits = model(x_t, (t - 1).clamp(min=0)).clone()
    logits[..., mask_id] = -torch.inf
    guess = torch.distributions.Categorical(logits=logits).sample()
    return torch.where((x_t == mask_id) & reveal, guess, x_t)


@mistake(
    "ancestral_step", "seeded", "A seed inside the step repeats the same coins at every level."
)
def ancestral_step(model, x_t, t, mask_id, T):
    torch.manual_seed(0)
    t = batch_time(t, x_t)
    reveal = torch.rand(x_t.shape) < (1 / (t + 1))[:, None]
    logits = model(x_t, t).clone()
    logits[..., mask_id] = -torch.inf
    guess = torch.distributions.Categorical(logits=logits).sample()
    return torch.where((x_t == mask_id) & reveal, guess, x_t)


@mistake(
    "ancestral_step",
    "in_place",
    "x_t is overwritten: whoever keeps the states of the chain finds them all the same.",
)
def ancestral_step(model, x_t, t, mask_id, T):
    t = batch_time(t, x_t)
    reveal = (x_t == mask_id) & (torch.rand(x_t.shape) < (1 / (t + 1))[:, None])
    logits = model(x_t, t).clone()
    logits[..., mask_id] = -torch.inf
    guess = torch.distributions.Categorical(logits=logits).sample()
    x_t[reveal] = guess[reveal]
    return x_t


@mistake(
    "ancestral_step",
    "never_at_zero",
    "At t = 0 nothing is revealed (p_s is taken as p_0): masks are left at the end.",
)
def ancestral_step(model, x_t, t, mask_id, T):
    t = batch_time(t, x_t)
    p_t, p_s = mask_prob(t, T), mask_prob((t - 1).clamp(min=0), T)
    reveal = torch.rand(x_t.shape) < ((p_t - p_s) / p_t)[:, None]
    logits = model(x_t, t).clone()
    logits[..., mask_id] = -torch.inf
    guess = torch.distributions.Categorical(logits=logits).sample()
    return torch.where((x_t == mask_id) & reveal, guess, x_t)


@mistake(
    "ancestral_step",
    "denoise_and_remask",
    "All tokens are guessed and corrupted again at level s: revealed tokens do not stay.",
)
def ancestral_step(model, x_t, t, mask_id, T):
    t = batch_time(t, x_t)
    logits = model(x_t, t).clone()
    logits[..., mask_id] = -torch.inf
    x0 = torch.distributions.Categorical(logits=logits).sample()
    return torch.where(torch.rand(x_t.shape) < mask_prob(t - 1, T)[:, None], mask_id, x0)


@mistake(
    "ancestral_step",
    "keep_then_remask",
    "Guesses are masked again with probability p_s: given that a token is masked now, it stays "
    "so with p_s / p_t.",
)
def ancestral_step(model, x_t, t, mask_id, T):
    t = batch_time(t, x_t)
    logits = model(x_t, t).clone()
    logits[..., mask_id] = -torch.inf
    x0 = torch.distributions.Categorical(logits=logits).sample()
    stay = torch.rand(x_t.shape) < mask_prob(t - 1, T)[:, None]
    return torch.where((x_t == mask_id) & ~stay, x0, x_t)


@mistake(
    "ancestral_step",
    "top_two",
    "Only the two likeliest tokens can be drawn: draw from the whole softmax.",
)
def ancestral_step(model, x_t, t, mask_id, T):
    t = batch_time(t, x_t)
    reveal = torch.rand(x_t.shape) < (1 / (t + 1))[:, None]
    logits = model(x_t, t).clone()
    logits[..., mask_id] = -torch.inf
    least = logits.topk(2, dim=-1).values[..., -1:]
    logits = logits.masked_fill(logits < least, -torch.inf)
    guess = torch.distributions.Categorical(logits=logits).sample()
    return torch.where((x_t == mask_id) & reveal, guess, x_t)


@mistake(
    "ancestral_step",
    "missing_none",
    "The reveal probability has shape (B,): without [:, None] it is lined up with positions.",
)
def ancestral_step(model, x_t, t, mask_id, T):
    p_t, p_s = mask_prob(t, T), mask_prob(t - 1, T)
    reveal = torch.rand(x_t.shape) < (p_t - p_s) / p_t
    logits = model(x_t, batch_time(t, x_t)).clone()
    logits[..., mask_id] = -torch.inf
    guess = torch.distributions.Categorical(logits=logits).sample()
    return torch.where((x_t == mask_id) & reveal, guess, x_t)


# ---------------------------------------------------------------- sample


@mistake(
    "sample",
    "starts_from_zeros",
    "Sampling starts with token 0 everywhere: start with masks, or nothing is ever revealed.",
)
def sample(model, num_samples, length, mask_id, T):
    x = torch.zeros(num_samples, length, dtype=torch.long)
    for step in reversed(range(T)):
        x = ancestral_step(model, x, batch_time(step, x), mask_id, T)
    return x


@mistake(
    "sample",
    "starts_from_random",
    "Sampling starts with random tokens: start with masks, or nothing is ever revealed.",
)
def sample(model, num_samples, length, mask_id, T):
    x = torch.randint(0, mask_id + 1, (num_samples, length))
    for step in reversed(range(T)):
        x = ancestral_step(model, x, batch_time(step, x), mask_id, T)
    return x


@mistake("sample", "forward_in_time", "The loop runs forward in time: t goes from T - 1 down to 0.")
def sample(model, num_samples, length, mask_id, T):
    x = torch.full((num_samples, length), mask_id)
    for step in range(T):
        x = ancestral_step(model, x, batch_time(step, x), mask_id, T)
    return x


@mistake("sample", "skips_zero", "The loop stops at t = 1: masks are left.")
def sample(model, num_samples, length, mask_id, T):
    x = torch.full((num_samples, length), mask_id)
    for step in range(T - 1, 0, -1):
        x = ancestral_step(model, x, batch_time(step, x), mask_id, T)
    return x


@mistake("sample", "starts_at_T", "The loop starts at t = T: the levels are 0 ... T - 1.")
def sample(model, num_samples, length, mask_id, T):
    x = torch.full((num_samples, length), mask_id)
    for step in range(T, -1, -1):
        x = ancestral_step(model, x, batch_time(step, x), mask_id, T)
    return x


@mistake("sample", "T_down_to_one", "The loop runs T ... 1: the levels are T - 1 ... 0.")
def sample(model, num_samples, length, mask_id, T):
    x = torch.full((num_samples, length), mask_id)
    for step in range(T, 0, -1):
        x = ancestral_step(model, x, batch_time(step, x), mask_id, T)
    return x


@mistake(
    "sample", "one_step", "One step at t = 0 reveals everything at once: go through all levels."
)
def sample(model, num_samples, length, mask_id, T):
    x = torch.full((num_samples, length), mask_id)
    return ancestral_step(model, x, batch_time(0, x), mask_id, T)


@mistake("sample", "result_dropped", "The result of the step is thrown away: x stays all masks.")
def sample(model, num_samples, length, mask_id, T):
    x = torch.full((num_samples, length), mask_id)
    for step in reversed(range(T)):
        ancestral_step(model, x, batch_time(step, x), mask_id, T)
    return x


@mistake("sample", "restarts", "Every step starts again from all masks.")
def sample(model, num_samples, length, mask_id, T):
    start = torch.full((num_samples, length), mask_id)
    for step in reversed(range(T)):
        x = ancestral_step(model, start, batch_time(step, start), mask_id, T)
    return x


@mistake("sample", "same_level", "Every step is done at the last level: t must count down.")
def sample(model, num_samples, length, mask_id, T):
    x = torch.full((num_samples, length), mask_id)
    for _ in range(T):
        x = ancestral_step(model, x, batch_time(T - 1, x), mask_id, T)
    return x


@mistake("sample", "shape_swapped", "num_samples and length are swapped.")
def sample(model, num_samples, length, mask_id, T):
    x = torch.full((length, num_samples), mask_id)
    for step in reversed(range(T)):
        x = ancestral_step(model, x, batch_time(step, x), mask_id, T)
    return x


@mistake("sample", "one_sample_repeated", "One sequence is sampled and repeated.")
def sample(model, num_samples, length, mask_id, T):
    x = torch.full((1, length), mask_id)
    for step in reversed(range(T)):
        x = ancestral_step(model, x, batch_time(step, x), mask_id, T)
    return x.repeat(num_samples, 1)


@mistake("sample", "seeded", "A seed inside sample gives the same sequences at every call.")
def sample(model, num_samples, length, mask_id, T):
    torch.manual_seed(0)
    x = torch.full((num_samples, length), mask_id)
    for step in reversed(range(T)):
        x = ancestral_step(model, x, batch_time(step, x), mask_id, T)
    return x


@mistake(
    "sample",
    "every_second_level",
    "Every second level is left out, but the step's probabilities are those of neighboring levels.",
)
def sample(model, num_samples, length, mask_id, T):
    x = torch.full((num_samples, length), mask_id)
    for step in range(T - 1, -1, -2):
        x = ancestral_step(model, x, batch_time(step, x), mask_id, T)
    return x


@mistake(
    "sample",
    "argmax_at_the_end",
    "One guess of the model from all masks, the likeliest token everywhere: no steps at all.",
)
def sample(model, num_samples, length, mask_id, T):
    x = torch.full((num_samples, length), mask_id)
    logits = model(x, batch_time(T - 1, x)).clone()
    logits[..., mask_id] = -torch.inf
    return logits.argmax(-1)


@mistake(
    "sample",
    "masks_filled_with_zero",
    "Masks are replaced by token 0 between the steps: nothing is left to reveal.",
)
def sample(model, num_samples, length, mask_id, T):
    x = torch.full((num_samples, length), mask_id)
    for step in reversed(range(T)):
        x = ancestral_step(model, x, batch_time(step, x), mask_id, T)
        x = torch.where(x == mask_id, 0, x)
    return x


@mistake(
    "sample",
    "remasks_each_step",
    "The sequence is corrupted again after each step: what is revealed must stay.",
)
def sample(model, num_samples, length, mask_id, T):
    x = torch.full((num_samples, length), mask_id)
    for step in reversed(range(T)):
        x = ancestral_step(model, x, batch_time(0, x), mask_id, T)
        if step > 0:
            x = q_sample_discrete(x, batch_time(step - 1, x), mask_id, T)
    return x


@mistake("sample", "T_minus_one_steps", "The loop begins at T - 2: the first level is left out.")
def sample(model, num_samples, length, mask_id, T):
    x = torch.full((num_samples, length), mask_id)
    for step in reversed(range(T - 1)):
        x = ancestral_step(model, x, batch_time(step, x), mask_id, T)
    return x


# ---------------------------------------------------------------- absorbing_matrix


@mistake(
    "absorbing_matrix",
    "transposed",
    "The matrix is transposed: columns sum to 1, and the mask leaks to all tokens.",
)
def absorbing_matrix(K, beta):
    Q = (1 - beta) * torch.eye(K + 1)
    Q[K, :] += beta
    return Q


@mistake(
    "absorbing_matrix",
    "mask_row_overwritten",
    "The last column is set to beta for the mask, too: the mask's row no longer sums to 1.",
)
def absorbing_matrix(K, beta):
    Q = (1 - beta) * torch.eye(K + 1)
    Q[:, K] = beta
    return Q


@mistake(
    "absorbing_matrix",
    "subtracted_everywhere",
    "beta is subtracted from every entry: probabilities become negative.",
)
def absorbing_matrix(K, beta):
    Q = torch.eye(K + 1) - beta
    Q[:, K] += beta
    return Q


@mistake("absorbing_matrix", "no_mask_state", "The matrix has K rows: the mask is one more state.")
def absorbing_matrix(K, beta):
    Q = (1 - beta) * torch.eye(K)
    Q[:, K - 1] += beta
    return Q


@mistake(
    "absorbing_matrix", "rate_inverted", "beta is the probability of being masked, not of staying."
)
def absorbing_matrix(K, beta):
    Q = beta * torch.eye(K + 1)
    Q[:, K] += 1 - beta
    return Q


@mistake(
    "absorbing_matrix",
    "mask_leaves",
    "The mask goes back to a token with probability beta: an absorbing state is never left.",
)
def absorbing_matrix(K, beta):
    Q = (1 - beta) * torch.eye(K + 1)
    Q[:K, K] = beta
    Q[K, :K] = beta / K
    return Q


@mistake(
    "absorbing_matrix", "mask_first", "The mask is token 0 here: it has the number K, the last one."
)
def absorbing_matrix(K, beta):
    Q = (1 - beta) * torch.eye(K + 1)
    Q[:, 0] += beta
    return Q


@mistake(
    "absorbing_matrix",
    "not_stochastic",
    "The mask's row sums to 1 - beta: the mask stays with probability 1.",
)
def absorbing_matrix(K, beta):
    Q = (1 - beta) * torch.eye(K + 1)
    Q[:K, K] = beta
    return Q


@mistake("absorbing_matrix", "uniform", "This is uniform replacement, not absorption.")
def absorbing_matrix(K, beta):
    return (1 - beta) * torch.eye(K + 1) + beta / (K + 1)


# ---------------------------------------------------------------- uniform_matrix


@mistake(
    "uniform_matrix",
    "other_tokens_only",
    "The new token is never the old one here: the guide's convention draws from all K.",
)
def uniform_matrix(K, beta):
    return (
        (1 - beta) * torch.eye(K) + beta / (K - 1) * (1 - torch.eye(K)) if K > 1 else torch.eye(K)
    )


@mistake(
    "uniform_matrix",
    "identity_not_scaled",
    "The identity is not scaled by 1 - beta: rows sum to 1 + beta.",
)
def uniform_matrix(K, beta):
    return torch.eye(K) + beta / K


@mistake("uniform_matrix", "beta_not_divided", "beta is not divided by K: rows sum to more than 1.")
def uniform_matrix(K, beta):
    return (1 - beta) * torch.eye(K) + beta


@mistake(
    "uniform_matrix", "diagonal_left_out", "The diagonal lacks beta / K: rows sum to less than 1."
)
def uniform_matrix(K, beta):
    Q = torch.full((K, K), beta / K)
    return Q.fill_diagonal_(1 - beta)


@mistake("uniform_matrix", "inverted", "beta and 1 - beta are exchanged.")
def uniform_matrix(K, beta):
    return beta * torch.eye(K) + (1 - beta) / K


@mistake(
    "uniform_matrix", "with_mask", "One state too many: there is no mask in uniform replacement."
)
def uniform_matrix(K, beta):
    return (1 - beta) * torch.eye(K + 1) + beta / (K + 1)


@mistake(
    "uniform_matrix", "identity_ones", "torch.ones for the identity: every token goes everywhere."
)
def uniform_matrix(K, beta):
    return (1 - beta) * torch.ones(K, K) + beta / K


# ---------------------------------------------------------------- cumulative_Q


@mistake(
    "cumulative_q",
    "wrong_order",
    "The order is reversed, Q_t ... Q_1: invisible for matrices that commute, wrong for others.",
    replaces="cumulative_Q",
)
def cumulative_Q(Qs):
    out = [Qs[0]]
    for t in range(1, len(Qs)):
        out.append(Qs[t] @ out[-1])
    return torch.stack(out)


@mistake(
    "cumulative_q",
    "matrix_power",
    "The first matrix is multiplied again and again: use Q_t.",
    replaces="cumulative_Q",
)
def cumulative_Q(Qs):
    out = [Qs[0]]
    for _ in range(1, len(Qs)):
        out.append(out[-1] @ Qs[0])
    return torch.stack(out)


@mistake(
    "cumulative_q",
    "elementwise",
    "torch.cumprod multiplies entry by entry: matrix products are needed.",
    replaces="cumulative_Q",
)
def cumulative_Q(Qs):
    return torch.cumprod(Qs, dim=0)


@mistake(
    "cumulative_q",
    "elementwise_loop",
    "`*` multiplies entry by entry: the matrix product is `@`.",
    replaces="cumulative_Q",
)
def cumulative_Q(Qs):
    out = [Qs[0]]
    for Q in Qs[1:]:
        out.append(out[-1] * Q)
    return torch.stack(out)


@mistake(
    "cumulative_q",
    "average",
    "The matrices are averaged: rows still sum to 1, but steps follow each other.",
    replaces="cumulative_Q",
)
def cumulative_Q(Qs):
    return torch.cumsum(Qs, 0) / torch.arange(1, len(Qs) + 1).view(-1, 1, 1)


@mistake(
    "cumulative_q",
    "shifted",
    "The result is one step behind: Qbar_1 is Q_1, not the identity.",
    replaces="cumulative_Q",
)
def cumulative_Q(Qs):
    out = [torch.eye(Qs.shape[1], dtype=Qs.dtype)]
    for Q in Qs[:-1]:
        out.append(out[-1] @ Q)
    return torch.stack(out)


@mistake(
    "cumulative_q",
    "with_identity",
    "The identity is in front: T + 1 matrices instead of T.",
    replaces="cumulative_Q",
)
def cumulative_Q(Qs):
    out = [torch.eye(Qs.shape[1], dtype=Qs.dtype)]
    for Q in Qs:
        out.append(out[-1] @ Q)
    return torch.stack(out)


@mistake(
    "cumulative_q",
    "only_the_last",
    "Only the product of all is returned: one matrix for each t.",
    replaces="cumulative_Q",
)
def cumulative_Q(Qs):
    out = Qs[0]
    for Q in Qs[1:]:
        out = out @ Q
    return out


@mistake(
    "cumulative_q", "transposed", "A transpose makes columns of the rows.", replaces="cumulative_Q"
)
def cumulative_Q(Qs):
    out = [Qs[0]]
    for Q in Qs[1:]:
        out.append(out[-1] @ Q.T)
    return torch.stack(out)


@mistake(
    "cumulative_q",
    "neighbors",
    "Only two neighbors are multiplied: all steps up to t belong in.",
    replaces="cumulative_Q",
)
def cumulative_Q(Qs):
    return torch.cat([Qs[:1], Qs[:-1] @ Qs[1:]])


@mistake(
    "cumulative_q",
    "in_place",
    "The input is overwritten: the single steps are gone.",
    replaces="cumulative_Q",
)
def cumulative_Q(Qs):
    for t in range(1, len(Qs)):
        Qs[t] = Qs[t - 1] @ Qs[t]
    return Qs


@mistake(
    "cumulative_q",
    "backward",
    "The products run from the end: Q_t ... Q_T instead of Q_1 ... Q_t.",
    replaces="cumulative_Q",
)
def cumulative_Q(Qs):
    out = [Qs[-1]]
    for Q in Qs.flip(0)[1:]:
        out.append(Q @ out[-1])
    return torch.stack(out).flip(0)


@mistake(
    "cumulative_q",
    "float32",
    "The products are computed in float32: keep the dtype.",
    replaces="cumulative_Q",
)
def cumulative_Q(Qs):
    out = [Qs[0].float()]
    for Q in Qs[1:]:
        out.append(out[-1] @ Q.float())
    return torch.stack(out).to(Qs.dtype)


# ---------------------------------------------------------------- q_sample_uniform


@mistake(
    "q_sample_uniform",
    "last_token_never",
    "randint's upper end is exclusive: the last token is never produced.",
)
def q_sample_uniform(x0, t, K, T):
    m = torch.rand(x0.shape) < mask_prob(t, T)[:, None]
    return torch.where(m, torch.randint_like(x0, K - 1), x0)


@mistake(
    "q_sample_uniform",
    "one_token_for_all",
    "One random token is written everywhere: draw one for each position.",
)
def q_sample_uniform(x0, t, K, T):
    m = torch.rand(x0.shape) < mask_prob(t, T)[:, None]
    return torch.where(m, torch.randint(0, K, (1,)).expand_as(x0), x0)


@mistake(
    "q_sample_uniform", "one_token_per_row", "One random token per row: draw one for each position."
)
def q_sample_uniform(x0, t, K, T):
    m = torch.rand(x0.shape) < mask_prob(t, T)[:, None]
    return torch.where(m, torch.randint(0, K, (x0.shape[0], 1)).expand_as(x0), x0)


@mistake(
    "q_sample_uniform",
    "always_another",
    "The new token is never the old one: it is uniform over all K.",
)
def q_sample_uniform(x0, t, K, T):
    m = torch.rand(x0.shape) < mask_prob(t, T)[:, None]
    return torch.where(m, (x0 + torch.randint(1, K, x0.shape)) % K, x0)


@mistake(
    "q_sample_uniform", "K_included", "randint up to K + 1 gives a token K that does not exist."
)
def q_sample_uniform(x0, t, K, T):
    m = torch.rand(x0.shape) < mask_prob(t, T)[:, None]
    return torch.where(m, torch.randint_like(x0, K + 1), x0)


@mistake(
    "q_sample_uniform", "inverted", "The rate is upside down: replaced with p_t, kept with 1 - p_t."
)
def q_sample_uniform(x0, t, K, T):
    m = torch.rand(x0.shape) > mask_prob(t, T)[:, None]
    return torch.where(m, torch.randint_like(x0, K), x0)


@mistake(
    "q_sample_uniform",
    "missing_none",
    "p has shape (B,): without [:, None] it is lined up with positions.",
)
def q_sample_uniform(x0, t, K, T):
    m = torch.rand(x0.shape) < mask_prob(t, T)
    return torch.where(m, torch.randint_like(x0, K), x0)


@mistake("q_sample_uniform", "whole_rows", "One coin per row replaces whole sequences.")
def q_sample_uniform(x0, t, K, T):
    m = torch.rand(x0.shape[0], 1) < mask_prob(t, T)[:, None]
    return torch.where(m, torch.randint_like(x0, K), x0)


@mistake(
    "q_sample_uniform",
    "neighbor_token",
    "The token moves to its neighbor: the new one is uniform over all K.",
)
def q_sample_uniform(x0, t, K, T):
    m = torch.rand(x0.shape) < mask_prob(t, T)[:, None]
    return torch.where(m, (x0 + 1) % K, x0)


@mistake(
    "q_sample_uniform",
    "shuffled_batch",
    "The new tokens are those of other rows: they follow the data, not the uniform law.",
)
def q_sample_uniform(x0, t, K, T):
    m = torch.rand(x0.shape) < mask_prob(t, T)[:, None]
    return torch.where(m, x0.roll(1, 0), x0)


@mistake("q_sample_uniform", "masks", "Tokens become K, a mask: here they become other tokens.")
def q_sample_uniform(x0, t, K, T):
    m = torch.rand(x0.shape) < mask_prob(t, T)[:, None]
    return torch.where(m, K, x0)


@mistake("q_sample_uniform", "in_place", "x0 is overwritten.")
def q_sample_uniform(x0, t, K, T):
    m = torch.rand(x0.shape) < mask_prob(t, T)[:, None]
    x0[m] = torch.randint(0, K, (int(m.sum()),))
    return x0


# ---------------------------------------------------------------- posterior


@mistake(
    "posterior",
    "not_transposed",
    "Q_t[x_t] is the row of x_t: the step into x_t is the column, Q_t[:, x_t]. Invisible for "
    "symmetric matrices.",
)
def posterior(x0, x_t, Q_t, Qbar_prev):
    num = Q_t[x_t] * Qbar_prev[x0]
    return num / num.sum(-1, keepdim=True)


@mistake("posterior", "sum_of_both", "The two factors are added: Bayes' rule multiplies them.")
def posterior(x0, x_t, Q_t, Qbar_prev):
    num = Q_t.T[x_t] + Qbar_prev[x0]
    return num / num.sum(-1, keepdim=True)


@mistake("posterior", "ignores_x_t", "x_t is ignored: this is q(x_{t-1} | x_0).")
def posterior(x0, x_t, Q_t, Qbar_prev):
    num = Qbar_prev[x0]
    return num / num.sum(-1, keepdim=True)


@mistake("posterior", "ignores_x0", "x_0 is ignored: only the last step is looked at.")
def posterior(x0, x_t, Q_t, Qbar_prev):
    num = Q_t.T[x_t]
    return num / num.sum(-1, keepdim=True)


@mistake("posterior", "softmax", "A softmax of probabilities: divide by their sum instead.")
def posterior(x0, x_t, Q_t, Qbar_prev):
    return (Q_t.T[x_t] * Qbar_prev[x0]).softmax(-1)


@mistake("posterior", "swapped", "x_0 and x_t are exchanged.")
def posterior(x0, x_t, Q_t, Qbar_prev):
    num = Q_t.T[x0] * Qbar_prev[x_t]
    return num / num.sum(-1, keepdim=True)


@mistake(
    "posterior", "not_normalized", "The product is not normalized: divide by its sum over x_{t-1}."
)
def posterior(x0, x_t, Q_t, Qbar_prev):
    return Q_t.T[x_t] * Qbar_prev[x0]


@mistake(
    "posterior",
    "normalized_over_positions",
    "The sum runs over positions: it belongs over x_{t-1}, the last dimension.",
)
def posterior(x0, x_t, Q_t, Qbar_prev):
    num = Q_t.T[x_t] * Qbar_prev[x0]
    return num / num.sum(1, keepdim=True)


@mistake(
    "posterior", "both_transposed", "Qbar_prev is transposed, too: the way from x_0 is its row."
)
def posterior(x0, x_t, Q_t, Qbar_prev):
    num = Q_t.T[x_t] * Qbar_prev.T[x0]
    return num / num.sum(-1, keepdim=True)


@mistake(
    "posterior",
    "qbar_including_t",
    "Q_t is multiplied onto Qbar_{t-1} first: the way from x_0 ends at t - 1.",
)
def posterior(x0, x_t, Q_t, Qbar_prev):
    num = Q_t.T[x_t] * (Qbar_prev @ Q_t)[x0]
    return num / num.sum(-1, keepdim=True)


@mistake("posterior", "matrices_exchanged", "The two matrices are exchanged.")
def posterior(x0, x_t, Q_t, Qbar_prev):
    num = Qbar_prev.T[x_t] * Q_t[x0]
    return num / num.sum(-1, keepdim=True)


@mistake(
    "posterior",
    "argmax",
    "Only the likeliest x_{t-1} is returned: the whole distribution is asked for.",
)
def posterior(x0, x_t, Q_t, Qbar_prev):
    num = Q_t.T[x_t] * Qbar_prev[x0]
    return F.one_hot(num.argmax(-1), Q_t.shape[0]).to(Q_t.dtype)


@mistake(
    "posterior",
    "epsilon",
    "An epsilon of 0.01 in the denominator: the probabilities no longer sum to 1.",
)
def posterior(x0, x_t, Q_t, Qbar_prev):
    num = Q_t.T[x_t] * Qbar_prev[x0]
    return num / (num.sum(-1, keepdim=True) + 1e-2)


# ---------------------------------------------------------------- confidence_step


@mistake("confidence_step", "least_confident", "The least confident positions are revealed.")
def confidence_step(logits, x_t, mask_id, n_reveal):
    conf, guess = logits.softmax(-1).max(-1)
    conf = conf.masked_fill(x_t != mask_id, 2.0)
    n = min(n_reveal, x_t.shape[1])
    best = conf.topk(n, dim=1, largest=False).indices
    chosen = torch.zeros_like(x_t, dtype=torch.bool).scatter(1, best, True)
    return torch.where(chosen & (x_t == mask_id), guess, x_t)


@mistake(
    "confidence_step",
    "mask_test_inverted",
    "The test for masked positions is upside down: visible tokens are chosen.",
)
def confidence_step(logits, x_t, mask_id, n_reveal):
    conf, guess = logits.softmax(-1).max(-1)
    conf = conf.masked_fill(x_t == mask_id, -1.0)
    best = conf.topk(min(n_reveal, x_t.shape[1]), dim=1).indices
    return x_t.scatter(1, best, guess.gather(1, best))


@mistake(
    "confidence_step",
    "values_for_indices",
    "topk's values are taken for positions: use its indices.",
)
def confidence_step(logits, x_t, mask_id, n_reveal):
    conf, guess = logits.softmax(-1).max(-1)
    conf = conf.masked_fill(x_t != mask_id, 0.0)
    best = conf.topk(min(n_reveal, x_t.shape[1]), dim=1).values.long()
    return x_t.scatter(1, best, guess.gather(1, best))


@mistake(
    "confidence_step",
    "past_the_masks",
    "Rows with fewer masks than n_reveal: topk goes on with visible tokens and overwrites them.",
)
def confidence_step(logits, x_t, mask_id, n_reveal):
    conf, guess = logits.softmax(-1).max(-1)
    conf = conf.masked_fill(x_t != mask_id, -1.0)
    best = conf.topk(min(n_reveal, x_t.shape[1]), dim=1).indices
    return x_t.scatter(1, best, guess.gather(1, best))


@mistake(
    "confidence_step",
    "ignores_visibility",
    "Visible positions compete: the surest of all are chosen, and nothing is revealed.",
)
def confidence_step(logits, x_t, mask_id, n_reveal):
    conf, guess = logits.softmax(-1).max(-1)
    best = conf.topk(min(n_reveal, x_t.shape[1]), dim=1).indices
    return x_t.scatter(1, best, guess.gather(1, best))


@mistake(
    "confidence_step",
    "raw_logits",
    "The greatest logit is no confidence: logits of two positions cannot be compared before the "
    "softmax.",
)
def confidence_step(logits, x_t, mask_id, n_reveal):
    logits = logits.clone()
    logits[..., mask_id] = -torch.inf
    conf, guess = logits.max(-1)
    conf = conf.masked_fill(x_t != mask_id, -torch.inf)
    best = conf.topk(min(n_reveal, x_t.shape[1]), dim=1).indices
    chosen = torch.zeros_like(x_t, dtype=torch.bool).scatter(1, best, True)
    return torch.where(chosen & (x_t == mask_id), guess, x_t)


@mistake(
    "confidence_step",
    "mask_can_win",
    "The mask can be the guess: a revealed position stays masked.",
)
def confidence_step(logits, x_t, mask_id, n_reveal):
    conf, guess = logits.softmax(-1).max(-1)
    conf = conf.masked_fill(x_t != mask_id, -1.0)
    best = conf.topk(min(n_reveal, x_t.shape[1]), dim=1).indices
    chosen = torch.zeros_like(x_t, dtype=torch.bool).scatter(1, best, True)
    return torch.where(chosen & (x_t == mask_id), guess, x_t)


@mistake(
    "confidence_step",
    "over_the_whole_batch",
    "The surest positions of the whole batch: n_reveal counts for each row.",
)
def confidence_step(logits, x_t, mask_id, n_reveal):
    conf, guess = logits.softmax(-1).max(-1)
    conf = conf.masked_fill(x_t != mask_id, -1.0).flatten()
    best = conf.topk(min(n_reveal, conf.numel())).indices
    chosen = torch.zeros_like(conf, dtype=torch.bool).scatter(0, best, True).view(x_t.shape)
    return torch.where(chosen & (x_t == mask_id), guess, x_t)


@mistake(
    "confidence_step",
    "topk_over_rows",
    "topk runs over the rows (dim 0): it belongs over the positions.",
)
def confidence_step(logits, x_t, mask_id, n_reveal):
    conf, guess = logits.softmax(-1).max(-1)
    conf = conf.masked_fill(x_t != mask_id, -1.0)
    best = conf.topk(min(n_reveal, x_t.shape[0]), dim=0).indices
    chosen = torch.zeros_like(x_t, dtype=torch.bool).scatter(0, best, True)
    return torch.where(chosen & (x_t == mask_id), guess, x_t)


@mistake(
    "confidence_step",
    "sampled",
    "The tokens are drawn: here each position becomes its likeliest token.",
)
def confidence_step(logits, x_t, mask_id, n_reveal):
    logits = logits.clone()
    logits[..., mask_id] = -torch.inf
    p = logits.softmax(-1)
    guess = torch.distributions.Categorical(probs=p).sample()
    conf = p.amax(-1).masked_fill(x_t != mask_id, -1.0)
    best = conf.topk(min(n_reveal, x_t.shape[1]), dim=1).indices
    chosen = torch.zeros_like(x_t, dtype=torch.bool).scatter(1, best, True)
    return torch.where(chosen & (x_t == mask_id), guess, x_t)


@mistake(
    "confidence_step",
    "random_positions",
    "Random masks are revealed: the surest ones are asked for.",
)
def confidence_step(logits, x_t, mask_id, n_reveal):
    logits = logits.clone()
    logits[..., mask_id] = -torch.inf
    guess = logits.argmax(-1)
    conf = torch.rand(x_t.shape).masked_fill(x_t != mask_id, -1.0)
    best = conf.topk(min(n_reveal, x_t.shape[1]), dim=1).indices
    chosen = torch.zeros_like(x_t, dtype=torch.bool).scatter(1, best, True)
    return torch.where(chosen & (x_t == mask_id), guess, x_t)


@mistake("confidence_step", "only_one", "One position is revealed whatever n_reveal is.")
def confidence_step(logits, x_t, mask_id, n_reveal):
    conf, guess = logits.softmax(-1).max(-1)
    conf = conf.masked_fill(x_t != mask_id, -1.0)
    best = conf.argmax(1, keepdim=True)
    chosen = torch.zeros_like(x_t, dtype=torch.bool).scatter(1, best, True)
    return torch.where(chosen & (x_t == mask_id), guess, x_t)


@mistake("confidence_step", "all", "All masks are revealed: n_reveal is ignored.")
def confidence_step(logits, x_t, mask_id, n_reveal):
    logits = logits.clone()
    logits[..., mask_id] = -torch.inf
    return torch.where(x_t == mask_id, logits.argmax(-1), x_t)


@mistake(
    "confidence_step",
    "in_place",
    "The logits are overwritten: clone them before you set the mask's to -inf.",
)
def confidence_step(logits, x_t, mask_id, n_reveal):
    logits[..., mask_id] = -torch.inf
    conf, guess = logits.softmax(-1).max(-1)
    conf = conf.masked_fill(x_t != mask_id, -1.0)
    best = conf.topk(min(n_reveal, x_t.shape[1]), dim=1).indices
    chosen = torch.zeros_like(x_t, dtype=torch.bool).scatter(1, best, True)
    return torch.where(chosen & (x_t == mask_id), guess, x_t)
