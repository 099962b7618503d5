"""Wrong implementations that students write, each with the sentence that names the mistake."""

from grading.bank import mistake

# ---------------------------------------------------------------- gaussian_kl


@mistake(
    "gaussian_kl",
    "reverse",
    "This is KL(p || q): also 0 at equality, but q and p have changed places.",
)
def gaussian_kl(mu_q, logvar_q, mu_p, logvar_p):
    kl = 0.5 * (logvar_q - logvar_p + (logvar_p.exp() + (mu_q - mu_p).pow(2)) / logvar_q.exp() - 1)
    return kl.sum(1)


@mistake(
    "gaussian_kl",
    "difference_not_scaled",
    "The squared difference of the means is not divided by the variance of p.",
)
def gaussian_kl(mu_q, logvar_q, mu_p, logvar_p):
    kl = 0.5 * (logvar_p - logvar_q + logvar_q.exp() / logvar_p.exp() + (mu_q - mu_p).pow(2) - 1)
    return kl.sum(1)


@mistake(
    "gaussian_kl",
    "absolute_difference",
    "The difference of the means enters as its absolute value: it must be squared.",
)
def gaussian_kl(mu_q, logvar_q, mu_p, logvar_p):
    kl = 0.5 * (logvar_p - logvar_q + (logvar_q.exp() + (mu_q - mu_p).abs()) / logvar_p.exp() - 1)
    return kl.sum(1)


@mistake(
    "gaussian_kl", "p_ignored", "This is the KL to N(0, I): p has a mean and a variance of its own."
)
def gaussian_kl(mu_q, logvar_q, mu_p, logvar_p):
    kl = 0.5 * (mu_q.pow(2) + logvar_q.exp() - logvar_q - 1)
    return kl.sum(1)


@mistake(
    "gaussian_kl",
    "log_sigma_formula",
    "log(s_p / s_q) is half of logvar_p - logvar_q: the logarithm counts twice here.",
)
def gaussian_kl(mu_q, logvar_q, mu_p, logvar_p):
    kl = logvar_p - logvar_q + (logvar_q.exp() + (mu_q - mu_p).pow(2)) / (2 * logvar_p.exp()) - 0.5
    return kl.sum(1)


@mistake(
    "gaussian_kl", "sum_over_batch", "The rows are summed, too: one number per row is asked for."
)
def gaussian_kl(mu_q, logvar_q, mu_p, logvar_p):
    kl = 0.5 * (logvar_p - logvar_q + (logvar_q.exp() + (mu_q - mu_p).pow(2)) / logvar_p.exp() - 1)
    return kl.sum()


@mistake("gaussian_kl", "batch_mean", "The rows are averaged: one number per row is asked for.")
def gaussian_kl(mu_q, logvar_q, mu_p, logvar_p):
    kl = 0.5 * (logvar_p - logvar_q + (logvar_q.exp() + (mu_q - mu_p).pow(2)) / logvar_p.exp() - 1)
    return kl.sum(1).mean()


@mistake("gaussian_kl", "mean_over_dims", "The dimensions are averaged: they must be summed.")
def gaussian_kl(mu_q, logvar_q, mu_p, logvar_p):
    kl = 0.5 * (logvar_p - logvar_q + (logvar_q.exp() + (mu_q - mu_p).pow(2)) / logvar_p.exp() - 1)
    return kl.mean(1)


@mistake(
    "gaussian_kl", "wrong_axis", "The sum runs over the rows: it must run over the dimensions."
)
def gaussian_kl(mu_q, logvar_q, mu_p, logvar_p):
    kl = 0.5 * (logvar_p - logvar_q + (logvar_q.exp() + (mu_q - mu_p).pow(2)) / logvar_p.exp() - 1)
    return kl.sum(0)


@mistake("gaussian_kl", "epsilon", "An epsilon in the denominator: wrong where p is sharp.")
def gaussian_kl(mu_q, logvar_q, mu_p, logvar_p):
    kl = 0.5 * (
        logvar_p - logvar_q + (logvar_q.exp() + (mu_q - mu_p).pow(2)) / (logvar_p.exp() + 1e-3) - 1
    )
    return kl.sum(1)


@mistake(
    "gaussian_kl",
    "minus_one_forgotten",
    "The -1 is forgotten: a distribution has a KL of D / 2 to itself.",
)
def gaussian_kl(mu_q, logvar_q, mu_p, logvar_p):
    kl = 0.5 * (logvar_p - logvar_q + (logvar_q.exp() + (mu_q - mu_p).pow(2)) / logvar_p.exp())
    return kl.sum(1)


