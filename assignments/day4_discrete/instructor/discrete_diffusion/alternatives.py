"""Other right implementations, some common and some rare: full marks are due for all."""

from grading.bank import alternative

# ---------------------------------------------------------------- mask_prob


@alternative("mask_prob", "float_first")
def mask_prob(t, T):
    return (t.float() + 1.0) / T


@alternative("mask_prob", "table")
def mask_prob(t, T):
    return torch.linspace(1 / T, 1, T)[t]


@alternative("mask_prob", "one_minus")
def mask_prob(t, T):
    return 1 - (T - 1 - t) / T


@alternative("mask_prob", "float64")
def mask_prob(t, T):
    return (t.double() + 1) / T


@alternative("mask_prob", "cumulative_sum")
def mask_prob(t, T):
    return torch.full((T,), 1 / T, dtype=torch.float64).cumsum(0).clamp(max=1)[t]


# ---------------------------------------------------------------- q_sample_discrete


@alternative("q_sample_discrete", "bernoulli")
def q_sample_discrete(x0, t, mask_id, T):
    p = mask_prob(t, T)[:, None].expand(x0.shape)
    return x0.masked_fill(torch.bernoulli(p).bool(), mask_id)


@alternative("q_sample_discrete", "keep_coins")
def q_sample_discrete(x0, t, mask_id, T):
    keep = torch.rand(*x0.shape) >= mask_prob(t, T).unsqueeze(-1)
    return torch.where(keep, x0, torch.full_like(x0, mask_id))


@alternative("q_sample_discrete", "clone_and_assign")
def q_sample_discrete(x0, t, mask_id, T):
    x_t = x0.clone()
    x_t[torch.rand_like(x0, dtype=torch.float) < mask_prob(t, T).view(-1, 1)] = mask_id
    return x_t


@alternative("q_sample_discrete", "arithmetic")
def q_sample_discrete(x0, t, mask_id, T):
    m = (torch.rand(x0.shape) < ((t + 1) / T)[:, None]).long()
    return m * mask_id + (1 - m) * x0


@alternative("q_sample_discrete", "absorption_time")
def q_sample_discrete(x0, t, mask_id, T):
    when = torch.randint(0, T, x0.shape)  # the level at which each token gets masked
    return torch.where(when <= t[:, None], mask_id, x0)


@alternative("q_sample_discrete", "row_by_row")
def q_sample_discrete(x0, t, mask_id, T):
    rows = []
    for row, level in zip(x0, t.tolist()):
        m = torch.rand(len(row)) < (level + 1) / T
        rows.append(torch.where(m, mask_id, row))
    return torch.stack(rows)


@alternative("q_sample_discrete", "distributions")
def q_sample_discrete(x0, t, mask_id, T):
    p = mask_prob(t, T)[:, None].expand_as(x0)
    m = torch.distributions.Bernoulli(probs=p).sample()
    return torch.where(m == 1, torch.tensor(mask_id), x0)


@alternative("q_sample_discrete", "step_by_step")
def q_sample_discrete(x0, t, mask_id, T):
    x = x0
    for s in range(int(t.max()) + 1):
        hit = (torch.rand(x0.shape) < 1 / (T - s)) & (s <= t)[:, None]
        x = torch.where(hit, mask_id, x)
    return x


# ---------------------------------------------------------------- forward


@alternative("forward", "one_line", replaces="Denoiser.forward")
def forward(self, tokens, t):
    B, L = tokens.shape
    return self.head(
        self.blocks(
            self.token(tokens) + self.position.weight[:L] + self.embed_time(t).view(B, 1, -1)
        )
    )


@alternative("forward", "loop_over_blocks", replaces="Denoiser.forward")
def forward(self, tokens, t):
    places = torch.arange(tokens.shape[1]).expand_as(tokens)
    h = self.token(tokens) + self.position(places) + self.embed_time(t).unsqueeze(1)
    for block in self.blocks:
        h = block(h)
    return self.head(h)


@alternative("forward", "time_in_every_block", replaces="Denoiser.forward")
def forward(self, tokens, t):
    h = self.token(tokens) + self.position(torch.arange(tokens.size(1)))
    for block in self.blocks:
        h = block(h + self.embed_time(t)[:, None])
    return self.head(h)


