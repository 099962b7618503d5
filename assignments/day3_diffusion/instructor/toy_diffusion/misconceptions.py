"""Wrong implementations that students write, each with the sentence that names the mistake."""

from grading.bank import mistake

# ---------------------------------------------------------------- compute_alpha_cumprod


@mistake(
    "compute_alpha_cumprod",
    "cumprod_of_betas",
    "alpha_bar is the product of the betas: it falls to 0 at once; multiply the alphas.",
)
def compute_alpha_cumprod(betas):
    alphas = 1.0 - betas
    return alphas, torch.cumprod(betas, dim=0)


@mistake(
    "compute_alpha_cumprod",
    "one_minus_cumsum",
    "1 - cumsum(betas) holds only for small betas: with many steps alpha_bar turns negative. "
    "Multiply the alphas.",
)
def compute_alpha_cumprod(betas):
    alphas = 1.0 - betas
    return alphas, 1.0 - torch.cumsum(betas, dim=0)


@mistake(
    "compute_alpha_cumprod",
    "exp_of_minus_cumsum",
    "exp(-cumsum(betas)) is the limit of infinitely small steps: with real steps alpha_bar is "
    "a product of the alphas.",
)
def compute_alpha_cumprod(betas):
    return 1.0 - betas, torch.exp(-torch.cumsum(betas, dim=0))


@mistake(
    "compute_alpha_cumprod",
    "shifted_by_one",
    "You returned alpha_bar of the step before: the first entry is 1, but alpha_bar_0 is alpha_0.",
)
def compute_alpha_cumprod(betas):
    alphas = 1.0 - betas
    return alphas, F.pad(torch.cumprod(alphas, dim=0)[:-1], (1, 0), value=1.0)


@mistake(
    "compute_alpha_cumprod",
    "shifted_forward",
    "Your alpha_bar is one step ahead: entry t already contains alpha_{t+1}.",
)
def compute_alpha_cumprod(betas):
    alphas = 1.0 - betas
    bar = torch.cumprod(alphas, dim=0)
    return alphas, torch.cat([bar[1:], bar[-1:]])


@mistake(
    "compute_alpha_cumprod",
    "reversed_before",
    "You multiply from the last step on: alpha_bar_t starts at step 0.",
)
def compute_alpha_cumprod(betas):
    alphas = 1.0 - betas
    return alphas, torch.cumprod(alphas.flip(0), dim=0)


@mistake(
    "compute_alpha_cumprod",
    "reversed_twice",
    "You multiply the alphas from t to the end: alpha_bar_t is the product from 0 to t.",
)
def compute_alpha_cumprod(betas):
    alphas = 1.0 - betas
    return alphas, torch.cumprod(alphas.flip(0), dim=0).flip(0)


@mistake(
    "compute_alpha_cumprod",
    "swapped",
    "The two results are swapped: alphas come first, alpha_bar second.",
)
def compute_alpha_cumprod(betas):
    alphas = 1.0 - betas
    return torch.cumprod(alphas, dim=0), alphas


@mistake(
    "compute_alpha_cumprod",
    "returns_betas",
    "You returned betas in place of alphas: alpha_t is 1 - beta_t.",
)
def compute_alpha_cumprod(betas):
    return betas, torch.cumprod(1.0 - betas, dim=0)


@mistake(
    "compute_alpha_cumprod",
    "square_root_taken",
    "You took the square root already: q_sample does that, and alpha_bar itself is the plain "
    "product.",
)
def compute_alpha_cumprod(betas):
    alphas = 1.0 - betas
    return alphas, torch.cumprod(alphas, dim=0).sqrt()


@mistake(
    "compute_alpha_cumprod",
    "product_of_roots",
    "alphas must be 1 - betas, not its square root.",
)
def compute_alpha_cumprod(betas):
    alphas = (1.0 - betas).sqrt()
    return alphas, torch.cumprod(alphas, dim=0)


@mistake(
    "compute_alpha_cumprod",
    "cumsum_of_alphas",
    "You added the alphas up: alpha_bar is a running product, not a running sum.",
)
def compute_alpha_cumprod(betas):
    alphas = 1.0 - betas
    return alphas, torch.cumsum(alphas, dim=0)


@mistake(
    "compute_alpha_cumprod",
    "total_product",
    "You returned one product of all alphas: there is one alpha_bar for each step.",
)
def compute_alpha_cumprod(betas):
    alphas = 1.0 - betas
    return alphas, torch.prod(alphas)


@mistake(
    "compute_alpha_cumprod",
    "total_for_every_step",
    "Every step has the product of all alphas: alpha_bar_t stops at alpha_t.",
)
def compute_alpha_cumprod(betas):
    alphas = 1.0 - betas
    return alphas, torch.prod(alphas).expand(len(alphas)).clone()


@mistake(
    "compute_alpha_cumprod",
    "power_of_first",
    "You took powers of one alpha: the betas differ from step to step.",
)
def compute_alpha_cumprod(betas):
    alphas = 1.0 - betas
    return alphas, alphas[0] ** torch.arange(1, len(betas) + 1, dtype=betas.dtype)


@mistake(
    "compute_alpha_cumprod",
    "power_of_own",
    "alpha_t^(t+1) uses only the last alpha: multiply all alphas up to t.",
)
def compute_alpha_cumprod(betas):
    alphas = 1.0 - betas
    return alphas, alphas ** torch.arange(1, len(betas) + 1, dtype=betas.dtype)


@mistake(
    "compute_alpha_cumprod",
    "no_product",
    "alpha_bar is the same as alphas: the running product is missing.",
)
def compute_alpha_cumprod(betas):
    alphas = 1.0 - betas
    return alphas, alphas


@mistake(
    "compute_alpha_cumprod",
    "only_alpha_bar",
    "Only alpha_bar is returned: both alphas and alpha_bar are due.",
)
def compute_alpha_cumprod(betas):
    return torch.cumprod(1.0 - betas, dim=0)


@mistake(
    "compute_alpha_cumprod",
    "product_of_neighbors",
    "You multiply only two neighboring alphas: alpha_bar_t is the product of all up to t.",
)
def compute_alpha_cumprod(betas):
    alphas = 1.0 - betas
    return alphas, alphas * torch.cat([torch.ones_like(alphas[:1]), alphas[:-1]])


@mistake(
    "compute_alpha_cumprod",
    "clamped",
    "The clamp keeps alpha_bar far from 0: the last steps are then not noisy enough.",
)
def compute_alpha_cumprod(betas):
    alphas = 1.0 - betas
    return alphas, torch.cumprod(alphas, dim=0).clamp(min=1e-2)


@mistake(
    "compute_alpha_cumprod",
    "float32_forced",
    "The result is always float32: keep the dtype of betas.",
)
def compute_alpha_cumprod(betas):
    alphas = 1.0 - betas.float()
    return alphas, torch.cumprod(alphas, dim=0)


@mistake(
    "compute_alpha_cumprod",
    "in_place",
    "You changed betas itself: work on new tensors, the caller still needs its betas.",
)
def compute_alpha_cumprod(betas):
    betas.neg_().add_(1.0)
    return betas, torch.cumprod(betas, dim=0)


@mistake(
    "compute_alpha_cumprod",
    "starts_with_one",
    "alpha_bar has T + 1 entries: leave the 1 at the front out.",
)
def compute_alpha_cumprod(betas):
    alphas = 1.0 - betas
    return alphas, torch.cat([torch.ones(1, dtype=betas.dtype), torch.cumprod(alphas, dim=0)])


@mistake(
    "compute_alpha_cumprod",
    "one_plus_beta",
    "alpha is 1 + beta: the signal must shrink, so it is 1 - beta.",
)
def compute_alpha_cumprod(betas):
    alphas = 1.0 + betas
    return alphas, 1.0 / torch.cumprod(alphas, dim=0)


@mistake(
    "compute_alpha_cumprod",
    "noise_share",
    "You returned 1 - alpha_bar, the share of the noise: alpha_bar is the share of the signal.",
)
def compute_alpha_cumprod(betas):
    alphas = 1.0 - betas
    return alphas, 1.0 - torch.cumprod(alphas, dim=0)


# ---------------------------------------------------------------- q_sample


@mistake(
    "q_sample",
    "no_square_roots",
    "Square roots are missing: alpha_bar is a variance, its root multiplies the data.",
)
def q_sample(x0, t, noise, alpha_bar):
    ab = extract(alpha_bar, t, x0)
    return ab * x0 + (1 - ab) * noise


@mistake(
    "q_sample",
    "root_outside",
    "You wrote 1 - sqrt(alpha_bar) for sqrt(1 - alpha_bar): the variance is then not kept.",
)
def q_sample(x0, t, noise, alpha_bar):
    ab = extract(alpha_bar, t, x0)
    return ab.sqrt() * x0 + (1 - ab.sqrt()) * noise


@mistake(
    "q_sample",
    "root_on_noise_missing",
    "The noise has the factor 1 - alpha_bar: take the square root, a variance is no standard "
    "deviation.",
)
def q_sample(x0, t, noise, alpha_bar):
    ab = extract(alpha_bar, t, x0)
    return ab.sqrt() * x0 + (1 - ab) * noise


@mistake(
    "q_sample",
    "root_on_data_missing",
    "The data have the factor alpha_bar: take the square root.",
)
def q_sample(x0, t, noise, alpha_bar):
    ab = extract(alpha_bar, t, x0)
    return ab * x0 + (1 - ab).sqrt() * noise


@mistake(
    "q_sample",
    "own_noise",
    "The noise that was passed is ignored: the loss then compares with another noise and "
    "stays at about 1.",
)
def q_sample(x0, t, noise, alpha_bar):
    ab = extract(alpha_bar, t, x0)
    return ab.sqrt() * x0 + (1 - ab).sqrt() * torch.randn_like(x0)


@mistake(
    "q_sample",
    "parenthesis",
    "A parenthesis is wrong: sqrt(alpha_bar) multiplies the noise too.",
)
def q_sample(x0, t, noise, alpha_bar):
    ab = extract(alpha_bar, t, x0)
    return ab.sqrt() * (x0 + (1 - ab).sqrt() * noise)


@mistake(
    "q_sample",
    "swapped_factors",
    "The factors are swapped: at t = 0 you get nearly pure noise.",
)
def q_sample(x0, t, noise, alpha_bar):
    ab = extract(alpha_bar, t, x0)
    return (1 - ab).sqrt() * x0 + ab.sqrt() * noise


@mistake(
    "q_sample",
    "one_step_alpha",
    "You used alpha_t of one step: alpha_bar_t of all steps up to t is due.",
)
def q_sample(x0, t, noise, alpha_bar):
    prev = F.pad(alpha_bar[:-1], (1, 0), value=1.0)
    a = extract(alpha_bar / prev, t, x0)
    return a.sqrt() * x0 + (1 - a).sqrt() * noise


@mistake(
    "q_sample",
    "only_for_points",
    "reshape(-1, 1) fits points only: images (B, C, H, W) need (B, 1, 1, 1).",
)
def q_sample(x0, t, noise, alpha_bar):
    ab = alpha_bar[t].reshape(-1, 1)
    return ab.sqrt() * x0 + (1 - ab).sqrt() * noise


@mistake(
    "q_sample",
    "only_for_images",
    "reshape(-1, 1, 1, 1) fits images only: points (B, D) need (B, 1).",
)
def q_sample(x0, t, noise, alpha_bar):
    ab = alpha_bar[t].reshape(-1, 1, 1, 1)
    return ab.sqrt() * x0 + (1 - ab).sqrt() * noise


@mistake(
    "q_sample",
    "no_reshape",
    "alpha_bar[t] has shape (B,) and meets the last axis of x0: shape it (B, 1, ...) so that "
    "each row gets its own.",
)
def q_sample(x0, t, noise, alpha_bar):
    ab = alpha_bar[t]
    return ab.sqrt() * x0 + (1 - ab).sqrt() * noise


@mistake(
    "q_sample",
    "in_place",
    "The clean batch itself was changed: work on new tensors.",
)
def q_sample(x0, t, noise, alpha_bar):
    ab = extract(alpha_bar, t, x0)
    x0 *= ab.sqrt()
    x0 += (1 - ab).sqrt() * noise
    return x0


@mistake(
    "q_sample",
    "returns_x0",
    "x0 comes back unchanged: no noise is mixed in.",
)
def q_sample(x0, t, noise, alpha_bar):
    return x0


