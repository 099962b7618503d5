"""Other right implementations: all of them get full marks."""

from grading.bank import alternative

# ---------------------------------------------------------------- init_weights


@alternative("init_weights", "match_by_name")
def init_weights(module):
    name = type(module).__name__
    if name == "Linear":
        torch.nn.init.xavier_uniform_(module.weight)
    if name in ("Conv2d", "ConvTranspose2d"):
        torch.nn.init.kaiming_normal_(module.weight, mode="fan_out")
    if name in ("Linear", "Conv2d", "ConvTranspose2d") and module.bias is not None:
        module.bias.data.zero_()


@alternative("init_weights", "by_hand")
def init_weights(module):
    with torch.no_grad():
        if isinstance(module, nn.Linear):
            a = math.sqrt(6.0 / (module.in_features + module.out_features))
            module.weight.uniform_(-a, a)
        elif isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
            kh, kw = module.kernel_size
            module.weight.normal_(0, math.sqrt(2.0 / (module.out_channels * kh * kw)))
        else:
            return
        if module.bias is not None:
            module.bias.fill_(0.0)


@alternative("init_weights", "returns_module")
def init_weights(module):
    if isinstance(module, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight.data)
        else:
            nn.init.kaiming_normal_(module.weight.data, mode="fan_out", nonlinearity="relu")
        if module.bias is not None:
            nn.init.constant_(module.bias, 0.0)
    return module


# ---------------------------------------------------------------- safe_log_var


@alternative("safe_log_var", "method")
def safe_log_var(log_var, min_val=-20.0, max_val=20.0):
    return log_var.clamp(min_val, max_val)


@alternative("safe_log_var", "minimum_maximum")
def safe_log_var(log_var, min_val=-20.0, max_val=20.0):
    low = torch.full_like(log_var, min_val)
    high = torch.full_like(log_var, max_val)
    return torch.minimum(torch.maximum(log_var, low), high)


@alternative("safe_log_var", "where")
def safe_log_var(log_var, min_val=-20.0, max_val=20.0):
    out = torch.where(log_var < min_val, torch.full_like(log_var, min_val), log_var)
    return torch.where(out > max_val, torch.full_like(out, max_val), out)


@alternative("safe_log_var", "clone_in_place")
def safe_log_var(log_var, min_val=-20.0, max_val=20.0):
    return log_var.clone().clamp_(min=min_val, max=max_val)


@alternative("safe_log_var", "hardtanh")
def safe_log_var(log_var, min_val=-20.0, max_val=20.0):
    return nn.functional.hardtanh(log_var, float(min_val), float(max_val))


# ---------------------------------------------------------------- free_bits


@alternative("free_bits", "maximum")
def free_bits(kl_per_dim, lam):
    mean = kl_per_dim.mean(0)
    return torch.maximum(mean, torch.full_like(mean, lam)).sum()


@alternative("free_bits", "relu")
def free_bits(kl_per_dim, lam):
    return (lam + torch.relu(kl_per_dim.mean(0) - lam)).sum()


@alternative("free_bits", "loop")
def free_bits(kl_per_dim, lam):
    total = 0.0
    for column in kl_per_dim.unbind(1):
        total = total + column.mean().clamp_min(lam)
    return total


@alternative("free_bits", "where")
def free_bits(kl_per_dim, lam):
    mean = kl_per_dim.sum(0) / kl_per_dim.shape[0]
    return torch.where(mean > lam, mean, torch.as_tensor(lam, dtype=mean.dtype)).sum()


# ---------------------------------------------------------------- kl_per_dim


@alternative("kl_per_dim", "running_sum")
def kl_per_dim(batches):
    total, n = 0.0, 0
    for mu, logvar in batches:
        total = total + 0.5 * (mu**2 + logvar.exp() - logvar - 1).sum(0)
        n += mu.shape[0]
    return total / n


@alternative("kl_per_dim", "distributions")
def kl_per_dim(batches):
    rows = []
    prior = torch.distributions.Normal(0.0, 1.0)
    for mu, logvar in batches:
        q = torch.distributions.Normal(mu, (0.5 * logvar).exp())
        rows.append(torch.distributions.kl_divergence(q, prior))
    return torch.cat(rows, dim=0).mean(0)


@alternative("kl_per_dim", "concatenate_first")
def kl_per_dim(batches):
    pairs = list(batches)
    mu = torch.cat([pair[0] for pair in pairs])
    logvar = torch.cat([pair[1] for pair in pairs])
    return torch.mean(-0.5 * (1 + logvar - mu.square() - torch.exp(logvar)), dim=0)


@alternative("kl_per_dim", "no_grad")
def kl_per_dim(batches):
    with torch.no_grad():
        kls, counts = [], []
        for mu, logvar in batches:
            kls.append((0.5 * (mu * mu + logvar.exp() - logvar - 1)).mean(0))
            counts.append(len(mu))
        return sum(k * c for k, c in zip(kls, counts)) / sum(counts)


# ---------------------------------------------------------------- active_units


@alternative("active_units", "biased")
def active_units(mu, threshold=0.01):
    centered = mu - mu.mean(0, keepdim=True)
    return (centered.square().mean(0) > threshold).sum().item()


@alternative("active_units", "torch_var")
def active_units(mu, threshold=0.01):
    return int(torch.count_nonzero(torch.var(mu, dim=0, unbiased=False) > threshold))