@alternative("forward", "time_as_a_token", replaces="Denoiser.forward")
def forward(self, tokens, t):
    h = self.token(tokens) + self.position(torch.arange(tokens.shape[1]))
    h = torch.cat([self.embed_time(t)[:, None], h], dim=1)
    return self.head(self.blocks(h))[:, 1:]


@alternative("forward", "residual_around_the_blocks", replaces="Denoiser.forward")
def forward(self, tokens, t):
    h = F.embedding(tokens, self.token.weight)
    h = h + self.position(torch.arange(tokens.shape[1])).unsqueeze(0)
    time = self.embed_time(t)[:, None].expand(-1, tokens.shape[1], -1)
    return self.head(h + time + self.blocks(h + time))


@alternative("forward", "scaled_embeddings", replaces="Denoiser.forward")
def forward(self, tokens, t):
    h = self.token(tokens) * math.sqrt(self.d_model)
    h = h + self.position.weight[: tokens.shape[1]]
    h = torch.stack([row + self.embed_time(t[b : b + 1]) for b, row in enumerate(h)])
    return self.head(self.blocks(h))


@alternative("forward", "centered", replaces="Denoiser.forward")
def forward(self, tokens, t):
    h = (
        self.token(tokens)
        + self.position(torch.arange(tokens.shape[1]))
        + self.embed_time(t)[:, None]
    )
    logits = self.head(self.blocks(h))
    return logits - logits.mean(-1, keepdim=True)


# ---------------------------------------------------------------- discrete_diffusion_loss


@alternative("discrete_diffusion_loss", "boolean_index")
def discrete_diffusion_loss(model, x0, t, mask_id, T):
    x_t = q_sample_discrete(x0, t, mask_id, T)
    logits = model(x_t, t)
    m = x_t == mask_id
    if not m.any():
        return logits.sum() * 0
    return F.cross_entropy(logits[m], x0[m])


@alternative("discrete_diffusion_loss", "ignore_index")
def discrete_diffusion_loss(model, x0, t, mask_id, T):
    x_t = q_sample_discrete(x0, t, mask_id, T)
    logits = model(x_t, t)
    target = torch.where(x_t == mask_id, x0, -100)
    total = F.cross_entropy(
        logits.flatten(0, 1), target.flatten(), ignore_index=-100, reduction="sum"
    )
    return total / max(1, int((x_t == mask_id).sum()))


@alternative("discrete_diffusion_loss", "gather")
def discrete_diffusion_loss(model, x0, t, mask_id, T):
    x_t = q_sample_discrete(x0, t, mask_id, T)
    log_p = F.log_softmax(model(x_t, t), dim=-1)
    nll = -log_p.gather(-1, x0.unsqueeze(-1)).squeeze(-1)
    m = x_t.eq(mask_id)
    return nll.masked_fill(~m, 0).sum() / m.sum().clamp_min(1)


@alternative("discrete_diffusion_loss", "distributions")
def discrete_diffusion_loss(model, x0, t, mask_id, T):
    x_t = q_sample_discrete(x0, t, mask_id, T)
    log_p = torch.distributions.Categorical(logits=model(x_t, t)).log_prob(x0)
    m = (x_t == mask_id).to(log_p.dtype)
    return -(log_p * m).sum() / torch.clamp(m.sum(), min=1.0)


@alternative("discrete_diffusion_loss", "own_coins")
def discrete_diffusion_loss(model, x0, t, mask_id, T):
    m = torch.rand(x0.shape) < mask_prob(t, T)[:, None]
    logits = model(x0.masked_fill(m, mask_id), t)
    if m.sum() == 0:
        return 0.0 * logits.mean()
    return (logits.logsumexp(-1) - logits.gather(2, x0[:, :, None])[:, :, 0])[m].mean()


@alternative("discrete_diffusion_loss", "one_hot")
def discrete_diffusion_loss(model, x0, t, mask_id, T):
    x_t = q_sample_discrete(x0, t, mask_id, T)
    logits = model(x_t, t)
    target = F.one_hot(x0, logits.shape[-1]) * (x_t == mask_id)[..., None]
    return -(target * logits.log_softmax(-1)).sum() / (x_t == mask_id).sum().clamp(min=1)


