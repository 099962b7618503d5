"""Other right implementations: each must get full marks."""

from grading.bank import alternative

# ---------------------------------------------------------------- compute_alpha_cumprod


@alternative(
    "compute_alpha_cumprod",
    "log_space",
)
def compute_alpha_cumprod(betas):
    log_alphas = torch.log1p(-betas)
    return 1 - betas, torch.exp(torch.cumsum(log_alphas, dim=-1))


@alternative(
    "compute_alpha_cumprod",
    "plain_loop",
)
def compute_alpha_cumprod(betas):
    alphas = 1 - betas
    total, bars = 1.0, []
    for alpha in alphas:
        total = total * alpha
        bars.append(total)
    return alphas, torch.stack(bars)


@alternative(
    "compute_alpha_cumprod",
    "named_tuple",
)
def compute_alpha_cumprod(betas):
    from collections import namedtuple

    alphas = torch.ones_like(betas) - betas
    return namedtuple("Schedule", "alphas alpha_bar")(alphas, alphas.cumprod(0))


@alternative(
    "compute_alpha_cumprod",
    "list_in_double",
)
def compute_alpha_cumprod(betas):
    alphas = 1.0 - betas.double()
    return [alphas.to(betas.dtype), alphas.cumprod(0).to(betas.dtype)]


@alternative(
    "compute_alpha_cumprod",
    "lower_triangle",
)
def compute_alpha_cumprod(betas):
    alphas = 1 - betas
    n = len(betas)
    below = torch.ones(n, n, dtype=torch.bool).tril()
    return alphas, torch.where(below, alphas.expand(n, n), torch.ones_like(alphas)).prod(dim=1)


# ---------------------------------------------------------------- q_sample


@alternative(
    "q_sample",
    "view",
)
def q_sample(x0, t, noise, alpha_bar):
    ab = alpha_bar[t].view(-1, *([1] * (x0.ndim - 1)))
    return torch.sqrt(ab) * x0 + torch.sqrt(1.0 - ab) * noise


@alternative(
    "q_sample",
    "gather_and_powers",
)
def q_sample(x0, t, noise, alpha_bar):
    shape = (x0.shape[0],) + (1,) * (len(x0.shape) - 1)
    signal = alpha_bar.gather(-1, t).reshape(shape) ** 0.5
    return signal * x0 + (1 - signal**2) ** 0.5 * noise


@alternative(
    "q_sample",
    "einsum",
)
def q_sample(x0, t, noise, alpha_bar):
    ab = alpha_bar.index_select(0, t)
    signal = torch.einsum("b,b...->b...", ab.sqrt(), x0)
    return signal + torch.einsum("b,b...->b...", (1 - ab).sqrt(), noise)


@alternative(
    "q_sample",
    "flattened",
)
def q_sample(x0, t, noise, alpha_bar):
    ab = alpha_bar[t].unsqueeze(1)
    flat = ab.sqrt() * x0.flatten(1) + (1 - ab).sqrt() * noise.flatten(1)
    return flat.reshape(x0.shape)


@alternative(
    "q_sample",
    "one_by_one",
)
def q_sample(x0, t, noise, alpha_bar):
    rows = []
    for i in range(len(x0)):
        ab = alpha_bar[t[i]]
        rows.append(ab.sqrt() * x0[i] + (1 - ab).sqrt() * noise[i])
    return torch.stack(rows)


@alternative(
    "q_sample",
    "addcmul",
)
def q_sample(x0, t, noise, alpha_bar):
    ab = alpha_bar[t]
    while ab.dim() < x0.dim():
        ab = ab.unsqueeze(-1)
    return torch.addcmul(ab.sqrt() * x0, (1 - ab).sqrt().expand_as(noise), noise)


# ---------------------------------------------------------------- timestep_embedding


@alternative(
    "timestep_embedding",
    "cosine_first",
)
def timestep_embedding(t, dim, max_period=10000):
    half = dim // 2
    freqs = torch.exp(-math.log(max_period) * torch.arange(half, dtype=torch.float32) / half)
    args = t[:, None].float() * freqs[None]
    return torch.cat([torch.cos(args), torch.sin(args)], dim=-1)


@alternative(
    "timestep_embedding",
    "half_minus_one",
)
def timestep_embedding(t, dim, max_period=10000):
    half = dim // 2
    step = math.log(max_period) / (half - 1)
    freqs = torch.exp(torch.arange(half) * -step)
    args = t[:, None] * freqs[None, :]
    return torch.cat((args.sin(), args.cos()), dim=-1)