@alternative("active_units", "zero_dim_tensor")
def active_units(mu, threshold=0.01):
    return (mu.std(dim=0) ** 2 > threshold).sum()


@alternative("active_units", "loop")
def active_units(mu, threshold=0.01):
    return sum(1 for column in mu.T if float(column.var()) > threshold)


# ---------------------------------------------------------------- log_weights


@alternative("log_weights", "distributions")
def log_weights(log_px, z, mu, logvar):
    prior = torch.distributions.Normal(torch.zeros_like(z), torch.ones_like(z))
    q = torch.distributions.Normal(mu, torch.exp(0.5 * logvar))
    return log_px + prior.log_prob(z).sum(2) - q.log_prob(z).sum(2)


@alternative("log_weights", "without_two_pi")
def log_weights(log_px, z, mu, logvar):
    return log_px + 0.5 * (logvar + (z - mu).pow(2) * (-logvar).exp() - z.pow(2)).sum(-1)


@alternative("log_weights", "noise")
def log_weights(log_px, z, mu, logvar):
    eps = (z - mu) / torch.exp(logvar / 2)
    log_q = -0.5 * (eps**2 + logvar + math.log(2 * math.pi)).sum(dim=-1)
    log_p = -0.5 * (z**2 + math.log(2 * math.pi)).sum(dim=-1)
    return log_px - (log_q - log_p)


# ---------------------------------------------------------------- iwae_bound


@alternative("iwae_bound", "shifted")
def iwae_bound(log_w):
    top = log_w.max(dim=1, keepdim=True).values.detach()
    return (top.squeeze(1) + (log_w - top).exp().mean(1).log()).mean()


@alternative("iwae_bound", "constant_inside")
def iwae_bound(log_w):
    return torch.logsumexp(log_w - math.log(log_w.size(-1)), dim=-1).mean(dim=0)


@alternative("iwae_bound", "loop")
def iwae_bound(log_w):
    k = log_w.shape[1]
    rows = [
        row.logsumexp(0) - torch.log(torch.tensor(float(k), dtype=log_w.dtype)) for row in log_w
    ]
    return sum(rows) / len(rows)


@alternative("iwae_bound", "logaddexp")
def iwae_bound(log_w):
    total = log_w[:, 0]
    for k in range(1, log_w.shape[1]):
        total = torch.logaddexp(total, log_w[:, k])
    return (total - math.log(log_w.shape[1])).mean()


# ---------------------------------------------------------------- ema_update


@alternative("ema_update", "lerp")
def ema_update(ema_params, params, decay):
    with torch.no_grad():
        for ema, param in zip(ema_params, params):
            ema.lerp_(param, 1 - decay)


@alternative("ema_update", "data")
def ema_update(ema_params, params, decay):
    for ema, param in zip(ema_params, params):
        ema.data.mul_(decay)
        ema.data.add_(param.data, alpha=1 - decay)


@alternative("ema_update", "copy")
def ema_update(ema_params, params, decay):
    for ema, param in zip(ema_params, params):
        ema.detach().copy_(decay * ema.detach() + (1 - decay) * param.detach())


@alternative("ema_update", "difference")
def ema_update(ema_params, params, decay):
    with torch.no_grad():
        for ema, param in zip(list(ema_params), list(params)):
            ema -= (1 - decay) * (ema - param)


@alternative("ema_update", "foreach")
def ema_update(ema_params, params, decay):
    with torch.no_grad():
        old, new = list(ema_params), list(params)
        torch._foreach_mul_(old, decay)
        torch._foreach_add_(old, new, alpha=1 - decay)


# ---------------------------------------------------------------- diagnose


@alternative("diagnose", "set")
def diagnose(history):
    out = set()
    loss = history["loss"]
    if any(math.isnan(v) or math.isinf(v) for v in loss):
        out.add("nan_loss")
    for i in range(1, len(loss)):
        if loss[i] > 2 * loss[i - 1]:
            out.add("loss_spike")
    if history["kl"][-1] < 0.01 * history["latent_dim"]:
        out.add("posterior_collapse")
    if max(history["max_var"]) > 100:
        out.add("exploding_variance")
    if history["recon"][-1] < history["kl"][-1]:
        out.add("kl_dominates")
    return out


@alternative("diagnose", "finite_ratios")
def diagnose(history):
    names = []
    loss = torch.tensor(history["loss"])
    ratio = loss[1:] / loss[:-1]
    if bool((ratio[torch.isfinite(ratio)] > 2).any()):
        names.append("loss_spike")
    if not bool(torch.isfinite(loss).all()):
        names.append("nan_loss")
    if bool((torch.tensor(history["max_var"]) > 100).any()):
        names.append("exploding_variance")
    kl, recon = history["kl"][-1], history["recon"][-1]
    names += ["kl_dominates"] * (kl > recon)
    names += ["posterior_collapse"] * (kl / history["latent_dim"] < 0.01)
    return names


@alternative("diagnose", "tuple")
def diagnose(history):
    loss, kl = history["loss"], history["kl"]
    checks = (
        ("kl_dominates", kl[-1] - history["recon"][-1] > 0),
        ("posterior_collapse", kl[-1] / history["latent_dim"] < 1e-2),
        ("exploding_variance", any(v > 100.0 for v in history["max_var"])),
        ("loss_spike", any(now > 2 * before for before, now in zip(loss[:-1], loss[1:]))),
        ("nan_loss", not all(map(math.isfinite, loss))),
    )
    return tuple(name for name, wrong in checks if wrong)