@alternative("discrete_diffusion_loss", "nan_to_zero")
def discrete_diffusion_loss(model, x0, t, mask_id, T):
    x_t = q_sample_discrete(x0, t, mask_id, T)
    logits = model(x_t, t)
    rows = (x_t == mask_id).flatten().nonzero()[:, 0]
    total = F.cross_entropy(logits.flatten(0, 1)[rows], x0.flatten()[rows], reduction="sum")
    return total / max(len(rows), 1)


# ---------------------------------------------------------------- ancestral_step


@alternative("ancestral_step", "one_over_t_plus_one")
def ancestral_step(model, x_t, t, mask_id, T):
    logits = model(x_t, t).clone()
    logits[:, :, mask_id] = float("-inf")
    x0 = torch.distributions.Categorical(logits=logits).sample()
    reveal = torch.rand(x_t.shape) < 1 / (t[:, None] + 1)
    return torch.where((x_t == mask_id) & reveal, x0, x_t)


@alternative("ancestral_step", "multinomial")
def ancestral_step(model, x_t, t, mask_id, T):
    p = model(x_t, t).softmax(-1).clone()
    p[..., mask_id] = 0
    x0 = torch.multinomial(p.flatten(0, 1), 1).view_as(x_t)
    p_t = mask_prob(t, T)
    stay = torch.rand(x_t.shape) < ((t / T) / p_t)[:, None]
    return torch.where((x_t != mask_id) | stay, x_t, x0)


@alternative("ancestral_step", "one_categorical")
def ancestral_step(model, x_t, t, mask_id, T):
    logits = model(x_t, t).clone()
    logits[..., mask_id] = -torch.inf
    reveal = (1 / (t + 1))[:, None, None]
    p = reveal * logits.softmax(-1)
    p[..., mask_id] = 1 - reveal[..., 0]
    new = torch.distributions.Categorical(probs=p).sample()
    return torch.where(x_t == mask_id, new, x_t)


@alternative("ancestral_step", "gumbel")
def ancestral_step(model, x_t, t, mask_id, T):
    logits = model(x_t, t)
    banned = torch.arange(logits.shape[-1]) == mask_id
    noise = -torch.log(-torch.log(torch.rand_like(logits).clamp(1e-20, 1 - 1e-7)))
    x0 = (logits.masked_fill(banned, -torch.inf) + noise).argmax(-1)
    move = torch.bernoulli((1 / (t + 1.0))[:, None].expand(x_t.shape)).bool()
    out = x_t.clone()
    chosen = move & (x_t == mask_id)
    out[chosen] = x0[chosen]
    return out


@alternative("ancestral_step", "exponential_race")
def ancestral_step(model, x_t, t, mask_id, T):
    logits = model(x_t, t).clone()
    logits[..., mask_id] = -torch.inf
    p = logits.softmax(-1)
    x0 = (p / torch.empty_like(p).exponential_()).argmax(-1)
    reveal = torch.randint(0, 2**31, x_t.shape) % (t[:, None] + 1) == 0
    return torch.where((x_t == mask_id) & reveal, x0, x_t)


@alternative("ancestral_step", "t_as_a_number")
def ancestral_step(model, x_t, t, mask_id, T):
    level = int(t) if not torch.is_tensor(t) or t.ndim == 0 else t.tolist()
    levels = torch.tensor([level] * len(x_t) if isinstance(level, int) else level)
    logits = model(x_t, levels).clone()
    logits[..., mask_id] = -1e9
    x0 = torch.distributions.Categorical(logits=logits).sample()
    p_t, p_s = (levels + 1) / T, levels / T
    return torch.where((x_t == mask_id) & (torch.rand(x_t.shape) >= (p_s / p_t)[:, None]), x0, x_t)


@alternative("ancestral_step", "without_the_column")
def ancestral_step(model, x_t, t, mask_id, T):
    logits = model(x_t, t)
    left = torch.cat([logits[..., :mask_id], logits[..., mask_id + 1 :]], dim=-1)
    x0 = torch.distributions.Categorical(logits=left).sample()
    x0 = x0 + (x0 >= mask_id)
    reveal = torch.rand(x_t.shape) < (1 / (t + 1))[:, None]
    return torch.where((x_t == mask_id) & reveal, x0, x_t)