@mistake("gaussian_kl", "half_forgotten", "The factor 1/2 is forgotten.")
def gaussian_kl(mu_q, logvar_q, mu_p, logvar_p):
    kl = logvar_p - logvar_q + (logvar_q.exp() + (mu_q - mu_p).pow(2)) / logvar_p.exp() - 1
    return kl.sum(1)


@mistake("gaussian_kl", "sign", "The sign is lost: a KL is never negative.")
def gaussian_kl(mu_q, logvar_q, mu_p, logvar_p):
    kl = -0.5 * (logvar_p - logvar_q + (logvar_q.exp() + (mu_q - mu_p).pow(2)) / logvar_p.exp() - 1)
    return kl.sum(1)


@mistake(
    "gaussian_kl",
    "log_term_swapped",
    "The logarithm has the wrong sign: it is logvar_p - logvar_q.",
)
def gaussian_kl(mu_q, logvar_q, mu_p, logvar_p):
    kl = 0.5 * (logvar_q - logvar_p + (logvar_q.exp() + (mu_q - mu_p).pow(2)) / logvar_p.exp() - 1)
    return kl.sum(1)


@mistake(
    "gaussian_kl",
    "std_for_variance",
    "logvar / 2 gives standard deviations: variances stand in the formula.",
)
def gaussian_kl(mu_q, logvar_q, mu_p, logvar_p):
    kl = 0.5 * (
        logvar_p
        - logvar_q
        + ((0.5 * logvar_q).exp() + (mu_q - mu_p).pow(2)) / (0.5 * logvar_p).exp()
        - 1
    )
    return kl.sum(1)


@mistake(
    "gaussian_kl",
    "logvar_as_log_std",
    "logvar is read as the logarithm of sigma: it is that of sigma squared.",
)
def gaussian_kl(mu_q, logvar_q, mu_p, logvar_p):
    kl = 0.5 * (
        2 * logvar_p
        - 2 * logvar_q
        + ((2 * logvar_q).exp() + (mu_q - mu_p).pow(2)) / (2 * logvar_p).exp()
        - 1
    )
    return kl.sum(1)


@mistake(
    "gaussian_kl",
    "clamped",
    "A clamp on the log-variances: wrong for sharp and for wide distributions.",
)
def gaussian_kl(mu_q, logvar_q, mu_p, logvar_p):
    logvar_q, logvar_p = logvar_q.clamp(-6, 6), logvar_p.clamp(-6, 6)
    kl = 0.5 * (logvar_p - logvar_q + (logvar_q.exp() + (mu_q - mu_p).pow(2)) / logvar_p.exp() - 1)
    return kl.sum(1)


@mistake("gaussian_kl", "detached_p", "p is detached: it could never be learned.")
def gaussian_kl(mu_q, logvar_q, mu_p, logvar_p):
    mu_p, logvar_p = mu_p.detach(), logvar_p.detach()
    kl = 0.5 * (logvar_p - logvar_q + (logvar_q.exp() + (mu_q - mu_p).pow(2)) / logvar_p.exp() - 1)
    return kl.sum(1)


@mistake(
    "gaussian_kl",
    "one_sample",
    "A one-sample estimate is noisy and can be negative: the closed form is asked for.",
)
def gaussian_kl(mu_q, logvar_q, mu_p, logvar_p):
    z = mu_q + (0.5 * logvar_q).exp() * torch.randn_like(mu_q)
    q = torch.distributions.Normal(mu_q, (0.5 * logvar_q).exp())
    p = torch.distributions.Normal(mu_p, (0.5 * logvar_p).exp())
    return (q.log_prob(z) - p.log_prob(z)).sum(1)


@mistake(
    "gaussian_kl",
    "variance_ratio_inverted",
    "The ratio of the variances is upside down: s_q^2 / s_p^2.",
)
def gaussian_kl(mu_q, logvar_q, mu_p, logvar_p):
    kl = 0.5 * (
        logvar_p
        - logvar_q
        + logvar_p.exp() / logvar_q.exp()
        + (mu_q - mu_p).pow(2) / logvar_p.exp()
        - 1
    )
    return kl.sum(1)


@mistake(
    "gaussian_kl", "keeps_dimension", "The sum keeps the dimension: (B,) is asked for, not (B, 1)."
)
def gaussian_kl(mu_q, logvar_q, mu_p, logvar_p):
    kl = 0.5 * (logvar_p - logvar_q + (logvar_q.exp() + (mu_q - mu_p).pow(2)) / logvar_p.exp() - 1)
    return kl.sum(1, keepdim=True)