@alternative(
    "timestep_embedding",
    "interleaved",
)
def timestep_embedding(t, dim, max_period=10000):
    freqs = max_period ** (-torch.arange(0, dim, 2).float() / dim)
    args = t.float().unsqueeze(1) * freqs
    out = torch.zeros(len(t), dim)
    out[:, 0::2] = torch.sin(args)
    out[:, 1::2] = torch.cos(args)
    return out


@alternative(
    "timestep_embedding",
    "in_double",
)
def timestep_embedding(t, dim, max_period=10000):
    half = dim // 2
    freqs = torch.logspace(0, -1 + 1 / half, half, base=max_period, dtype=torch.float64)
    args = torch.outer(t.double(), freqs)
    return torch.stack([torch.sin(args), torch.cos(args)], dim=2).flatten(1).float()


@alternative(
    "timestep_embedding",
    "slow_first",
)
def timestep_embedding(t, dim, max_period=10000):
    half = dim // 2
    freqs = (1.0 / max_period) ** (torch.arange(half) / half)
    args = torch.einsum("b,h->bh", t.float(), freqs.flip(0))
    return torch.cat([args.sin(), args.cos()], 1)


@alternative(
    "timestep_embedding",
    "plain_lists",
)
def timestep_embedding(t, dim, max_period=10000):
    half = dim // 2
    rows = []
    for step in t.tolist():
        angles = [step / max_period ** (i / half) for i in range(half)]
        rows.append([f(a) for a in angles for f in (math.sin, math.cos)])
    return torch.tensor(rows)


# ---------------------------------------------------------------- diffusion_loss


@alternative(
    "diffusion_loss",
    "by_hand",
)
def diffusion_loss(model, x0, t, alpha_bar, noise=None):
    eps = torch.randn(x0.shape, dtype=x0.dtype, device=x0.device) if noise is None else noise
    ab = alpha_bar[t].reshape(-1, *[1] * (x0.dim() - 1))
    predicted = model(ab.sqrt() * x0 + (1 - ab).sqrt() * eps, t)
    return ((predicted - eps) ** 2).mean()


@alternative(
    "diffusion_loss",
    "mean_of_means",
)
def diffusion_loss(model, x0, t, alpha_bar, noise=None):
    if noise is None:
        noise = torch.empty_like(x0).normal_()
    x_t = q_sample(x0, t, noise, alpha_bar).detach()
    return (noise - model(x_t, t)).square().flatten(1).mean(1).mean(0)


@alternative(
    "diffusion_loss",
    "module",
)
def diffusion_loss(model, x0, t, alpha_bar, noise=None):
    if noise is None:
        noise = torch.distributions.Normal(torch.zeros_like(x0), torch.ones_like(x0)).sample()
    predicted = model(q_sample(x0=x0, t=t, noise=noise, alpha_bar=alpha_bar), t)
    return nn.MSELoss()(noise.detach(), predicted)


@alternative(
    "diffusion_loss",
    "sum_over_count",
)
def diffusion_loss(model, x0, t, alpha_bar, noise=None):
    noise = torch.normal(torch.zeros_like(x0), 1.0) if noise is None else noise
    error = model(q_sample(x0, t, noise, alpha_bar), t.long()) - noise
    return torch.linalg.vector_norm(error) ** 2 / error.numel()


@alternative(
    "diffusion_loss",
    "negative_draw",
)
def diffusion_loss(model, x0, t, alpha_bar, noise=None):
    if noise is None:
        noise = -torch.randn_like(x0)
    return F.mse_loss(noise, model(q_sample(x0, t, noise, alpha_bar), t), reduction="mean")


# ---------------------------------------------------------------- predict_x0


@alternative(
    "predict_x0",
    "reciprocals",
)
def predict_x0(x_t, t, eps, alpha_bar):
    ab = extract(alpha_bar, t, x_t)
    return torch.rsqrt(ab) * x_t - torch.sqrt(1.0 / ab - 1.0) * eps


@alternative(
    "predict_x0",
    "powers",
)
def predict_x0(x_t, t, eps, alpha_bar):
    shape = [len(t)] + [1] * (x_t.ndim - 1)
    signal, noise = alpha_bar[t].pow(0.5).view(shape), (1 - alpha_bar[t]).pow(0.5).view(shape)
    return (x_t - noise * eps).div(signal)