# ---------------------------------------------------------------- sample


@alternative("sample", "countdown")
def sample(model, num_samples, length, mask_id, T):
    x = mask_id * torch.ones(num_samples, length, dtype=torch.long)
    for level in range(T - 1, -1, -1):
        t = torch.full((num_samples,), level, dtype=torch.long)
        x = ancestral_step(model, x, t, mask_id, T)
    return x


@alternative("sample", "inference_mode")
def sample(model, num_samples, length, mask_id, T):
    with torch.no_grad():
        x = torch.empty(num_samples, length).long().fill_(mask_id)
        t = torch.zeros(num_samples).long() + T
        while t[0] > 0:
            t = t - 1
            x = ancestral_step(model, x, t, mask_id, T)
        return x


@alternative("sample", "stops_when_done")
def sample(model, num_samples, length, mask_id, T):
    x = torch.full((num_samples, length), mask_id)
    for step in reversed(range(T)):
        if not (x == mask_id).any():
            break
        x = ancestral_step(model, x, batch_time(step, x), mask_id, T)
    return x


@alternative("sample", "keeps_the_chain")
def sample(model, num_samples, length, mask_id, T):
    chain = [torch.full((num_samples, length), mask_id)]
    for step in torch.arange(T).flip(0):
        chain.append(ancestral_step(model, chain[-1], step.repeat(num_samples), mask_id, T))
    return chain[-1]


@alternative("sample", "eval_mode_and_back")
def sample(model, num_samples, length, mask_id, T):
    was = model.training
    model.eval()
    x = torch.full((num_samples, length), mask_id)
    for step in reversed(range(T)):
        x = ancestral_step(model, x, batch_time(step, x), mask_id, T)
    model.train(was)
    return x


@alternative("sample", "schedule_of_reveals")
def sample(model, num_samples, length, mask_id, T):
    x = torch.full((num_samples, length), mask_id)
    when = torch.randint(0, T, x.shape)  # the level at which each position is revealed
    for step in reversed(range(T)):
        logits = model(x, batch_time(step, x)).clone()
        logits[..., mask_id] = -torch.inf
        x = torch.where(when == step, torch.distributions.Categorical(logits=logits).sample(), x)
    return x


# ---------------------------------------------------------------- bonus


@alternative("absorbing_matrix", "entry_by_entry")
def absorbing_matrix(K, beta):
    Q = torch.zeros(K + 1, K + 1)
    for i in range(K):
        Q[i, i], Q[i, K] = 1 - beta, beta
    Q[K, K] = 1
    return Q


@alternative("absorbing_matrix", "outer")
def absorbing_matrix(K, beta):
    mask = F.one_hot(torch.tensor(K), K + 1).float()
    return (1 - beta) * torch.eye(K + 1) + beta * torch.outer(torch.ones(K + 1), mask)


@alternative("absorbing_matrix", "float64")
def absorbing_matrix(K, beta):
    Q = torch.diag(torch.full((K + 1,), 1.0 - beta, dtype=torch.float64))
    Q[:K, K] = beta
    Q[K, K] = 1.0
    return Q


@alternative("uniform_matrix", "full_and_diagonal")
def uniform_matrix(K, beta):
    return torch.full((K, K), beta / K).fill_diagonal_(1 - beta + beta / K)


@alternative("uniform_matrix", "outer")
def uniform_matrix(K, beta):
    one = torch.ones(K, 1)
    return (1 - beta) * torch.eye(K) + beta * one @ one.T / K


@alternative("uniform_matrix", "lerp")
def uniform_matrix(K, beta):
    return torch.lerp(torch.eye(K), torch.full((K, K), 1 / K), beta)


@alternative("cumulative_q", "preallocated", replaces="cumulative_Q")
def cumulative_Q(Qs):
    out = torch.empty_like(Qs)
    so_far = torch.eye(Qs.shape[-1], dtype=Qs.dtype)
    for i in range(Qs.shape[0]):
        so_far = torch.matmul(so_far, Qs[i])
        out[i] = so_far
    return out