@mistake(
    "gaussian_kl", "relu", "The KL of a dimension is cut off at 1: no such thing was asked for."
)
def gaussian_kl(mu_q, logvar_q, mu_p, logvar_p):
    kl = 0.5 * (logvar_p - logvar_q + (logvar_q.exp() + (mu_q - mu_p).pow(2)) / logvar_p.exp() - 1)
    return kl.clamp(min=1.0).sum(1)


# ---------------------------------------------------------------- reparameterize


@mistake(
    "reparameterize", "variance_for_std", "exp(logvar) is the variance: sigma is exp(logvar / 2)."
)
def reparameterize(mu, logvar):
    return mu + torch.exp(logvar) * torch.randn_like(mu)


@mistake(
    "reparameterize",
    "exp_twice_logvar",
    "exp(2 logvar) is the variance squared: sigma is exp(logvar / 2).",
)
def reparameterize(mu, logvar):
    return mu + torch.exp(2 * logvar) * torch.randn_like(mu)


@mistake(
    "reparameterize", "uniform", "rand is uniform on [0, 1): the noise is standard normal, randn."
)
def reparameterize(mu, logvar):
    return mu + torch.exp(0.5 * logvar) * torch.rand_like(mu)


@mistake("reparameterize", "one_per_row", "One noise number per row: each element needs its own.")
def reparameterize(mu, logvar):
    return mu + torch.exp(0.5 * logvar) * torch.randn(
        mu.shape[0], *[1] * (mu.dim() - 1), dtype=mu.dtype
    )


@mistake("reparameterize", "one_per_column", "One noise number per column, shared by all rows.")
def reparameterize(mu, logvar):
    return mu + torch.exp(0.5 * logvar) * torch.randn(mu.shape[1:], dtype=mu.dtype)


@mistake("reparameterize", "one_for_all", "One noise number for everything.")
def reparameterize(mu, logvar):
    return mu + torch.exp(0.5 * logvar) * torch.randn((), dtype=mu.dtype)


@mistake(
    "reparameterize",
    "sample",
    "The draw is cut off from the graph: no_grad, detach, or sample() in place of rsample().",
)
def reparameterize(mu, logvar):
    return torch.distributions.Normal(mu, torch.exp(0.5 * logvar)).sample()


@mistake("reparameterize", "torch_normal", "torch.normal gives no gradient to mu and sigma.")
def reparameterize(mu, logvar):
    return torch.normal(mu, torch.exp(0.5 * logvar))


@mistake("reparameterize", "sigma_detached", "sigma is detached: logvar gets no gradient.")
def reparameterize(mu, logvar):
    return mu + torch.exp(0.5 * logvar).detach() * torch.randn_like(mu)


@mistake("reparameterize", "mu_detached", "mu is detached: it gets no gradient.")
def reparameterize(mu, logvar):
    return mu.detach() + torch.exp(0.5 * logvar) * torch.randn_like(mu)


@mistake("reparameterize", "no_sigma", "sigma is left out.")
def reparameterize(mu, logvar):
    return mu + torch.randn_like(mu)


@mistake("reparameterize", "no_mu", "mu is left out.")
def reparameterize(mu, logvar):
    return torch.exp(0.5 * logvar) * torch.randn_like(mu)


@mistake("reparameterize", "no_noise", "The mean is returned: nothing is sampled.")
def reparameterize(mu, logvar):
    return mu


@mistake("reparameterize", "seeded", "A seed inside the function: the same noise at every call.")
def reparameterize(mu, logvar):
    torch.manual_seed(0)
    return mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)


@mistake(
    "reparameterize",
    "two_dims_only",
    "The noise has two dimensions whatever mu has: use the shape of mu.",
)
def reparameterize(mu, logvar):
    return mu + torch.exp(0.5 * logvar) * torch.randn(len(mu), mu.shape[1], dtype=mu.dtype)


@mistake("reparameterize", "one_sided", "The noise has one sign only.")
def reparameterize(mu, logvar):
    return mu - torch.exp(0.5 * logvar) * torch.randn_like(mu).abs()


@mistake("reparameterize", "half_outside", "exp(logvar) / 2 is not exp(logvar / 2).")
def reparameterize(mu, logvar):
    return mu + 0.5 * torch.exp(logvar) * torch.randn_like(mu)


@mistake("reparameterize", "noise_scaled_mu", "The noise multiplies mu, too.")
def reparameterize(mu, logvar):
    return (mu + torch.exp(0.5 * logvar)) * torch.randn_like(mu)