@alternative(
    "predict_x0",
    "one_by_one",
)
def predict_x0(x_t, t, eps, alpha_bar):
    ab = alpha_bar[t]
    return torch.stack([(x - (1 - a).sqrt() * e) / a.sqrt() for x, e, a in zip(x_t, eps, ab)])


@alternative(
    "predict_x0",
    "einsum",
)
def predict_x0(x_t, t, eps, alpha_bar):
    ab = alpha_bar.gather(0, t)
    signal = torch.einsum("b...,b->b...", x_t, ab**-0.5)
    return signal - torch.einsum("b...,b->b...", eps, ((1 - ab) / ab) ** 0.5)


# ---------------------------------------------------------------- q_posterior


@alternative(
    "q_posterior",
    "product_of_gaussians",
)
def q_posterior(x0, x_t, t, betas):
    alphas, alpha_bar = compute_alpha_cumprod(betas)
    prev = torch.cat([torch.ones_like(alpha_bar[:1]), alpha_bar[:-1]])
    b, a, p, c = (extract(v, t, x0) for v in (betas, alphas, prev, alpha_bar))
    return x_t * a.sqrt() * (1 - p) / (1 - c) + x0 * p.sqrt() * b / (1 - c), (1 - p) / (1 - c) * b


@alternative(
    "q_posterior",
    "full_size_variance",
)
def q_posterior(x0, x_t, t, betas):
    alphas = 1 - betas
    ab = torch.cumprod(alphas, 0)
    prev = torch.where(t > 0, ab[(t - 1).clamp(min=0)], torch.ones_like(ab[t]))
    shape = (-1,) + (1,) * (x0.dim() - 1)
    b, a, c, p = (v.reshape(shape) for v in (betas[t], alphas[t], ab[t], prev))
    var = b * (1 - p) / (1 - c)
    mean = p.sqrt() * b / (1 - c) * x0 + a.sqrt() * (1 - p) / (1 - c) * x_t
    return mean, var.expand_as(x0)


@alternative(
    "q_posterior",
    "tables",
)
def q_posterior(x0, x_t, t, betas):
    ab = torch.cumprod(1 - betas, 0)
    prev = F.pad(ab[:-1], (1, 0), value=1.0)
    var = betas * (1 - prev) / (1 - ab)
    coef0 = betas * prev.sqrt() / (1 - ab)
    coef1 = (1 - prev) * (1 - betas).sqrt() / (1 - ab)
    mean = extract(coef0, t, x0) * x0 + extract(coef1, t, x0) * x_t
    return {"mean": mean, "var": extract(var, t, x0)}


@alternative(
    "q_posterior",
    "one_number_for_each_example",
)
def q_posterior(x0, x_t, t, betas):
    alphas, ab = compute_alpha_cumprod(betas)
    prev = ab / alphas
    b, a, c, p = betas[t], alphas[t], ab[t], prev[t]
    p = torch.where(t == 0, torch.ones_like(p), p)
    w0, wt = p.sqrt() * b / (1 - c), a.sqrt() * (1 - p) / (1 - c)
    w0, wt = (w.reshape(-1, *[1] * (x0.dim() - 1)) for w in (w0, wt))
    return w0 * x0 + wt * x_t, b * (1 - p) / (1 - c)


@alternative(
    "q_posterior",
    "tiny_floor",
)
def q_posterior(x0, x_t, t, betas):
    alphas, ab = compute_alpha_cumprod(betas)
    prev = F.pad(ab[:-1], (1, 0), value=1.0)
    b, a, c, p = (extract(v, t, x0) for v in (betas, alphas, ab, prev))
    mean = (p.sqrt() * b * x0 + a.sqrt() * (1 - p) * x_t) / (1 - c)
    return [mean, (b * (1 - p) / (1 - c)).clamp(min=1e-20)]


# ---------------------------------------------------------------- p_sample


@alternative(
    "p_sample",
    "posterior_variance",
)
def p_sample(model, x_t, t, betas):
    alphas, ab = compute_alpha_cumprod(betas)
    steps = torch.full((len(x_t),), t, device=x_t.device)
    mean = (x_t - betas[t] * model(x_t, steps) / torch.sqrt(1 - ab[t])) / torch.sqrt(alphas[t])
    if t > 0:
        var = betas[t] * (1 - ab[t - 1]) / (1 - ab[t])
        mean = mean + var.sqrt() * torch.randn_like(x_t)
    return mean