@mistake(
    "q_sample",
    "returns_noise",
    "Only the noise comes back: the data are missing.",
)
def q_sample(x0, t, noise, alpha_bar):
    return noise


@mistake(
    "q_sample",
    "sum_only",
    "Data and noise are simply added: without the factors the values grow.",
)
def q_sample(x0, t, noise, alpha_bar):
    return x0 + noise


@mistake(
    "q_sample",
    "data_not_scaled",
    "The data keep the factor 1: they must shrink by sqrt(alpha_bar), or the variance explodes.",
)
def q_sample(x0, t, noise, alpha_bar):
    ab = extract(alpha_bar, t, x0)
    return x0 + (1 - ab).sqrt() * noise


@mistake(
    "q_sample",
    "noise_not_scaled",
    "The noise has the factor 1 at every step: it must be sqrt(1 - alpha_bar).",
)
def q_sample(x0, t, noise, alpha_bar):
    ab = extract(alpha_bar, t, x0)
    return ab.sqrt() * x0 + noise


@mistake(
    "q_sample",
    "minus_noise",
    "The noise is subtracted: the sign of eps then differs from the formula that the sampler "
    "inverts.",
)
def q_sample(x0, t, noise, alpha_bar):
    ab = extract(alpha_bar, t, x0)
    return ab.sqrt() * x0 - (1 - ab).sqrt() * noise


@mistake(
    "q_sample",
    "first_t_for_all",
    "Every example gets the t of the first one: index alpha_bar with the whole t.",
)
def q_sample(x0, t, noise, alpha_bar):
    ab = alpha_bar[t[0]]
    return ab.sqrt() * x0 + (1 - ab).sqrt() * noise


@mistake(
    "q_sample",
    "position_for_t",
    "You took the first B entries of alpha_bar: t says which entry each example needs.",
)
def q_sample(x0, t, noise, alpha_bar):
    ab = alpha_bar[torch.arange(len(t)) % len(alpha_bar)].reshape(-1, *[1] * (x0.dim() - 1))
    return ab.sqrt() * x0 + (1 - ab).sqrt() * noise


@mistake(
    "q_sample",
    "step_before",
    "You used alpha_bar of the step before: t already counts from 0.",
)
def q_sample(x0, t, noise, alpha_bar):
    ab = extract(alpha_bar, (t - 1).clamp(min=0), x0)
    return ab.sqrt() * x0 + (1 - ab).sqrt() * noise


@mistake(
    "q_sample",
    "t_minus_one_wraps",
    "alpha_bar[t - 1] is the last entry at t = 0: t already counts from 0.",
)
def q_sample(x0, t, noise, alpha_bar):
    ab = extract(alpha_bar, t - 1, x0)
    return ab.sqrt() * x0 + (1 - ab).sqrt() * noise


@mistake(
    "q_sample",
    "time_reversed",
    "The steps run backward: alpha_bar[T - 1 - t] makes t = 0 the noisiest step.",
)
def q_sample(x0, t, noise, alpha_bar):
    ab = extract(alpha_bar.flip(0), t, x0)
    return ab.sqrt() * x0 + (1 - ab).sqrt() * noise


@mistake(
    "q_sample",
    "squared_alpha_bar",
    "The noise has the factor sqrt(1 - alpha_bar^2), which belongs to a data factor of alpha_bar.",
)
def q_sample(x0, t, noise, alpha_bar):
    ab = extract(alpha_bar, t, x0)
    return ab.sqrt() * x0 + (1 - ab.pow(2)).sqrt() * noise


@mistake(
    "q_sample",
    "variance_exploding",
    "x0 + sigma * noise is another model's forward process: here the data shrink as the noise "
    "grows.",
)
def q_sample(x0, t, noise, alpha_bar):
    ab = extract(alpha_bar, t, x0)
    return x0 + ((1 - ab) / ab).sqrt() * noise


@mistake(
    "q_sample",
    "clamped",
    "x_t is clamped to [-1, 1]: noise has tails, and the data need not lie in that range.",
)
def q_sample(x0, t, noise, alpha_bar):
    ab = extract(alpha_bar, t, x0)
    return (ab.sqrt() * x0 + (1 - ab).sqrt() * noise).clamp(-1, 1)


@mistake(
    "q_sample",
    "straight_line",
    "t / T as the weight of the noise is a straight line from data to noise: the schedule "
    "alpha_bar is ignored.",
)
def q_sample(x0, t, noise, alpha_bar):
    w = ((t + 1).to(x0.dtype) / len(alpha_bar)).reshape(-1, *[1] * (x0.dim() - 1))
    return (1 - w) * x0 + w * noise


@mistake(
    "q_sample",
    "detached",
    "x_t is cut from the graph: no gradient reaches x0.",
)
def q_sample(x0, t, noise, alpha_bar):
    ab = extract(alpha_bar, t, x0)
    return (ab.sqrt() * x0 + (1 - ab).sqrt() * noise).detach()


@mistake(
    "q_sample",
    "cumprod_again",
    "You took a running product of alpha_bar again: it already is one.",
)
def q_sample(x0, t, noise, alpha_bar):
    ab = extract(torch.cumprod(alpha_bar, dim=0), t, x0)
    return ab.sqrt() * x0 + (1 - ab).sqrt() * noise


@mistake(
    "q_sample",
    "extra_noise",
    "Fresh noise is added on top of the given noise.",
)
def q_sample(x0, t, noise, alpha_bar):
    ab = extract(alpha_bar, t, x0)
    return ab.sqrt() * x0 + (1 - ab).sqrt() * (noise + 0.1 * torch.randn_like(x0))


# ---------------------------------------------------------------- timestep_embedding


@mistake(
    "timestep_embedding",
    "sine_twice",
    "The sine stands there twice and the cosine is missing: at t = 0 everything is 0.",
)
def timestep_embedding(t, dim, max_period=10000):
    half = dim // 2
    freqs = torch.exp(-math.log(max_period) * torch.arange(half) / half)
    args = t[:, None].float() * freqs[None]
    return torch.cat([torch.sin(args), torch.sin(args)], dim=-1)


@mistake(
    "timestep_embedding",
    "cosine_twice",
    "The cosine stands there twice and the sine is missing.",
)
def timestep_embedding(t, dim, max_period=10000):
    half = dim // 2
    freqs = torch.exp(-math.log(max_period) * torch.arange(half) / half)
    args = t[:, None].float() * freqs[None]
    return torch.cat([torch.cos(args), torch.cos(args)], dim=-1)


@mistake(
    "timestep_embedding",
    "t_divided_by_1000",
    "t is scaled to [0, 1]: with these frequencies neighboring steps then look the same.",
)
def timestep_embedding(t, dim, max_period=10000):
    half = dim // 2
    freqs = torch.exp(-math.log(max_period) * torch.arange(half) / half)
    args = (t.float() / 1000)[:, None] * freqs[None]
    return torch.cat([torch.sin(args), torch.cos(args)], dim=-1)


@mistake(
    "timestep_embedding",
    "t_divided_by_max",
    "t is divided by the largest t of the batch: the same step gets another embedding in "
    "another batch.",
)
def timestep_embedding(t, dim, max_period=10000):
    half = dim // 2
    freqs = torch.exp(-math.log(max_period) * torch.arange(half) / half)
    args = (t.float() / t.max().clamp(min=1))[:, None] * freqs[None]
    return torch.cat([torch.sin(args), torch.cos(args)], dim=-1)