@mistake("reparameterize", "clamped_noise", "The noise is clamped: its tails are missing.")
def reparameterize(mu, logvar):
    return mu + torch.exp(0.5 * logvar) * torch.randn_like(mu).clamp(-2, 2)


@mistake("reparameterize", "no_grad", "Everything runs without gradients.")
def reparameterize(mu, logvar):
    with torch.no_grad():
        return mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)


@mistake(
    "reparameterize", "logvar_as_sigma", "logvar itself is used as sigma: take exp(logvar / 2)."
)
def reparameterize(mu, logvar):
    return mu + logvar * torch.randn_like(mu)


@mistake("reparameterize", "softplus", "softplus(logvar) is not sigma: logvar is a log-variance.")
def reparameterize(mu, logvar):
    return mu + torch.nn.functional.softplus(logvar) * torch.randn_like(mu)


@mistake("reparameterize", "float32", "The noise is float32: keep the dtype of mu.")
def reparameterize(mu, logvar):
    return (mu + torch.exp(0.5 * logvar) * torch.randn(mu.shape)).float()


# ---------------------------------------------------------------- reverse_step


@mistake(
    "reverse_step", "noise_at_zero", "Noise is added at t = 0, too: the last step gives the mean."
)
def reverse_step(x_t, eps, t, betas, noise):
    t = t.view(-1, *[1] * (x_t.dim() - 1))
    alphas = 1 - betas
    ab = torch.cumprod(alphas, 0)
    mean = (x_t - betas[t] / (1 - ab[t]).sqrt() * eps) / alphas[t].sqrt()
    return mean + betas[t].sqrt() * noise


@mistake(
    "reverse_step",
    "variance_as_std",
    "beta_t is the variance: the noise is scaled by its square root.",
)
def reverse_step(x_t, eps, t, betas, noise):
    t = t.view(-1, *[1] * (x_t.dim() - 1))
    alphas = 1 - betas
    ab = torch.cumprod(alphas, 0)
    mean = (x_t - betas[t] / (1 - ab[t]).sqrt() * eps) / alphas[t].sqrt()
    return mean + betas[t] * noise * (t > 0)


@mistake(
    "reverse_step",
    "removes_all",
    "beta_t is replaced by 1 - alpha_bar_t: all the noise is removed in one step.",
)
def reverse_step(x_t, eps, t, betas, noise):
    t = t.view(-1, *[1] * (x_t.dim() - 1))
    alphas = 1 - betas
    ab = torch.cumprod(alphas, 0)
    mean = (x_t - (1 - ab[t]) / (1 - ab[t]).sqrt() * eps) / alphas[t].sqrt()
    return mean + betas[t].sqrt() * noise * (t > 0)


@mistake(
    "reverse_step",
    "alpha_bar_for_alpha",
    "The mean is divided by sqrt(alpha_bar_t): it is sqrt(alpha_t).",
)
def reverse_step(x_t, eps, t, betas, noise):
    t = t.view(-1, *[1] * (x_t.dim() - 1))
    alphas = 1 - betas
    ab = torch.cumprod(alphas, 0)
    mean = (x_t - betas[t] / (1 - ab[t]).sqrt() * eps) / ab[t].sqrt()
    return mean + betas[t].sqrt() * noise * (t > 0)


@mistake("reverse_step", "adds_eps", "The predicted noise is added: it must be subtracted.")
def reverse_step(x_t, eps, t, betas, noise):
    t = t.view(-1, *[1] * (x_t.dim() - 1))
    alphas = 1 - betas
    ab = torch.cumprod(alphas, 0)
    mean = (x_t + betas[t] / (1 - ab[t]).sqrt() * eps) / alphas[t].sqrt()
    return mean + betas[t].sqrt() * noise * (t > 0)


@mistake(
    "reverse_step",
    "renoised",
    "The noise is scaled by sqrt(1 - alpha_bar_t): that goes back to level t.",
)
def reverse_step(x_t, eps, t, betas, noise):
    t = t.view(-1, *[1] * (x_t.dim() - 1))
    alphas = 1 - betas
    ab = torch.cumprod(alphas, 0)
    mean = (x_t - betas[t] / (1 - ab[t]).sqrt() * eps) / alphas[t].sqrt()
    return mean + (1 - ab[t]).sqrt() * noise * (t > 0)