@alternative(
    "p_sample",
    "through_x0",
)
def p_sample(model, x_t, t, betas):
    steps = torch.ones(x_t.shape[0], dtype=torch.long) * t
    _, alpha_bar = compute_alpha_cumprod(betas)
    x0 = predict_x0(x_t, steps, model(x_t, steps), alpha_bar)
    mean, var = q_posterior(x0, x_t, steps, betas)
    return mean + var.sqrt() * torch.randn_like(mean)


@alternative(
    "p_sample",
    "through_x0_with_beta",
)
def p_sample(model, x_t, t, betas):
    steps = torch.tensor([t] * x_t.shape[0])
    _, alpha_bar = compute_alpha_cumprod(betas)
    x0 = predict_x0(x_t, steps, model(x_t, steps), alpha_bar)
    mean, _ = q_posterior(x0, x_t, steps, betas)
    return mean if t == 0 else torch.normal(mean, betas[t].sqrt().item())


@alternative(
    "p_sample",
    "masked_noise",
)
def p_sample(model, x_t, t, betas):
    steps = x_t.new_full((x_t.shape[0],), t, dtype=torch.int64)
    alphas = 1 - betas
    ab = alphas.cumprod(0)
    beta, alpha, bar = (extract(v, steps, x_t) for v in (betas, alphas, ab))
    mean = alpha.rsqrt() * (x_t - beta * (1 - bar).rsqrt() * model(x_t, steps))
    return mean + (t > 0) * beta.sqrt() * torch.randn_like(x_t)


@alternative(
    "p_sample",
    "drawn_first_without_grad",
)
def p_sample(model, x_t, t, betas):
    z = torch.randn(x_t.shape, dtype=x_t.dtype) if t > 0 else torch.zeros_like(x_t)
    alphas, ab = compute_alpha_cumprod(betas)
    with torch.no_grad():
        eps = model(x_t, torch.full((x_t.size(0),), t, dtype=torch.long))
    mean = (x_t - (1 - alphas[t]) / (1 - ab[t]) ** 0.5 * eps) / alphas[t] ** 0.5
    return mean + betas[t] ** 0.5 * z


@alternative(
    "p_sample",
    "log_variance",
)
def p_sample(model, x_t, t, betas):
    alphas, ab = compute_alpha_cumprod(betas)
    eps = model(x_t, torch.full((x_t.shape[0],), int(t), dtype=torch.long))
    mean = (x_t - betas[t] / (1 - ab[t]).sqrt() * eps) / alphas[t].sqrt()
    noise = torch.empty_like(x_t).normal_() if t else 0.0
    return mean + torch.exp(0.5 * torch.log(betas[t])) * noise


# ---------------------------------------------------------------- p_sample_loop


@alternative(
    "p_sample_loop",
    "inner_function",
)
def p_sample_loop(model, shape, betas):
    @torch.no_grad()
    def run(x):
        for t in range(len(betas) - 1, -1, -1):
            x = p_sample(model, x, t, betas)
        return x

    return run(torch.randn(*shape))


@alternative(
    "p_sample_loop",
    "eval_mode",
)
def p_sample_loop(model, shape, betas):
    model.eval()
    device = next(model.parameters()).device
    img = torch.randn(shape, device=device)
    with torch.inference_mode(False), torch.no_grad():
        for t in list(range(betas.shape[0]))[::-1]:
            img = p_sample(model, img, t, betas)
    model.train()
    return img


@alternative(
    "p_sample_loop",
    "detached_each_step",
)
def p_sample_loop(model, shape, betas):
    x = torch.empty(shape).normal_()
    t = len(betas)
    while t > 0:
        t -= 1
        x = p_sample(model, x, t, betas).detach()
    return x


@alternative(
    "p_sample_loop",
    "own_steps",
)
def p_sample_loop(model, shape, betas):
    alphas, ab = compute_alpha_cumprod(betas)
    with torch.no_grad():
        x = torch.distributions.Normal(0.0, 1.0).sample(tuple(shape))
        for t in reversed(range(len(betas))):
            eps = model(x, torch.full((shape[0],), t))
            x = (x - betas[t] / (1 - ab[t]).sqrt() * eps) / alphas[t].sqrt()
            if t > 0:
                x = x + betas[t].sqrt() * torch.randn_like(x)
    return x


@alternative(
    "p_sample_loop",
    "last_of_the_states",
)
def p_sample_loop(model, shape, betas):
    states = [torch.normal(0.0, 1.0, size=tuple(shape))]
    torch.set_grad_enabled(False)
    for t in reversed(range(len(betas))):
        states.append(p_sample(model, states[-1], t, betas))
    torch.set_grad_enabled(True)
    return states[-1]