@mistake(
    "timestep_embedding",
    "integer_division",
    "Integer division makes every exponent 0: all frequencies are 1.",
)
def timestep_embedding(t, dim, max_period=10000):
    half = dim // 2
    freqs = torch.exp(-math.log(max_period) * (torch.arange(half) // half))
    args = t[:, None].float() * freqs[None]
    return torch.cat([torch.sin(args), torch.cos(args)], dim=-1)


@mistake(
    "timestep_embedding",
    "wrong_axis",
    "cat along the batch axis gives 2B rows: join sine and cosine along the last axis.",
)
def timestep_embedding(t, dim, max_period=10000):
    half = dim // 2
    freqs = torch.exp(-math.log(max_period) * torch.arange(half) / half)
    args = t[:, None].float() * freqs[None]
    return torch.cat([torch.sin(args), torch.cos(args)], dim=0)


@mistake(
    "timestep_embedding",
    "product",
    "Sine and cosine are multiplied: they must stand side by side.",
)
def timestep_embedding(t, dim, max_period=10000):
    half = dim // 2
    freqs = torch.exp(-math.log(max_period) * torch.arange(half) / half)
    args = t[:, None].float() * freqs[None]
    return torch.sin(args).repeat(1, 2) * torch.cos(args).repeat(1, 2)


@mistake(
    "timestep_embedding",
    "positive_exponent",
    "The sign of the exponent is lost: the frequencies grow up to max_period and the sines "
    "are wild.",
)
def timestep_embedding(t, dim, max_period=10000):
    half = dim // 2
    freqs = torch.exp(math.log(max_period) * torch.arange(half) / half)
    args = t[:, None].float() * freqs[None]
    return torch.cat([torch.sin(args), torch.cos(args)], dim=-1)


@mistake(
    "timestep_embedding",
    "max_period_ignored",
    "max_period is ignored: 10000 is only its default.",
)
def timestep_embedding(t, dim, max_period=10000):
    half = dim // 2
    freqs = torch.exp(-math.log(10000.0) * torch.arange(half) / half)
    args = t[:, None].float() * freqs[None]
    return torch.cat([torch.sin(args), torch.cos(args)], dim=-1)


@mistake(
    "timestep_embedding",
    "divided_by_dim",
    "The exponent is i / dim: the frequencies only fall to 1 / sqrt(max_period); divide by "
    "dim / 2.",
)
def timestep_embedding(t, dim, max_period=10000):
    half = dim // 2
    freqs = torch.exp(-math.log(max_period) * torch.arange(half) / dim)
    args = t[:, None].float() * freqs[None]
    return torch.cat([torch.sin(args), torch.cos(args)], dim=-1)


@mistake(
    "timestep_embedding",
    "exponent_doubled",
    "The exponent is 2i / half: the frequencies fall to 1 / max_period^2.",
)
def timestep_embedding(t, dim, max_period=10000):
    half = dim // 2
    freqs = torch.exp(-math.log(max_period) * 2 * torch.arange(half) / half)
    args = t[:, None].float() * freqs[None]
    return torch.cat([torch.sin(args), torch.cos(args)], dim=-1)


@mistake(
    "timestep_embedding",
    "linear_frequencies",
    "The frequencies are evenly spaced: they must fall geometrically, so that some are fast "
    "and some slow.",
)
def timestep_embedding(t, dim, max_period=10000):
    half = dim // 2
    freqs = torch.linspace(1.0, 1.0 / max_period, half)
    args = t[:, None].float() * freqs[None]
    return torch.cat([torch.sin(args), torch.cos(args)], dim=-1)


@mistake(
    "timestep_embedding",
    "starts_at_one",
    "i starts at 1: the fastest frequency, 1, is missing.",
)
def timestep_embedding(t, dim, max_period=10000):
    half = dim // 2
    freqs = torch.exp(-math.log(max_period) * torch.arange(1, half + 1) / half)
    args = t[:, None].float() * freqs[None]
    return torch.cat([torch.sin(args), torch.cos(args)], dim=-1)


@mistake(
    "timestep_embedding",
    "no_log",
    "exp(-max_period * i / half) is 0 for all but the first: the logarithm of max_period is "
    "missing.",
)
def timestep_embedding(t, dim, max_period=10000):
    half = dim // 2
    freqs = torch.exp(-max_period * torch.arange(half) / half)
    args = t[:, None].float() * freqs[None]
    return torch.cat([torch.sin(args), torch.cos(args)], dim=-1)


@mistake(
    "timestep_embedding",
    "two_pi",
    "The angles are multiplied by 2 pi: at frequency 1 all whole steps then look like t = 0.",
)
def timestep_embedding(t, dim, max_period=10000):
    half = dim // 2
    freqs = torch.exp(-math.log(max_period) * torch.arange(half) / half)
    args = 2 * math.pi * t[:, None].float() * freqs[None]
    return torch.cat([torch.sin(args), torch.cos(args)], dim=-1)


@mistake(
    "timestep_embedding",
    "t_plus_one",
    "t + 1 is embedded: t already counts from 0, and at t = 0 the sines must be 0.",
)
def timestep_embedding(t, dim, max_period=10000):
    half = dim // 2
    freqs = torch.exp(-math.log(max_period) * torch.arange(half) / half)
    args = (t + 1)[:, None].float() * freqs[None]
    return torch.cat([torch.sin(args), torch.cos(args)], dim=-1)


@mistake(
    "timestep_embedding",
    "half_width",
    "The result has dim / 2 columns: sine and cosine each need dim / 2.",
)
def timestep_embedding(t, dim, max_period=10000):
    half = dim // 4
    freqs = torch.exp(-math.log(max_period) * torch.arange(half) / half)
    args = t[:, None].float() * freqs[None]
    return torch.cat([torch.sin(args), torch.cos(args)], dim=-1)


@mistake(
    "timestep_embedding",
    "double_width",
    "The result has 2 dim columns: use dim / 2 frequencies.",
)
def timestep_embedding(t, dim, max_period=10000):
    freqs = torch.exp(-math.log(max_period) * torch.arange(dim) / dim)
    args = t[:, None].float() * freqs[None]
    return torch.cat([torch.sin(args), torch.cos(args)], dim=-1)


@mistake(
    "timestep_embedding",
    "summed",
    "Sine and cosine are added: they must stand side by side, each with columns of its own.",
)
def timestep_embedding(t, dim, max_period=10000):
    freqs = torch.exp(-math.log(max_period) * torch.arange(dim) / dim)
    args = t[:, None].float() * freqs[None]
    return torch.sin(args) + torch.cos(args)


@mistake(
    "timestep_embedding",
    "long_kept",
    "The angles are cut to whole numbers: convert t to float before you multiply.",
)
def timestep_embedding(t, dim, max_period=10000):
    half = dim // 2
    freqs = torch.exp(-math.log(max_period) * torch.arange(half) / half)
    args = (t[:, None] * freqs[None]).long()
    return torch.cat([torch.sin(args), torch.cos(args)], dim=-1)


@mistake(
    "timestep_embedding",
    "one_hot",
    "A one-hot code of t is no sinusoidal embedding: it has no room for more than dim steps.",
)
def timestep_embedding(t, dim, max_period=10000):
    return F.one_hot(t % dim, dim).float()


@mistake(
    "timestep_embedding",
    "just_t",
    "t itself is repeated dim times: the network gets numbers up to T and no fine detail.",
)
def timestep_embedding(t, dim, max_period=10000):
    return t[:, None].float().expand(-1, dim).clone()


@mistake(
    "timestep_embedding",
    "random_frequencies",
    "Random frequencies differ at each call: the same t gets another embedding each time.",
)
def timestep_embedding(t, dim, max_period=10000):
    half = dim // 2
    args = t[:, None].float() * torch.rand(half)[None]
    return torch.cat([torch.sin(args), torch.cos(args)], dim=-1)


@mistake(
    "timestep_embedding",
    "alternating_columns",
    "Sine for even and cosine for odd columns, each at another frequency: every frequency "
    "needs both.",
)
def timestep_embedding(t, dim, max_period=10000):
    freqs = torch.exp(-math.log(max_period) * torch.arange(dim) / dim)
    args = t[:, None].float() * freqs[None]
    return torch.where(torch.arange(dim) % 2 == 0, torch.sin(args), torch.cos(args))


@mistake(
    "timestep_embedding",
    "normalized",
    "The row is divided by its length: leave the sines and cosines as they are.",
)
def timestep_embedding(t, dim, max_period=10000):
    half = dim // 2
    freqs = torch.exp(-math.log(max_period) * torch.arange(half) / half)
    args = t[:, None].float() * freqs[None]
    return F.normalize(torch.cat([torch.sin(args), torch.cos(args)], dim=-1), dim=1)


@mistake(
    "timestep_embedding",
    "transposed",
    "The result has shape (dim, B): one row for each t is due.",
)
def timestep_embedding(t, dim, max_period=10000):
    half = dim // 2
    freqs = torch.exp(-math.log(max_period) * torch.arange(half) / half)
    args = freqs[:, None] * t[None, :].float()
    return torch.cat([torch.sin(args), torch.cos(args)], dim=0)


@mistake(
    "timestep_embedding",
    "tangent",
    "A tangent stands in place of the cosine: it has poles.",
)
def timestep_embedding(t, dim, max_period=10000):
    half = dim // 2
    freqs = torch.exp(-math.log(max_period) * torch.arange(half) / half)
    args = t[:, None].float() * freqs[None]
    return torch.cat([torch.sin(args), torch.tan(args)], dim=-1)


# ---------------------------------------------------------------- diffusion_loss


@mistake(
    "diffusion_loss",
    "target_x0",
    "The target is x0, but the sampler takes the model's answer for the noise: the target "
    "must be the noise.",
)
def diffusion_loss(model, x0, t, alpha_bar, noise=None):
    noise = torch.randn_like(x0) if noise is None else noise
    return F.mse_loss(model(q_sample(x0, t, noise, alpha_bar), t), x0)


@mistake(
    "diffusion_loss",
    "target_x_t",
    "The target is x_t: the model has it as its input; the target must be the noise.",
)
def diffusion_loss(model, x0, t, alpha_bar, noise=None):
    noise = torch.randn_like(x0) if noise is None else noise
    x_t = q_sample(x0, t, noise, alpha_bar)
    return F.mse_loss(model(x_t, t), x_t)


@mistake(
    "diffusion_loss",
    "fresh_target",
    "The target is freshly drawn noise that is not in x_t: the best the model can learn is to "
    "answer 0.",
)
def diffusion_loss(model, x0, t, alpha_bar, noise=None):
    noise = torch.randn_like(x0) if noise is None else noise
    return F.mse_loss(model(q_sample(x0, t, noise, alpha_bar), t), torch.randn_like(x0))


@mistake(
    "diffusion_loss",
    "fresh_noise_in_x_t",
    "x_t is made with another noise than the target: use one and the same tensor.",
)
def diffusion_loss(model, x0, t, alpha_bar, noise=None):
    noise = torch.randn_like(x0) if noise is None else noise
    return F.mse_loss(model(q_sample(x0, t, torch.randn_like(x0), alpha_bar), t), noise)


@mistake(
    "diffusion_loss",
    "time_not_passed",
    "The model always gets t = 0: it cannot know how noisy its input is.",
)
def diffusion_loss(model, x0, t, alpha_bar, noise=None):
    noise = torch.randn_like(x0) if noise is None else noise
    return F.mse_loss(model(q_sample(x0, t, noise, alpha_bar), torch.zeros_like(t)), noise)


@mistake(
    "diffusion_loss",
    "time_scaled",
    "The model gets t / T: pass t itself, the embedding is made for whole steps.",
)
def diffusion_loss(model, x0, t, alpha_bar, noise=None):
    noise = torch.randn_like(x0) if noise is None else noise
    return F.mse_loss(model(q_sample(x0, t, noise, alpha_bar), t.float() / len(alpha_bar)), noise)


@mistake(
    "diffusion_loss",
    "time_as_column",
    "The model gets t with shape (B, 1): pass it as (B,).",
)
def diffusion_loss(model, x0, t, alpha_bar, noise=None):
    noise = torch.randn_like(x0) if noise is None else noise
    return F.mse_loss(model(q_sample(x0, t, noise, alpha_bar), t[:, None]), noise)


@mistake(
    "diffusion_loss",
    "own_t",
    "t is drawn inside although it was passed: use the argument.",
)
def diffusion_loss(model, x0, t, alpha_bar, noise=None):
    noise = torch.randn_like(x0) if noise is None else noise
    t = torch.randint(0, len(alpha_bar), (x0.shape[0],))
    return F.mse_loss(model(q_sample(x0, t, noise, alpha_bar), t), noise)


@mistake(
    "diffusion_loss",
    "summed",
    "The loss is a sum: it grows with batch and features, as if the learning rate were that "
    "many times larger.",
)
def diffusion_loss(model, x0, t, alpha_bar, noise=None):
    noise = torch.randn_like(x0) if noise is None else noise
    return F.mse_loss(model(q_sample(x0, t, noise, alpha_bar), t), noise, reduction="sum")


@mistake(
    "diffusion_loss",
    "summed_over_features",
    "You summed over the features: here the loss is the mean over all elements.",
)
def diffusion_loss(model, x0, t, alpha_bar, noise=None):
    noise = torch.randn_like(x0) if noise is None else noise
    return (model(q_sample(x0, t, noise, alpha_bar), t) - noise).pow(2).flatten(1).sum(1).mean()


@mistake(
    "diffusion_loss",
    "summed_over_batch",
    "You summed over the batch: here the loss is the mean over all elements.",
)
def diffusion_loss(model, x0, t, alpha_bar, noise=None):
    noise = torch.randn_like(x0) if noise is None else noise
    return (model(q_sample(x0, t, noise, alpha_bar), t) - noise).pow(2).flatten(1).mean(1).sum()


@mistake(
    "diffusion_loss",
    "per_example",
    "One loss for each example comes back: take the mean over the batch too.",
)
def diffusion_loss(model, x0, t, alpha_bar, noise=None):
    noise = torch.randn_like(x0) if noise is None else noise
    return (model(q_sample(x0, t, noise, alpha_bar), t) - noise).pow(2).flatten(1).mean(1)


@mistake(
    "diffusion_loss",
    "root_of_sum",
    "You took a norm of absolute errors: the loss is the mean of the squares.",
)
def diffusion_loss(model, x0, t, alpha_bar, noise=None):
    noise = torch.randn_like(x0) if noise is None else noise
    return (model(q_sample(x0, t, noise, alpha_bar), t) - noise).abs().sum().sqrt()


@mistake(
    "diffusion_loss",
    "root_mean_square",
    "You took the square root of the mean: the loss is the mean square itself.",
)
def diffusion_loss(model, x0, t, alpha_bar, noise=None):
    noise = torch.randn_like(x0) if noise is None else noise
    return F.mse_loss(model(q_sample(x0, t, noise, alpha_bar), t), noise).sqrt()


@mistake(
    "diffusion_loss",
    "norm",
    "A norm is no mean square: it has a root and grows with the number of elements.",
)
def diffusion_loss(model, x0, t, alpha_bar, noise=None):
    noise = torch.randn_like(x0) if noise is None else noise
    return torch.norm(model(q_sample(x0, t, noise, alpha_bar), t) - noise)


@mistake(
    "diffusion_loss",
    "absolute_error",
    "Absolute errors are averaged: the squared error is due.",
)
def diffusion_loss(model, x0, t, alpha_bar, noise=None):
    noise = torch.randn_like(x0) if noise is None else noise
    return F.l1_loss(model(q_sample(x0, t, noise, alpha_bar), t), noise)


@mistake(
    "diffusion_loss",
    "huber",
    "A smooth L1 loss is no mean square: large errors count too little.",
)
def diffusion_loss(model, x0, t, alpha_bar, noise=None):
    noise = torch.randn_like(x0) if noise is None else noise
    return F.smooth_l1_loss(model(q_sample(x0, t, noise, alpha_bar), t), noise)


@mistake(
    "diffusion_loss",
    "not_squared",
    "The errors are averaged without a square: they cancel, and the loss can fall below 0.",
)
def diffusion_loss(model, x0, t, alpha_bar, noise=None):
    noise = torch.randn_like(x0) if noise is None else noise
    return (model(q_sample(x0, t, noise, alpha_bar), t) - noise).mean()


@mistake(
    "diffusion_loss",
    "halved",
    "There is a factor 1/2 too many: the loss is the plain mean of the squares.",
)
def diffusion_loss(model, x0, t, alpha_bar, noise=None):
    noise = torch.randn_like(x0) if noise is None else noise
    return 0.5 * F.mse_loss(model(q_sample(x0, t, noise, alpha_bar), t), noise)


@mistake(
    "diffusion_loss",
    "square_of_mean",
    "You squared the mean error: average the squares, or errors of both signs cancel.",
)
def diffusion_loss(model, x0, t, alpha_bar, noise=None):
    noise = torch.randn_like(x0) if noise is None else noise
    return (model(q_sample(x0, t, noise, alpha_bar), t) - noise).mean().pow(2)


@mistake(
    "diffusion_loss",
    "detached",
    "The model's answer is cut from the graph (detach or no_grad): the loss is right, but nothing is ever trained.",
)
def diffusion_loss(model, x0, t, alpha_bar, noise=None):
    noise = torch.randn_like(x0) if noise is None else noise
    return F.mse_loss(model(q_sample(x0, t, noise, alpha_bar), t).detach(), noise)


@mistake(
    "diffusion_loss",
    "without_grad",
    "The model runs under no_grad: the loss has no graph, and nothing is ever trained.",
)
def diffusion_loss(model, x0, t, alpha_bar, noise=None):
    noise = torch.randn_like(x0) if noise is None else noise
    with torch.no_grad():
        eps = model(q_sample(x0, t, noise, alpha_bar), t)
    return F.mse_loss(eps, noise)


@mistake(
    "diffusion_loss",
    "item",
    "A plain number comes back: without its graph the loss cannot be trained.",
)
def diffusion_loss(model, x0, t, alpha_bar, noise=None):
    noise = torch.randn_like(x0) if noise is None else noise
    return F.mse_loss(model(q_sample(x0, t, noise, alpha_bar), t), noise).item()


@mistake(
    "diffusion_loss",
    "negative_target",
    "The sign of the target is flipped: the sampler would then add the noise it should remove.",
)
def diffusion_loss(model, x0, t, alpha_bar, noise=None):
    noise = torch.randn_like(x0) if noise is None else noise
    return F.mse_loss(model(q_sample(x0, t, noise, alpha_bar), t), -noise)


@mistake(
    "diffusion_loss",
    "noise_ignored",
    "The argument noise is ignored: when it is given, it must be used.",
)
def diffusion_loss(model, x0, t, alpha_bar, noise=None):
    noise = torch.randn_like(x0)
    return F.mse_loss(model(q_sample(x0, t, noise, alpha_bar), t), noise)


@mistake(
    "diffusion_loss",
    "zeros_taken_for_none",
    "Given noise of zeros is taken for no noise: test with `noise is None`.",
)
def diffusion_loss(model, x0, t, alpha_bar, noise=None):
    if noise is None or not noise.any():
        noise = torch.randn_like(x0)
    return F.mse_loss(model(q_sample(x0, t, noise, alpha_bar), t), noise)


@mistake(
    "diffusion_loss",
    "none_not_handled",
    "noise=None is not handled: draw the noise when none is given.",
)
def diffusion_loss(model, x0, t, alpha_bar, noise=None):
    return F.mse_loss(model(q_sample(x0, t, noise, alpha_bar), t), noise)


@mistake(
    "diffusion_loss",
    "none_becomes_zeros",
    "Without a given noise you used zeros: draw it from N(0, I).",
)
def diffusion_loss(model, x0, t, alpha_bar, noise=None):
    noise = torch.zeros_like(x0) if noise is None else noise
    return F.mse_loss(model(q_sample(x0, t, noise, alpha_bar), t), noise)


@mistake(
    "diffusion_loss",
    "uniform_noise",
    "The noise is uniform on [0, 1): it must be standard normal.",
)
def diffusion_loss(model, x0, t, alpha_bar, noise=None):
    noise = torch.rand_like(x0) if noise is None else noise
    return F.mse_loss(model(q_sample(x0, t, noise, alpha_bar), t), noise)


@mistake(
    "diffusion_loss",
    "shared_noise",
    "One noise for the whole batch: each example needs its own.",
)
def diffusion_loss(model, x0, t, alpha_bar, noise=None):
    noise = torch.randn_like(x0[:1]).expand_as(x0) if noise is None else noise
    return F.mse_loss(model(q_sample(x0, t, noise, alpha_bar), t), noise)


@mistake(
    "diffusion_loss",
    "one_number_for_each_example",
    "One random number for all features of an example: each element needs its own.",
)
def diffusion_loss(model, x0, t, alpha_bar, noise=None):
    if noise is None:
        noise = torch.randn(x0.shape[0], *[1] * (x0.dim() - 1)).expand_as(x0)
    return F.mse_loss(model(q_sample(x0, t, noise, alpha_bar), t), noise)


@mistake(
    "diffusion_loss",
    "seeded",
    "The seed is fixed inside: every step of the training then sees the same noise.",
)
def diffusion_loss(model, x0, t, alpha_bar, noise=None):
    if noise is None:
        torch.manual_seed(0)
        noise = torch.randn_like(x0)
    return F.mse_loss(model(q_sample(x0, t, noise, alpha_bar), t), noise)


@mistake(
    "diffusion_loss",
    "clean_input",
    "The model gets the clean x0: there is no noise in it to be found.",
)
def diffusion_loss(model, x0, t, alpha_bar, noise=None):
    noise = torch.randn_like(x0) if noise is None else noise
    return F.mse_loss(model(x0, t), noise)


@mistake(
    "diffusion_loss",
    "noise_as_input",
    "The model gets the noise itself: it only has to copy it.",
)
def diffusion_loss(model, x0, t, alpha_bar, noise=None):
    noise = torch.randn_like(x0) if noise is None else noise
    return F.mse_loss(model(noise, t), noise)


@mistake(
    "diffusion_loss",
    "simple_mix",
    "x_t is x0 + noise: use q_sample, or t means nothing.",
)
def diffusion_loss(model, x0, t, alpha_bar, noise=None):
    noise = torch.randn_like(x0) if noise is None else noise
    return F.mse_loss(model(x0 + noise, t), noise)


@mistake(
    "diffusion_loss",
    "arguments_swapped",
    "The model is called as model(t, x_t): the noisy data come first.",
)
def diffusion_loss(model, x0, t, alpha_bar, noise=None):
    noise = torch.randn_like(x0) if noise is None else noise
    return F.mse_loss(model(t, q_sample(x0, t, noise, alpha_bar)), noise)


@mistake(
    "diffusion_loss",
    "snr_weighted",
    "The errors are weighted by alpha_bar: the simple loss gives every step the same weight.",
)
def diffusion_loss(model, x0, t, alpha_bar, noise=None):
    noise = torch.randn_like(x0) if noise is None else noise
    error = (model(q_sample(x0, t, noise, alpha_bar), t) - noise).pow(2)
    return (extract(alpha_bar, t, x0) * error).mean()


@mistake(
    "diffusion_loss",
    "score_target",
    "The target is -noise / sqrt(1 - alpha_bar), the score: this model predicts the noise itself.",
)
def diffusion_loss(model, x0, t, alpha_bar, noise=None):
    noise = torch.randn_like(x0) if noise is None else noise
    target = -noise / (1 - extract(alpha_bar, t, x0)).sqrt()
    return F.mse_loss(model(q_sample(x0, t, noise, alpha_bar), t), target)


@mistake(
    "diffusion_loss",
    "v_target",
    "The target is sqrt(ab) noise - sqrt(1 - ab) x0, the velocity: this model predicts the "
    "noise itself.",
)
def diffusion_loss(model, x0, t, alpha_bar, noise=None):
    noise = torch.randn_like(x0) if noise is None else noise
    ab = extract(alpha_bar, t, x0)
    target = ab.sqrt() * noise - (1 - ab).sqrt() * x0
    return F.mse_loss(model(q_sample(x0, t, noise, alpha_bar), t), target)


# ---------------------------------------------------------------- predict_x0


@mistake(
    "predict_x0",
    "times_for_divided",
    "You multiplied by sqrt(alpha_bar) where you must divide.",
)
def predict_x0(x_t, t, eps, alpha_bar):
    ab = extract(alpha_bar, t, x_t)
    return (x_t - (1 - ab).sqrt() * eps) * ab.sqrt()


@mistake(
    "predict_x0",
    "divided_by_alpha_bar",
    "You divided by alpha_bar: its square root multiplied x0, so divide by the root.",
)
def predict_x0(x_t, t, eps, alpha_bar):
    ab = extract(alpha_bar, t, x_t)
    return (x_t - (1 - ab).sqrt() * eps) / ab


@mistake(
    "predict_x0",
    "plus",
    "The noise is added: it was mixed in with a plus, so subtract it.",
)
def predict_x0(x_t, t, eps, alpha_bar):
    ab = extract(alpha_bar, t, x_t)
    return (x_t + (1 - ab).sqrt() * eps) / ab.sqrt()


@mistake(
    "predict_x0",
    "plain_difference",
    "x_t - eps ignores both factors: it is right at no step.",
)
def predict_x0(x_t, t, eps, alpha_bar):
    return x_t - eps


@mistake(
    "predict_x0",
    "not_rescaled",
    "The division by sqrt(alpha_bar) is missing: x0 comes out too small.",
)
def predict_x0(x_t, t, eps, alpha_bar):
    ab = extract(alpha_bar, t, x_t)
    return x_t - (1 - ab).sqrt() * eps


@mistake(
    "predict_x0",
    "parenthesis",
    "Only the noise is divided by sqrt(alpha_bar): a parenthesis is missing.",
)
def predict_x0(x_t, t, eps, alpha_bar):
    ab = extract(alpha_bar, t, x_t)
    return x_t - (1 - ab).sqrt() * eps / ab.sqrt()


@mistake(
    "predict_x0",
    "only_x_t_divided",
    "Only x_t is divided by sqrt(alpha_bar): the noise term needs it too.",
)
def predict_x0(x_t, t, eps, alpha_bar):
    ab = extract(alpha_bar, t, x_t)
    return x_t / ab.sqrt() - (1 - ab).sqrt() * eps


@mistake(
    "predict_x0",
    "root_outside",
    "You wrote 1 - sqrt(alpha_bar) for sqrt(1 - alpha_bar).",
)
def predict_x0(x_t, t, eps, alpha_bar):
    ab = extract(alpha_bar, t, x_t)
    return (x_t - (1 - ab.sqrt()) * eps) / ab.sqrt()


@mistake(
    "predict_x0",
    "root_on_noise_missing",
    "The noise has the factor 1 - alpha_bar: take the square root.",
)
def predict_x0(x_t, t, eps, alpha_bar):
    ab = extract(alpha_bar, t, x_t)
    return (x_t - (1 - ab) * eps) / ab.sqrt()


@mistake(
    "predict_x0",
    "no_roots",
    "Both square roots are missing.",
)
def predict_x0(x_t, t, eps, alpha_bar):
    ab = extract(alpha_bar, t, x_t)
    return (x_t - (1 - ab) * eps) / ab


@mistake(
    "predict_x0",
    "factors_swapped",
    "The two factors are swapped: divide by sqrt(alpha_bar).",
)
def predict_x0(x_t, t, eps, alpha_bar):
    ab = extract(alpha_bar, t, x_t)
    return (x_t - ab.sqrt() * eps) / (1 - ab).sqrt()


@mistake(
    "predict_x0",
    "clamped",
    "x0 is clamped to [-1, 1]: that fits some images, but these data are not bounded.",
)
def predict_x0(x_t, t, eps, alpha_bar):
    ab = extract(alpha_bar, t, x_t)
    return ((x_t - (1 - ab).sqrt() * eps) / ab.sqrt()).clamp(-1, 1)


@mistake(
    "predict_x0",
    "divisor_clamped",
    "The divisor is kept away from 0: at the last steps x0 comes out far too small.",
)
def predict_x0(x_t, t, eps, alpha_bar):
    ab = extract(alpha_bar, t, x_t)
    return (x_t - (1 - ab).sqrt() * eps) / ab.sqrt().clamp(min=0.1)


@mistake(
    "predict_x0",
    "epsilon_in_divisor",
    "The small number added to the divisor is not small beside sqrt(alpha_bar) of the last steps.",
)
def predict_x0(x_t, t, eps, alpha_bar):
    ab = extract(alpha_bar, t, x_t)
    return (x_t - (1 - ab).sqrt() * eps) / (ab.sqrt() + 1e-5)


@mistake(
    "predict_x0",
    "forward_again",
    "That is q_sample again: solve it for x0.",
)
def predict_x0(x_t, t, eps, alpha_bar):
    ab = extract(alpha_bar, t, x_t)
    return ab.sqrt() * x_t + (1 - ab).sqrt() * eps


@mistake(
    "predict_x0",
    "step_before",
    "You used alpha_bar of the step before: x_t was made with alpha_bar_t.",
)
def predict_x0(x_t, t, eps, alpha_bar):
    ab = extract(F.pad(alpha_bar[:-1], (1, 0), value=1.0), t, x_t)
    return (x_t - (1 - ab).sqrt() * eps) / ab.sqrt()


@mistake(
    "predict_x0",
    "only_for_points",
    "reshape(-1, 1) fits points only: images need (B, 1, 1, 1).",
)
def predict_x0(x_t, t, eps, alpha_bar):
    ab = alpha_bar[t].reshape(-1, 1)
    return (x_t - (1 - ab).sqrt() * eps) / ab.sqrt()


@mistake(
    "predict_x0",
    "no_reshape",
    "alpha_bar[t] has shape (B,) and meets the last axis: shape it (B, 1, ...).",
)
def predict_x0(x_t, t, eps, alpha_bar):
    ab = alpha_bar[t]
    return (x_t - (1 - ab).sqrt() * eps) / ab.sqrt()


@mistake(
    "predict_x0",
    "first_t_for_all",
    "Every example gets the t of the first one.",
)
def predict_x0(x_t, t, eps, alpha_bar):
    ab = alpha_bar[t[0]]
    return (x_t - (1 - ab).sqrt() * eps) / ab.sqrt()


@mistake(
    "predict_x0",
    "one_step_back",
    "That is the mean of one reverse step: predict_x0 goes all the way to x0.",
)
def predict_x0(x_t, t, eps, alpha_bar):
    prev = F.pad(alpha_bar[:-1], (1, 0), value=1.0)
    a, ab = extract(alpha_bar / prev, t, x_t), extract(alpha_bar, t, x_t)
    return (x_t - (1 - a) / (1 - ab).sqrt() * eps) / a.sqrt()


@mistake(
    "predict_x0",
    "in_place",
    "x_t itself was changed: work on new tensors.",
)
def predict_x0(x_t, t, eps, alpha_bar):
    ab = extract(alpha_bar, t, x_t)
    x_t -= (1 - ab).sqrt() * eps
    x_t /= ab.sqrt()
    return x_t


@mistake(
    "predict_x0",
    "detached",
    "The result is cut from the graph.",
)
def predict_x0(x_t, t, eps, alpha_bar):
    ab = extract(alpha_bar, t, x_t)
    return ((x_t - (1 - ab).sqrt() * eps) / ab.sqrt()).detach()


@mistake(
    "predict_x0",
    "eps_detached",
    "eps is detached: no gradient reaches the model that predicted it.",
)
def predict_x0(x_t, t, eps, alpha_bar):
    ab = extract(alpha_bar, t, x_t)
    return (x_t - (1 - ab).sqrt() * eps.detach()) / ab.sqrt()


@mistake(
    "predict_x0",
    "snr_inverted",
    "The noise factor is sqrt(ab / (1 - ab)): the ratio is upside down.",
)
def predict_x0(x_t, t, eps, alpha_bar):
    ab = extract(alpha_bar, t, x_t)
    return x_t / ab.sqrt() - (ab / (1 - ab)).sqrt() * eps


# ---------------------------------------------------------------- q_posterior


@mistake(
    "q_posterior",
    "roll_wraps",
    "The shifted schedule goes round to the end (t - 1 = -1, or roll): at t = 0 alpha_bar_prev "
    "must be 1.",
)
def q_posterior(x0, x_t, t, betas):
    alphas, ab = compute_alpha_cumprod(betas)
    b, a, c, p = (extract(v, t, x0) for v in (betas, alphas, ab, ab.roll(1)))
    mean = (p.sqrt() * b * x0 + a.sqrt() * (1 - p) * x_t) / (1 - c)
    return mean, b * (1 - p) / (1 - c)


@mistake(
    "q_posterior",
    "t_minus_one_wraps",
    "The shifted schedule goes round to the end (t - 1 = -1, or roll): at t = 0 alpha_bar_prev "
    "must be 1.",
)
def q_posterior(x0, x_t, t, betas):
    alphas, ab = compute_alpha_cumprod(betas)
    b, a, c = (extract(v, t, x0) for v in (betas, alphas, ab))
    p = extract(ab, t - 1, x0)
    mean = (p.sqrt() * b * x0 + a.sqrt() * (1 - p) * x_t) / (1 - c)
    return mean, b * (1 - p) / (1 - c)


@mistake(
    "q_posterior",
    "prev_zero_at_start",
    "alpha_bar_prev is 0 at t = 0: nothing has been lost yet, so it must be 1.",
)
def q_posterior(x0, x_t, t, betas):
    alphas, ab = compute_alpha_cumprod(betas)
    b, a, c, p = (extract(v, t, x0) for v in (betas, alphas, ab, F.pad(ab[:-1], (1, 0), value=0.0)))
    mean = (p.sqrt() * b * x0 + a.sqrt() * (1 - p) * x_t) / (1 - c)
    return mean, b * (1 - p) / (1 - c)


@mistake(
    "q_posterior",
    "prev_clamped_index",
    "At t = 0 you used alpha_bar_0 for alpha_bar_prev: it must be 1 there.",
)
def q_posterior(x0, x_t, t, betas):
    alphas, ab = compute_alpha_cumprod(betas)
    b, a, c = (extract(v, t, x0) for v in (betas, alphas, ab))
    p = extract(ab, (t - 1).clamp(min=0), x0)
    mean = (p.sqrt() * b * x0 + a.sqrt() * (1 - p) * x_t) / (1 - c)
    return mean, b * (1 - p) / (1 - c)


@mistake(
    "q_posterior",
    "variance_beta",
    "var is beta_t: the posterior also knows x0, so its variance is smaller.",
)
def q_posterior(x0, x_t, t, betas):
    alphas, ab = compute_alpha_cumprod(betas)
    b, a, c, p = (extract(v, t, x0) for v in (betas, alphas, ab, F.pad(ab[:-1], (1, 0), value=1.0)))
    mean = (p.sqrt() * b * x0 + a.sqrt() * (1 - p) * x_t) / (1 - c)
    return mean, b


@mistake(
    "q_posterior",
    "std_for_variance",
    "The standard deviation is returned as var: leave the square root out.",
)
def q_posterior(x0, x_t, t, betas):
    alphas, ab = compute_alpha_cumprod(betas)
    b, a, c, p = (extract(v, t, x0) for v in (betas, alphas, ab, F.pad(ab[:-1], (1, 0), value=1.0)))
    mean = (p.sqrt() * b * x0 + a.sqrt() * (1 - p) * x_t) / (1 - c)
    return mean, (b * (1 - p) / (1 - c)).sqrt()


@mistake(
    "q_posterior",
    "log_variance",
    "The logarithm of the variance is returned as var.",
)
def q_posterior(x0, x_t, t, betas):
    alphas, ab = compute_alpha_cumprod(betas)
    b, a, c, p = (extract(v, t, x0) for v in (betas, alphas, ab, F.pad(ab[:-1], (1, 0), value=1.0)))
    mean = (p.sqrt() * b * x0 + a.sqrt() * (1 - p) * x_t) / (1 - c)
    return mean, (b * (1 - p) / (1 - c)).clamp(min=1e-20).log()


@mistake(
    "q_posterior",
    "root_of_ab_t",
    "The weight of x0 has sqrt(alpha_bar_t): it must be sqrt(alpha_bar_{t-1}).",
)
def q_posterior(x0, x_t, t, betas):
    alphas, ab = compute_alpha_cumprod(betas)
    b, a, c, p = (extract(v, t, x0) for v in (betas, alphas, ab, F.pad(ab[:-1], (1, 0), value=1.0)))
    mean = (c.sqrt() * b * x0 + a.sqrt() * (1 - p) * x_t) / (1 - c)
    return mean, b * (1 - p) / (1 - c)


@mistake(
    "q_posterior",
    "beta_dropped",
    "The weight of x0 lacks beta_t.",
)
def q_posterior(x0, x_t, t, betas):
    alphas, ab = compute_alpha_cumprod(betas)
    b, a, c, p = (extract(v, t, x0) for v in (betas, alphas, ab, F.pad(ab[:-1], (1, 0), value=1.0)))
    mean = (p.sqrt() * x0 + a.sqrt() * (1 - p) * x_t) / (1 - c)
    return mean, b * (1 - p) / (1 - c)


@mistake(
    "q_posterior",
    "no_roots",
    "The square roots in the mean are missing.",
)
def q_posterior(x0, x_t, t, betas):
    alphas, ab = compute_alpha_cumprod(betas)
    b, a, c, p = (extract(v, t, x0) for v in (betas, alphas, ab, F.pad(ab[:-1], (1, 0), value=1.0)))
    mean = (p * b * x0 + a * (1 - p) * x_t) / (1 - c)
    return mean, b * (1 - p) / (1 - c)


@mistake(
    "q_posterior",
    "root_on_alpha_missing",
    "The weight of x_t has alpha_t: it must be sqrt(alpha_t).",
)
def q_posterior(x0, x_t, t, betas):
    alphas, ab = compute_alpha_cumprod(betas)
    b, a, c, p = (extract(v, t, x0) for v in (betas, alphas, ab, F.pad(ab[:-1], (1, 0), value=1.0)))
    mean = (p.sqrt() * b * x0 + a * (1 - p) * x_t) / (1 - c)
    return mean, b * (1 - p) / (1 - c)


@mistake(
    "q_posterior",
    "root_on_prev_missing",
    "The weight of x0 has alpha_bar_{t-1}: it must be its square root.",
)
def q_posterior(x0, x_t, t, betas):
    alphas, ab = compute_alpha_cumprod(betas)
    b, a, c, p = (extract(v, t, x0) for v in (betas, alphas, ab, F.pad(ab[:-1], (1, 0), value=1.0)))
    mean = (p * b * x0 + a.sqrt() * (1 - p) * x_t) / (1 - c)
    return mean, b * (1 - p) / (1 - c)


@mistake(
    "q_posterior",
    "weights_swapped",
    "The weights of x0 and x_t are swapped: at t = 0 the mean must be x0.",
)
def q_posterior(x0, x_t, t, betas):
    alphas, ab = compute_alpha_cumprod(betas)
    b, a, c, p = (extract(v, t, x0) for v in (betas, alphas, ab, F.pad(ab[:-1], (1, 0), value=1.0)))
    mean = (p.sqrt() * b * x_t + a.sqrt() * (1 - p) * x0) / (1 - c)
    return mean, b * (1 - p) / (1 - c)


@mistake(
    "q_posterior",
    "alpha_bar_for_alpha",
    "The weight of x_t has sqrt(alpha_bar_t): it must be sqrt(alpha_t) of the one step.",
)
def q_posterior(x0, x_t, t, betas):
    alphas, ab = compute_alpha_cumprod(betas)
    b, c, p = (extract(v, t, x0) for v in (betas, ab, F.pad(ab[:-1], (1, 0), value=1.0)))
    mean = (p.sqrt() * b * x0 + c.sqrt() * (1 - p) * x_t) / (1 - c)
    return mean, b * (1 - p) / (1 - c)


@mistake(
    "q_posterior",
    "one_minus_ab_t",
    "The weight of x_t has 1 - alpha_bar_t, which cancels the divisor: it must be 1 - "
    "alpha_bar_{t-1}.",
)
def q_posterior(x0, x_t, t, betas):
    alphas, ab = compute_alpha_cumprod(betas)
    b, a, c, p = (extract(v, t, x0) for v in (betas, alphas, ab, F.pad(ab[:-1], (1, 0), value=1.0)))
    mean = (p.sqrt() * b * x0 + a.sqrt() * (1 - c) * x_t) / (1 - c)
    return mean, b * (1 - p) / (1 - c)


@mistake(
    "q_posterior",
    "divisor_prev",
    "The divisor is 1 - alpha_bar_{t-1}: it must be 1 - alpha_bar_t.",
)
def q_posterior(x0, x_t, t, betas):
    alphas, ab = compute_alpha_cumprod(betas)
    b, a, c, p = (extract(v, t, x0) for v in (betas, alphas, ab, F.pad(ab[:-1], (1, 0), value=1.0)))
    d = (1 - p).clamp(min=1e-8)
    mean = (p.sqrt() * b * x0 + a.sqrt() * (1 - p) * x_t) / d
    return mean, b * (1 - c) / d


@mistake(
    "q_posterior",
    "divisor_missing",
    "The division by 1 - alpha_bar_t is missing.",
)
def q_posterior(x0, x_t, t, betas):
    alphas, ab = compute_alpha_cumprod(betas)
    b, a, c, p = (extract(v, t, x0) for v in (betas, alphas, ab, F.pad(ab[:-1], (1, 0), value=1.0)))
    mean = p.sqrt() * b * x0 + a.sqrt() * (1 - p) * x_t
    return mean, b * (1 - p)


@mistake(
    "q_posterior",
    "divisor_root",
    "The divisor is sqrt(1 - alpha_bar_t): the square root is too much.",
)
def q_posterior(x0, x_t, t, betas):
    alphas, ab = compute_alpha_cumprod(betas)
    b, a, c, p = (extract(v, t, x0) for v in (betas, alphas, ab, F.pad(ab[:-1], (1, 0), value=1.0)))
    mean = (p.sqrt() * b * x0 + a.sqrt() * (1 - p) * x_t) / (1 - c).sqrt()
    return mean, b * (1 - p) / (1 - c).sqrt()


@mistake(
    "q_posterior",
    "variance_inverted",
    "The fraction in var is upside down: var must be smaller than beta_t.",
)
def q_posterior(x0, x_t, t, betas):
    alphas, ab = compute_alpha_cumprod(betas)
    b, a, c, p = (extract(v, t, x0) for v in (betas, alphas, ab, F.pad(ab[:-1], (1, 0), value=1.0)))
    mean = (p.sqrt() * b * x0 + a.sqrt() * (1 - p) * x_t) / (1 - c)
    return mean, b * (1 - c) / (1 - p).clamp(min=1e-8)


@mistake(
    "q_posterior",
    "variance_floor",
    "var is kept above 1e-3: at t = 0 it must be 0.",
)
def q_posterior(x0, x_t, t, betas):
    alphas, ab = compute_alpha_cumprod(betas)
    b, a, c, p = (extract(v, t, x0) for v in (betas, alphas, ab, F.pad(ab[:-1], (1, 0), value=1.0)))
    mean = (p.sqrt() * b * x0 + a.sqrt() * (1 - p) * x_t) / (1 - c)
    return mean, (b * (1 - p) / (1 - c)).clamp(min=1e-3)


@mistake(
    "q_posterior",
    "marginal_variance",
    "var is 1 - alpha_bar_{t-1}, that of q(x_{t-1} | x0): x_t is known too, so less is left open.",
)
def q_posterior(x0, x_t, t, betas):
    alphas, ab = compute_alpha_cumprod(betas)
    b, a, c, p = (extract(v, t, x0) for v in (betas, alphas, ab, F.pad(ab[:-1], (1, 0), value=1.0)))
    mean = (p.sqrt() * b * x0 + a.sqrt() * (1 - p) * x_t) / (1 - c)
    return mean, 1 - p


@mistake(
    "q_posterior",
    "marginal_mean",
    "The mean is sqrt(alpha_bar_{t-1}) x0, that of q(x_{t-1} | x0): x_t is ignored.",
)
def q_posterior(x0, x_t, t, betas):
    alphas, ab = compute_alpha_cumprod(betas)
    b, a, c, p = (extract(v, t, x0) for v in (betas, alphas, ab, F.pad(ab[:-1], (1, 0), value=1.0)))
    return p.sqrt() * x0, b * (1 - p) / (1 - c)


@mistake(
    "q_posterior",
    "forward_mean",
    "sqrt(alpha_t) x_t is the mean of a step forward: the posterior goes back.",
)
def q_posterior(x0, x_t, t, betas):
    alphas, ab = compute_alpha_cumprod(betas)
    b, a, c, p = (extract(v, t, x0) for v in (betas, alphas, ab, F.pad(ab[:-1], (1, 0), value=1.0)))
    return a.sqrt() * x_t, b * (1 - p) / (1 - c)


@mistake(
    "q_posterior",
    "order_swapped",
    "(var, mean) comes back: the mean comes first.",
)
def q_posterior(x0, x_t, t, betas):
    alphas, ab = compute_alpha_cumprod(betas)
    b, a, c, p = (extract(v, t, x0) for v in (betas, alphas, ab, F.pad(ab[:-1], (1, 0), value=1.0)))
    mean = (p.sqrt() * b * x0 + a.sqrt() * (1 - p) * x_t) / (1 - c)
    return (b * (1 - p) / (1 - c)).expand_as(x0), mean


@mistake(
    "q_posterior",
    "only_mean",
    "Only the mean is returned: (mean, var) is due.",
)
def q_posterior(x0, x_t, t, betas):
    alphas, ab = compute_alpha_cumprod(betas)
    b, a, c, p = (extract(v, t, x0) for v in (betas, alphas, ab, F.pad(ab[:-1], (1, 0), value=1.0)))
    return (p.sqrt() * b * x0 + a.sqrt() * (1 - p) * x_t) / (1 - c)


@mistake(
    "q_posterior",
    "sampled",
    "A sample is returned as the mean: return mean and variance, the caller draws.",
)
def q_posterior(x0, x_t, t, betas):
    alphas, ab = compute_alpha_cumprod(betas)
    b, a, c, p = (extract(v, t, x0) for v in (betas, alphas, ab, F.pad(ab[:-1], (1, 0), value=1.0)))
    var = b * (1 - p) / (1 - c)
    mean = (p.sqrt() * b * x0 + a.sqrt() * (1 - p) * x_t) / (1 - c)
    return mean + var.sqrt() * torch.randn_like(x0), var


@mistake(
    "q_posterior",
    "only_for_points",
    "reshape(-1, 1) fits points only: images need (B, 1, 1, 1).",
)
def q_posterior(x0, x_t, t, betas):
    alphas, ab = compute_alpha_cumprod(betas)
    prev = F.pad(ab[:-1], (1, 0), value=1.0)
    b, a, c, p = (v[t].reshape(-1, 1) for v in (betas, alphas, ab, prev))
    mean = (p.sqrt() * b * x0 + a.sqrt() * (1 - p) * x_t) / (1 - c)
    return mean, b * (1 - p) / (1 - c)


@mistake(
    "q_posterior",
    "no_reshape",
    "The schedule's numbers meet the last axis: shape them (B, 1, ...).",
)
def q_posterior(x0, x_t, t, betas):
    alphas, ab = compute_alpha_cumprod(betas)
    b, a, c, p = (v[t] for v in (betas, alphas, ab, F.pad(ab[:-1], (1, 0), value=1.0)))
    mean = (p.sqrt() * b * x0 + a.sqrt() * (1 - p) * x_t) / (1 - c)
    return mean, b * (1 - p) / (1 - c)


@mistake(
    "q_posterior",
    "first_t_for_all",
    "Every example gets the t of the first one.",
)
def q_posterior(x0, x_t, t, betas):
    alphas, ab = compute_alpha_cumprod(betas)
    prev = F.pad(ab[:-1], (1, 0), value=1.0)
    b, a, c, p = (extract(v, t[:1], x0) for v in (betas, alphas, ab, prev))
    mean = (p.sqrt() * b * x0 + a.sqrt() * (1 - p) * x_t) / (1 - c)
    return mean, b * (1 - p) / (1 - c)


@mistake(
    "q_posterior",
    "prev_shifted_wrongly",
    "alpha_bar_prev is alpha_bar_{t+1}: the previous step is t - 1.",
)
def q_posterior(x0, x_t, t, betas):
    alphas, ab = compute_alpha_cumprod(betas)
    b, a, c, p = (extract(v, t, x0) for v in (betas, alphas, ab, torch.cat([ab[1:], ab[-1:]])))
    mean = (p.sqrt() * b * x0 + a.sqrt() * (1 - p) * x_t) / (1 - c)
    return mean, b * (1 - p) / (1 - c)


@mistake(
    "q_posterior",
    "p_sample_variance_mean",
    "The mean is that of a reverse step with the noise (x_t - sqrt(ab) x0), not divided by "
    "sqrt(1 - ab).",
)
def q_posterior(x0, x_t, t, betas):
    alphas, ab = compute_alpha_cumprod(betas)
    b, a, c, p = (extract(v, t, x0) for v in (betas, alphas, ab, F.pad(ab[:-1], (1, 0), value=1.0)))
    eps = x_t - c.sqrt() * x0
    return (x_t - b / (1 - c).sqrt() * eps) / a.sqrt(), b * (1 - p) / (1 - c)


# ---------------------------------------------------------------- p_sample


@mistake(
    "p_sample",
    "noise_at_zero",
    "Noise is added at t = 0 too: the last step must return the mean, or every sample stays a "
    "little noisy.",
)
def p_sample(model, x_t, t, betas):
    alphas, ab = compute_alpha_cumprod(betas)
    eps = model(x_t, torch.full((x_t.shape[0],), t))
    mean = (x_t - betas[t] / (1 - ab[t]).sqrt() * eps) / alphas[t].sqrt()
    return mean + betas[t].sqrt() * torch.randn_like(x_t)


@mistake(
    "p_sample",
    "guard_at_last",
    "Noise is left out at t = T-1 and added at t = 0: it is the other way round.",
)
def p_sample(model, x_t, t, betas):
    alphas, ab = compute_alpha_cumprod(betas)
    eps = model(x_t, torch.full((x_t.shape[0],), t))
    mean = (x_t - betas[t] / (1 - ab[t]).sqrt() * eps) / alphas[t].sqrt()
    return mean if t == len(betas) - 1 else mean + betas[t].sqrt() * torch.randn_like(x_t)


@mistake(
    "p_sample",
    "guard_off_by_one",
    "Noise is left out at t = 1 too: only t = 0 is the last step.",
)
def p_sample(model, x_t, t, betas):
    alphas, ab = compute_alpha_cumprod(betas)
    eps = model(x_t, torch.full((x_t.shape[0],), t))
    mean = (x_t - betas[t] / (1 - ab[t]).sqrt() * eps) / alphas[t].sqrt()
    return mean + betas[t].sqrt() * torch.randn_like(x_t) if t > 1 else mean


@mistake(
    "p_sample",
    "variance_as_std",
    "beta_t is a variance: multiply the noise by its square root.",
)
def p_sample(model, x_t, t, betas):
    alphas, ab = compute_alpha_cumprod(betas)
    eps = model(x_t, torch.full((x_t.shape[0],), t))
    mean = (x_t - betas[t] / (1 - ab[t]).sqrt() * eps) / alphas[t].sqrt()
    return mean + betas[t] * torch.randn_like(x_t) if t > 0 else mean


@mistake(
    "p_sample",
    "posterior_variance_as_std",
    "The posterior's variance multiplies the noise: take its square root.",
)
def p_sample(model, x_t, t, betas):
    alphas, ab = compute_alpha_cumprod(betas)
    eps = model(x_t, torch.full((x_t.shape[0],), t))
    mean = (x_t - betas[t] / (1 - ab[t]).sqrt() * eps) / alphas[t].sqrt()
    var = betas[t] * (1 - ab[t - 1]) / (1 - ab[t])
    return mean + var * torch.randn_like(x_t) if t > 0 else mean


@mistake(
    "p_sample",
    "all_noise_in_one_step",
    "(1 - alpha_bar_t) stands in place of beta_t: that removes all the noise in one step.",
)
def p_sample(model, x_t, t, betas):
    alphas, ab = compute_alpha_cumprod(betas)
    eps = model(x_t, torch.full((x_t.shape[0],), t))
    mean = (x_t - (1 - ab[t]) / (1 - ab[t]).sqrt() * eps) / alphas[t].sqrt()
    return mean + betas[t].sqrt() * torch.randn_like(x_t) if t > 0 else mean


@mistake(
    "p_sample",
    "divided_by_root_alpha_bar",
    "The step is divided by sqrt(alpha_bar_t): with sqrt(alpha_t) it undoes one step only; "
    "the samples explode.",
)
def p_sample(model, x_t, t, betas):
    alphas, ab = compute_alpha_cumprod(betas)
    eps = model(x_t, torch.full((x_t.shape[0],), t))
    mean = (x_t - betas[t] / (1 - ab[t]).sqrt() * eps) / ab[t].sqrt()
    return mean + betas[t].sqrt() * torch.randn_like(x_t) if t > 0 else mean


@mistake(
    "p_sample",
    "noise_added",
    "The predicted noise is added: it must be subtracted.",
)
def p_sample(model, x_t, t, betas):
    alphas, ab = compute_alpha_cumprod(betas)
    eps = model(x_t, torch.full((x_t.shape[0],), t))
    mean = (x_t + betas[t] / (1 - ab[t]).sqrt() * eps) / alphas[t].sqrt()
    return mean + betas[t].sqrt() * torch.randn_like(x_t) if t > 0 else mean


@mistake(
    "p_sample",
    "shared_noise",
    "All samples get the same noise: draw one number for each element of x_t.",
)
def p_sample(model, x_t, t, betas):
    alphas, ab = compute_alpha_cumprod(betas)
    eps = model(x_t, torch.full((x_t.shape[0],), t))
    mean = (x_t - betas[t] / (1 - ab[t]).sqrt() * eps) / alphas[t].sqrt()
    return mean + betas[t].sqrt() * torch.randn(x_t.shape[-1]) if t > 0 else mean


@mistake(
    "p_sample",
    "one_number_for_each_example",
    "All elements of a sample get the same noise: draw one number for each element of x_t.",
)
def p_sample(model, x_t, t, betas):
    alphas, ab = compute_alpha_cumprod(betas)
    eps = model(x_t, torch.full((x_t.shape[0],), t))
    mean = (x_t - betas[t] / (1 - ab[t]).sqrt() * eps) / alphas[t].sqrt()
    noise = torch.randn(x_t.shape[0], *[1] * (x_t.dim() - 1), dtype=x_t.dtype)
    return mean + betas[t].sqrt() * noise if t > 0 else mean


@mistake(
    "p_sample",
    "time_normalized",
    "The model gets t / T: it was trained with whole steps.",
)
def p_sample(model, x_t, t, betas):
    alphas, ab = compute_alpha_cumprod(betas)
    eps = model(x_t, torch.full((x_t.shape[0],), t).float() / len(betas))
    mean = (x_t - betas[t] / (1 - ab[t]).sqrt() * eps) / alphas[t].sqrt()
    return mean + betas[t].sqrt() * torch.randn_like(x_t) if t > 0 else mean


@mistake(
    "p_sample",
    "time_as_int",
    "The model gets t as an int: it needs a (B,) long tensor.",
)
def p_sample(model, x_t, t, betas):
    alphas, ab = compute_alpha_cumprod(betas)
    eps = model(x_t, t)
    mean = (x_t - betas[t] / (1 - ab[t]).sqrt() * eps) / alphas[t].sqrt()
    return mean + betas[t].sqrt() * torch.randn_like(x_t) if t > 0 else mean


@mistake(
    "p_sample",
    "time_not_batched",
    "The model gets t with shape (1,): it needs one number for each example.",
)
def p_sample(model, x_t, t, betas):
    alphas, ab = compute_alpha_cumprod(betas)
    eps = model(x_t, torch.tensor([t]))
    mean = (x_t - betas[t] / (1 - ab[t]).sqrt() * eps) / alphas[t].sqrt()
    return mean + betas[t].sqrt() * torch.randn_like(x_t) if t > 0 else mean


@mistake(
    "p_sample",
    "time_reversed",
    "The model is told T - 1 - t: it was trained with t itself.",
)
def p_sample(model, x_t, t, betas):
    alphas, ab = compute_alpha_cumprod(betas)
    eps = model(x_t, torch.full((x_t.shape[0],), len(betas) - 1 - t))
    mean = (x_t - betas[t] / (1 - ab[t]).sqrt() * eps) / alphas[t].sqrt()
    return mean + betas[t].sqrt() * torch.randn_like(x_t) if t > 0 else mean


@mistake(
    "p_sample",
    "time_plus_one",
    "The model is told t + 1: t already counts from 0, as in the training.",
)
def p_sample(model, x_t, t, betas):
    alphas, ab = compute_alpha_cumprod(betas)
    eps = model(x_t, torch.full((x_t.shape[0],), t + 1))
    mean = (x_t - betas[t] / (1 - ab[t]).sqrt() * eps) / alphas[t].sqrt()
    return mean + betas[t].sqrt() * torch.randn_like(x_t) if t > 0 else mean


@mistake(
    "p_sample",
    "re_noised",
    "The noise has the size sqrt(1 - alpha_bar_t), that of q_sample: each step then undoes "
    "its own work.",
)
def p_sample(model, x_t, t, betas):
    alphas, ab = compute_alpha_cumprod(betas)
    eps = model(x_t, torch.full((x_t.shape[0],), t))
    mean = (x_t - betas[t] / (1 - ab[t]).sqrt() * eps) / alphas[t].sqrt()
    return mean + (1 - ab[t]).sqrt() * torch.randn_like(x_t) if t > 0 else mean


@mistake(
    "p_sample",
    "only_mean",
    "No noise is added at any step: the samples lose their variety.",
)
def p_sample(model, x_t, t, betas):
    alphas, ab = compute_alpha_cumprod(betas)
    eps = model(x_t, torch.full((x_t.shape[0],), t))
    return (x_t - betas[t] / (1 - ab[t]).sqrt() * eps) / alphas[t].sqrt()


@mistake(
    "p_sample",
    "uniform_noise",
    "The noise is uniform on [0, 1): it must be standard normal.",
)
def p_sample(model, x_t, t, betas):
    alphas, ab = compute_alpha_cumprod(betas)
    eps = model(x_t, torch.full((x_t.shape[0],), t))
    mean = (x_t - betas[t] / (1 - ab[t]).sqrt() * eps) / alphas[t].sqrt()
    return mean + betas[t].sqrt() * torch.rand_like(x_t) if t > 0 else mean


@mistake(
    "p_sample",
    "noise_of_the_model",
    "The model's eps is added again as the noise: draw fresh noise.",
)
def p_sample(model, x_t, t, betas):
    alphas, ab = compute_alpha_cumprod(betas)
    eps = model(x_t, torch.full((x_t.shape[0],), t))
    mean = (x_t - betas[t] / (1 - ab[t]).sqrt() * eps) / alphas[t].sqrt()
    return mean + betas[t].sqrt() * eps if t > 0 else mean


@mistake(
    "p_sample",
    "seeded",
    "The seed is fixed inside: every step adds the same noise.",
)
def p_sample(model, x_t, t, betas):
    alphas, ab = compute_alpha_cumprod(betas)
    eps = model(x_t, torch.full((x_t.shape[0],), t))
    mean = (x_t - betas[t] / (1 - ab[t]).sqrt() * eps) / alphas[t].sqrt()
    torch.manual_seed(0)
    return mean + betas[t].sqrt() * torch.randn_like(x_t) if t > 0 else mean


@mistake(
    "p_sample",
    "root_missing_under_beta",
    "beta_t is divided by 1 - alpha_bar_t: the square root is missing.",
)
def p_sample(model, x_t, t, betas):
    alphas, ab = compute_alpha_cumprod(betas)
    eps = model(x_t, torch.full((x_t.shape[0],), t))
    mean = (x_t - betas[t] / (1 - ab[t]) * eps) / alphas[t].sqrt()
    return mean + betas[t].sqrt() * torch.randn_like(x_t) if t > 0 else mean


@mistake(
    "p_sample",
    "root_of_beta_in_mean",
    "sqrt(beta_t) stands in the mean: beta_t itself belongs there.",
)
def p_sample(model, x_t, t, betas):
    alphas, ab = compute_alpha_cumprod(betas)
    eps = model(x_t, torch.full((x_t.shape[0],), t))
    mean = (x_t - betas[t].sqrt() / (1 - ab[t]).sqrt() * eps) / alphas[t].sqrt()
    return mean + betas[t].sqrt() * torch.randn_like(x_t) if t > 0 else mean


@mistake(
    "p_sample",
    "root_of_alpha_missing",
    "The step is divided by alpha_t: it must be sqrt(alpha_t).",
)
def p_sample(model, x_t, t, betas):
    alphas, ab = compute_alpha_cumprod(betas)
    eps = model(x_t, torch.full((x_t.shape[0],), t))
    mean = (x_t - betas[t] / (1 - ab[t]).sqrt() * eps) / alphas[t]
    return mean + betas[t].sqrt() * torch.randn_like(x_t) if t > 0 else mean


@mistake(
    "p_sample",
    "not_divided",
    "The division by sqrt(alpha_t) is missing: the samples come out too small.",
)
def p_sample(model, x_t, t, betas):
    alphas, ab = compute_alpha_cumprod(betas)
    eps = model(x_t, torch.full((x_t.shape[0],), t))
    mean = x_t - betas[t] / (1 - ab[t]).sqrt() * eps
    return mean + betas[t].sqrt() * torch.randn_like(x_t) if t > 0 else mean


@mistake(
    "p_sample",
    "multiplied",
    "The step is multiplied by sqrt(alpha_t): a step back must undo the shrinking, so divide.",
)
def p_sample(model, x_t, t, betas):
    alphas, ab = compute_alpha_cumprod(betas)
    eps = model(x_t, torch.full((x_t.shape[0],), t))
    mean = (x_t - betas[t] / (1 - ab[t]).sqrt() * eps) * alphas[t].sqrt()
    return mean + betas[t].sqrt() * torch.randn_like(x_t) if t > 0 else mean


@mistake(
    "p_sample",
    "parenthesis",
    "Only the noise is divided by sqrt(alpha_t): a parenthesis is missing.",
)
def p_sample(model, x_t, t, betas):
    alphas, ab = compute_alpha_cumprod(betas)
    eps = model(x_t, torch.full((x_t.shape[0],), t))
    mean = x_t - betas[t] / (1 - ab[t]).sqrt() * eps / alphas[t].sqrt()
    return mean + betas[t].sqrt() * torch.randn_like(x_t) if t > 0 else mean


@mistake(
    "p_sample",
    "alpha_for_alpha_bar",
    "1 - alpha_t stands under the root: it must be 1 - alpha_bar_t.",
)
def p_sample(model, x_t, t, betas):
    alphas, ab = compute_alpha_cumprod(betas)
    eps = model(x_t, torch.full((x_t.shape[0],), t))
    mean = (x_t - betas[t] / (1 - alphas[t]).sqrt() * eps) / alphas[t].sqrt()
    return mean + betas[t].sqrt() * torch.randn_like(x_t) if t > 0 else mean


@mistake(
    "p_sample",
    "alpha_bar_under_root",
    "sqrt(alpha_bar_t) stands under beta_t: it must be sqrt(1 - alpha_bar_t).",
)
def p_sample(model, x_t, t, betas):
    alphas, ab = compute_alpha_cumprod(betas)
    eps = model(x_t, torch.full((x_t.shape[0],), t))
    mean = (x_t - betas[t] / ab[t].sqrt() * eps) / alphas[t].sqrt()
    return mean + betas[t].sqrt() * torch.randn_like(x_t) if t > 0 else mean


@mistake(
    "p_sample",
    "straight_to_x0",
    "The predicted x0 is returned at every step: go back one step only.",
)
def p_sample(model, x_t, t, betas):
    alphas, ab = compute_alpha_cumprod(betas)
    eps = model(x_t, torch.full((x_t.shape[0],), t))
    x0 = (x_t - (1 - ab[t]).sqrt() * eps) / ab[t].sqrt()
    return x0 + betas[t].sqrt() * torch.randn_like(x_t) if t > 0 else x0


@mistake(
    "p_sample",
    "x0_clamped",
    "The predicted x0 is clamped to [-1, 1]: these data are not bounded.",
)
def p_sample(model, x_t, t, betas):
    alphas, ab = compute_alpha_cumprod(betas)
    prev = ab[t - 1] if t > 0 else torch.ones_like(ab[0])
    eps = model(x_t, torch.full((x_t.shape[0],), t))
    x0 = ((x_t - (1 - ab[t]).sqrt() * eps) / ab[t].sqrt()).clamp(-1, 1)
    mean = (prev.sqrt() * betas[t] * x0 + alphas[t].sqrt() * (1 - prev) * x_t) / (1 - ab[t])
    return mean + betas[t].sqrt() * torch.randn_like(x_t) if t > 0 else mean


@mistake(
    "p_sample",
    "answer_taken_for_x0",
    "The model's answer is taken for x0: it predicts the noise.",
)
def p_sample(model, x_t, t, betas):
    alphas, ab = compute_alpha_cumprod(betas)
    prev = ab[t - 1] if t > 0 else torch.ones_like(ab[0])
    x0 = model(x_t, torch.full((x_t.shape[0],), t))
    mean = (prev.sqrt() * betas[t] * x0 + alphas[t].sqrt() * (1 - prev) * x_t) / (1 - ab[t])
    return mean + betas[t].sqrt() * torch.randn_like(x_t) if t > 0 else mean


@mistake(
    "p_sample",
    "next_beta",
    "beta of the step before is used: x_t came from x_{t-1} with beta_t.",
)
def p_sample(model, x_t, t, betas):
    alphas, ab = compute_alpha_cumprod(betas)
    s = max(t - 1, 0)
    eps = model(x_t, torch.full((x_t.shape[0],), t))
    mean = (x_t - betas[s] / (1 - ab[t]).sqrt() * eps) / alphas[s].sqrt()
    return mean + betas[s].sqrt() * torch.randn_like(x_t) if t > 0 else mean


@mistake(
    "p_sample",
    "noise_before_division",
    "The noise is added before the division by sqrt(alpha_t): it comes out too large.",
)
def p_sample(model, x_t, t, betas):
    alphas, ab = compute_alpha_cumprod(betas)
    eps = model(x_t, torch.full((x_t.shape[0],), t))
    noise = torch.randn_like(x_t) if t > 0 else torch.zeros_like(x_t)
    return (x_t - betas[t] / (1 - ab[t]).sqrt() * eps + betas[t].sqrt() * noise) / alphas[t].sqrt()


@mistake(
    "p_sample",
    "in_place",
    "x_t itself was changed: work on new tensors.",
)
def p_sample(model, x_t, t, betas):
    alphas, ab = compute_alpha_cumprod(betas)
    eps = model(x_t, torch.full((x_t.shape[0],), t))
    x_t -= betas[t] / (1 - ab[t]).sqrt() * eps
    x_t /= alphas[t].sqrt()
    return x_t + betas[t].sqrt() * torch.randn_like(x_t) if t > 0 else x_t


@mistake(
    "p_sample",
    "root_of_alpha_bar_noise",
    "The noise has the size sqrt(1 - alpha_bar_{t-1}): only the share beta_t of one step is "
    "drawn anew.",
)
def p_sample(model, x_t, t, betas):
    alphas, ab = compute_alpha_cumprod(betas)
    eps = model(x_t, torch.full((x_t.shape[0],), t))
    mean = (x_t - betas[t] / (1 - ab[t]).sqrt() * eps) / alphas[t].sqrt()
    return mean + (1 - ab[t - 1]).sqrt() * torch.randn_like(x_t) if t > 0 else mean


@mistake(
    "p_sample",
    "forward_step",
    "That is a step forward, sqrt(alpha_t) x_t plus noise: the model's answer is not used.",
)
def p_sample(model, x_t, t, betas):
    alphas, ab = compute_alpha_cumprod(betas)
    model(x_t, torch.full((x_t.shape[0],), t))
    mean = alphas[t].sqrt() * x_t
    return mean + betas[t].sqrt() * torch.randn_like(x_t) if t > 0 else mean


@mistake(
    "p_sample",
    "wrong_eps_scale",
    "eps is subtracted with the factor beta_t alone: divide by sqrt(1 - alpha_bar_t).",
)
def p_sample(model, x_t, t, betas):
    alphas, ab = compute_alpha_cumprod(betas)
    eps = model(x_t, torch.full((x_t.shape[0],), t))
    mean = (x_t - betas[t] * eps) / alphas[t].sqrt()
    return mean + betas[t].sqrt() * torch.randn_like(x_t) if t > 0 else mean


# ---------------------------------------------------------------- p_sample_loop


@mistake(
    "p_sample_loop",
    "starts_from_zeros",
    "The loop starts from zeros: the start must be noise from N(0, I).",
)
def p_sample_loop(model, shape, betas):
    x = torch.zeros(shape)
    with torch.no_grad():
        for t in reversed(range(len(betas))):
            x = p_sample(model, x, t, betas)
    return x


@mistake(
    "p_sample_loop",
    "starts_uniform",
    "The loop starts from uniform noise: it must be standard normal.",
)
def p_sample_loop(model, shape, betas):
    x = torch.rand(shape)
    with torch.no_grad():
        for t in reversed(range(len(betas))):
            x = p_sample(model, x, t, betas)
    return x


@mistake(
    "p_sample_loop",
    "starts_scaled_uniform",
    "The loop starts from uniform noise on [-1, 1]: it must be standard normal.",
)
def p_sample_loop(model, shape, betas):
    x = 2 * torch.rand(shape) - 1
    with torch.no_grad():
        for t in reversed(range(len(betas))):
            x = p_sample(model, x, t, betas)
    return x


@mistake(
    "p_sample_loop",
    "forward_in_time",
    "The loop runs from t = 0 up: noise is removed from the last step down.",
)
def p_sample_loop(model, shape, betas):
    x = torch.randn(shape)
    with torch.no_grad():
        for t in range(len(betas)):
            x = p_sample(model, x, t, betas)
    return x


@mistake(
    "p_sample_loop",
    "counts_from_one",
    "The loop runs from T to 1: the steps are 0 ... T-1, and betas[T] does not exist.",
)
def p_sample_loop(model, shape, betas):
    x = torch.randn(shape)
    with torch.no_grad():
        for t in range(len(betas), 0, -1):
            x = p_sample(model, x, t, betas)
    return x


@mistake(
    "p_sample_loop",
    "skips_zero",
    "t = 0 is left out: the samples keep the noise of the last step.",
)
def p_sample_loop(model, shape, betas):
    x = torch.randn(shape)
    with torch.no_grad():
        for t in reversed(range(1, len(betas))):
            x = p_sample(model, x, t, betas)
    return x


@mistake(
    "p_sample_loop",
    "range_stops_early",
    "range(T - 1, 0, -1) stops at 1: t = 0 is left out.",
)
def p_sample_loop(model, shape, betas):
    x = torch.randn(shape)
    with torch.no_grad():
        for t in range(len(betas) - 1, 0, -1):
            x = p_sample(model, x, t, betas)
    return x


@mistake(
    "p_sample_loop",
    "skips_last",
    "t = T-1 is left out: the first step must be taken from pure noise.",
)
def p_sample_loop(model, shape, betas):
    x = torch.randn(shape)
    with torch.no_grad():
        for t in reversed(range(len(betas) - 1)):
            x = p_sample(model, x, t, betas)
    return x


@mistake(
    "p_sample_loop",
    "every_second_step",
    "Every second step is left out: p_sample goes back one step only.",
)
def p_sample_loop(model, shape, betas):
    x = torch.randn(shape)
    with torch.no_grad():
        for t in range(len(betas) - 1, -1, -2):
            x = p_sample(model, x, t, betas)
    return x


@mistake(
    "p_sample_loop",
    "graph_kept",
    "Gradients are on: the graph of all T steps is kept, and the memory fills up.",
)
def p_sample_loop(model, shape, betas):
    x = torch.randn(shape)
    for t in reversed(range(len(betas))):
        x = p_sample(model, x, t, betas)
    return x


@mistake(
    "p_sample_loop",
    "detached_at_the_end",
    "The graph is thrown away only at the end: all T steps were kept until then.",
)
def p_sample_loop(model, shape, betas):
    x = torch.randn(shape)
    for t in reversed(range(len(betas))):
        x = p_sample(model, x, t, betas)
    return x.detach()


@mistake(
    "p_sample_loop",
    "clamped_each_step",
    "x_t is clamped at each step: noise has tails, and the data are not bounded.",
)
def p_sample_loop(model, shape, betas):
    x = torch.randn(shape)
    with torch.no_grad():
        for t in reversed(range(len(betas))):
            x = p_sample(model, x, t, betas).clamp(-1, 1)
    return x


@mistake(
    "p_sample_loop",
    "clamped_at_the_end",
    "The result is clamped to [-1, 1]: the data are not bounded.",
)
def p_sample_loop(model, shape, betas):
    x = torch.randn(shape)
    with torch.no_grad():
        for t in reversed(range(len(betas))):
            x = p_sample(model, x, t, betas)
    return x.clamp(-1, 1)


@mistake(
    "p_sample_loop",
    "result_thrown_away",
    "The result of p_sample is not kept: each step starts from the same noise.",
)
def p_sample_loop(model, shape, betas):
    x = torch.randn(shape)
    with torch.no_grad():
        for t in reversed(range(len(betas))):
            y = p_sample(model, x, t, betas)
    return y


@mistake(
    "p_sample_loop",
    "noise_returned",
    "The start is returned: the result of p_sample is not kept.",
)
def p_sample_loop(model, shape, betas):
    x = torch.randn(shape)
    with torch.no_grad():
        for t in reversed(range(len(betas))):
            p_sample(model, x, t, betas)
    return x


@mistake(
    "p_sample_loop",
    "fresh_noise_each_step",
    "x is drawn anew in each step: draw it once, before the loop.",
)
def p_sample_loop(model, shape, betas):
    with torch.no_grad():
        for t in reversed(range(len(betas))):
            x = p_sample(model, torch.randn(shape), t, betas)
    return x


@mistake(
    "p_sample_loop",
    "returns_in_the_loop",
    "return stands inside the loop: only one step is taken.",
)
def p_sample_loop(model, shape, betas):
    x = torch.randn(shape)
    with torch.no_grad():
        for t in reversed(range(len(betas))):
            x = p_sample(model, x, t, betas)
            return x


@mistake(
    "p_sample_loop",
    "seeded",
    "The seed is fixed inside: every call gives the same samples.",
)
def p_sample_loop(model, shape, betas):
    torch.manual_seed(0)
    x = torch.randn(shape)
    with torch.no_grad():
        for t in reversed(range(len(betas))):
            x = p_sample(model, x, t, betas)
    return x


@mistake(
    "p_sample_loop",
    "one_start_for_all",
    "All samples start from the same noise: draw one number for each element.",
)
def p_sample_loop(model, shape, betas):
    x = torch.randn(1, *shape[1:]).expand(shape).clone()
    with torch.no_grad():
        for t in reversed(range(len(betas))):
            x = p_sample(model, x, t, betas)
    return x


@mistake(
    "p_sample_loop",
    "only_points",
    "The start has shape (N, 2) whatever was asked for.",
)
def p_sample_loop(model, shape, betas):
    x = torch.randn(shape[0], 2)
    with torch.no_grad():
        for t in reversed(range(len(betas))):
            x = p_sample(model, x, t, betas)
    return x


@mistake(
    "p_sample_loop",
    "extra_noise",
    "Noise is added once more after each step: p_sample has done that already.",
)
def p_sample_loop(model, shape, betas):
    x = torch.randn(shape)
    with torch.no_grad():
        for t in reversed(range(len(betas))):
            x = p_sample(model, x, t, betas) + betas[t].sqrt() * torch.randn(shape)
    return x


@mistake(
    "p_sample_loop",
    "schedule_reversed",
    "The schedule is passed upside down: only the order of the steps is reversed.",
)
def p_sample_loop(model, shape, betas):
    x = torch.randn(shape)
    with torch.no_grad():
        for t in reversed(range(len(betas))):
            x = p_sample(model, x, t, betas.flip(0))
    return x


@mistake(
    "p_sample_loop",
    "list_of_states",
    "All states are returned: only the last one, x0, is due.",
)
def p_sample_loop(model, shape, betas):
    x = torch.randn(shape)
    states = []
    with torch.no_grad():
        for t in reversed(range(len(betas))):
            x = p_sample(model, x, t, betas)
            states.append(x)
    return torch.stack(states)


@mistake(
    "p_sample_loop",
    "thousand_steps",
    "The number of steps is fixed: it must be the length of betas.",
)
def p_sample_loop(model, shape, betas):
    x = torch.randn(shape)
    with torch.no_grad():
        for t in reversed(range(1000)):
            x = p_sample(model, x, t, betas)
    return x


@mistake(
    "p_sample_loop",
    "start_scaled",
    "The start is scaled by the last beta: x_T is plain N(0, I).",
)
def p_sample_loop(model, shape, betas):
    x = betas[-1].sqrt() * torch.randn(shape)
    with torch.no_grad():
        for t in reversed(range(len(betas))):
            x = p_sample(model, x, t, betas)
    return x


@mistake(
    "p_sample_loop",
    "normalized_each_step",
    "x is divided by its standard deviation after each step: the steps themselves keep the "
    "right size.",
)
def p_sample_loop(model, shape, betas):
    x = torch.randn(shape)
    with torch.no_grad():
        for t in reversed(range(len(betas))):
            x = p_sample(model, x, t, betas)
            x = x / x.std() if x.numel() > 1 else x
    return x