@mistake("reverse_step", "deterministic", "No noise is added at all.")
def reverse_step(x_t, eps, t, betas, noise):
    t = t.view(-1, *[1] * (x_t.dim() - 1))
    alphas = 1 - betas
    ab = torch.cumprod(alphas, 0)
    mean = (x_t - betas[t] / (1 - ab[t]).sqrt() * eps) / alphas[t].sqrt()
    return mean


@mistake("reverse_step", "no_root_on_bar", "The root of 1 - alpha_bar_t is missing.")
def reverse_step(x_t, eps, t, betas, noise):
    t = t.view(-1, *[1] * (x_t.dim() - 1))
    alphas = 1 - betas
    ab = torch.cumprod(alphas, 0)
    mean = (x_t - betas[t] / (1 - ab[t]) * eps) / alphas[t].sqrt()
    return mean + betas[t].sqrt() * noise * (t > 0)


@mistake(
    "reverse_step", "no_root_on_alpha", "The mean is divided by alpha_t: it is its square root."
)
def reverse_step(x_t, eps, t, betas, noise):
    t = t.view(-1, *[1] * (x_t.dim() - 1))
    alphas = 1 - betas
    ab = torch.cumprod(alphas, 0)
    mean = (x_t - betas[t] / (1 - ab[t]).sqrt() * eps) / alphas[t]
    return mean + betas[t].sqrt() * noise * (t > 0)


@mistake("reverse_step", "not_divided", "The division by sqrt(alpha_t) is missing.")
def reverse_step(x_t, eps, t, betas, noise):
    t = t.view(-1, *[1] * (x_t.dim() - 1))
    alphas = 1 - betas
    ab = torch.cumprod(alphas, 0)
    mean = x_t - betas[t] / (1 - ab[t]).sqrt() * eps
    return mean + betas[t].sqrt() * noise * (t > 0)


@mistake(
    "reverse_step", "times_for_divide", "The mean is multiplied by sqrt(alpha_t): it is divided."
)
def reverse_step(x_t, eps, t, betas, noise):
    t = t.view(-1, *[1] * (x_t.dim() - 1))
    alphas = 1 - betas
    ab = torch.cumprod(alphas, 0)
    mean = (x_t - betas[t] / (1 - ab[t]).sqrt() * eps) * alphas[t].sqrt()
    return mean + betas[t].sqrt() * noise * (t > 0)


@mistake(
    "reverse_step",
    "parentheses",
    "Only eps is divided by sqrt(alpha_t): the parentheses belong around the difference.",
)
def reverse_step(x_t, eps, t, betas, noise):
    t = t.view(-1, *[1] * (x_t.dim() - 1))
    alphas = 1 - betas
    ab = torch.cumprod(alphas, 0)
    mean = x_t - betas[t] / (1 - ab[t]).sqrt() * eps / alphas[t].sqrt()
    return mean + betas[t].sqrt() * noise * (t > 0)


@mistake("reverse_step", "root_of_beta", "sqrt(beta_t) stands before eps: it is beta_t.")
def reverse_step(x_t, eps, t, betas, noise):
    t = t.view(-1, *[1] * (x_t.dim() - 1))
    alphas = 1 - betas
    ab = torch.cumprod(alphas, 0)
    mean = (x_t - betas[t].sqrt() / (1 - ab[t]).sqrt() * eps) / alphas[t].sqrt()
    return mean + betas[t].sqrt() * noise * (t > 0)


@mistake(
    "reverse_step", "alpha_for_bar", "1 - alpha_t stands under the root: it is 1 - alpha_bar_t."
)
def reverse_step(x_t, eps, t, betas, noise):
    t = t.view(-1, *[1] * (x_t.dim() - 1))
    alphas = 1 - betas
    ab = torch.cumprod(alphas, 0)
    mean = (x_t - betas[t] / (1 - alphas[t]).sqrt() * eps) / alphas[t].sqrt()
    return mean + betas[t].sqrt() * noise * (t > 0)


@mistake(
    "reverse_step", "previous_bar", "alpha_bar_{t-1} stands under the root: it is alpha_bar_t."
)
def reverse_step(x_t, eps, t, betas, noise):
    t = t.view(-1, *[1] * (x_t.dim() - 1))
    alphas = 1 - betas
    ab = torch.cumprod(alphas, 0)
    mean = (x_t - betas[t] / (1 - ab[(t - 1).clamp(min=0)]).sqrt() * eps) / alphas[t].sqrt()
    return mean + betas[t].sqrt() * noise * (t > 0)