@alternative("cumulative_q", "accumulate", replaces="cumulative_Q")
def cumulative_Q(Qs):
    from itertools import accumulate

    return torch.stack(list(accumulate(Qs, torch.matmul)))


@alternative("cumulative_q", "einsum", replaces="cumulative_Q")
def cumulative_Q(Qs):
    out = Qs.clone()
    for t in range(1, len(Qs)):
        out[t] = torch.einsum("ij,jk->ik", out[t - 1], Qs[t])
    return out


@alternative("q_sample_uniform", "randint")
def q_sample_uniform(x0, t, K, T):
    new = torch.randint(0, K, x0.shape)
    m = torch.bernoulli(mask_prob(t, T)[:, None].expand(x0.shape)).bool()
    return torch.where(m, new, x0)


@alternative("q_sample_uniform", "categorical")
def q_sample_uniform(x0, t, K, T):
    p = mask_prob(t, T)[:, None, None]
    probs = (1 - p) * F.one_hot(x0, K) + p / K
    return torch.distributions.Categorical(probs=probs).sample()


@alternative("q_sample_uniform", "shift")
def q_sample_uniform(x0, t, K, T):
    m = torch.rand(x0.shape) < mask_prob(t, T)[:, None]
    return (x0 + m * torch.randint(0, K, x0.shape)) % K


@alternative("posterior", "columns")
def posterior(x0, x_t, Q_t, Qbar_prev):
    num = Q_t[:, x_t].movedim(0, -1) * Qbar_prev[x0]
    return num / num.sum(-1, keepdim=True)


@alternative("posterior", "marginal_below")
def posterior(x0, x_t, Q_t, Qbar_prev):
    below = (Qbar_prev @ Q_t)[x0, x_t]
    return Q_t.T[x_t] * Qbar_prev[x0] / below.unsqueeze(-1)


@alternative("posterior", "one_hot")
def posterior(x0, x_t, Q_t, Qbar_prev):
    V = Q_t.shape[0]
    a = F.one_hot(x_t, V).to(Q_t.dtype) @ Q_t.T
    b = F.one_hot(x0, V).to(Q_t.dtype) @ Qbar_prev
    return F.normalize(a * b, p=1, dim=-1)


@alternative("posterior", "logs")
def posterior(x0, x_t, Q_t, Qbar_prev):
    return (Q_t.log().T[x_t] + Qbar_prev.log()[x0]).softmax(-1)


@alternative("confidence_step", "sort")
def confidence_step(logits, x_t, mask_id, n_reveal):
    p = logits.softmax(-1).clone()
    p[..., mask_id] = -1
    conf, guess = p.max(-1)
    conf = torch.where(x_t == mask_id, conf, -torch.inf)
    rank = conf.argsort(dim=1, descending=True).argsort(dim=1)
    return torch.where((rank < n_reveal) & (x_t == mask_id), guess, x_t)


@alternative("confidence_step", "row_by_row")
def confidence_step(logits, x_t, mask_id, n_reveal):
    out = x_t.clone()
    probs = logits.masked_fill(torch.arange(logits.shape[-1]) == mask_id, -torch.inf).softmax(-1)
    for b in range(len(x_t)):
        hidden = torch.where(x_t[b] == mask_id)[0]
        order = probs[b, hidden].amax(-1).argsort(descending=True)[:n_reveal]
        for i in hidden[order]:
            out[b, i] = probs[b, i].argmax()
    return out


@alternative("confidence_step", "one_at_a_time")
def confidence_step(logits, x_t, mask_id, n_reveal):
    x = x_t.clone()
    log_p = logits.masked_fill(
        F.one_hot(torch.tensor(mask_id), logits.shape[-1]).bool(), -1e9
    ).log_softmax(-1)
    conf, guess = log_p.max(-1)
    rows = torch.arange(len(x))
    for _ in range(min(n_reveal, x.shape[1])):
        best = conf.masked_fill(x != mask_id, -torch.inf).argmax(1)
        x[rows, best] = torch.where(x[rows, best] == mask_id, guess[rows, best], x[rows, best])
    return x