@mistake(
    "reverse_step",
    "cumprod_of_betas",
    "The cumulative product is that of the betas: it is that of 1 - beta.",
)
def reverse_step(x_t, eps, t, betas, noise):
    t = t.view(-1, *[1] * (x_t.dim() - 1))
    alphas = 1 - betas
    ab = torch.cumprod(betas, 0)
    mean = (x_t - betas[t] / (1 - ab[t]).sqrt() * eps) / alphas[t].sqrt()
    return mean + betas[t].sqrt() * noise * (t > 0)


@mistake(
    "reverse_step",
    "cumsum",
    "1 minus the sum of the betas is only a first approximation of alpha_bar.",
)
def reverse_step(x_t, eps, t, betas, noise):
    t = t.view(-1, *[1] * (x_t.dim() - 1))
    alphas = 1 - betas
    ab = (1 - torch.cumsum(betas, 0)).clamp(min=0.01)
    mean = (x_t - betas[t] / (1 - ab[t]).sqrt() * eps) / alphas[t].sqrt()
    return mean + betas[t].sqrt() * noise * (t > 0)


@mistake("reverse_step", "any_at_zero", "One row at t = 0 takes the noise away from all rows.")
def reverse_step(x_t, eps, t, betas, noise):
    t = t.view(-1, *[1] * (x_t.dim() - 1))
    alphas = 1 - betas
    ab = torch.cumprod(alphas, 0)
    mean = (x_t - betas[t] / (1 - ab[t]).sqrt() * eps) / alphas[t].sqrt()
    return mean + betas[t].sqrt() * noise * float((t > 0).all())


@mistake(
    "reverse_step",
    "none_unless_all",
    "Rows at t = 0 get noise as long as another row is not there yet.",
)
def reverse_step(x_t, eps, t, betas, noise):
    t = t.view(-1, *[1] * (x_t.dim() - 1))
    alphas = 1 - betas
    ab = torch.cumprod(alphas, 0)
    mean = (x_t - betas[t] / (1 - ab[t]).sqrt() * eps) / alphas[t].sqrt()
    return mean + betas[t].sqrt() * noise * float((t > 0).any())


@mistake("reverse_step", "clamped", "x is clamped to [-1, 1]: only a guess of x0 may be.")
def reverse_step(x_t, eps, t, betas, noise):
    t = t.view(-1, *[1] * (x_t.dim() - 1))
    alphas = 1 - betas
    ab = torch.cumprod(alphas, 0)
    mean = ((x_t - betas[t] / (1 - ab[t]).sqrt() * eps) / alphas[t].sqrt()).clamp(-1, 1)
    return mean + betas[t].sqrt() * noise * (t > 0)


@mistake("reverse_step", "own_noise", "Fresh noise is drawn: the noise is an argument.")
def reverse_step(x_t, eps, t, betas, noise):
    t = t.view(-1, *[1] * (x_t.dim() - 1))
    alphas = 1 - betas
    ab = torch.cumprod(alphas, 0)
    mean = (x_t - betas[t] / (1 - ab[t]).sqrt() * eps) / alphas[t].sqrt()
    return mean + betas[t].sqrt() * torch.randn_like(x_t) * (t > 0)


@mistake("reverse_step", "noise_not_at_one", "The noise is left out at t = 1, too.")
def reverse_step(x_t, eps, t, betas, noise):
    t = t.view(-1, *[1] * (x_t.dim() - 1))
    alphas = 1 - betas
    ab = torch.cumprod(alphas, 0)
    mean = (x_t - betas[t] / (1 - ab[t]).sqrt() * eps) / alphas[t].sqrt()
    return mean + betas[t].sqrt() * noise * (t > 1)


@mistake("reverse_step", "predicts_x0", "This is the estimate of x0: one step only goes to t - 1.")
def reverse_step(x_t, eps, t, betas, noise):
    t = t.view(-1, *[1] * (x_t.dim() - 1))
    alphas = 1 - betas
    ab = torch.cumprod(alphas, 0)
    mean = (x_t - (1 - ab[t]).sqrt() * eps) / ab[t].sqrt()
    return mean + betas[t].sqrt() * noise * (t > 0)


@mistake(
    "reverse_step",
    "posterior_root_forgotten",
    "The posterior variance is used without its square root.",
)
def reverse_step(x_t, eps, t, betas, noise):
    t = t.view(-1, *[1] * (x_t.dim() - 1))
    alphas = 1 - betas
    ab = torch.cumprod(alphas, 0)
    mean = (x_t - betas[t] / (1 - ab[t]).sqrt() * eps) / alphas[t].sqrt()
    return mean + betas[t] * (1 - ab[(t - 1).clamp(min=0)]) / (1 - ab[t]) * noise * (t > 0)


@mistake(
    "reverse_step",
    "no_reshape",
    "betas[t] has shape (B,) and is lined up with the last dimension instead of the rows.",
)
def reverse_step(x_t, eps, t, betas, noise):
    alphas = 1 - betas
    ab = torch.cumprod(alphas, 0)
    mean = (x_t - betas[t] / (1 - ab[t]).sqrt() * eps) / alphas[t].sqrt()
    return mean + betas[t].sqrt() * noise * (t > 0)


@mistake("reverse_step", "two_dims_only", "t is made a (B, 1) column: images have more dimensions.")
def reverse_step(x_t, eps, t, betas, noise):
    t = t[:, None]
    alphas = 1 - betas
    ab = torch.cumprod(alphas, 0)
    mean = (x_t - betas[t] / (1 - ab[t]).sqrt() * eps) / alphas[t].sqrt()
    return mean + betas[t].sqrt() * noise * (t > 0)


@mistake("reverse_step", "first_rows_level", "Only the t of the first row is used.")
def reverse_step(x_t, eps, t, betas, noise):
    t = t.flatten()[0]
    alphas = 1 - betas
    ab = torch.cumprod(alphas, 0)
    mean = (x_t - betas[t] / (1 - ab[t]).sqrt() * eps) / alphas[t].sqrt()
    return mean + betas[t].sqrt() * noise * (t > 0)


@mistake(
    "reverse_step", "in_place_float", "alpha_bar is computed in half the precision: keep the dtype."
)
def reverse_step(x_t, eps, t, betas, noise):
    t = t.view(-1, *[1] * (x_t.dim() - 1))
    alphas = 1 - betas
    ab = torch.cumprod(alphas.float(), 0).to(betas.dtype)
    mean = (x_t - betas[t] / (1 - ab[t]).sqrt() * eps) / alphas[t].sqrt()
    return mean + betas[t].sqrt() * noise * (t > 0)


# ---------------------------------------------------------------- corrupt_tokens


@mistake(
    "corrupt_tokens",
    "inverted",
    "The rate is upside down: (t + 1) / T is the probability of being masked.",
)
def corrupt_tokens(x0, t, mask_id, T):
    p = ((t + 1) / T)[:, None]
    return torch.where(torch.rand(x0.shape) > p, mask_id, x0)


@mistake("corrupt_tokens", "where_swapped", "The arguments of where are swapped.")
def corrupt_tokens(x0, t, mask_id, T):
    p = ((t + 1) / T)[:, None]
    return torch.where(torch.rand(x0.shape) < p, x0, mask_id)


@mistake("corrupt_tokens", "whole_rows", "One coin per row: each token needs its own.")
def corrupt_tokens(x0, t, mask_id, T):
    p = ((t + 1) / T)[:, None]
    return torch.where(torch.rand(x0.shape[0], 1) < p, mask_id, x0)


@mistake("corrupt_tokens", "whole_columns", "One coin per position, shared by all rows.")
def corrupt_tokens(x0, t, mask_id, T):
    p = ((t + 1) / T)[:, None]
    return torch.where(torch.rand(1, x0.shape[1]) < p, mask_id, x0)


@mistake(
    "corrupt_tokens",
    "missing_none",
    "The rate has shape (B,) and is lined up with positions: write [:, None].",
)
def corrupt_tokens(x0, t, mask_id, T):
    return torch.where(torch.rand(x0.shape) < (t + 1) / T, mask_id, x0)


@mistake("corrupt_tokens", "mask_is_zero", "0 is a token: the mask is mask_id.")
def corrupt_tokens(x0, t, mask_id, T):
    p = ((t + 1) / T)[:, None]
    return torch.where(torch.rand(x0.shape) < p, 0, x0)


@mistake(
    "corrupt_tokens",
    "off_by_one",
    "t / T is one level too low: at t = T - 1 everything must be masked.",
)
def corrupt_tokens(x0, t, mask_id, T):
    return torch.where(torch.rand(x0.shape) < (t / T)[:, None], mask_id, x0)


@mistake(
    "corrupt_tokens",
    "integer_division",
    "`//` rounds down: nothing is masked until the last level.",
)
def corrupt_tokens(x0, t, mask_id, T):
    return torch.where(torch.rand(x0.shape) < ((t + 1) // T)[:, None], mask_id, x0)


@mistake(
    "corrupt_tokens",
    "fixed_number",
    "A fixed number of masks per row: each token has its own coin.",
)
def corrupt_tokens(x0, t, mask_id, T):
    p = ((t + 1) / T)[:, None]
    order = torch.rand(x0.shape).argsort(1)
    return torch.where(order < p * x0.shape[1], mask_id, x0)


@mistake("corrupt_tokens", "first_positions", "Always the first positions are masked.")
def corrupt_tokens(x0, t, mask_id, T):
    p = ((t + 1) / T)[:, None]
    return torch.where(torch.arange(x0.shape[1]) < p * x0.shape[1], mask_id, x0)


@mistake(
    "corrupt_tokens", "seeded", "A seed inside the function masks the same places at every call."
)
def corrupt_tokens(x0, t, mask_id, T):
    torch.manual_seed(1)
    p = ((t + 1) / T)[:, None]
    return torch.where(torch.rand(x0.shape) < p, mask_id, x0)


@mistake("corrupt_tokens", "in_place", "x0 is overwritten.")
def corrupt_tokens(x0, t, mask_id, T):
    p = ((t + 1) / T)[:, None]
    x0[torch.rand(x0.shape) < p] = mask_id
    return x0


@mistake("corrupt_tokens", "normal_coins", "randn draws normal numbers: P(randn < p) is not p.")
def corrupt_tokens(x0, t, mask_id, T):
    p = ((t + 1) / T)[:, None]
    return torch.where(torch.randn(x0.shape) < p, mask_id, x0)


@mistake(
    "corrupt_tokens", "random_token", "Tokens become random tokens: they must become the mask."
)
def corrupt_tokens(x0, t, mask_id, T):
    p = ((t + 1) / T)[:, None]
    return torch.where(torch.rand(x0.shape) < p, torch.randint_like(x0, mask_id + 1), x0)


@mistake("corrupt_tokens", "first_rows_level", "Only the t of the first row is used.")
def corrupt_tokens(x0, t, mask_id, T):
    return torch.where(torch.rand(x0.shape) < (int(t[0]) + 1) / T, mask_id, x0)


@mistake(
    "corrupt_tokens",
    "one_step_only",
    "1 / T is the rate of one step: x_t has gone through t + 1 of them.",
)
def corrupt_tokens(x0, t, mask_id, T):
    return torch.where(torch.rand(x0.shape) < 1 / T, mask_id, x0)


@mistake("corrupt_tokens", "fifteen_percent", "A fixed rate of 15 %: it must follow t.")
def corrupt_tokens(x0, t, mask_id, T):
    return torch.where(torch.rand(x0.shape) < 0.15, mask_id, x0)


@mistake("corrupt_tokens", "reversed", "The schedule runs backward: the rate grows with t.")
def corrupt_tokens(x0, t, mask_id, T):
    return torch.where(torch.rand(x0.shape) < (1 - t / T)[:, None], mask_id, x0)


@mistake("corrupt_tokens", "t_over_T_minus_one", "t / (T - 1) masks nothing at t = 0.")
def corrupt_tokens(x0, t, mask_id, T):
    return torch.where(torch.rand(x0.shape) < (t / max(T - 1, 1))[:, None], mask_id, x0)


@mistake("corrupt_tokens", "added", "mask_id is added to the token: the token is replaced.")
def corrupt_tokens(x0, t, mask_id, T):
    p = ((t + 1) / T)[:, None]
    return x0 + mask_id * (torch.rand(x0.shape) < p)


@mistake("corrupt_tokens", "clean", "The clean tokens are returned.")
def corrupt_tokens(x0, t, mask_id, T):
    return x0


@mistake("corrupt_tokens", "floats", "The tokens come back as floats.")
def corrupt_tokens(x0, t, mask_id, T):
    p = ((t + 1) / T)[:, None]
    m = (torch.rand(x0.shape) < p).float()
    return m * mask_id + (1 - m) * x0


@mistake("corrupt_tokens", "spares_zero", "Token 0 is never masked.")
def corrupt_tokens(x0, t, mask_id, T):
    p = ((t + 1) / T)[:, None]
    return torch.where((torch.rand(x0.shape) < p) & (x0 != 0), mask_id, x0)


@mistake(
    "corrupt_tokens",
    "repeated_coins",
    "t + 1 coins of 1 / T each leave more visible than 1 - (t + 1) / T.",
)
def corrupt_tokens(x0, t, mask_id, T):
    stay = ((1 - 1 / T) ** (t + 1).float())[:, None]
    return torch.where(torch.rand(x0.shape) > stay, mask_id, x0)
